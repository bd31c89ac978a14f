/* secret_derive.c - secrets that are made of others, or of chance: base64, Basic, the password of a URL.
 *
 * The value is computed in memory that is wiped and known to the mask before Lua holds its template.
 * What is made of secrets may go where all of them may. */
#include "buf_lua.h"
#include "escape.h"
#include "failure.h"
#include "host.h"
#include "secret.h"
#include "world.h"
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

/* "NAMES (how)", of the template at idx; pushed. */
static const char *push_name(lua_State *L, int idx, const char *how)
{
  luaL_Buffer b;
  secret_names(L, idx);
  int list = lua_gettop(L);
  luaL_buffinit(L, &b);
  for (int i = 1; i <= (int)lua_rawlen(L, list); i++) {
    if (i > 1)
      luaL_addstring(&b, ", ");
    lua_rawgeti(L, list, i);
    luaL_addvalue(&b);
  }
  luaL_addstring(&b, how);
  luaL_pushresult(&b);
  lua_remove(L, list);
  return lua_tostring(L, -1);
}

static void check_secret(lua_State *L, int idx, const char *what)
{
  if (!secret_test(L, idx))
    failure_misuse(L, "%s: expected a secret, not a %s", what, luaL_typename(L, idx));
}

/* Pushes what is derived of the template at idx. */
static int push_result(lua_State *L, int idx, const char *how, const struct buf *value)
{
  const char *name = push_name(L, idx, how);
  if (!buf_ok(value))
    return failure_memory(L);
  secret_push_derived(L, idx, name, buf_str(value), value->len);
  return 1;
}

/* secret.core.base64(secret, url) -> secret */
int secret_base64(lua_State *L)
{
  size_t len;
  bool url = lua_toboolean(L, 2);
  lua_settop(L, 1);
  check_secret(L, 1, "base64.encode");
  const char *bytes = secret_read(L, 1, &len);
  struct buf *out = buf_push(L, BUF_LIMIT);
  escape_base64(out, bytes, len, url, !url);
  return push_result(L, 1, " (base64)", out);
}

/* ---- Basic ---------------------------------------------------------------------------------- */

/* A colon would end the user's name where the password should begin (RFC 7617). */
static void check_user(lua_State *L)
{
  size_t len;
  const char *user = lua_tolstring(L, 1, &len);
  if (!secret_test(L, 1) && lua_type(L, 1) != LUA_TSTRING)
    failure_misuse(L, "secret.basic: the user must be a string or a secret, not a %s", luaL_typename(L, 1));
  if (user && memchr(user, ':', len))
    failure_misuse(L, "secret.basic: the user's name holds a colon, which ends it");
  if (!secret_test(L, 2) && lua_type(L, 2) != LUA_TSTRING)
    failure_misuse(L, "secret.basic: the password must be a string or a secret, not a %s", luaL_typename(L, 2));
}

/* secret.core.basic(user, password) -> template "Basic …" */
int secret_basic(lua_State *L)
{
  size_t len;
  lua_settop(L, 2);
  check_user(L);
  lua_pushliteral(L, "Basic ");
  lua_pushvalue(L, 1);
  lua_pushliteral(L, ":");
  lua_pushvalue(L, 2);
  secret_concat(L, 3);  // user password "Basic " pair
  check_secret(L, 4, "secret.basic: user or password");
  const char *bytes = secret_read(L, 4, &len);
  struct buf *out = buf_push(L, BUF_LIMIT);
  escape_base64(out, bytes, len, false, true);
  push_result(L, 4, " (Basic)", out);
  lua_pushvalue(L, 3);
  lua_insert(L, -2);
  secret_concat(L, 2);
  return 1;
}

/* ---- the password of a URL ---------------------------------------------------------------------- */

/* Where the password of "scheme://user:password@…" stands. False: there is none, or two readers could find
 * different ones. */
static bool find_password(const char *url, size_t len, const char **from, const char **to)
{
  const char *end = url + len, *at = memmem(url, len, "://", 3);
  if (!at)
    return false;
  at += 3;
  const char *stop = at;
  while (stop < end && !strchr("/?#", *stop))
    stop++;
  *to = memchr(at, '@', (size_t)(stop - at));
  const char *colon = *to ? memchr(at, ':', (size_t)(*to - at)) : NULL;
  if (!colon || colon + 1 == *to || memchr(*to + 1, '@', (size_t)(stop - *to - 1)))
    return false;
  *from = colon + 1;
  return true;
}

static int unhex(char c)
{
  return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

static void add_decoded(struct buf *out, const char *from, const char *to)
{
  while (from < to) {
    bool escaped = *from == '%' && to - from > 2 && unhex(from[1]) >= 0 && unhex(from[2]) >= 0;
    buf_add_char(out, escaped ? (char)(unhex(from[1]) << 4 | unhex(from[2])) : *from);
    from += escaped ? 3 : 1;
  }
}

static int no_password(lua_State *L)
{
  struct fault f;
  fault_set(&f, "secret-part", "fatal", "secret.password: %s holds no password that could be told from the rest",
            luaL_tolstring(L, 1, NULL));
  fault_hint(&f, "its form is scheme://user:password@host, with special characters as %%XX");
  return failure_raise(L, &f, NULL);
}

/* secret.core.password(url) -> secret, decoded */
int secret_password(lua_State *L)
{
  size_t len;
  const char *from, *to;
  lua_settop(L, 1);
  check_secret(L, 1, "secret.password");
  const char *url = secret_read(L, 1, &len);
  if (!find_password(url, len, &from, &to))
    return no_password(L);
  struct buf *out = buf_push(L, BUF_LIMIT);
  add_decoded(out, from, to);
  return push_result(L, 1, " (password)", out);
}

/* ---- chance ---------------------------------------------------------------------------------- */

enum { GENERATED_MIN = 16, GENERATED_MAX = 1024, PLACES_MAX = 64 };

/* secret.core.generate(name, bytes, places) -> secret, in base64url without padding */
int secret_generate(lua_State *L)
{
  unsigned char random[GENERATED_MAX];
  const char *name = luaL_checkstring(L, 1), *places[PLACES_MAX + 1] = {NULL};
  lua_Integer bytes = luaL_checkinteger(L, 2), count = luaL_len(L, 3);
  struct world_random *source = host_of(L)->world->random;
  luaL_argcheck(L, bytes >= GENERATED_MIN && bytes <= GENERATED_MAX, 2, "16 to 1024 bytes");
  luaL_argcheck(L, count >= 1 && count <= PLACES_MAX, 3, "1 to 64 places");
  luaL_checkstack(L, PLACES_MAX + 8, "secret.generate");
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, 3, i);
    places[i - 1] = luaL_checkstring(L, -1);
  }
  struct buf *out = buf_push(L, 4 * GENERATED_MAX);
  if (!source->fill(source, random, (size_t)bytes))
    return failure_misuse(L, "secret.generate: the system gives no random bytes");
  escape_base64(out, (const char *)random, (size_t)bytes, true, false);
  wipe(random, sizeof random);
  if (!buf_ok(out))
    return failure_memory(L);
  secret_push(L, name, buf_str(out), out->len, places);
  return 1;
}
