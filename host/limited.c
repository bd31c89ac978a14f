/* limited.c - the module "limited": calls of Lua that cannot go on for ever.
 *
 * limited.call(steps, f, …) -> true and what f returned; false and the error. After so many instructions of the
 *   virtual machine f ends with an error that says so, with the line where it was. In C nothing is counted. The
 *   memory that it may hold has an end, too.
 * For Lua states in which no task runs, such as a rehearsal's models: no hook but this one is there. */
#include "modules.h"
#include <lauxlib.h>
#include <stddef.h>

#define MOST_BYTES ((ptrdiff_t)64 << 20)
#define MOST_TEXT "it wants more than 64 MB of memory"

/* The state's allocator, counted from the beginning of a call. */
struct purse {
  lua_Alloc alloc;
  void *arg;
  ptrdiff_t held;
};

static void *spend(void *arg, void *block, size_t old, size_t size)
{
  struct purse *p = arg;
  ptrdiff_t more = (ptrdiff_t)size - (block ? (ptrdiff_t)old : 0);
  if (more > 0 && p->held > MOST_BYTES - more)
    return NULL;
  void *moved = p->alloc(p->arg, block, old, size);
  if (moved || size == 0)
    p->held += more;
  return moved;
}

/* A pcall that holds no more memory than it may. Whoever is refused some has collected garbage before. */
static int bounded_call(lua_State *L, int arguments)
{
  struct purse purse = {.held = 0};
  purse.alloc = lua_getallocf(L, &purse.arg);
  lua_setallocf(L, spend, &purse);
  int status = lua_pcall(L, arguments, LUA_MULTRET, 0);
  lua_setallocf(L, purse.alloc, purse.arg);
  return status;
}

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
  int status = bounded_call(L, lua_gettop(L) - 2);
  lua_sethook(L, NULL, 0, 0);
  if (status == LUA_ERRMEM) {
    lua_pushliteral(L, MOST_TEXT);
    lua_replace(L, -2);
  }
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
