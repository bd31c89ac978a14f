/* limited.c - the module "limited": calls of Lua that cannot go on for ever.
 *
 * limited.call(steps, f, …) -> true and what f returned; false and the error. After so many instructions of the
 *   virtual machine f ends with an error that says so, with the line where it was. In C nothing is counted.
 * For Lua states in which no task runs, such as a rehearsal's models: no hook but this one is there. */
#include "modules.h"
#include <lauxlib.h>

static void too_many(lua_State *L, lua_Debug *at)
{
  lua_sethook(L, NULL, 0, 0);
  lua_getinfo(L, "Sl", at);
  luaL_error(L, "%s:%d: it does not end", at->short_src, at->currentline);
}

static int call(lua_State *L)
{
  int steps = (int)luaL_checkinteger(L, 1);
  luaL_argcheck(L, steps > 0, 1, "is at least 1");
  luaL_checkany(L, 2);
  lua_sethook(L, too_many, LUA_MASKCOUNT, steps);
  int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  lua_sethook(L, NULL, 0, 0);
  lua_pushboolean(L, status == LUA_OK);
  lua_replace(L, 1);
  return lua_gettop(L);
}

int limited_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"call", call}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
