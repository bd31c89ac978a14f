/* file_source.c - a file as the body of a request; see file_source.h.
 *
 * Two pieces at most are in memory: the one that is being sent, and the one after it, which is
 * read meanwhile. Every piece brings the file's stamp: a file that changes while it is sent is
 * a failure, as the length was promised and the pieces would be of two different texts.
 *
 * Invariant: `next` reads from `asked - PIECE` on while it is there; bytes before `asked` were sent,
 * or are in `piece` or `next`. */
#include "file_source.h"
#include <stdlib.h>
#include <string.h>

enum { PIECE = (128 << 10) - 1 };  /* with the NUL of its buffer a power of two */

struct file_source {
  struct http_source base;
  struct world_files *files;
  struct file_source_options options;
  char *path;
  struct file_operation *piece;  /* read, and sent up to `at` */
  struct file_operation *next;   /* under way, or read */
  size_t at;
  uint64_t asked, stamp;
  bool opened, waits;
  struct fault fault;
};

/* ---- reading ahead -------------------------------------------------------------------------- */

static void drop(struct file_operation **op)
{
  if (*op)
    effect_free(&(*op)->effect);
  *op = NULL;
}

static void fail_changed(struct file_source *s)
{
  fault_set(&s->fault, "file-changed", "fatal", "sending %s: the file changed while it was sent", s->path);
  fault_hint(&s->fault, "send it when nobody writes to it, or write it beside and rename it");
}

static void opened(struct file_source *s)
{
  s->opened = true;
  s->base.len = s->next->size;
  if (!s->stamp)
    s->stamp = s->next->stamp;
}

static void have_read(void *arg)
{
  struct file_source *s = arg;
  if (s->next->fault.code) {
    s->fault = s->next->fault;
  } else {
    bool first = !s->opened;
    if (first)
      opened(s);
    if (s->next->stamp != s->stamp)
      fail_changed(s);
    if (first)
      drop(&s->next);
  }
  s->options.changed(s->options.arg);
}

static void ask(struct file_source *s, size_t max)
{
  struct file_request r = {.action = FILE_PIECE, .path = s->path, .root = s->options.root,
                           .offset = s->asked, .max = max};
  s->next = s->files->start(s->files, &r, have_read, s);
  s->asked += max;
  if (!s->next)
    fault_set(&s->fault, "out-of-memory", "fatal", "sending %s: not enough memory", s->path);
}

/* ---- the body of an exchange ------------------------------------------------------------------ */

static bool is_ready(const struct file_source *s)
{
  return s->next && s->next->effect.finished && !s->fault.code;
}

/* The next piece becomes the one to send, and the one after it is asked for. */
static bool advance(struct file_source *s)
{
  drop(&s->piece);
  if (!s->next && !s->fault.code)
    ask(s, PIECE);
  if (!is_ready(s))
    return false;
  s->piece = s->next;
  s->next = NULL;
  s->at = 0;
  if ((double)s->asked < s->base.len)
    ask(s, PIECE);
  return true;
}

static bool is_sent(const struct file_source *s)
{
  return !s->fault.code && !s->next && (double)s->asked >= s->base.len;
}

static long later(struct file_source *s)
{
  s->waits = true;
  return s->fault.code ? HTTP_FAILED : HTTP_LATER;
}

static long read_some(void *arg, char *to, size_t room)
{
  struct file_source *s = arg;
  if (!s->piece || s->at == s->piece->data.len) {
    if (is_sent(s))
      return 0;
    if (!advance(s))
      return later(s);
  }
  size_t left = s->piece->data.len - s->at, n = left < room ? left : room;
  memcpy(to, s->piece->data.data + s->at, n);
  s->at += n;
  return (long)n;
}

static bool rewind_source(void *arg)
{
  struct file_source *s = arg;
  drop(&s->piece);
  drop(&s->next);
  s->at = 0;
  s->asked = 0;
  s->waits = false;
  return !s->fault.code;
}

/* ---- the interface ------------------------------------------------------------------------------ */

struct file_source *file_source_new(struct world_files *files, const struct file_source_options *o)
{
  struct file_source *s = calloc(1, sizeof *s);
  if (!s)
    return NULL;
  *s = (struct file_source){.files = files, .options = *o, .stamp = o->stamp};
  s->base = (struct http_source){.read = read_some, .rewind = rewind_source, .arg = s};
  s->path = copy_str(o->path);
  if (s->path)
    ask(s, 0);
  if (s->next)
    return s;
  file_source_free(s);
  return NULL;
}

void file_source_free(struct file_source *s)
{
  if (!s)
    return;
  drop(&s->piece);
  drop(&s->next);
  free(s->path);
  free(s);
}

const struct http_source *file_source_body(struct file_source *s)
{
  return s->opened ? &s->base : NULL;
}

const struct fault *file_source_fault(const struct file_source *s)
{
  return s->fault.code ? &s->fault : NULL;
}

const char *file_source_path(const struct file_source *s)
{
  return s->path;
}

bool file_source_resumes(struct file_source *s)
{
  bool resumes = s->waits && is_ready(s);
  if (resumes)
    s->waits = false;
  return resumes;
}
