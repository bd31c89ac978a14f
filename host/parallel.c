/* parallel.c - structured concurrency: a call owns its children and outlives them.
 *
 * parallel{ a = f, b = g } and task.nursery(f) are the same machine, a family: the
 * owner waits, without raising, until every child has ended; the first failure, or
 * the owner's own cancellation, cancels the rest. Only then does the call return
 * or raise. */
#include "parallel.h"
#include "failure.h"
#include "order.h"
#include "task.h"
#include <lauxlib.h>
#include <string.h>

struct family {
  struct task *owner;
  bool all;        /* let all finish and report every failure */
  bool nursery;    /* only what "main" returns is kept */
  bool cancelled;  /* the rest was told to stop */
  bool over;       /* every child has ended, and the call with them */
  int failed;
  unsigned long first_ended;
};

/* Stack of the owner's call. */
enum { ARGUMENT = 1, FAMILY, CHILDREN, RESULTS, FAILURES, FIRST };

/* Pops the function on top; it runs as CHILDREN[key], the key at index `key`. */
static void add_child(lua_State *L, struct family *f, int children, int key)
{
  const char *name = luaL_tolstring(L, key, NULL);
  lua_insert(L, -2);
  task_spawn(L, 0, f->owner, name);
  lua_pushvalue(L, key);
  lua_insert(L, -2);
  lua_rawset(L, children);
  lua_pop(L, 1);
}

static void cancel_rest(lua_State *L, struct family *f)
{
  const char *why = task_cancelled(f->owner) ? "the task that started this one was stopped"
                                             : "another branch failed";
  f->cancelled = true;
  order_keys(L, CHILDREN);
  int n = (int)lua_rawlen(L, -1);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    lua_rawget(L, CHILDREN);
    task_cancel(lua_touserdata(L, -1), "cancelled", why);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Records how the child on top (key below it) ended. */
static void settle(lua_State *L, struct family *f)
{
  struct task *t = lua_touserdata(L, -1);
  int key = lua_gettop(L) - 1;
  unsigned long ended;
  bool failed = task_failed(t, &ended);
  int n = task_take(L, t);
  if (failed && (!f->failed++ || ended < f->first_ended)) {
    f->first_ended = ended;
    lua_copy(L, -1, FIRST);
  }
  bool keep = failed || !f->nursery || strcmp(luaL_tolstring(L, key, NULL), "main") == 0;
  lua_settop(L, key + 1 + n);
  if (n && keep) {
    lua_pushvalue(L, key);
    lua_pushvalue(L, key + 2);
    lua_rawset(L, failed ? FAILURES : RESULTS);
  }
  lua_settop(L, key + 1);
}

/* Takes the children that have ended out of the table; returns how many are left. */
static int reap(lua_State *L, struct family *f)
{
  int left = 0;
  lua_pushnil(L);
  while (lua_next(L, CHILDREN)) {
    if (task_finished(lua_touserdata(L, -1))) {
      settle(L, f);
      lua_pushvalue(L, -2);
      lua_pushnil(L);
      lua_rawset(L, CHILDREN);
    } else {
      left++;
    }
    lua_pop(L, 1);
  }
  return left;
}

/* "2 branches failed: a: …; b: …" */
static int raise_all(lua_State *L, struct family *f)
{
  struct fault fault;
  luaL_Buffer b;
  order_keys(L, FAILURES);
  int keys = lua_gettop(L), n = (int)lua_rawlen(L, keys);
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    luaL_tolstring(L, -1, NULL);
    lua_pushvalue(L, -2);
    lua_rawget(L, FAILURES);
    luaL_tolstring(L, -1, NULL);
    lua_pushfstring(L, "%s%s: %s", i > 1 ? "; " : "", lua_tostring(L, -3), lua_tostring(L, -1));
    lua_copy(L, -1, -5);
    lua_pop(L, 4);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  fault_set(&fault, "parallel-failed", "fatal", "%d branch%s failed: %s", f->failed,
            f->failed == 1 ? "" : "es", lua_tostring(L, -1));
  failure_push(L, &fault, NULL);
  lua_pushvalue(L, FAILURES);
  lua_setfield(L, -2, "failures");
  return lua_error(L);
}

static int step(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  struct family *f = lua_touserdata(L, FAMILY);
  int left = reap(L, f);
  if (left && !f->cancelled && (task_cancelled(f->owner) || (f->failed && !f->all)))
    cancel_rest(L, f);
  if (left)
    return task_wait_quietly(L, step, ctx);
  f->over = true;
  if (task_cancelled(f->owner))
    return task_raise_cancelled(L, f->owner);
  if (f->failed && f->all)
    return raise_all(L, f);
  if (f->failed) {
    lua_settop(L, FIRST);
    return lua_error(L);
  }
  lua_settop(L, RESULTS);
  if (f->nursery)
    lua_getfield(L, RESULTS, "main");
  return 1;
}

static struct family *new_family(lua_State *L)
{
  struct task *owner = task_current(L);
  lua_settop(L, ARGUMENT);
  struct family *f = lua_newuserdatauv(L, sizeof *f, 0);
  *f = (struct family){.owner = owner};
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushnil(L);
  return f;
}

/* Every value must be a function before any of them runs. */
static void check_branches(lua_State *L, struct family *f)
{
  lua_pushnil(L);
  while (lua_next(L, ARGUMENT)) {
    bool option = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "all") == 0 &&
                  lua_isboolean(L, -1);
    if (option)
      f->all = lua_toboolean(L, -1);
    else if (!lua_isfunction(L, -1))
      failure_misuse(L, "parallel: branch '%s' must be a function, not a %s",
                     luaL_tolstring(L, -2, NULL), luaL_typename(L, -1));
    lua_pop(L, 1);
  }
}

/* parallel{ all = false, name = function, … } -> { name = result, … } */
static int parallel(lua_State *L)
{
  if (!lua_istable(L, 1))
    return failure_misuse(L, "parallel: expected a table of functions, not a %s",
                          luaL_typename(L, 1));
  struct family *f = new_family(L);
  check_branches(L, f);
  order_keys(L, ARGUMENT);
  int keys = lua_gettop(L), n = (int)lua_rawlen(L, keys);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, ARGUMENT) == LUA_TFUNCTION)
      add_child(L, f, CHILDREN, keys + 1);
    lua_settop(L, keys);
  }
  lua_settop(L, FIRST);
  return step(L, LUA_OK, 0);
}

/* The child of the same name, at index 1: a failure that nobody has seen yet must not get lost. */
static void check_replaceable(lua_State *L, const struct task *t)
{
  struct fault f;
  unsigned long ended;
  if (!task_finished(t))
    failure_misuse(L, "spawn: '%s' is already running", luaL_tolstring(L, 1, NULL));
  if (!task_failed(t, &ended))
    return;
  fault_set(&f, "cancelled", "cancelled", "another branch failed");
  failure_raise(L, &f, NULL);
}

/* spawn(name, f), given to the function of a nursery. Upvalues: family, children. */
static int spawn(lua_State *L)
{
  struct family *f = lua_touserdata(L, lua_upvalueindex(1));
  if (lua_isnoneornil(L, 1) || !lua_isfunction(L, 2))
    return failure_misuse(L, "spawn: expected a name and a function");
  if (f->over)
    return failure_misuse(L, "spawn: the nursery has ended");
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  if (lua_rawget(L, 3) != LUA_TNIL)
    check_replaceable(L, lua_touserdata(L, -1));
  lua_pushvalue(L, 2);
  add_child(L, f, 3, 1);
  f->cancelled = false;  // a family that was told to stop tells the newcomer as well
  task_wake(f->owner);
  return 0;
}

static int nursery_returned(lua_State *L, int status, lua_KContext ctx)
{
  (void)L, (void)status, (void)ctx;
  return 1;
}

/* The first child of a nursery. Upvalues: the user's function, spawn. */
static int nursery_main(lua_State *L)
{
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_callk(L, 1, 1, 0, nursery_returned);
  return 1;
}

/* task.nursery(f) -> what f(spawn) returned; ends when it and all it spawned have. */
static int nursery(lua_State *L)
{
  if (!lua_isfunction(L, 1))
    return failure_misuse(L, "nursery: expected a function, not a %s", luaL_typename(L, 1));
  struct family *f = new_family(L);
  f->nursery = true;
  lua_pushliteral(L, "main");
  lua_pushvalue(L, ARGUMENT);
  lua_pushvalue(L, FAMILY);
  lua_pushvalue(L, CHILDREN);
  lua_pushcclosure(L, spawn, 2);
  lua_pushcclosure(L, nursery_main, 2);
  add_child(L, f, CHILDREN, FIRST + 1);
  lua_settop(L, FIRST);
  return step(L, LUA_OK, 0);
}

int parallel_open(lua_State *L)
{
  lua_pushcfunction(L, parallel);
  lua_setglobal(L, "parallel");
  lua_pushcfunction(L, nursery);
  lua_setfield(L, -2, "nursery");
  return 0;
}
