/* field.c - fields of tables; see field.h. */
#include "field.h"

void field_boolean(lua_State *L, const char *name, bool is)
{
  lua_pushboolean(L, is);
  lua_setfield(L, -2, name);
}

void field_integer(lua_State *L, const char *name, lua_Integer integer)
{
  lua_pushinteger(L, integer);
  lua_setfield(L, -2, name);
}

void field_number(lua_State *L, const char *name, double number)
{
  lua_pushnumber(L, number);
  lua_setfield(L, -2, name);
}

void field_bytes(lua_State *L, const char *name, const char *bytes, size_t len)
{
  lua_pushlstring(L, bytes, len);
  lua_setfield(L, -2, name);
}

void field_text(lua_State *L, const char *name, const char *text)
{
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

void field_words(lua_State *L, const char *name, const char *text)
{
  if (text && *text)
    field_text(L, name, text);
}
