/* closed.c - a library to preload: it ends a program that pops what is still to be closed.
 *
 * lua_settop() of Lua 5.4.4 closes what it pops, and leaves the top of the stack in freed memory when closing moves
 * the stack. That is rare, and nothing sees it at once; so every such pop is an error here. What is closed asks
 * luaL_checkudata() which handle it is, which nothing else does while lua_settop() runs. */
#include <dlfcn.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local bool popping;

void(lua_settop)(lua_State *L, int idx)
{
  void (*settop)(lua_State *, int) = (void (*)(lua_State *, int))dlsym(RTLD_NEXT, "lua_settop");
  bool outer = popping;
  popping = true;
  settop(L, idx);
  popping = outer;
}

void *(luaL_checkudata)(lua_State *L, int idx, const char *name)
{
  static const char before[] = "popped while it was to be closed: ", after[] = "\n";
  void *(*check)(lua_State *, int, const char *) =
    (void *(*)(lua_State *, int, const char *))dlsym(RTLD_NEXT, "luaL_checkudata");
  if (popping) {
    size_t len = 0;
    while (name[len])
      len++;
    bool told = write(2, before, sizeof before - 1) > 0 && write(2, name, len) > 0 && write(2, after, 1) > 0;
    _exit(told ? 97 : 98);
  }
  return check(L, idx, name);
}
