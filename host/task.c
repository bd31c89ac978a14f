/* task.c - the scheduler: the one place that resumes tasks.
 *
 * A turn of the loop runs every task that was ready when it began, fires the
 * timers that are due, and lets the world wait for the next event. A callback of
 * a library only records and calls task_wake(), which puts the task into the
 * ready queue of the next turn.
 *
 * Ownership: the registry's table of tasks anchors each task from spawn to end, and while it
 * is in the ready queue; its coroutine hangs on it as user value 1, its locals table as user value 2. Its
 * results stay on the coroutine's stack until the parent takes them.
 *
 * Invariants: 1. a task is in the ready queue at most once (t->queued).
 *             2. s->current is set exactly while a task's coroutine runs.
 *             3. a finished task has no timers and no deadlines. */
#include "task_state.h"
#include "class.h"
#include "failure.h"
#include "host.h"
#include <lauxlib.h>
#include <math.h>

#define SCHED "davit.sched"
#define TASK "davit.task"

static const char WAIT = 0;   /* its address is what a wait yields */
static const char TASKS = 0;  /* registry key of the table of tasks */

struct sched *sched_of(lua_State *L)
{
  return host_of(L)->sched;
}

double sched_now(const struct sched *s)
{
  return s->clock->monotonic(s->clock);
}

struct timers *sched_timers(struct sched *s)
{
  return &s->timers;
}

void sched_forbid_effects(struct sched *s, bool on)
{
  s->loading += on ? 1 : -1;
}

static const char no_effects[] =
  "this has an effect, and loading a file has none: do it inside run()";

void sched_check_effects(lua_State *L)
{
  const struct sched *s = sched_of(L);
  if (s && s->loading)
    failure_misuse(L, no_effects);
}

/* ---- waking, cancelling ------------------------------------------------------------ */

void task_wake(void *task)
{
  struct task *t = task;
  struct sched *s = t->sched;
  if (t->queued || t->finished)
    return;
  t->queued = true;
  t->next_ready = NULL;
  if (s->ready)
    s->last_ready->next_ready = t;
  else
    s->ready = t;
  s->last_ready = t;
}

void task_cancel(struct task *t, const char *code, const char *reason)
{
  if (t->cancel || t->finished)
    return;
  t->cancel = code;
  t->reason = reason;
  task_wake(t);
}

void sched_stop(struct sched *s, const struct stop *why)
{
  if (!s->first || *s->stop.code)
    return;
  s->stop = *why;
  for (struct task *t = s->watchers; t; t = t->next_watcher)
    task_cancel(t, s->stop.code, s->stop.reason);
  task_cancel(s->first, s->stop.code, s->stop.reason);
}

const struct stop *sched_stopping(const struct sched *s)
{
  return *s->stop.code ? &s->stop : NULL;
}

struct interrupt *sched_interrupt(struct sched *s)
{
  return &s->interrupt;
}

struct task *sched_current(const struct sched *s)
{
  return s->current;
}

/* Cancelled within a shield, a task goes on, and its clean-up has its limit. */
void task_watch(struct task *t)
{
  struct sched *s = t->sched;
  t->shield++;
  t->next_watcher = s->watchers;
  s->watchers = t;
  if (*s->stop.code)
    task_cancel(t, s->stop.code, s->stop.reason);
}

void task_dismiss(struct task *t, struct task *waiter)
{
  t->parent = waiter;
  if (t->cancel)
    return;
  t->shield--;
  task_cancel(t, "cancelled", "nobody watches any more");
}

static const struct deadline *passed_deadline(const struct task *t)
{
  for (const struct deadline *d = t->deadlines; d; d = d->outer)
    if (d->passed && d->shield >= t->shield)
      return d;
  return NULL;
}

bool task_cancelled(const struct task *t)
{
  return (t->cancel && (t->shield == 0 || t->cleanup_over)) || passed_deadline(t);
}

bool task_shielded(const struct task *t)
{
  return t->shield > 0;
}

int task_raise_cancelled(lua_State *L, struct task *t)
{
  struct fault f;
  if (t->cancel && t->shield && t->cleanup_over)
    fault_set(&f, "cleanup-deadline", "cancelled", "clean-up took longer than %g s",
              host_of(L)->cleanup_seconds);
  else if (t->cancel && t->shield == 0)
    fault_set(&f, t->cancel, "cancelled", "%s", t->reason);
  else
    fault_set(&f, "deadline", "fatal", "the deadline of %g s has passed",
              passed_deadline(t)->seconds);
  return failure_raise(L, &f, NULL);
}

/* ---- waiting --------------------------------------------------------------------- */

struct task *task_current(lua_State *L)
{
  struct sched *s = sched_of(L);
  if (!s || !s->current || s->loading)
    failure_misuse(L, no_effects);
  return s->current;
}

static void cleanup_over(void *arg)
{
  struct task *t = arg;
  t->cleanup_over = true;
  task_wake(t);
}

/* Clean-up after a cancellation may wait, but not for ever. */
static void limit_cleanup(lua_State *L, struct task *t)
{
  if (!t->cancel || !t->shield || t->cleanup.slot || t->cleanup_over)
    return;
  t->cleanup.fire = cleanup_over;
  t->cleanup.arg = t;
  double due = sched_now(t->sched) + host_of(L)->cleanup_seconds;
  if (!timer_start(&t->sched->timers, &t->cleanup, due))
    failure_memory(L);
}

int task_wait_quietly(lua_State *L, lua_KFunction k, lua_KContext ctx)
{
  struct task *t = task_current(L);
  if (t->sched->blocked || !lua_isyieldable(L))
    return failure_misuse(L, "this waits, and Lua cannot wait inside a callback of string.gsub or "
                             "table.sort, a __gc, or require: collect the values first, then loop");
  limit_cleanup(L, t);
  lua_pushlightuserdata(L, (void *)&WAIT);
  return lua_yieldk(L, 1, ctx, k);
}

/* Continues a raising wait with the continuation that task_wait left on the stack. */
static int resumed(lua_State *L, int status, lua_KContext ctx)
{
  struct task *t = task_current(L);
  if (task_cancelled(t))
    return task_raise_cancelled(L, t);
  lua_KFunction k = *(lua_KFunction *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return k(L, status, ctx);
}

int task_wait(lua_State *L, lua_KFunction k, lua_KContext ctx)
{
  struct task *t = task_current(L);
  if (task_cancelled(t))
    return task_raise_cancelled(L, t);
  luaL_checkstack(L, 4, "wait");
  lua_KFunction *kept = lua_newuserdatauv(L, sizeof *kept, 0);
  *kept = k;
  return task_wait_quietly(L, resumed, ctx);
}

/* ---- the life of a task ------------------------------------------------------------- */

static void push_tasks(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &TASKS);
}

void task_push(lua_State *L, const struct task *t)
{
  push_tasks(L);
  lua_rawgetp(L, -1, t);
  lua_remove(L, -2);
}

static int body_done(lua_State *L, int status, lua_KContext ctx)
{
  (void)ctx;
  struct task *t = sched_of(L)->current;
  t->failed = status != LUA_OK && status != LUA_YIELD;
  return t->failed ? 1 : lua_gettop(L) - 1;
}

/* The coroutine's main function; the handler turns errors into failures with a trace. */
static int body(lua_State *L)
{
  lua_pushcfunction(L, failure_handler);
  lua_insert(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, body_done);
  return body_done(L, status, 0);
}

/* locals.path: where in the tree of parallel branches this task is, e.g. "deploy/api". */
static void name_task(lua_State *L, int task, struct task *parent, const char *name)
{
  const char *path = "";
  lua_newtable(L);
  push_tasks(L);
  if (parent && lua_rawgetp(L, -1, parent) == LUA_TUSERDATA) {
    lua_getiuservalue(L, -1, 2);
    lua_getfield(L, -1, "path");
    path = lua_tostring(L, -1);
  }
  lua_pushfstring(L, "%s%s%s", path, *path && *name ? "/" : "", name);
  lua_setfield(L, task + 1, "path");
  lua_settop(L, task + 1);
  lua_setiuservalue(L, task, 2);
}

struct task *task_spawn(lua_State *L, int nargs, struct task *parent, const char *name)
{
  luaL_checkstack(L, 10, "task");
  int f = lua_gettop(L) - nargs;
  struct task *t = lua_newuserdatauv(L, sizeof *t, 2);
  *t = (struct task){.sched = sched_of(L), .parent = parent};
  luaL_setmetatable(L, TASK);
  t->co = lua_newthread(L);
  lua_setiuservalue(L, -2, 1);
  name_task(L, lua_gettop(L), parent, name);
  lua_insert(L, f);  // task f args…
  if (!lua_checkstack(t->co, nargs + 4))
    failure_memory(L);
  lua_pushcfunction(t->co, body);
  lua_xmove(L, t->co, nargs + 1);
  push_tasks(L);
  lua_pushvalue(L, f);
  lua_rawsetp(L, -2, t);
  lua_pop(L, 1);
  task_wake(t);
  return t;
}

static int task_gc(lua_State *L)  /* only a state that closes collects a task that has not ended */
{
  struct task *t = lua_touserdata(L, 1);
  timer_stop(&t->sched->timers, &t->cleanup);
  return 0;
}

/* Those of coroutines that were left suspended: they are closed later, or by another task. */
static void drop_deadlines(struct sched *s, struct task *t)
{
  for (struct deadline *d = t->deadlines; d; d = d->outer) {
    timer_stop(&s->timers, &d->timer);
    d->task = NULL;
  }
  t->deadlines = NULL;
}

static void unanchor(struct sched *s, const struct task *t)
{
  push_tasks(s->L);
  lua_pushnil(s->L);
  lua_rawsetp(s->L, -2, t);
  lua_pop(s->L, 1);
}

static void forget_watcher(struct sched *s, const struct task *t)
{
  struct task **at = &s->watchers;
  while (*at && *at != t)
    at = &(*at)->next_watcher;
  if (*at)
    *at = t->next_watcher;
}

static void finish(struct sched *s, struct task *t, bool failed)
{
  t->finished = true;
  t->failed |= failed;
  t->ended = ++s->endings;
  timer_stop(&s->timers, &t->cleanup);
  drop_deadlines(s, t);
  forget_watcher(s, t);
  if (t->parent)
    task_wake(t->parent);
  if (!t->queued)
    unanchor(s, t);
}

static void run_task(struct sched *s, struct task *t)
{
  int nres, nargs = lua_status(t->co) == LUA_YIELD ? 0 : lua_gettop(t->co) - 1;
  s->current = t;
  interrupt_resume(&s->interrupt, t->co);
  int status = lua_resume(t->co, s->L, nargs, &nres);
  interrupt_resume(&s->interrupt, NULL);
  s->current = NULL;
  if (status == LUA_YIELD)
    lua_pop(t->co, nres);  // the token of a wait: coroutine.yield refuses elsewhere
  else
    finish(s, t, status != LUA_OK);
}

static void run_ready(struct sched *s)
{
  struct task *t = s->ready;
  s->ready = s->last_ready = NULL;
  while (t) {
    struct task *next = t->next_ready;
    t->queued = false;
    if (t->finished)
      unanchor(s, t);  // it woke itself in its last moments
    else
      run_task(s, t);
    t = next;
  }
}

static void turn(struct sched *s)
{
  run_ready(s);
  if (s->first->finished)
    return;
  timers_fire(&s->timers, sched_now(s));
  double until = s->ready ? 0 : timers_next(&s->timers);
  bool alive = s->clock->wait(s->clock, until);
  timers_fire(&s->timers, sched_now(s));
  if (!alive && !s->ready && timers_next(&s->timers) == INFINITY)
    task_cancel(s->first, "deadlock", "every task waits and nothing is under way");
}

int task_take(lua_State *L, struct task *t)
{
  int n = t->failed ? 1 : lua_gettop(t->co);
  luaL_checkstack(L, n + 1, "results");
  lua_xmove(t->co, L, n);
  return n;
}

int sched_run(lua_State *L, int nargs)
{
  struct sched *s = sched_of(L);
  struct task *t = task_spawn(L, nargs, NULL, "");
  s->first = t;
  s->stop = (struct stop){0};
  while (!t->finished)
    turn(s);
  s->first = NULL;
  int n = task_take(L, t);
  return t->failed ? lua_error(L) : n;
}

bool task_finished(const struct task *t)
{
  return t->finished;
}

bool task_failed(const struct task *t, unsigned long *ended)
{
  *ended = t->ended;
  return t->failed;
}

/* ---- a recipe's own coroutines ------------------------------------------------------- */

bool task_is_own(lua_State *L)
{
  struct sched *s = sched_of(L);
  return s->current && s->current->co == L;
}

bool task_waits_in(lua_State *co)
{
  return lua_status(co) == LUA_YIELD && lua_gettop(co) > 0 && lua_touserdata(co, -1) == &WAIT;
}

int task_resume_inner(lua_State *L, lua_State *co, int nargs, int *nres, bool *waits)
{
  struct sched *s = sched_of(L);
  bool blocks = !lua_isyieldable(L);
  if (task_waits_in(co))
    lua_pop(co, 1);
  s->blocked += blocks;
  interrupt_resume(&s->interrupt, co);
  int status = lua_resume(co, L, nargs, nres);
  interrupt_resume(&s->interrupt, L);
  s->blocked -= blocks;
  *waits = task_waits_in(co);
  return status;
}

/* ---- the scheduler -------------------------------------------------------------------- */

static int sched_gc(lua_State *L)
{
  struct sched *s = lua_touserdata(L, 1);
  timers_free(&s->timers);
  return 0;
}

struct sched *sched_new(lua_State *L, struct world_clock *clock)
{
  class_new(L, SCHED, NULL, sched_gc);
  class_new(L, TASK, NULL, task_gc);
  struct sched *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct sched){.L = L, .clock = clock};
  luaL_setmetatable(L, SCHED);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "sched");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &TASKS);
  lua_pop(L, 1);
  return s;
}
