/* header_lines.c - headers of a request, from Lua; see header_lines.h. */
#include "header_lines.h"
#include "buf_lua.h"
#include "failure.h"
#include "order.h"
#include "secret.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void header_check_token(lua_State *L, const char *what, const char *kind, const char *text)
{
  static const char *token = "!#$%&'*+-.^_`|~0123456789"
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (!*text || text[strspn(text, token)])
    failure_misuse(L, "%s: '%s' is not a valid %s", what, text, kind);
}

/* Where the body ends is ours to say: another length would leave a part of it to be read as the next request. */
static void check_framing(lua_State *L, const char *what, const char *name)
{
  if (strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0)
    failure_misuse(L, "%s: header '%s' is written by Davit, from the body: leave it out", what, name);
}

/* Appends "Name: value" and a NUL for the header whose name is on top. */
static void add_header(lua_State *L, int headers, const char *what, const struct destination *base,
                       struct buf *lines)
{
  if (lua_type(L, -1) != LUA_TSTRING)
    failure_misuse(L, "%s: headers are a table name = value", what);
  const char *name = lua_tostring(L, -1);
  header_check_token(L, what, "header name", name);
  check_framing(L, what, name);
  lua_getfield(L, headers, name);
  if (lua_type(L, -1) != LUA_TSTRING && !secret_test(L, -1))
    failure_misuse(L, "%s: header '%s' must be a string, not a %s", what, name, luaL_typename(L, -1));
  char place[80];
  size_t len;
  snprintf(place, sizeof place, "header '%.60s'", name);
  struct destination to = *base;
  to.place = place;
  to.header = name;
  const char *value = secret_resolve(L, -1, &to, &len);
  if (memchr(value, '\n', len) || memchr(value, '\r', len) || memchr(value, 0, len))
    failure_misuse(L, "%s: header '%s' holds a line break or NUL", what, name);
  /* curl drops "Name:" and sends an empty value for "Name;" */
  buf_printf(lines, len ? "%s: " : "%s;", name);
  buf_add(lines, value, len);
  buf_add_char(lines, 0);
  lua_pop(L, 2);
}

const char *const *header_lines_read(lua_State *L, int headers, const char *what, const struct destination *to)
{
  struct buf *lines = buf_push(L, 1 << 20);
  int n = 0;
  if (headers) {
    order_keys(L, headers);
    n = (int)lua_rawlen(L, -1);
    for (int i = 1; i <= n; i++) {
      lua_rawgeti(L, -1, i);
      add_header(L, headers, what, to, lines);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  if (!buf_ok(lines))
    failure_misuse(L, "%s: the headers are larger than 1 MiB", what);
  return buf_push_list(L, lines, n);
}
