/* json.c - the module "json": null, the mark of arrays, pointers, and all there is of cjson.
 *
 * cjson alone would read integers as floats, write 14 digits, turn [] into {}, and accept
 * NaN, repeated names and broken UTF-8. So json_decode.c and json_encode.c walk texts and
 * tables themselves and leave to cjson what it does exactly: the escapes of strings and
 * the digits of floats. cjson ends the process when its own buffer finds no memory, and
 * loses that buffer when Lua finds none; tests that make allocations fail leave it out. */
#include "json.h"
#include "failure.h"
#include "opt.h"
#include <lauxlib.h>
#include <lua-cjson.h>
#include <string.h>

#define ARRAY "davit.json.array"

/* ---- values ------------------------------------------------------------------------- */

void json_push_null(lua_State *L)
{
  lua_pushlightuserdata(L, NULL);
}

void json_mark_array(lua_State *L)
{
  luaL_newmetatable(L, ARRAY);
  lua_setmetatable(L, -2);
}

bool json_is_array(lua_State *L, int idx)
{
  if (!lua_istable(L, idx) || !lua_getmetatable(L, idx))
    return false;
  luaL_getmetatable(L, ARRAY);
  bool is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is;
}

/* json.array(table) -> the same table, marked */
static int array(lua_State *L)
{
  if (!lua_istable(L, 1))
    return failure_misuse(L, "json.array: expected a table, not a %s", luaL_typename(L, 1));
  if (lua_getmetatable(L, 1) && !json_is_array(L, 1))
    return failure_misuse(L, "json.array: the table has a metatable of its own");
  lua_settop(L, 1);
  json_mark_array(L);
  return 1;
}

/* ---- pointers: RFC 6901 --------------------------------------------------------------- */

/* Pushes the name that ends at the next slash, with ~1 and ~0 undone; returns where it ends. */
static const char *push_name(lua_State *L, const char *at, const char *end)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (; at < end && *at != '/'; at++) {
    if (*at == '~' && at[1] != '0' && at[1] != '1')
      failure_misuse(L, "json.pointer: '~' is followed by 0 (for ~) or 1 (for /)");
    if (*at == '~')
      luaL_addchar(&b, *++at == '1' ? '/' : '~');
    else
      luaL_addchar(&b, *at);
  }
  luaL_pushresult(&b);
  return at;
}

/* The position, from 1, that the name on top means in an array; 0 when it means none. */
static lua_Integer position(lua_State *L)
{
  const char *name = lua_tostring(L, -1);
  size_t digits = strspn(name, "0123456789");
  if (digits == 0 || digits > 9 || digits != lua_rawlen(L, -1) || (*name == '0' && digits > 1))
    return 0;
  return lua_tointeger(L, -1) + 1;
}

/* container name -> member, or nil */
static void descend(lua_State *L)
{
  if (!lua_istable(L, -2)) {
    lua_pushnil(L);
  } else {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
      lua_pop(L, 1);
      lua_rawgeti(L, -2, position(L));
    }
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* json.pointer(value, "/a/0/b") -> the value there, or nil */
static int pointer(lua_State *L)
{
  size_t len;
  if (lua_isnone(L, 1))
    return failure_misuse(L, "json.pointer: expected a value");
  const char *at = opt_string(L, 2, "json.pointer", "pointer", &len), *end = at + len;
  if (len > 0 && *at != '/')
    return failure_misuse(L, "json.pointer: the pointer must be empty or start with '/'");
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  while (at < end) {
    at = push_name(L, at + 1, end);
    descend(L);
  }
  return 1;
}

/* ---- the module ------------------------------------------------------------------------ */

/* The walks have cjson's table as their upvalue. */
void json_convert(lua_State *L, const char *function)
{
  lua_getfield(L, lua_upvalueindex(1), function);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}

static void push_cjson(lua_State *L)
{
  luaopen_cjson(L);
  lua_getfield(L, -1, "encode_keep_buffer");
  lua_pushboolean(L, false);
  lua_call(L, 1, 0);
}

int json_open(lua_State *L)
{
  static const luaL_Reg plain[] = {{"array", array}, {"pointer", pointer}, {NULL, NULL}};
  static const luaL_Reg walks[] = {{"decode", json_decode}, {"encode", json_encode}, {NULL, NULL}};
  luaL_newlib(L, plain);
  push_cjson(L);
  luaL_setfuncs(L, walks, 1);
  json_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}
