/* task_lua.c - the module "task" and the global sleep: how recipes wait, bound what they do, and shield clean-up. */
#include "task_state.h"
#include "class.h"
#include "failure.h"
#include <lauxlib.h>
#include <math.h>

#define DEADLINE "davit.deadline"
#define SHIELD "davit.shield"
#define SLEEP "davit.sleep"

static double check_seconds(lua_State *L, const char *what)
{
  if (lua_type(L, 1) != LUA_TNUMBER || !(lua_tonumber(L, 1) >= 0) || isinf(lua_tonumber(L, 1)))
    failure_misuse(L, "%s: expected seconds, a number of at least 0, not %s", what,
                   luaL_tolstring(L, 1, NULL));
  return lua_tonumber(L, 1);
}

static void check_function(lua_State *L, int idx, const char *what)
{
  if (!lua_isfunction(L, idx))
    failure_misuse(L, "%s: expected a function, not a %s", what, luaL_typename(L, idx));
}

/* ---- sleeping ------------------------------------------------------------------------------ */

static int sleep_close(lua_State *L)  /* __close and __gc */
{
  timer_stop(&sched_of(L)->timers, luaL_checkudata(L, 1, SLEEP));
  return 0;
}

static int slept(lua_State *L, int status, lua_KContext timer)
{
  (void)status;
  struct timer *t = (struct timer *)timer;
  return t->slot ? task_wait(L, slept, timer) : 0;
}

static int sleep_for(lua_State *L)
{
  double seconds = check_seconds(L, "sleep");
  struct task *task = task_current(L);
  struct timer *t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = (struct timer){.fire = task_wake, .arg = task};
  luaL_setmetatable(L, SLEEP);
  lua_toclose(L, -1);
  if (!timer_start(&task->sched->timers, t, sched_now(task->sched) + seconds))
    return failure_memory(L);
  return task_wait(L, slept, (lua_KContext)t);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static int returned(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

static void deadline_passed(void *arg)
{
  struct deadline *d = arg;
  d->passed = true;
  task_wake(d->task);
}

static int deadline_close(lua_State *L)  /* __close and __gc */
{
  struct deadline *d = luaL_checkudata(L, 1, DEADLINE);
  if (!d->task)
    return 0;
  timer_stop(&d->task->sched->timers, &d->timer);
  struct deadline **at = &d->task->deadlines;
  while (*at != d)
    at = &(*at)->outer;
  *at = d->outer;
  d->task = NULL;
  return 0;
}

/* Puts a deadline in the place of the seconds, for as long as the function that called runs. */
static void set_deadline(lua_State *L, const char *what)
{
  double seconds = check_seconds(L, what);
  check_function(L, 2, what);
  struct task *t = task_current(L);
  struct deadline *d = lua_newuserdatauv(L, sizeof *d, 0);
  *d = (struct deadline){.timer = {.fire = deadline_passed, .arg = d}, .seconds = seconds};
  luaL_setmetatable(L, DEADLINE);
  lua_replace(L, 1);
  lua_toclose(L, 1);
  if (!timer_start(&t->sched->timers, &d->timer, sched_now(t->sched) + seconds))
    failure_memory(L);
  d->task = t;
  d->outer = t->deadlines;
  d->shield = t->shield;
  t->deadlines = d;
}

/* task.deadline(seconds, f, ...): deadlines nest as scopes do, except across coroutines. */
static int deadline(lua_State *L)
{
  set_deadline(L, "deadline");
  lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, returned);
  return returned(L, LUA_OK, 0);
}

/* task.limit(seconds, f): a deadline whose clock f may hold: f(limit). */
static int limit(lua_State *L)
{
  set_deadline(L, "limit");
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  lua_callk(L, 1, LUA_MULTRET, 0, returned);
  return returned(L, LUA_OK, 0);
}

static void hold_clock(struct deadline *d)
{
  d->left = fmax(d->timer.due - sched_now(d->task->sched), 0);
  timer_stop(&d->task->sched->timers, &d->timer);
}

/* limit:pause() */
static int limit_pause(lua_State *L)
{
  struct deadline *d = luaL_checkudata(L, 1, DEADLINE);
  if (d->pauses++ == 0 && d->task && !d->passed)
    hold_clock(d);
  return 0;
}

/* limit:go(), once for each pause */
static int limit_go(lua_State *L)
{
  struct deadline *d = luaL_checkudata(L, 1, DEADLINE);
  if (d->pauses == 0)
    return failure_misuse(L, "limit:go: its clock goes already");
  if (--d->pauses > 0 || !d->task || d->passed)
    return 0;
  struct sched *s = d->task->sched;
  return timer_start(&s->timers, &d->timer, sched_now(s) + d->left) ? 0 : failure_memory(L);
}

/* limit:passed() */
static int limit_passed(lua_State *L)
{
  struct deadline *d = luaL_checkudata(L, 1, DEADLINE);
  lua_pushboolean(L, d->passed);
  return 1;
}

/* Seconds until the first deadline that this task would feel, its own or one it was spawned under. */
static double time_left(const struct task *t)
{
  double due = INFINITY;
  for (const struct task *at = t; at; at = at->shield == 0 ? at->parent : NULL)
    for (const struct deadline *d = at->deadlines; d; d = d->outer)
      if (d->shield >= at->shield && (d->pauses == 0 || d->passed))
        due = fmin(due, d->timer.due);
  return fmax(due - sched_now(t->sched), 0);
}

/* task.remaining() -> seconds, or nil without a deadline */
static int remaining(lua_State *L)
{
  double left = time_left(task_current(L));
  if (isinf(left))
    lua_pushnil(L);
  else
    lua_pushnumber(L, left);
  return 1;
}

/* ---- shields, and what a task has of its own ----------------------------------------------- */

static int shield_close(lua_State *L)
{
  struct task **box = luaL_checkudata(L, 1, SHIELD);
  (*box)->shield--;
  return 0;
}

/* task.shield(f, ...): clean-up that a cancellation does not cut short. */
static int shield(lua_State *L)
{
  check_function(L, 1, "shield");
  struct task **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = task_current(L);
  luaL_setmetatable(L, SHIELD);
  task_push(L, *box);  // anchored: a coroutine left inside the shield may outlive the task
  lua_setiuservalue(L, -2, 1);
  lua_insert(L, 1);
  (*box)->shield++;
  lua_toclose(L, 1);
  lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, returned);
  return returned(L, LUA_OK, 0);
}

/* task.locals() -> the running task's own table; its field `path` names the branch. */
static int locals(lua_State *L)
{
  task_push(L, task_current(L));
  lua_getiuservalue(L, -1, 2);
  return 1;
}

int task_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"deadline", deadline}, {"limit", limit},   {"locals", locals},   {"remaining", remaining},
    {"shield", shield},     {"sleep", sleep_for}, {NULL, NULL}};
  static const luaL_Reg limits[] = {
    {"pause", limit_pause}, {"go", limit_go}, {"passed", limit_passed}, {NULL, NULL}};
  class_new(L, SLEEP, NULL, sleep_close);
  class_new(L, DEADLINE, limits, deadline_close);
  class_new(L, SHIELD, NULL, NULL);
  class_event(L, SHIELD, "__close", shield_close);
  luaL_newlib(L, functions);
  lua_getfield(L, -1, "sleep");
  lua_setglobal(L, "sleep");
  return 1;
}
