/* mask_lua.c - the module "mask": the instance's masker for texts that recipes handle.
 *
 * A stream object owns its stream and the buffer of its last answer, so that an
 * error anywhere leaves both to the collector. */
#include "class.h"
#include "failure.h"
#include "host.h"
#include "mask.h"
#include "secret.h"
#include <lauxlib.h>

#define STREAM "mask.stream"

struct masked {
  struct mask_stream *stream;
  struct buf out;
};

static const char *check_text(lua_State *L, int idx, const char *what, size_t *len)
{
  if (secret_test(L, idx))
    failure_misuse(L, "%s: expected a string, not a secret", what);
  if (lua_type(L, idx) != LUA_TSTRING)
    failure_misuse(L, "%s: expected a string, not a %s", what, luaL_typename(L, idx));
  return lua_tolstring(L, idx, len);
}

static struct masked *push_masked(lua_State *L)
{
  struct masked *m = lua_newuserdatauv(L, sizeof *m, 0);
  *m = (struct masked){0};
  buf_init(&m->out, BUF_LIMIT);
  luaL_setmetatable(L, STREAM);
  m->stream = mask_stream_new(host_of(L)->mask);
  if (!m->stream)
    failure_memory(L);
  return m;
}

/* Pushes what was decided by the last call. */
static int push_out(lua_State *L, struct masked *m)
{
  if (!buf_ok(&m->out))
    return failure_memory(L);
  lua_pushlstring(L, buf_str(&m->out), m->out.len);
  buf_free(&m->out);
  return 1;
}

static struct masked *check_masked(lua_State *L, const char *what)
{
  struct masked *m = luaL_testudata(L, 1, STREAM);
  if (!m)
    failure_misuse(L, "%s: expected a stream of mask.stream, not a %s; call it with ':'", what,
                   luaL_typename(L, 1));
  buf_free(&m->out);
  return m;
}

/* stream:feed(text) -> what is decided by now */
static int feed(lua_State *L)
{
  size_t len;
  lua_settop(L, 2);
  struct masked *m = check_masked(L, "stream:feed");
  const char *text = check_text(L, 2, "stream:feed", &len);
  mask_feed(m->stream, text, len, &m->out);
  return push_out(L, m);
}

/* stream:finish() -> the rest */
static int finish(lua_State *L)
{
  lua_settop(L, 1);
  struct masked *m = check_masked(L, "stream:finish");
  mask_finish(m->stream, &m->out);
  return push_out(L, m);
}

static int masked_gc(lua_State *L)
{
  struct masked *m = lua_touserdata(L, 1);
  mask_stream_free(m->stream);
  buf_free(&m->out);
  m->stream = NULL;
  return 0;
}

/* mask.text(text) -> the text with *** for every secret */
static int text(lua_State *L)
{
  size_t len;
  lua_settop(L, 1);
  const char *plain = check_text(L, 1, "mask.text", &len);
  struct masked *m = push_masked(L);
  mask_feed(m->stream, plain, len, &m->out);
  mask_finish(m->stream, &m->out);
  return push_out(L, m);
}

/* mask.stream() -> a stream: text cut anywhere goes in, masked text comes out */
static int stream(lua_State *L)
{
  push_masked(L);
  return 1;
}

int mask_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"feed", feed}, {"finish", finish}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"stream", stream}, {"text", text}, {NULL, NULL}};
  class_new(L, STREAM, methods, NULL);
  class_event(L, STREAM, "__gc", masked_gc);
  luaL_newlib(L, functions);
  return 1;
}
