/* http_transfer.c - an exchange whose bodies are files; see http_transfer.h.
 *
 * Every file is looked at before the request leaves: what is not there, or cannot be written, is a
 * failure without an effect. A file that fails later ends the exchange.
 *
 * States: PREPARING -> RUNNING -> ENDING, in which the file that was received is placed or
 * dropped, -> ENDED. A failure leads to ENDING from everywhere.
 * Invariant: an exchange is under way exactly in state RUNNING. */
#include "http_transfer.h"
#include "file_sink.h"
#include "file_source.h"
#include <stdlib.h>

enum state { PREPARING, RUNNING, ENDING, ENDED };

struct transfer {
  struct http_transfer base;
  struct world *world;
  struct http_request request;
  struct http_part *parts;
  struct file_source **sources;  /* one, or one for each part; some may be NULL */
  size_t source_count;
  struct file_sink *sink;
  enum state state;
};

/* ---- the end ------------------------------------------------------------------------------------- */

static void end(struct transfer *t)
{
  t->state = ENDED;
  if (t->sink)
    t->base.sha256 = file_sink_sha256(t->sink);
  effect_finish(&t->base.effect);
}

static void end_when_placed(struct transfer *t)
{
  if (!t->sink || file_sink_ended(t->sink))
    end(t);
}

static void drop_exchange(struct transfer *t)
{
  if (t->base.exchange)
    effect_free(&t->base.exchange->effect);
  t->base.exchange = NULL;
}

static void give_up(struct transfer *t, const struct fault *f, const char *path)
{
  t->base.fault = *f;
  t->base.path = path;
  t->state = ENDING;
  drop_exchange(t);
  if (t->sink)
    file_sink_drop(t->sink);
  end_when_placed(t);
}

/* The first file that failed. False: none did. */
static bool find_fault(const struct transfer *t, const struct fault **f, const char **path)
{
  *f = t->sink ? file_sink_fault(t->sink) : NULL;
  *path = *f ? file_sink_path(t->sink) : NULL;
  for (size_t i = 0; !*f && i < t->source_count; i++)
    if (t->sources[i] && (*f = file_source_fault(t->sources[i])))
      *path = file_source_path(t->sources[i]);
  return *f != NULL;
}

static bool succeeded(const struct http_exchange *x)
{
  return !x->fault.code && x->status / 100 == 2;
}

static void exchanged(void *arg)
{
  struct transfer *t = arg;
  const struct fault *f;
  const char *path;
  if (find_fault(t, &f, &path)) {
    give_up(t, f, path);
    return;
  }
  t->state = ENDING;
  if (t->sink && succeeded(t->base.exchange))
    file_sink_place(t->sink);
  else if (t->sink)
    file_sink_drop(t->sink);
  end_when_placed(t);
}

/* ---- the exchange ---------------------------------------------------------------------------------- */

static bool begin(struct transfer *t)
{
  struct world_http *http = t->world->http;
  t->base.exchange = http->start(http, &t->request, exchanged, t);
  t->state = t->base.exchange ? RUNNING : PREPARING;
  return t->base.exchange != NULL;
}

/* Puts the bodies into the request. False: a file was not opened yet. */
static bool attach_files(struct transfer *t)
{
  for (size_t i = 0; i < t->source_count; i++) {
    const struct http_source *body = t->sources[i] ? file_source_body(t->sources[i]) : NULL;
    if (t->sources[i] && !body)
      return false;
    if (t->parts)
      t->parts[i].source = body;
    else
      t->request.source = body;
  }
  if (t->sink && !(t->request.sink = file_sink_body(t->sink)))
    return false;
  return true;
}

static void begin_when_ready(struct transfer *t)
{
  struct fault f;
  if (!attach_files(t) || begin(t))
    return;
  fault_set(&f, "out-of-memory", "fatal", "%s %s: not enough memory", t->request.method, t->request.url);
  give_up(t, &f, NULL);
}

static void resume_when_ready(struct transfer *t)
{
  bool resumes = t->sink && file_sink_resumes(t->sink);
  for (size_t i = 0; i < t->source_count; i++)
    if (t->sources[i] && file_source_resumes(t->sources[i]))
      resumes = true;
  if (resumes)
    t->world->http->resume(t->base.exchange);
}

/* The file could not be placed: what is beside its place goes. */
static void look_at_end(struct transfer *t)
{
  const struct fault *f = t->sink ? file_sink_fault(t->sink) : NULL;
  if (f && !t->base.fault.code)
    give_up(t, f, file_sink_path(t->sink));
  else
    end_when_placed(t);
}

static void changed(void *arg)
{
  struct transfer *t = arg;
  const struct fault *f;
  const char *path;
  if (t->state == ENDING)
    look_at_end(t);
  else if (t->state == ENDED)
    return;
  else if (find_fault(t, &f, &path))
    give_up(t, f, path);
  else if (t->state == PREPARING)
    begin_when_ready(t);
  else
    resume_when_ready(t);
}

/* ---- the interface ----------------------------------------------------------------------------------- */

static void destroy(struct effect *e)
{
  struct transfer *t = (struct transfer *)e;
  drop_exchange(t);
  for (size_t i = 0; i < t->source_count; i++)
    file_source_free(t->sources[i]);
  file_sink_free(t->sink);
  free(t->sources);
  free(t->parts);
  free(t);
}

static bool open_source(struct transfer *t, size_t i, const char *path, const struct transfer_options *from)
{
  struct file_source_options o = {.path = path, .root = from->root, .changed = changed, .arg = t};
  if (path == from->from)
    o.stamp = from->stamp;
  t->sources[i] = file_source_new(t->world->files, &o);
  return t->sources[i] != NULL;
}

static bool open_parts(struct transfer *t, const struct transfer_options *o)
{
  size_t n = t->request.part_count;
  t->parts = calloc(n, sizeof *t->parts);
  t->sources = calloc(n, sizeof *t->sources);
  if (!t->parts || !t->sources)
    return false;
  t->source_count = n;
  for (size_t i = 0; i < n; i++) {
    t->parts[i] = t->request.parts[i];
    if (o->part_files[i] && !open_source(t, i, o->part_files[i], o))
      return false;
  }
  t->request.parts = t->parts;
  return true;
}

static bool open_from(struct transfer *t, const struct transfer_options *o)
{
  t->sources = calloc(1, sizeof *t->sources);
  t->source_count = t->sources ? 1 : 0;
  return t->sources && open_source(t, 0, o->from, o);
}

static bool open_sink(struct transfer *t, const struct transfer_options *o)
{
  struct file_sink_options s = {.path = o->to, .root = o->root, .hashes = o->hashes, .sha256 = o->sha256,
                                .changed = changed, .arg = t};
  t->sink = file_sink_new(t->world, &s);
  return t->sink != NULL;
}

static bool prepare(struct transfer *t, const struct transfer_options *o)
{
  if (o->from && !open_from(t, o))
    return false;
  if (o->part_files && !open_parts(t, o))
    return false;
  if (o->to && !open_sink(t, o))
    return false;
  return t->source_count || t->sink || begin(t);
}

struct http_transfer *transfer_start(struct world *world, const struct http_request *request,
                                     const struct transfer_options *o, effect_done *done, void *arg)
{
  struct transfer *t = calloc(1, sizeof *t);
  if (!t)
    return NULL;
  t->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  t->base.sha256 = "";
  t->world = world;
  t->request = *request;
  if (prepare(t, o))
    return &t->base;
  destroy(&t->base.effect);
  return NULL;
}
