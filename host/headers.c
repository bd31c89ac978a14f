/* headers.c - header lines of HTTP; see headers.h. */
#include "headers.h"
#include <lauxlib.h>
#include <string.h>
#include <strings.h>

/* The value of the first header of this name so far, up to the line's end; NULL: none. */
static const char *find_header(const struct buf *headers, const char *name, size_t name_len)
{
  const char *p = headers->len ? headers->data : "";
  for (; *p; p = strchr(p, '\n') + 1)
    if (strncmp(p, name, name_len) == 0 && p[name_len] == ':')
      return p + name_len + 1;
  return NULL;
}

static bool is_length(const char *value, size_t len)
{
  enum { DIGITS = 18 };  /* what an off_t takes */
  size_t digits = 0;
  for (; len && (*value == ' ' || *value == '\t'); value++)
    len--;
  while (digits < len && value[digits] >= '0' && value[digits] <= '9')
    digits++;
  len -= digits;
  for (value += digits; len && (*value == ' ' || *value == '\t'); value++)
    len--;
  return digits > 0 && digits <= DIGITS && len == 0;
}

/* A length that is none, or two that differ: a lie, or two answers taken for one. */
static bool lies(const struct buf *headers, const char *line, size_t len)
{
  static const char name[] = "content-length";
  size_t n = sizeof name - 1;
  if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
    return false;
  const char *value = line + n + 1, *before = find_header(headers, name, n);
  if (!is_length(value, len - n - 1))
    return true;
  return before && (strcspn(before, "\n") != len - n - 1 || memcmp(before, value, len - n - 1) != 0);
}

static bool keep_header(struct buf *b, const char *line, size_t len)
{
  size_t at = b->len;
  const char *colon = memchr(line, ':', len);
  if (!colon || lies(b, line, len))
    return false;
  buf_add(b, line, len);
  buf_add_char(b, '\n');
  for (char *c = b->data + at; buf_ok(b) && *c != ':'; c++)
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c + 32);
  return true;
}

static bool keep_folded(struct buf *b, const char *line, size_t len)
{
  if (!b->len)
    return false;
  b->data[b->len - 1] = ' ';
  buf_add(b, line, len);
  buf_add_char(b, '\n');
  return true;
}

bool headers_keep(struct buf *lines, const char *line, size_t len)
{
  bool folded = len > 0 && (*line == ' ' || *line == '\t');
  return folded ? keep_folded(lines, line, len) : keep_header(lines, line, len);
}

/* table -> table; value is a string, or the list of those of a name that came before. True: it is one of these. */
static bool add_field(lua_State *L, const char *name, size_t name_len, const char *value, size_t len)
{
  lua_pushlstring(L, name, name_len);
  lua_pushvalue(L, -1);
  int before = lua_rawget(L, -3);  // table name before
  if (before == LUA_TSTRING) {
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
  }
  lua_pushlstring(L, value, len);
  if (before == LUA_TNIL)
    lua_remove(L, -2);
  else
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_rawset(L, -3);
  return before != LUA_TNIL;
}

/* list -> string; joined at once, as a name may come thousands of times */
static void join(lua_State *L)
{
  luaL_Buffer b;
  int list = lua_gettop(L);
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  luaL_buffinit(L, &b);
  for (lua_Integer i = 1; i <= n; i++) {
    if (i > 1)
      luaL_addstring(&b, ", ");
    lua_rawgeti(L, list, i);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  lua_remove(L, list);
}

static void join_lists(lua_State *L)
{
  lua_pushnil(L);
  while (lua_next(L, -2)) {  // table name value
    if (lua_istable(L, -1)) {
      join(L);
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    } else {
      lua_pop(L, 1);
    }
  }
}

static int count_lines(const char *lines)
{
  int n = 0;
  while ((lines = strchr(lines, '\n'))) {
    lines++;
    n++;
  }
  return n;
}

void headers_push(lua_State *L, const char *lines)
{
  bool lists = false;
  lua_createtable(L, 0, count_lines(lines));
  while (*lines) {
    size_t line = strcspn(lines, "\n"), name = strcspn(lines, ":\n");
    if (name < line) {
      const char *value = lines + name + 1, *end = lines + line;
      while (value < end && (*value == ' ' || *value == '\t'))
        value++;
      lists |= add_field(L, lines, name, value, (size_t)(end - value));
    }
    lines += line + (lines[line] == '\n');
  }
  if (lists)
    join_lists(L);
}
