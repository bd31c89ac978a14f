/* failure.c - error values, try and failure; see failure.h for their shape.
 *
 * The texts of an error are masked when it is made: they are shortened, put on one line and handed on in many
 * ways before they come to a sink, and then the mask would not know the rest of a secret. */
#include "failure.h"
#include "buf_lua.h"
#include "excerpt.h"
#include "field.h"
#include "host.h"
#include "secret.h"
#include "traceback.h"
#include <lauxlib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FAILURE "davit.failure"

void fault_set(struct fault *f, const char *code, const char *class, const char *format, ...)
{
  f->code = code;
  f->class = class;
  f->hint[0] = 0;
  va_list ap;
  va_start(ap, format);
  format_cut(f->message, sizeof f->message, format, ap);
  va_end(ap);
}

void fault_join(struct fault *f, const char *code, const char *class, const char *const *pieces)
{
  size_t size = sizeof f->message, len = 0;
  f->code = code;
  f->class = class;
  f->hint[0] = 0;
  for (; *pieces && len < size - 1; pieces++)
    len += copy_text(f->message + len, size - len, *pieces);
  if (len == size - 1)
    mark_cut(f->message, size);
}

void fault_hint(struct fault *f, const char *format, ...)
{
  va_list ap;
  va_start(ap, format);
  format_cut(f->hint, sizeof f->hint, format, ap);
  va_end(ap);
}

/* ---- where: the recipe's line, not the library's ------------------------- */

/* Built-in modules carry chunk names below lua/; everything else is the user's. */
static int is_builtin(const char *source)
{
  return strncmp(source, "@lua/", 5) == 0;
}

/* Pushes "file:line" of the innermost function that the user wrote, or nil. */
static void push_where(lua_State *L)
{
  lua_Debug at;
  for (int level = 0; lua_getstack(L, level, &at); level++) {
    lua_getinfo(L, "Sl", &at);
    if (at.currentline > 0 && !is_builtin(at.source)) {
      lua_pushfstring(L, "%s:%d", at.short_src, at.currentline);
      return;
    }
  }
  lua_pushnil(L);
}

/* ---- building ------------------------------------------------------------ */

static void set_text(lua_State *L, const char *key, const char *text, size_t len, bool cut)
{
  int table = lua_gettop(L);
  struct buf *masked = buf_push_open(L, BUF_LIMIT);
  excerpt_mask(host_of(L)->mask, text, len, cut, masked);
  if (buf_ok(masked))
    lua_pushlstring(L, buf_str(masked), masked->len);
  else
    lua_pushliteral(L, "not enough memory to show the text");
  lua_setfield(L, table, key);
  buf_wipe(masked);
  lua_settop(L, table);
}

void failure_set(lua_State *L, const char *key, const char *text, bool cut)
{
  if (text && *text)
    set_text(L, key, text, strlen(text), cut);
}

static void new_failure(lua_State *L, const char *code, const char *class, const char *message)
{
  lua_createtable(L, 0, 6);
  field_words(L, "code", code);
  field_words(L, "class", class);
  failure_set(L, "message", message, false);
  luaL_setmetatable(L, FAILURE);
}

void failure_push(lua_State *L, const struct fault *f, const char *about)
{
  luaL_checkstack(L, 8, "failure");
  new_failure(L, f->code, f->class, f->message);
  failure_set(L, "hint", f->hint, false);
  failure_set(L, "about", about, false);
  push_where(L);
  lua_setfield(L, -2, "where");
}

int failure_raise(lua_State *L, const struct fault *f, const char *about)
{
  failure_push(L, f, about);
  return lua_error(L);
}

int failure_misuse(lua_State *L, const char *format, ...)
{
  char message[512];
  va_list ap;
  va_start(ap, format);
  format_cut(message, sizeof message, format, ap);
  va_end(ap);
  luaL_checkstack(L, 8, "failure");
  new_failure(L, "misuse", "misuse", message);
  push_where(L);
  lua_setfield(L, -2, "where");
  return lua_error(L);
}

int failure_memory(lua_State *L)
{
  struct fault f;
  fault_set(&f, "out-of-memory", "fatal", "not enough memory");
  return failure_raise(L, &f, NULL);
}

static bool is_failure(lua_State *L, int idx)
{
  if (!lua_istable(L, idx) || !lua_getmetatable(L, idx))
    return false;
  luaL_getmetatable(L, FAILURE);
  bool is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is;
}

/* Splits Lua's own "file:line: message", so that the place is said once. */
static void split_position(lua_State *L, const char *text)
{
  const char *colon = strchr(text, ':');
  size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
  if (digits == 0 || strncmp(colon + 1 + digits, ": ", 2) != 0)
    return;
  set_text(L, "where", text, (size_t)(colon + 1 + digits - text), false);
  failure_set(L, "message", colon + digits + 3, false);
}

/* Pushes a text for an error value that is no text: of a table its message, where it has one. */
static void push_description(lua_State *L, int idx)
{
  if (lua_isnil(L, idx)) {
    lua_pushliteral(L, "error was called without a message");
    return;
  }
  if (lua_istable(L, idx) && luaL_getmetafield(L, idx, "__tostring") == LUA_TNIL) {
    lua_pushliteral(L, "message");
    if (lua_rawget(L, idx) == LUA_TSTRING)
      return;
    lua_pop(L, 1);
    lua_pushliteral(L, "error was called with a table that has no message");
    return;
  }
  luaL_tolstring(L, idx, NULL);
}

/* Turns the error at idx, whatever it is, into a failure, in place. */
static void normalise(lua_State *L, int idx)
{
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, "failure");
  if (is_failure(L, idx))
    return;
  if (lua_type(L, idx) == LUA_TSTRING) {
    const char *text = lua_tostring(L, idx);
    int memory = strcmp(text, "not enough memory") == 0;
    new_failure(L, memory ? "out-of-memory" : "error", "fatal", text);
    if (!memory)
      split_position(L, text);
  } else {
    push_description(L, idx);
    new_failure(L, "error", "fatal", lua_tostring(L, -1));
    lua_remove(L, -2);
    push_where(L);
    lua_setfield(L, -2, "where");
    lua_pushvalue(L, idx);
    lua_setfield(L, -2, "value");
  }
  lua_replace(L, idx);
}

int failure_handler(lua_State *L)
{
  lua_settop(L, 1);
  normalise(L, 1);
  if (lua_getfield(L, 1, "trace") == LUA_TNIL) {
    traceback_push(L, 1);
    lua_setfield(L, 1, "trace");
  }
  lua_settop(L, 1);
  return 1;
}

/* ---- Lua ------------------------------------------------------------------ */

/* Appends the string field, with what stands before it, to the concatenation on top. */
static int add_field(lua_State *L, const char *key, const char *before)
{
  if (lua_getfield(L, 1, key) == LUA_TNIL) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pushstring(L, before);
  luaL_tolstring(L, -2, NULL);
  lua_concat(L, 2);
  lua_remove(L, -2);
  return 1;
}

/* U+0080 to U+009F: terminals that read UTF-8 obey these, too. */
static bool is_wide_control(const unsigned char *text, size_t left)
{
  return left > 1 && text[0] == 0xC2 && text[1] >= 0x80 && text[1] < 0xA0;
}

/* On one line and without commands to a terminal: a service may have written the text. */
static void push_one_line(lua_State *L, const char *text, size_t len)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    bool wide = is_wide_control((const unsigned char *)text + i, len - i);
    luaL_addchar(&b, wide || c < 0x20 || c == 0x7F ? ' ' : (char)c);
    i += wide;
  }
  luaL_pushresult(&b);
}

/* failure:__tostring: "recipes/x.lua:3: message; hint", on one line. */
static int to_string(lua_State *L)
{
  lua_settop(L, 1);
  int n = 0;
  if (lua_getfield(L, 1, "where") == LUA_TSTRING) {
    lua_pushliteral(L, ": ");
    n = 2;
  } else {
    lua_pop(L, 1);
  }
  n += add_field(L, "message", "");
  n += add_field(L, "hint", "; ");
  lua_concat(L, n);
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  push_one_line(L, text, len);
  return 1;
}

static void set_default(lua_State *L, const char *key, const char *value)
{
  lua_settop(L, 1);
  if (lua_getfield(L, 1, key) == LUA_TNIL) {
    lua_pushstring(L, value);
    lua_setfield(L, 1, key);
  }
  lua_settop(L, 1);
}

/* Masks a text of the table on top. */
static void mask_field(lua_State *L, const char *key)
{
  size_t len;
  int table = lua_gettop(L);
  if (lua_getfield(L, table, key) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, -1, &len);
    lua_pushvalue(L, table);
    set_text(L, key, text, len, false);
  }
  lua_settop(L, table);
}

/* failure{code=, message=, class="fatal", hint=, about=}: raises an error value. */
static int raise_table(lua_State *L)
{
  static const char *const texts[] = {"code", "message", "class", "hint", "about", NULL};
  if (lua_type(L, 1) == LUA_TSTRING) {
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "message");
    lua_replace(L, 1);
  }
  if (!lua_istable(L, 1))
    return failure_misuse(L, "failure: expected a table {code=, message=, …} or a text");
  lua_settop(L, 1);
  for (int i = 0; texts[i]; i++) {
    int type = lua_getfield(L, 1, texts[i]);
    if (secret_test(L, 2))
      return secret_refuse(L, 2, lua_pushfstring(L, "failure: '%s'", texts[i]), NULL);
    if (type != LUA_TNIL && type != LUA_TSTRING)
      return failure_misuse(L, "failure: '%s' must be a string, not a %s", texts[i],
                            lua_typename(L, type));
    lua_pop(L, 1);
  }
  if (lua_getfield(L, 1, "message") == LUA_TNIL)
    return failure_misuse(L, "failure: 'message' is required");
  lua_settop(L, 1);
  mask_field(L, "message");
  mask_field(L, "hint");
  mask_field(L, "about");
  set_default(L, "code", "failed");
  set_default(L, "class", "fatal");
  if (lua_getfield(L, 1, "where") == LUA_TNIL) {
    push_where(L);
    lua_setfield(L, 1, "where");
  }
  lua_settop(L, 1);
  luaL_setmetatable(L, FAILURE);
  return lua_error(L);
}

static int tried(lua_State *L, int status, lua_KContext ctx)
{
  (void)ctx;
  if (status == LUA_OK || status == LUA_YIELD)
    return lua_gettop(L) - 1;
  normalise(L, -1);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* try(f, ...) -> what f returns; nil, err when it raised. */
static int try(lua_State *L)
{
  luaL_checkany(L, 1);
  lua_pushcfunction(L, failure_handler);
  lua_insert(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, tried);
  return tried(L, status, 0);
}

int failure_open(lua_State *L)
{
  luaL_newmetatable(L, FAILURE);
  lua_pushcfunction(L, to_string);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "failure");
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
  lua_pushcfunction(L, try);
  lua_setglobal(L, "try");
  lua_pushcfunction(L, raise_table);
  lua_setglobal(L, "failure");
  return 0;
}
