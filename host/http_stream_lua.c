/* http_stream_lua.c - an answer whose body is read in pieces while it comes; see http_lua.h.
 *
 * The exchange appends to the handle; read() takes all that is there, or waits for more. What nobody
 * has read is kept up to a limit, and then the exchange pauses: the peer has to wait.
 *
 * Ownership: the handle owns the exchange; closing or collecting it drops the connection. A read that
 * waits is an effect of its own, so that a cancellation releases it; each of the two knows when the
 * other has gone. */
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "fence.h"
#include "host.h"
#include "http_lua.h"
#include "http_route_lua.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <stdlib.h>

#define STREAM "davit.http.stream"

enum { KEPT = 256 << 10, LONGEST = 64 << 20 };

/* A read, or the start, that waits for something to happen. */
struct wait {
  struct effect effect;
  struct stream *stream;  /* NULL: it was closed */
};

struct stream {
  struct http_exchange *exchange;  /* NULL: closed */
  struct world_http *http;
  struct wait *wait;
  struct buf kept;
  bool begun, paused;
  bool handed;  /* Lua has the handle: until then, who waits for it owns it */
};

static void close_stream(struct stream *s);

/* ---- waiting ----------------------------------------------------------------------------------- */

static void destroy_wait(struct effect *e)
{
  struct wait *w = (struct wait *)e;
  struct stream *s = w->stream;
  if (s)
    s->wait = NULL;
  if (s && !s->handed)
    close_stream(s);
  free(w);
}

static void notify(struct stream *s)
{
  if (s->wait && !s->wait->effect.finished)
    effect_finish(&s->wait->effect);
}

static bool has_something(const struct stream *s)
{
  return s->kept.len || s->exchange->effect.finished;
}

/* Waits until there is something to read, or the end. */
static int wait_for(lua_State *L, struct stream *s, lua_KFunction k)
{
  struct task *task = task_current(L);
  if (s->wait)
    return failure_misuse(L, "http.stream: another task is reading this stream");
  struct effect **box = effect_box(L);
  struct wait *w = calloc(1, sizeof *w);
  *box = (struct effect *)w;
  if (w) {
    *w = (struct wait){{.destroy = destroy_wait, .done = task_wake, .arg = task}, s};
    s->wait = w;
  }
  return effect_wait(L, lua_gettop(L), k);
}

/* ---- what arrives --------------------------------------------------------------------------------- */

static long take(void *arg, const char *data, size_t len)
{
  struct stream *s = arg;
  s->begun = true;
  if (s->kept.len >= KEPT) {
    s->paused = true;
    return HTTP_LATER;
  }
  buf_add(&s->kept, data, len);
  notify(s);
  return buf_ok(&s->kept) ? (long)len : HTTP_FAILED;
}

static void ended(void *arg)
{
  notify(arg);
}

/* ---- the handle ------------------------------------------------------------------------------------- */

static void close_stream(struct stream *s)
{
  if (s->exchange)
    effect_free(&s->exchange->effect);
  s->exchange = NULL;
  buf_wipe(&s->kept);
  if (s->wait) {
    notify(s);
    s->wait->stream = NULL;
    s->wait = NULL;
  }
}

static int stream_close(lua_State *L)  /* __close, __gc and close() */
{
  close_stream(luaL_checkudata(L, 1, STREAM));
  return 0;
}

/* Pushes the piece that was read, or nil at the end; raises what ended the exchange early. */
static int push_piece(lua_State *L, struct stream *s)
{
  if (!s->exchange)
    return failure_misuse(L, "http.stream: this stream was closed");
  if (s->kept.len == 0 && s->exchange->fault.code) {
    lua_getiuservalue(L, 1, 1);
    http_fault_push(L, s->exchange, lua_tostring(L, -1));
    return lua_error(L);
  }
  if (s->kept.len == 0)
    return 0;
  lua_pushlstring(L, s->kept.data, s->kept.len);
  s->kept.len = 0;
  if (s->paused)
    s->http->resume(s->exchange);
  s->paused = false;
  return 1;
}

static int have_piece(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  (void)box;
  return push_piece(L, luaL_checkudata(L, 1, STREAM));
}

/* handle:read() -> all that has come, or nil at the end */
static int read_piece(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, STREAM);
  lua_settop(L, 1);
  if (!s->exchange || has_something(s))
    return push_piece(L, s);
  return wait_for(L, s, have_piece);
}

/* ---- starting ------------------------------------------------------------------------------------------ */

/* The stack: options, the handle, … */
enum { HANDLE = 2 };

static int have_begun(lua_State *L, int status, lua_KContext box)
{
  struct stream *s = luaL_checkudata(L, HANDLE, STREAM);
  struct http_exchange *x = s->exchange;
  (void)status;
  (void)box;
  if (x->effect.finished && x->fault.code && !s->begun)
    return http_fault_raise(L, x);
  luaL_checkstack(L, 20, "reply");
  http_reply_push(L, x);
  if (x->status / 100 != 2)
    return 1;
  s->handed = true;
  lua_pushvalue(L, HANDLE);
  return 2;
}

/* It remembers the URL, for errors. */
static struct stream *new_stream(lua_State *L)
{
  struct stream *s = lua_newuserdatauv(L, sizeof *s, 1);
  *s = (struct stream){.http = host_of(L)->world->http};
  buf_init(&s->kept, LONGEST);
  luaL_setmetatable(L, STREAM);
  return s;
}

static void check_call(lua_State *L, const struct http_call *c)
{
  if (c->has_files)
    failure_misuse(L, "http.stream: files go with http.request: from, to");
  if (lua_getfield(L, 1, "secrets") != LUA_TNIL)
    failure_misuse(L, "http.stream: secrets are taken out of whole answers, by http.request");
  lua_pop(L, 1);
}

int http_stream(lua_State *L)
{
  struct http_call c = {.streams = true};
  lua_settop(L, 1);
  struct stream *s = new_stream(L);
  http_call_read(L, "http.stream", NULL, &c);
  check_call(L, &c);
  const struct http_sink sink = {.take = take, .arg = s};
  c.request.sink = &sink;
  lua_getfield(L, 1, "url");
  lua_setiuservalue(L, HANDLE, 1);
  task_current(L);
  fence_check(L);
  s->exchange = s->http->start(s->http, &c.request, ended, s);
  if (!s->exchange)
    return failure_memory(L);
  return wait_for(L, s, have_begun);
}

void http_stream_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", stream_close}, {"read", read_piece}, {NULL, NULL}};
  class_new(L, STREAM, methods, stream_close);
}
