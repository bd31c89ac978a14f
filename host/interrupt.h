/* interrupt.h - how a signal reaches Lua: as a stop of the run, and as an error where Lua
 * computes on without ever waiting. */
#ifndef INTERRUPT_H
#define INTERRUPT_H
#include <lua.h>
#include <signal.h>

struct sched;

/* Part of the scheduler. */
struct interrupt {
  lua_State *volatile running;   /* the coroutine whose code runs; NULL: none */
  volatile sig_atomic_t signal;  /* that was caught; 0: none */
  double since;                  /* when Lua was first seen to compute on; 0: it was not */
};

/* The scheduler tells which coroutine it resumes, or goes back to; NULL: none. */
void interrupt_resume(struct interrupt *i, lua_State *co);
/* For the handler of a signal, on the thread that runs Lua. */
void interrupt_signal(struct interrupt *i, int number);
/* Stops the run: from the loop, soon after the handler. */
void interrupt_stop(struct sched *s, int number);
#endif
