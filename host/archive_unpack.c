/* archive_unpack.c - archives that nobody vouches for become files; see archive_jobs.h.
 *
 * The archive is read once, from front to back. Files and folders are made as they come, links when everything
 * else is there, so that no name can lead through one. What was made is placed when the end was seen and the
 * digest is right.
 *
 * Invariants: 1. the writer is given clean paths only, each once, none below a file or a link.
 *             2. place() is called after everything was read and checked, or not at all. */
#include "archive_jobs.h"
#include "archive_names.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unpacker {
  const struct unpack_job *job;
  char doing[ARCHIVE_SHOWN_MAX + 16];  /* "unpacking out.tar.zst:" */
  struct archive_operation *op;
  struct tarball_reader *in;
  struct archive_names names;
};

/* ---- faults ---------------------------------------------------------------------------------- */

/* The stream's fault, with the archive's name in front. */
static void take_fault(struct unpacker *u, const struct fault *f)
{
  fault_set(&u->op->fault, f->code, f->class, "%s %s", u->doing, f->message);
  if (*f->hint)
    fault_hint(&u->op->fault, "%s", f->hint);
}

static bool refuse(struct unpacker *u, const char *path, const char *why)
{
  return archive_refuse(u->op, NULL, u->doing, path, why, "nothing was placed: this archive is not to be trusted");
}

static bool failed(struct unpacker *u, const char *path)
{
  return archive_fail(u->op, NULL, u->doing, path);
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool write_bytes(struct unpacker *u, const char *path)
{
  struct tree_writer *into = u->job->into;
  const void *data;
  size_t n;
  while ((n = tarball_read(u->in, &data)) > 0)
    if (into && !into->write(into, data, n))
      return failed(u, path);
  return !tarball_fault(u->in);
}

static bool make_file(struct unpacker *u, const struct packed_entry *e)
{
  struct tree_writer *into = u->job->into;
  u->op->bytes += e->size;
  if (into && !into->begin(into, e->path, e->executable))
    return failed(u, e->path);
  bool written = write_bytes(u, e->path);
  if (into && !into->end(into) && written)
    return failed(u, e->path);
  return written;
}

/* A hard link is one to a file that came before. */
static bool make_copy(struct unpacker *u, const struct packed_entry *e, const char *copies)
{
  struct tree_writer *into = u->job->into;
  char from[ARCHIVE_PATH_MAX + 1];
  if (archive_clean_path(copies, from) || !archive_names_has_file(&u->names, from) || strcmp(from, e->path) == 0)
    return refuse(u, e->path, "it is a hard link to what is no file before it");
  return !into || into->copy(into, e->path, from) || failed(u, e->path);
}

static bool make(struct unpacker *u, const struct packed_entry *e, const struct tarball_header *h)
{
  struct tree_writer *into = u->job->into;
  if (h->copies)
    return make_copy(u, e, h->copies);
  if (e->kind == PACKED_FILE)
    return make_file(u, e);
  return e->kind == PACKED_LINK || !into || into->folder(into, e->path) || failed(u, e->path);
}

static const char *why_not(struct unpacker *u, const struct tarball_header *h, char path[ARCHIVE_PATH_MAX + 1])
{
  const char *why = archive_clean_path(h->path, path);
  if (!why && h->special)
    why = h->special;
  if (!why && h->kind == PACKED_LINK)
    why = archive_refuse_link(path, h->target);
  if (!why && *path)
    why = archive_names_add(&u->names, path, h->kind);
  if (!why && !*path && h->kind != PACKED_FOLDER)
    why = "it has no name";
  return why;
}

static bool take_entry(struct unpacker *u, const struct tarball_header *h)
{
  char path[ARCHIVE_PATH_MAX + 1];
  const char *why = why_not(u, h, path);
  if (why)
    return refuse(u, h->path, why);
  if (!*path)  /* the folder itself */
    return true;
  struct packed_entry e = {.path = path, .target = h->target, .size = h->size, .kind = h->kind,
                           .executable = h->executable};
  return (archive_add_entry(u->op, &e) || failed(u, path)) && make(u, &e, h);
}

static bool take_entries(struct unpacker *u)
{
  struct tarball_header h;
  while (tarball_next(u->in, &h))
    if (!take_entry(u, &h))
      return false;
  return !tarball_fault(u->in);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool make_links(struct unpacker *u)
{
  struct tree_writer *into = u->job->into;
  for (size_t i = 0; into && i < u->op->count; i++) {
    const struct packed_entry *e = &u->op->entries[i];
    if (e->kind == PACKED_LINK && !into->link(into, e->path, e->target))
      return failed(u, e->path);
  }
  return true;
}

static bool has_digest(struct unpacker *u, const char *has)
{
  const char *wanted = u->job->sha256;
  if (!wanted || strcmp(wanted, has) == 0)
    return true;
  fault_set(&u->op->fault, "archive-digest", "fatal", "%s it has the SHA-256 %s, not %s", u->doing, has, wanted);
  fault_hint(&u->op->fault, "nothing was placed: the archive was damaged or replaced since it was made");
  return false;
}

static bool check_digest(struct unpacker *u)
{
  tarball_close(u->in, u->op->sha256, &u->op->size);
  return !tarball_fault(u->in) && has_digest(u, u->op->sha256);
}

/* What is wrong in an archive says little when it is another one than it should be. */
static void explain(struct unpacker *u)
{
  char has[SHA256_HEX + 1];
  const struct fault *f = tarball_fault(u->in);
  if (f && !u->op->fault.code)
    take_fault(u, f);
  bool asked = u->job->sha256 && !*u->op->sha256 && strncmp(u->op->fault.code, "archive-", 8) == 0;
  if (asked && tarball_digest(u->in, has))
    has_digest(u, has);
}

static void work(struct unpacker *u)
{
  struct tree_writer *into = u->job->into;
  if (take_entries(u) && check_digest(u)) {
    if (make_links(u) && into)
      into->place(into, u->job->replace, &u->op->fault);
  } else {
    explain(u);
  }
}

static void begin(struct unpacker *u)
{
  char shown[ARCHIVE_SHOWN_MAX + 1];
  archive_show_path(NULL, u->job->archive, shown);
  snprintf(u->doing, sizeof u->doing, "unpacking %s:", shown);
}

void archive_unpack(const struct unpack_job *job, struct archive_operation *op)
{
  struct unpacker u = {.job = job, .op = op};
  begin(&u);
  struct tarball_locale locale;
  bool entered = tarball_enter_locale(&locale);
  u.in = entered ? tarball_reader_new(&job->from, &job->limits, job->stop) : NULL;
  if (u.in) {
    work(&u);
  } else {
    errno = ENOMEM;
    failed(&u, ".");
  }
  tarball_reader_free(u.in);
  if (entered)
    tarball_leave_locale(&locale);
  archive_names_free(&u.names);
}
