/* server_stream.c - answers whose body is written while it is sent.
 *
 * What was written waits in the stream until libmicrohttpd asks for it. When it asks and nothing waits,
 * the connection is suspended until something is written or the stream is ended.
 *
 * Ownership: the writer and the response share a stream; who lets go of it last frees it.
 * Invariants: 1. the connection is suspended exactly while `idle`, and then `request` has it.
 *             2. `request` is NULL once the connection is gone, or the server. */
#include "server_mhd.h"
#include <stdlib.h>
#include <string.h>

enum { PIECE = 32 << 10, ROOM = 256 << 10 };

struct server_stream {
  struct request *request;
  struct buf waiting;
  struct server_room *room;  /* who waits for room; or NULL */
  bool idle, written, served;    /* written: the writer has let go; served: the response has */
  bool broken;
};

static void release(struct server_stream *s)
{
  if (!s->written || !s->served)
    return;
  buf_free(&s->waiting);
  free(s);
}

static void tell_room(struct server_stream *s)
{
  struct server_room *room = s->room;
  if (!room || (s->request && s->waiting.len >= ROOM))
    return;
  s->room = NULL;
  room->stream = NULL;
  effect_finish(&room->effect);
}

/* ---- the connection's side ------------------------------------------------------------------ */

/* Runs inside of libmicrohttpd. */
static ssize_t read_waiting(void *arg, uint64_t at, char *to, size_t room)
{
  struct server_stream *s = arg;
  size_t n = s->waiting.len < room ? s->waiting.len : room;
  (void)at;
  if (n > 0) {
    memcpy(to, s->waiting.data, n);
    buf_drop(&s->waiting, n);
    tell_room(s);
    return (ssize_t)n;
  }
  if (s->broken || !s->request)
    return MHD_CONTENT_READER_END_WITH_ERROR;
  if (s->written)
    return MHD_CONTENT_READER_END_OF_STREAM;
  s->idle = true;
  MHD_suspend_connection(s->request->connection);
  return 0;
}

static void response_gone(void *arg)
{
  struct server_stream *s = arg;
  s->served = true;
  release(s);
}

static void resume(struct server_stream *s)
{
  if (!s->idle)
    return;
  s->idle = false;
  MHD_resume_connection(s->request->connection);
  server_run_soon(s->request->server);
}

void server_stream_lost(struct request *r)
{
  struct server_stream *s = r->stream;
  if (!s)
    return;
  r->stream = NULL;
  s->request = NULL;
  s->idle = false;
  tell_room(s);
}

void server_stream_stop(struct request *r)
{
  struct server_stream *s = r->stream;
  if (!s)
    return;
  s->broken = true;
  if (s->idle)
    MHD_resume_connection(r->connection);
  s->idle = false;
}

/* ---- the writer's side ----------------------------------------------------------------------- */

struct server_stream *server_stream(struct server_request *base, int status, const char *const *headers,
                                    struct fault *f)
{
  struct request *r = (struct request *)base;
  struct server_stream *s = calloc(1, sizeof *s);
  struct MHD_Response *response =
    s ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, read_waiting, s, response_gone) : NULL;
  if (!response) {
    free(s);
    fault_set(f, "out-of-memory", "fatal", "not enough memory for an answer");
    return NULL;
  }
  buf_init(&s->waiting, BUF_LIMIT);
  if (!server_add_lines(response, headers, f)) {
    s->written = true;
    MHD_destroy_response(response);
    return NULL;
  }
  s->request = r->connection ? r : NULL;
  r->stream = s->request ? s : NULL;
  server_queue(r, (unsigned)status, response);
  return s;
}

bool server_stream_write(struct server_stream *s, const void *data, size_t len)
{
  if (s->request)
    buf_add(&s->waiting, data, len);
  if (!buf_ok(&s->waiting))
    return false;
  if (len > 0)
    resume(s);
  return true;
}

bool server_stream_alive(const struct server_stream *s)
{
  return s->request != NULL;
}

bool server_stream_full(const struct server_stream *s)
{
  return s->request && s->waiting.len >= ROOM;
}

static void destroy_room(struct effect *e)
{
  struct server_room *room = (struct server_room *)e;
  if (room->stream)
    room->stream->room = NULL;
  free(room);
}

struct server_room *server_stream_room(struct server_stream *s, effect_done *done, void *arg)
{
  struct server_room *room = calloc(1, sizeof *room);
  if (!room)
    return NULL;
  *room = (struct server_room){.effect = {.destroy = destroy_room, .done = done, .arg = arg}, .stream = s};
  s->room = room;
  return room;
}

void server_stream_end(struct server_stream *s, bool whole)
{
  if (!s)
    return;
  if (s->room)
    s->room->stream = NULL;
  s->room = NULL;
  s->written = true;
  s->broken = s->broken || !whole;
  resume(s);
  release(s);
}
