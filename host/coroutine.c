/* coroutine.c - resume, wrap, close and yield that let Davit's waits pass through.
 *
 * When a coroutine that a recipe made stops in a wait, whoever resumed it waits in
 * its place and resumes it again afterwards, so that neither notices. Until then nobody else
 * may resume or close it: what it waits for would wake a task that has gone on. */
#include "coroutine.h"
#include "failure.h"
#include "task.h"
#include <lauxlib.h>

enum { CO = 1 };

static int resume_again(lua_State *L, int status, lua_KContext wrapped);

/* Raises the coroutine's error in the caller of its wrap, after closing it. */
static int wrap_failed(lua_State *L, lua_State *co)
{
  if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD)
    lua_resetthread(co);
  lua_xmove(co, L, 1);
  return lua_error(L);
}

/* Resumes the coroutine at CO with the nargs values on its stack. */
static int resume_step(lua_State *L, int nargs, lua_KContext wrapped)
{
  lua_State *co = lua_tothread(L, CO);
  int nres;
  bool waits;
  int status = task_resume_inner(L, co, nargs, &nres, &waits);
  if (waits)
    return task_wait_quietly(L, resume_again, wrapped);
  bool failed = status != LUA_OK && status != LUA_YIELD;
  if (failed && wrapped)
    return wrap_failed(L, co);
  nres = failed ? 1 : nres;
  luaL_checkstack(L, nres + 1, "too many results");
  if (!wrapped)
    lua_pushboolean(L, !failed);
  lua_xmove(co, L, nres);
  return nres + !wrapped;
}

static int resume_again(lua_State *L, int status, lua_KContext wrapped)
{
  (void)status;
  lua_settop(L, CO);
  return resume_step(L, 0, wrapped);
}

/* Why a coroutine cannot be resumed, or NULL. */
static const char *unresumable(lua_State *L, lua_State *co)
{
  if (co == L)
    return "cannot resume non-suspended coroutine";
  if (task_waits_in(co))
    return "cannot resume a coroutine that another task waits in";
  if (lua_status(co) == LUA_YIELD)
    return NULL;
  lua_Debug at;
  if (lua_status(co) != LUA_OK || (lua_getstack(co, 0, &at) == 0 && lua_gettop(co) == 0))
    return "cannot resume dead coroutine";
  return lua_getstack(co, 0, &at) ? "cannot resume non-suspended coroutine" : NULL;
}

/* Moves the arguments above CO into the coroutine and starts it. */
static int start(lua_State *L, bool wrapped)
{
  lua_State *co = lua_tothread(L, CO);
  int nargs = lua_gettop(L) - CO;
  const char *why = unresumable(L, co);
  if (!why && !lua_checkstack(co, nargs + 1))
    why = "too many arguments to resume";
  if (why && wrapped)
    return luaL_error(L, "%s", why);
  if (why) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, why);
    return 2;
  }
  lua_xmove(L, co, nargs);
  return resume_step(L, nargs, wrapped);
}

static int resume(lua_State *L)
{
  luaL_checktype(L, CO, LUA_TTHREAD);
  return start(L, false);
}

static int call_wrapped(lua_State *L)
{
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, CO);
  return start(L, true);
}

static int wrap(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

/* close(co), in place of Lua's own, the upvalue. */
static int close(lua_State *L)
{
  lua_State *co = lua_tothread(L, CO);
  if (co && task_waits_in(co))
    return luaL_error(L, "cannot close a coroutine that another task waits in");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static int yield(lua_State *L)
{
  if (task_is_own(L))
    return failure_misuse(L, "coroutine.yield outside of a coroutine: a task waits by calling "
                             "what it waits for");
  return lua_yield(L, lua_gettop(L));
}

int coroutine_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"resume", resume}, {"wrap", wrap}, {"yield", yield}, {NULL, NULL}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, functions, 0);
  lua_getfield(L, -1, "close");
  lua_pushcclosure(L, close, 1);
  lua_setfield(L, -2, "close");
  lua_pop(L, 1);
  return 0;
}
