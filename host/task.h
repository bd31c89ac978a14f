/* task.h - tasks: coroutines that the scheduler owns, and how C functions wait.
 *
 * One loop, one thread, one Lua state. A task is a coroutine anchored in the
 * scheduler; only the scheduler resumes. What ends elsewhere calls task_wake(),
 * which queues; the task goes on in a later turn of the loop, never at once.
 *
 * Cancelling raises at the wait: task_cancel() marks and wakes, and the wait the
 * task is in, and every later one, raises an error value of class "cancelled"
 * until the task has ended. A shielded wait does not raise, until clean-up has
 * used up its time. */
#ifndef TASK_H
#define TASK_H
#include "timer.h"
#include <lua.h>
#include <stdbool.h>

struct interrupt;
struct sched;
struct task;
struct world_clock;

/* ---- the scheduler of a state --------------------------------------------------- */

/* Creates it inside the state, anchored there, and registers the module "task". */
struct sched *sched_new(lua_State *L, struct world_clock *clock);
struct sched *sched_of(lua_State *L);
/* Runs the function below nargs arguments on the main state L as the first task
 * until it has ended. Leaves and returns the number of its results, or raises. */
int sched_run(lua_State *L, int nargs);
/* While on, everything that has an effect raises: for loading files. Calls nest. */
void sched_forbid_effects(struct sched *s, bool on);
/* Raises when effects are forbidden: for those that do not wait, such as print. */
void sched_check_effects(lua_State *L);
/* The world's monotonic time, and the timers that run on it. */
double sched_now(const struct sched *s);
struct timers *sched_timers(struct sched *s);

/* ---- asking the run to stop -------------------------------------------------------- */

/* Who or what asks, e.g. "interrupted", "SIGTERM", "interrupted by SIGTERM"; signal may be "". */
struct stop {
  char code[32], signal[16], reason[512];
};
/* Cancels the first task with that code, and tells the watchers before it. Only the first
 * call has an effect. Safe from callbacks of the loop. */
void sched_stop(struct sched *s, const struct stop *why);
/* Why the run was asked to stop; NULL: it was not. */
const struct stop *sched_stopping(const struct sched *s);
struct interrupt *sched_interrupt(struct sched *s);
/* The task that is running, or NULL. */
struct task *sched_current(const struct sched *s);
/* Makes a new task a watcher: sched_stop wakes it, and what it does then runs shielded, within
 * the time of clean-up. */
void task_watch(struct task *t);
/* A watcher that was not told to stop ends at its wait; `waiter` is woken when it has ended. */
void task_dismiss(struct task *t, struct task *waiter);

/* ---- waiting ---------------------------------------------------------------------- */

/* The task that is running; raises outside of one. */
struct task *task_current(lua_State *L);
/* Wakes a task; fits effect_done and the fire of timers. */
void task_wake(void *task);
/* Waits until woken, then continues with k(L, LUA_YIELD, ctx) on the same stack; raises
 * when the task is cancelled or may not wait here. Use as `return task_wait(...)`.
 * Wakes may be spurious: k looks whether what it waits for is there. */
int task_wait(lua_State *L, lua_KFunction k, lua_KContext ctx);
/* Likewise, but leaves cancellation to k, which asks task_cancelled(). */
int task_wait_quietly(lua_State *L, lua_KFunction k, lua_KContext ctx);
/* True when the waits of this task raise now. */
bool task_cancelled(const struct task *t);
bool task_shielded(const struct task *t);
int task_raise_cancelled(lua_State *L, struct task *t);

/* ---- children ---------------------------------------------------------------------- */

/* Replaces the function and its nargs arguments on top by the userdata of a new task
 * that will run it; `parent` is woken when it ends. The name is added to the path. */
struct task *task_spawn(lua_State *L, int nargs, struct task *parent, const char *name);
/* Both texts must stay. */
void task_cancel(struct task *t, const char *code, const char *reason);
bool task_finished(const struct task *t);
/* True when it ended with an error; *ended orders the endings of all tasks. */
bool task_failed(const struct task *t, unsigned long *ended);
/* Moves what a finished task left (its results, or its error) to L; returns how many. */
int task_take(lua_State *L, struct task *t);

/* ---- for coroutine.c: waits inside a recipe's own coroutines -------------------------- */

/* True when this is the task's own coroutine, not one that a recipe made. */
bool task_is_own(lua_State *L);
/* True when co stands in a wait of Davit's: only who resumed it last may resume it again. */
bool task_waits_in(lua_State *co);
/* Resumes co; *waits: it stopped in a wait of Davit's. */
int task_resume_inner(lua_State *L, lua_State *co, int nargs, int *nres, bool *waits);

/* The module "task" and the global sleep. */
int task_open(lua_State *L);
#endif
