/* task_state.h - what a task and the scheduler consist of: for task.c, which resumes tasks, and task_lua.c, by which
 * recipes bound and shield them. Everybody else goes by task.h. */
#ifndef TASK_STATE_H
#define TASK_STATE_H
#include "interrupt.h"
#include "task.h"
#include "world.h"

/* A deadline in force: a to-be-closed userdata on the stack of the task. */
struct deadline {
  struct timer timer;
  struct task *task;
  struct deadline *outer;
  double seconds, left;  /* left: of them, while its clock stands still */
  int shield;  /* shields around it: waits inside deeper ones do not feel it */
  int pauses;  /* who wants its clock to stand still */
  bool passed;
};

struct task {
  struct sched *sched;
  lua_State *co;
  struct task *parent, *next_ready, *next_watcher;
  struct deadline *deadlines;  /* innermost first */
  struct timer cleanup;        /* runs while shielded clean-up may */
  int shield;
  bool queued, finished, failed, cleanup_over;
  unsigned long ended;
  const char *cancel;          /* code of the cancellation, or NULL */
  const char *reason;
};

struct sched {
  lua_State *L;
  struct world_clock *clock;
  struct timers timers;
  struct task *current, *first, *ready, *last_ready;
  struct task *watchers;
  struct stop stop;  /* its code is empty until somebody asks */
  struct interrupt interrupt;
  int loading;  /* files being loaded: nothing may have an effect */
  int blocked;  /* resumes under way through which no wait can pass */
  unsigned long endings;
};

/* Pushes the task's userdata. */
void task_push(lua_State *L, const struct task *t);
#endif
