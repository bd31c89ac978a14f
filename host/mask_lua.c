/* mask_lua.c - the module "mask": the instance's masker for texts that recipes handle, and maskers
 * of their own lists.
 *
 * A stream object owns its stream and the buffer of its last answer, and a masker its mask, too, so
 * that an error anywhere leaves all of it to the collector. */
#include "class.h"
#include "failure.h"
#include "host.h"
#include "mask.h"
#include "mask_forms.h"
#include "output.h"
#include "secret_template.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define STREAM "mask.stream"
#define MASKER "mask.masker"

struct masked {
  struct mask *own;            /* of a masker; NULL: the instance's */
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

static struct masked *push_masked(lua_State *L, const char *class)
{
  struct masked *m = lua_newuserdatauv(L, sizeof *m, 0);
  *m = (struct masked){0};
  buf_init(&m->out, BUF_LIMIT);
  luaL_setmetatable(L, class);
  return m;
}

static struct masked *push_stream(lua_State *L)
{
  struct masked *m = push_masked(L, STREAM);
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

static struct masked *check_masked(lua_State *L, const char *class, const char *what)
{
  struct masked *m = luaL_testudata(L, 1, class);
  if (!m)
    failure_misuse(L, "%s: expected a %s, not a %s; call it with ':'", what,
                   strcmp(class, STREAM) == 0 ? "stream of mask.stream" : "masker of mask.new", luaL_typename(L, 1));
  buf_free(&m->out);
  return m;
}

/* ---- what streams and maskers have in common ------------------------------------------------ */

static int feed(lua_State *L, const char *class, const char *what)
{
  size_t len;
  lua_settop(L, 2);
  struct masked *m = check_masked(L, class, what);
  const char *plain = check_text(L, 2, what, &len);
  mask_feed(m->stream, plain, len, &m->out);
  return push_out(L, m);
}

static int finish(lua_State *L, const char *class, const char *what)
{
  lua_settop(L, 1);
  struct masked *m = check_masked(L, class, what);
  mask_finish(m->stream, &m->out);
  return push_out(L, m);
}

static int masked_gc(lua_State *L)
{
  struct masked *m = lua_touserdata(L, 1);
  mask_stream_free(m->stream);
  mask_free(m->own);
  buf_free(&m->out);
  m->stream = NULL;
  m->own = NULL;
  return 0;
}

/* ---- mask.text and mask.stream: the instance's secrets ----------------------------------------- */

/* stream:feed(text) -> what is decided by now */
static int stream_feed(lua_State *L)
{
  return feed(L, STREAM, "stream:feed");
}

/* stream:finish() -> the rest */
static int stream_finish(lua_State *L)
{
  return finish(L, STREAM, "stream:finish");
}

/* mask.text(text) -> the text with *** for every secret */
static int text(lua_State *L)
{
  size_t len;
  lua_settop(L, 1);
  const char *plain = check_text(L, 1, "mask.text", &len);
  struct masked *m = push_stream(L);
  mask_feed(m->stream, plain, len, &m->out);
  mask_finish(m->stream, &m->out);
  return push_out(L, m);
}

/* mask.stream() -> a stream: text cut anywhere goes in, masked text comes out */
static int stream(lua_State *L)
{
  push_stream(L);
  return 1;
}

/* ---- mask.new: a list of one's own -------------------------------------------------------------- */

static int masker_feed(lua_State *L)
{
  return feed(L, MASKER, "masker:feed");
}

static int masker_finish(lua_State *L)
{
  return finish(L, MASKER, "masker:finish");
}

/* masker:text(text) -> a whole text masked, beside what is being fed */
static int masker_text(lua_State *L)
{
  size_t len;
  lua_settop(L, 2);
  struct masked *m = check_masked(L, MASKER, "masker:text");
  const char *plain = check_text(L, 2, "masker:text", &len);
  mask_text(m->own, plain, len, &m->out);
  return push_out(L, m);
}

static void warn_of_short(lua_State *L, const char *what)
{
  char line[128];
  int n = snprintf(line, sizeof line, "davit: warning: %s has fewer than 4 bytes beside white space: it is not masked\n", what);
  output_write(host_of(L)->err, line, (size_t)n);
}

/* True when it is masked from now on. */
static bool add_bytes(lua_State *L, struct masked *m, const char *what, const char *value, size_t len)
{
  if (len > MASK_MAX)
    failure_misuse(L, "%s: larger than 1 MiB: so much cannot be masked", what);
  switch (mask_add(m->own, what, value, len)) {
  case MASK_ADDED: return true;
  case MASK_REFUSED: warn_of_short(L, what); return false;
  case MASK_NO_MEMORY: break;
  }
  failure_memory(L);
  return false;
}

/* The secrets that a template is made of, each alone, and the whole. */
static bool add_template(lua_State *L, struct masked *m, const char *what, int idx)
{
  const struct template *t = secret_check(L, idx, what);
  for (size_t i = 0; t->count > 1 && i < t->count; i++)
    if (t->pieces[i].secret)
      add_bytes(L, m, what, t->pieces[i].secret->value, t->pieces[i].secret->len);
  size_t len;
  const char *bytes = secret_read(L, idx, &len);
  bool added = add_bytes(L, m, what, bytes, len);
  lua_pop(L, 1);
  return added;
}

static bool add_value(lua_State *L, struct masked *m, const char *what, int idx)
{
  size_t len;
  if (secret_test(L, idx))
    return add_template(L, m, what, idx);
  if (lua_type(L, idx) != LUA_TSTRING)
    failure_misuse(L, "%s: expected a string or a secret, not a %s", what, luaL_typename(L, idx));
  const char *value = lua_tolstring(L, idx, &len);
  return add_bytes(L, m, what, value, len);
}

/* masker:add(value) -> whether it is masked from now on; not so when it is too short */
static int masker_add(lua_State *L)
{
  lua_settop(L, 2);
  struct masked *m = check_masked(L, MASKER, "masker:add");
  lua_pushboolean(L, add_value(L, m, "masker:add: the value", 2));
  return 1;
}

/* mask.new({value, …}) -> a masker that knows these, strings or secrets, and no others */
static int new(lua_State *L)
{
  char what[48];
  lua_settop(L, 1);
  if (!lua_isnoneornil(L, 1) && !lua_istable(L, 1))
    return failure_misuse(L, "mask.new: expected a list of strings and secrets, not a %s", luaL_typename(L, 1));
  struct masked *m = push_masked(L, MASKER);
  m->own = mask_new();
  m->stream = m->own ? mask_stream_new(m->own) : NULL;
  if (!m->stream)
    return failure_memory(L);
  lua_Integer count = lua_istable(L, 1) ? luaL_len(L, 1) : 0;
  for (lua_Integer i = 1; i <= count; i++) {
    snprintf(what, sizeof what, "mask.new: value %lld", (long long)i);
    lua_geti(L, 1, i);
    add_value(L, m, what, lua_gettop(L));
    lua_settop(L, 2);
  }
  return 1;
}

int mask_open(lua_State *L)
{
  static const luaL_Reg stream_methods[] = {{"feed", stream_feed}, {"finish", stream_finish}, {NULL, NULL}};
  static const luaL_Reg masker_methods[] = {{"add", masker_add}, {"feed", masker_feed}, {"finish", masker_finish},
                                            {"text", masker_text}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new}, {"stream", stream}, {"text", text}, {NULL, NULL}};
  class_new(L, STREAM, stream_methods, NULL);
  class_event(L, STREAM, "__gc", masked_gc);
  class_new(L, MASKER, masker_methods, NULL);
  class_event(L, MASKER, "__gc", masked_gc);
  luaL_newlib(L, functions);
  return 1;
}
