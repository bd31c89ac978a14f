/* stop.c - task.stop, task.stopping, task.on_stop: asking the run to stop, and hearing of it.
 *
 * A cancellation travels from the first task to its children, and each may clean up before its
 * parent goes on. Who must act at once, to record where the run stands and to say how it goes
 * on, cannot wait for that: a watcher is a task beside the tree, that sched_stop() wakes first.
 *
 * Ownership: the handle of task.on_stop anchors the watcher's task, as the scheduler does while
 * it runs; a handle that is collected leaves it watching until the run ends. */
#include "stop.h"
#include "class.h"
#include "failure.h"
#include "field.h"
#include "task.h"
#include <lauxlib.h>
#include <string.h>

#define WATCHER "davit.watcher"

struct watcher {
  struct task *task;
  bool dismissed;  /* it was never told: its end is no news */
};

/* ---- the watcher's task ------------------------------------------------------------- */

static void push_stop(lua_State *L, const struct stop *why)
{
  lua_createtable(L, 0, 3);
  field_text(L, "code", why->code);
  field_text(L, "reason", why->reason);
  if (*why->signal)
    field_text(L, "signal", why->signal);
}

static int watched(lua_State *L, int status, lua_KContext ctx)
{
  (void)L, (void)status, (void)ctx;
  return 0;
}

/* Upvalue: the user's function. */
static int watch(lua_State *L, int status, lua_KContext ctx)
{
  const struct stop *why = sched_stopping(sched_of(L));
  if (!why)
    return task_wait(L, watch, ctx);
  lua_pushvalue(L, lua_upvalueindex(1));
  push_stop(L, why);
  lua_callk(L, 1, 0, 0, watched);
  return 0;
}

static int watcher_main(lua_State *L)
{
  return watch(L, LUA_OK, 0);
}

/* ---- its handle --------------------------------------------------------------------- */

static int close_on(lua_State *L, int status, lua_KContext ctx)
{
  struct watcher *w = luaL_checkudata(L, 1, WATCHER);
  unsigned long ended;
  if (!task_finished(w->task))
    return task_wait_quietly(L, close_on, ctx);
  if (!task_failed(w->task, &ended) || w->dismissed)
    return 0;
  w->dismissed = true;
  task_take(L, w->task);
  return lua_error(L);
}

/* Waits for a watcher that was told, and raises what it raised. */
static int watcher_close(lua_State *L)
{
  struct watcher *w = luaL_checkudata(L, 1, WATCHER);
  lua_settop(L, 1);
  if (!task_finished(w->task)) {
    w->dismissed = !sched_stopping(sched_of(L));
    task_dismiss(w->task, task_current(L));
  }
  return close_on(L, LUA_OK, 0);
}

/* task.on_stop(f) -> handle, to be closed */
static int on_stop(lua_State *L)
{
  if (!lua_isfunction(L, 1))
    return failure_misuse(L, "on_stop: expected a function, not a %s", luaL_typename(L, 1));
  task_current(L);
  lua_settop(L, 1);
  struct watcher *w = lua_newuserdatauv(L, sizeof *w, 1);
  lua_insert(L, 1);
  lua_pushcclosure(L, watcher_main, 1);
  *w = (struct watcher){.task = task_spawn(L, 0, NULL, "")};
  task_watch(w->task);
  lua_setiuservalue(L, 1, 1);
  luaL_setmetatable(L, WATCHER);
  return 1;
}

/* ---- asking ---------------------------------------------------------------------------- */

/* Like all codes of failures: "lease-lost". */
static bool is_code(const char *text)
{
  size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
  return n > 0 && text[n] == 0 && n < sizeof((struct stop *)0)->code;
}

/* task.stop(code, reason) */
static int stop(lua_State *L)
{
  struct stop why = {0};
  const char *code = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
  if (!is_code(code))
    return failure_misuse(L, "stop: expected a code of a-z and '-', such as \"lease-lost\", not '%s'",
                          luaL_tolstring(L, 1, NULL));
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "stop: expected the reason, a string, not a %s", luaL_typename(L, 2));
  struct fault cut;  // at the end of a character
  fault_set(&cut, code, "cancelled", "%s", lua_tostring(L, 2));
  task_current(L);
  strcpy(why.code, code);
  strcpy(why.reason, cut.message);
  sched_stop(sched_of(L), &why);
  return 0;
}

/* task.stopping() -> why the run was asked to stop, or nil */
static int stopping(lua_State *L)
{
  const struct stop *why = sched_stopping(sched_of(L));
  if (why)
    push_stop(L, why);
  else
    lua_pushnil(L);
  return 1;
}

int stop_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"on_stop", on_stop}, {"stop", stop}, {"stopping", stopping}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"close", watcher_close}, {NULL, NULL}};
  class_new(L, WATCHER, methods, NULL);
  class_event(L, WATCHER, "__close", watcher_close);
  luaL_setfuncs(L, functions, 0);
  return 0;
}
