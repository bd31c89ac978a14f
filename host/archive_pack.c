/* archive_pack.c - files become an archive, in one pass; see archive_jobs.h.
 *
 * What is read of a file goes, piece by piece, to the hash, to the search for secrets and into the archive:
 * there is no second reading that could see something else. A file's size stands in front of its bytes, so a
 * file that grows or shrinks meanwhile spoils the archive, and is a fault.
 *
 * Invariants: 1. `folder` is the path of the folder in which the reader is.
 *             2. between two entries the stream of the search is at its start. */
#include "archive_jobs.h"
#include "archive_paths.h"
#include "mask.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 16 };

static const char doing[] = "packing", holds[] = "it holds";

struct packer {
  const struct pack_job *job;
  struct archive_operation *op;
  struct tarball_writer *out;
  struct archive_paths paths, except;
  struct digest *digest;       /* of the file */
  struct mask_stream *search;  /* NULL: nothing is looked for */
  struct buf searched;
  char *piece;
  struct tree_facts facts;
  char folder[ARCHIVE_PATH_MAX + 1];
};

static bool failed(struct packer *p, const char *path)
{
  return archive_fail(p->op, p->job->mask, doing, path);
}

static bool refuse(struct packer *p, const char *path, const char *why, const char *hint)
{
  return archive_refuse(p->op, p->job->mask, doing, path, why, hint);
}

static bool goes_on(struct packer *p, const char *path)
{
  if (!p->job->stop || !*p->job->stop)
    return true;
  errno = ECANCELED;
  return failed(p, path);
}

/* ---- secrets --------------------------------------------------------------------------------- */

static bool have_found(struct packer *p, const char *path, const char *where)
{
  const char *name = mask_found(p->search);
  char shown[ARCHIVE_SHOWN_MAX + 1];
  archive_show_path(p->job->mask, path, shown);
  fault_set(&p->op->fault, "archive-secret", "fatal", "%s %s: %s the secret %s", doing, shown, where, name);
  fault_hint(&p->op->fault, "leave it out, or seal it: who gets an archive that is not sealed can read what is in it");
  p->op->about = strdup(shown);
  p->op->secret = strdup(name);
  return false;
}

static bool searched(struct packer *p, const char *path, const char *where)
{
  p->searched.len = 0;
  if (mask_found(p->search))
    return have_found(p, path, where);
  errno = ENOMEM;
  return buf_ok(&p->searched) || failed(p, path);
}

/* Searches the next bytes of a text; `where` is how it would hold a secret. */
static bool search(struct packer *p, const char *path, const char *data, size_t len, const char *where)
{
  if (!p->search)
    return true;
  mask_feed(p->search, data, len, &p->searched);
  return searched(p, path, where);
}

/* Some forms show only when nothing more follows. */
static bool end_search(struct packer *p, const char *path, const char *where)
{
  if (!p->search)
    return true;
  mask_finish(p->search, &p->searched);
  return searched(p, path, where);
}

static bool search_text(struct packer *p, const char *path, const char *text, const char *where)
{
  return search(p, path, text, strlen(text), where) && end_search(p, path, where);
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool add_entry(struct packer *p, const struct packed_entry *e)
{
  return tarball_entry(p->out, e) || failed(p, e->path);
}

static bool changed(struct packer *p, const char *path)
{
  errno = ESTALE;
  return failed(p, path);
}

/* How much the next reading asks for: one byte more than is left, to see that nothing follows. */
static size_t next_size(uint64_t left)
{
  return left < TARBALL_PIECE ? (size_t)left + 1 : TARBALL_PIECE;
}

static bool pass_on(struct packer *p, const char *path, const char *data, size_t len)
{
  return search(p, path, data, len, holds) &&
         ((digest_add(p->digest, data, len) && tarball_data(p->out, data, len)) || failed(p, path));
}

static bool pack_bytes(struct packer *p, const struct packed_entry *e)
{
  uint64_t left = e->size;
  for (;;) {
    size_t asked = next_size(left);
    ssize_t n = p->job->from->read(p->job->from, p->piece, asked);
    if (n < 0)
      return failed(p, e->path);
    if ((uint64_t)n > left)
      return changed(p, e->path);
    if (!pass_on(p, e->path, p->piece, (size_t)n) || !goes_on(p, e->path))
      return false;
    left -= (uint64_t)n;
    if ((size_t)n < asked)
      return left == 0 || changed(p, e->path);
  }
}

static bool pack_open_file(struct packer *p, struct packed_entry *e)
{
  if (!add_entry(p, e) || !pack_bytes(p, e) || !end_search(p, e->path, holds))
    return false;
  errno = ENOMEM;
  return (digest_hex(p->digest, e->sha256) && archive_add_entry(p->op, e)) || failed(p, e->path);
}

static bool pack_file(struct packer *p, const char *path, const char *name)
{
  struct tree_reader *from = p->job->from;
  struct tree_file file;
  if (!from->open(from, name, &file))
    return failed(p, path);
  struct packed_entry e = {.path = path, .kind = PACKED_FILE, .size = file.size, .executable = file.executable};
  bool packed = pack_open_file(p, &e);
  if (!from->close(from) && packed)
    return failed(p, path);
  p->op->bytes += file.size;
  return packed;
}

static bool pack_link(struct packer *p, const char *path)
{
  const char *target = p->facts.target, *why = archive_refuse_link(path, target);
  struct packed_entry e = {.path = path, .kind = PACKED_LINK, .target = target};
  if (why)
    return refuse(p, path, why, "a link in an archive leads, by a relative path, to what is in the packed folder, too");
  return search_text(p, path, target, "it leads to what holds") && add_entry(p, &e) &&
         (archive_add_entry(p->op, &e) || failed(p, path));
}

/* ---- the walk -------------------------------------------------------------------------------- */

static bool pack_name(struct packer *p, const char *name);

static bool pack_names(struct packer *p)
{
  struct buf names;
  buf_init(&names, BUF_LIMIT);
  struct tree_reader *from = p->job->from;
  bool packed = from->list(from, &names) || failed(p, p->folder);
  const char *name = buf_str(&names), *end = name + names.len;
  for (; packed && name < end; name += strlen(name) + 1)
    packed = pack_name(p, name);
  buf_free(&names);
  return packed;
}

static bool enter(struct packer *p, const char *path, const char *name)
{
  struct tree_reader *from = p->job->from;
  if (!from->enter(from, name))
    return failed(p, path);
  copy_text(p->folder, sizeof p->folder, path);
  return true;
}

static bool leave(struct packer *p)
{
  struct tree_reader *from = p->job->from;
  bool same = from->leave(from) || failed(p, p->folder);
  char *slash = strrchr(p->folder, '/');
  *(slash ? slash : p->folder) = 0;
  return same;
}

static bool pack_folder(struct packer *p, const char *path, const char *name)
{
  struct packed_entry e = {.path = path, .kind = PACKED_FOLDER};
  return add_entry(p, &e) && (archive_add_entry(p->op, &e) || failed(p, path)) && enter(p, path, name) &&
         pack_names(p) && leave(p);
}

static bool pack_kind(struct packer *p, const char *path, const char *name)
{
  switch (p->facts.kind) {
  case TREE_FILE:
    return pack_file(p, path, name);
  case TREE_FOLDER:
    return pack_folder(p, path, name);
  case TREE_LINK:
    return pack_link(p, path);
  default:
    return refuse(p, path, p->facts.special, "files, folders and links can be packed; leave it out with except");
  }
}

/* What has the name in the folder where the reader is. Its path is freed at the end, as the walk goes deep. */
static bool pack_path(struct packer *p, char *path, const char *name)
{
  char clean[ARCHIVE_PATH_MAX + 1];
  const char *why = archive_clean_path(path, clean);
  struct tree_reader *from = p->job->from;
  if (archive_paths_has(&p->except, path))
    return true;
  if (why)
    return refuse(p, path, why, "such a name is in no archive");
  return goes_on(p, path) && search_text(p, path, path, "its name holds") &&
         (from->look(from, name, &p->facts) || failed(p, path)) && pack_kind(p, path, name);
}

static bool pack_name(struct packer *p, const char *name)
{
  char *path = NULL;
  if (asprintf(&path, "%s%s%s", p->folder, *p->folder ? "/" : "", name) < 0)
    return errno = ENOMEM, failed(p, name);
  bool packed = pack_path(p, path, name);
  free(path);
  return packed;
}

/* ---- the paths that were asked for ----------------------------------------------------------- */

/* Everything: then the root must not have changed either. */
static bool pack_root(struct packer *p)
{
  struct tree_reader *from = p->job->from;
  return pack_names(p) && (from->leave(from) || failed(p, ""));
}

/* Out of a folder of which not everything was asked for: it may change. */
static void step_out(struct packer *p)
{
  char *slash = strrchr(p->folder, '/');
  p->job->from->leave(p->job->from);
  *(slash ? slash : p->folder) = 0;
}

/* Goes to a folder, by the ones above it. */
static bool go_to(struct packer *p, const char *folder, size_t len)
{
  char path[ARCHIVE_PATH_MAX + 1];
  copy_text(path, len + 1, folder);
  while (!archive_is_below(path, p->folder))
    step_out(p);
  while (strcmp(path, p->folder) != 0) {
    char next[ARCHIVE_PATH_MAX + 1], *name = path + strlen(p->folder);
    name += *name == '/';
    copy_text(next, (size_t)(name - path) + strcspn(name, "/") + 1, path);
    if (!enter(p, next, next + (name - path)))
      return false;
  }
  return true;
}

/* Whether a folder above the path is left out; the path itself comes later. */
static bool is_below_except(const struct packer *p, const char *path)
{
  char above[ARCHIVE_PATH_MAX + 1];
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    copy_text(above, (size_t)(slash - path) + 1, path);
    if (archive_paths_has(&p->except, above))
      return true;
  }
  return false;
}

static bool pack_asked(struct packer *p, const char *path)
{
  const char *slash = strrchr(path, '/');
  if (*path == 0)
    return pack_root(p);
  return is_below_except(p, path) ||
         (go_to(p, path, slash ? (size_t)(slash - path) : 0) && pack_name(p, slash ? slash + 1 : path));
}

static bool pack_all(struct packer *p)
{
  bool packed = p->paths.count > 0 || pack_root(p);
  for (size_t i = 0; packed && i < p->paths.count; i++)
    packed = pack_asked(p, p->paths.list[i]);
  return packed;
}

/* ---- the job --------------------------------------------------------------------------------- */

/* Two for each processor, so that none waits for the thread that reads; more than it can feed only cost memory. */
static int enough_threads(void)
{
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? 2 * CPU_COUNT(&set) : 2;
  return n < THREADS ? n : THREADS;
}

static bool read_paths(struct packer *p)
{
  const char *bad, *why;
  if (archive_paths_make(&p->paths, p->job->paths, true, &bad, &why) &&
      archive_paths_make(&p->except, p->job->except, false, &bad, &why))
    return true;
  return bad && refuse(p, bad, why, "paths count from the root, and stay in it");
}

static bool set_up(struct packer *p)
{
  const struct pack_job *job = p->job;
  p->digest = digest_new();
  p->piece = malloc(TARBALL_PIECE + 1);
  p->search = job->mask ? mask_stream_new(job->mask) : NULL;
  buf_init(&p->searched, BUF_LIMIT);
  if (!p->digest || !p->piece || !p->search != !job->mask || !read_paths(p))
    return false;
  p->out = tarball_writer_new(&job->to, job->level ? job->level : ARCHIVE_LEVEL,
                              job->threads ? job->threads : enough_threads());
  return p->out != NULL;
}

static void clean_up(struct packer *p)
{
  tarball_writer_free(p->out);
  mask_stream_free(p->search);
  digest_free(p->digest);
  buf_wipe(&p->searched);
  archive_paths_free(&p->paths);
  archive_paths_free(&p->except);
  if (p->piece)
    wipe(p->piece, TARBALL_PIECE);
  free(p->piece);
}

static void work(struct packer *p)
{
  struct archive_operation *op = p->op;
  if (set_up(p)) {
    if (pack_all(p) && !tarball_finish(p->out, op->sha256, &op->size))
      failed(p, p->job->root);
  } else if (!op->fault.code) {
    errno = ENOMEM;
    failed(p, p->job->root);
  }
  clean_up(p);
}

void archive_pack(const struct pack_job *job, struct archive_operation *op)
{
  struct tarball_locale locale;
  struct packer *p = calloc(1, sizeof *p);
  if (p && tarball_enter_locale(&locale)) {
    p->job = job;
    p->op = op;
    work(p);
    tarball_leave_locale(&locale);
  } else {
    errno = ENOMEM;
    archive_fail(op, job->mask, doing, job->root);
  }
  free(p);
}
