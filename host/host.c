/* host.c - opens a Lua state as recipes see it: what is there, replaced, absent.
 *
 * The state is made in one protected call, so that running out of memory anywhere
 * in it frees everything and returns NULL. */
#include "host.h"
#include "coroutine.h"
#include "effect.h"
#include "failure.h"
#include "heap.h"
#include "modules.h"
#include "order.h"
#include "output.h"
#include "parallel.h"
#include "stop.h"
#include "task.h"
#include "watched.h"
#include "world.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const luaL_Reg libraries[] = {
  {LUA_GNAME, luaopen_base},          {LUA_LOADLIBNAME, luaopen_package},
  {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table},
  {LUA_OSLIBNAME, luaopen_os},        {LUA_STRLIBNAME, luaopen_string},
  {LUA_MATHLIBNAME, luaopen_math},    {LUA_UTF8LIBNAME, luaopen_utf8},
  {NULL, NULL},
};

static void remove_globals(lua_State *L)
{
  static const char *const absent[] = {"dofile", "loadfile", "collectgarbage", NULL};
  for (int i = 0; absent[i]; i++) {
    lua_pushnil(L);
    lua_setglobal(L, absent[i]);
  }
}

static void open_task(lua_State *L)
{
  host_of(L)->sched = sched_new(L, host_of(L)->world->clock);
  task_open(L);
  stop_open(L);
  parallel_open(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_insert(L, -2);
  lua_setfield(L, -2, "task");
  lua_pop(L, 1);
}

/* Strict globals, os, math.random: policy, in Lua. */
static void run_prelude(lua_State *L)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "prelude");
  lua_call(L, 1, 0);
}

static int open_all(lua_State *L)
{
  for (const luaL_Reg *l = libraries; l->name; l++) {
    luaL_requiref(L, l->name, l->func, 1);
    lua_pop(L, 1);
  }
  remove_globals(L);
  failure_open(L);
  effect_open(L);
  order_open(L);
  coroutine_open(L);
  modules_open(L);
  open_task(L);
  output_open(L);
  run_prelude(L);
  return 0;
}

/* Lua ends the process when this returns. */
static int panic(lua_State *L)
{
  const struct host *h = host_of(L);
  const char *what = lua_tostring(L, -1);
  if (!what || !h->err) {
    fputs("davit: an error outside of every protected call\n", stderr);
    return 0;
  }
  static const char begin[] = "davit: an error outside of every protected call: ";
  output_write(h->err, begin, strlen(begin));
  output_write(h->err, what, strlen(what));
  output_write(h->err, "\n", 1);
  output_flush(h->err);
  return 0;
}

/* Where every block is watched, each has to be one of malloc's. */
static lua_State *new_state(const struct host *host)
{
  if (host->alloc || WATCHED)
    return host->alloc ? lua_newstate(host->alloc, host->alloc_arg) : luaL_newstate();
  struct heap *heap = heap_new();
  lua_State *L = heap ? lua_newstate(heap_alloc, heap) : NULL;
  if (!L)
    heap_free(heap);
  return L;
}

lua_State *host_open(struct host *host)
{
  lua_State *L = new_state(host);
  if (!L)
    return NULL;
  *(struct host **)lua_getextraspace(L) = host;
  lua_atpanic(L, panic);
  lua_pushcfunction(L, open_all);
  if (lua_pcall(L, 0, 0, 0) == LUA_OK)
    return L;
  host_close(L);
  return NULL;
}

void host_close(lua_State *L)
{
  void *heap;
  bool ours = lua_getallocf(L, &heap) == heap_alloc;
  lua_close(L);
  if (ours)
    heap_free(heap);
}
