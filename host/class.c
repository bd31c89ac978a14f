/* class.c - metatables of handles; see class.h. */
#include "class.h"

static void set_function(lua_State *L, const char *event, lua_CFunction f)
{
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, event);
}

/* The metatable on top gets all it is made of. */
static void fill(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close)
{
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  if (close) {
    set_function(L, "__close", close);
    set_function(L, "__gc", close);
  }
  if (methods) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
}

/* Registered last: where memory ends on the way, no class is left that cannot close. */
void class_new(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close)
{
  if (luaL_getmetatable(L, name) == LUA_TNIL) {
    lua_newtable(L);
    fill(L, name, methods, close);
    lua_setfield(L, LUA_REGISTRYINDEX, name);
  }
  lua_pop(L, 1);
}

void class_event(lua_State *L, const char *name, const char *event, lua_CFunction f)
{
  luaL_getmetatable(L, name);
  set_function(L, event, f);
  lua_pop(L, 1);
}

void class_index(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction index)
{
  luaL_getmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
