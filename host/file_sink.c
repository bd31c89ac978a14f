/* file_sink.c - a file that takes the body of an answer; see file_sink.h.
 *
 * The bytes go into a file of another name in the same folder, which gets its own name when it is
 * whole and on the disk: whatever breaks off the download, nothing half stands in its place. One
 * operation is under way at a time; while a piece is written the next one fills up, and when that
 * is full too, the exchange has to wait.
 *
 * Steps: BEGINNING -> FILLING -> (HASHING) -> PLACING -> ENDED; at any time DROPPING -> ENDED. */
#include "file_sink.h"
#include "digest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 128 << 10, BODY_LIMIT = 16 << 20 };

enum step { BEGINNING, FILLING, HASHING, PLACING, DROPPING, ENDED };

struct file_sink {
  struct http_sink base;
  struct world_files *files;
  struct file_sink_options options;
  char *path, *temporary, *wanted;
  struct file_operation *op;  /* under way, or NULL */
  enum step step;
  struct buf filling;
  bool waits, whole;          /* the exchange waits for room; nothing more comes */
  char sha256[SHA256_HEX + 1];
  struct fault fault;
};

/* ---- the operations ------------------------------------------------------------------------------ */

static void stepped(void *arg);

static void drop(struct file_sink *s)
{
  if (s->op)
    effect_free(&s->op->effect);
  s->op = NULL;
}

static void out_of_memory(struct file_sink *s)
{
  fault_set(&s->fault, "out-of-memory", "fatal", "writing %s: not enough memory", s->path);
}

static void ask(struct file_sink *s, enum step step, enum file_action action)
{
  struct file_request r = {.action = action, .path = s->temporary, .root = s->options.root, .to = s->path,
                           .mode = 0644};
  if (action == FILE_APPEND) {
    r.data = s->filling.data;
    r.len = s->filling.len;
  }
  s->step = step;
  s->op = s->files->start(s->files, &r, stepped, s);
  if (!s->op)
    out_of_memory(s);
}

static void go_on(struct file_sink *s)
{
  if (s->op || s->fault.code || s->step != FILLING)
    return;
  if (s->filling.len >= PIECE || (s->whole && s->filling.len)) {
    ask(s, FILLING, FILE_APPEND);
    s->filling.len = 0;
  } else if (s->whole) {
    ask(s, s->options.hashes ? HASHING : PLACING, s->options.hashes ? FILE_DIGEST : FILE_PLACE);
  }
}

static void have_hashed(struct file_sink *s)
{
  snprintf(s->sha256, sizeof s->sha256, "%s", buf_str(&s->op->data));
  if (!s->wanted || strcmp(s->wanted, s->sha256) == 0)
    return;
  fault_set(&s->fault, "http-digest", "fatal", "writing %s: what came has the SHA-256 %s, not %s", s->path,
            s->sha256, s->wanted);
  fault_hint(&s->fault, "the file was not put in its place: look whether the server has another version");
}

static void stepped(void *arg)
{
  struct file_sink *s = arg;
  enum step step = s->step;
  if (step == HASHING && !s->op->fault.code)
    have_hashed(s);
  if (s->op->fault.code && step != DROPPING)
    s->fault = s->op->fault;
  drop(s);
  if (step == BEGINNING)
    s->step = FILLING;
  else if (step == HASHING && !s->fault.code)
    ask(s, PLACING, FILE_PLACE);
  else if (step == PLACING || step == DROPPING)
    s->step = ENDED;
  go_on(s);
  s->options.changed(s->options.arg);
}

/* ---- the body of an exchange ------------------------------------------------------------------------ */

static long take(void *arg, const char *data, size_t len)
{
  struct file_sink *s = arg;
  if (!s->fault.code && s->filling.len >= PIECE) {
    s->waits = true;
    return HTTP_LATER;
  }
  buf_add(&s->filling, data, len);
  if (!buf_ok(&s->filling))
    out_of_memory(s);
  go_on(s);
  return s->fault.code ? HTTP_FAILED : (long)len;
}

/* ---- the interface -------------------------------------------------------------------------------------- */

struct file_sink *file_sink_new(struct world *world, const struct file_sink_options *o)
{
  struct file_sink *s = calloc(1, sizeof *s);
  if (!s)
    return NULL;
  *s = (struct file_sink){.files = world->files, .options = *o};
  s->base = (struct http_sink){.take = take, .arg = s};
  buf_init(&s->filling, BODY_LIMIT);
  s->path = copy_str(o->path);
  s->wanted = copy_str(o->sha256);
  s->temporary = world->files->name_beside(world->files, o->path);
  if (s->path && s->temporary && !s->wanted == !o->sha256)
    ask(s, BEGINNING, FILE_BEGIN);
  if (s->op)
    return s;
  s->step = ENDED;
  file_sink_free(s);
  return NULL;
}

void file_sink_free(struct file_sink *s)
{
  if (!s)
    return;
  drop(s);
  if (s->step != ENDED) {
    ask(s, DROPPING, FILE_REMOVE);
    drop(s);  /* it is carried out all the same */
  }
  buf_free(&s->filling);
  free(s->path);
  free(s->wanted);
  free(s->temporary);
  free(s);
}

const struct http_sink *file_sink_body(struct file_sink *s)
{
  return s->step == BEGINNING ? NULL : &s->base;
}

void file_sink_place(struct file_sink *s)
{
  s->whole = true;
  go_on(s);
}

void file_sink_drop(struct file_sink *s)
{
  drop(s);
  ask(s, DROPPING, FILE_REMOVE);
  if (!s->op)
    s->step = ENDED;
}

bool file_sink_ended(const struct file_sink *s)
{
  return s->step == ENDED;
}

const struct fault *file_sink_fault(const struct file_sink *s)
{
  return s->fault.code ? &s->fault : NULL;
}

const char *file_sink_path(const struct file_sink *s)
{
  return s->path;
}

const char *file_sink_sha256(const struct file_sink *s)
{
  return s->sha256;
}

bool file_sink_resumes(struct file_sink *s)
{
  bool resumes = s->waits && s->filling.len < PIECE && !s->fault.code;
  if (resumes)
    s->waits = false;
  return resumes;
}
