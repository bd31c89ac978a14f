/* interrupt.c - how a signal reaches Lua; see interrupt.h.
 *
 * Whoever waits is stopped by the loop. Lua that computes on keeps the loop from running, so
 * the handler sets a hook on the running coroutine, as lua.c does: lua_sethook is made for
 * that. The hook waits for PATIENCE before it raises. Code between two waits takes a small
 * part of that, so that what stands between an effect and the note of its result is never
 * cut apart; what computes for longer has no effects that could get lost.
 *
 * Shielded code is left alone, and so is C: a pattern that never matches ends only with the
 * second signal, as does a loop that catches every error. */
#include "interrupt.h"
#include "task.h"
#include <stdio.h>
#include <string.h>

#define PATIENCE 0.5
#define AGAIN 0.05  /* when the error was caught, and computing goes on */

enum { INSTRUCTIONS = 10000 };  /* between two looks */

void interrupt_stop(struct sched *s, int number)
{
  struct stop why = {.code = "interrupted"};
  snprintf(why.signal, sizeof why.signal, "SIG%s", sigabbrev_np(number));
  snprintf(why.reason, sizeof why.reason, "interrupted by %s", why.signal);
  sched_stop(s, &why);
}

static void hook(lua_State *L, lua_Debug *at)
{
  (void)at;
  struct sched *s = sched_of(L);
  struct interrupt *i = sched_interrupt(s);
  struct task *t = sched_current(s);
  double now = sched_now(s);
  if (!i->since || task_shielded(t))
    i->since = now;
  if (now - i->since < PATIENCE)
    return;
  i->since = now - PATIENCE + AGAIN;
  interrupt_stop(s, i->signal);
  const struct stop *why = sched_stopping(s);
  task_cancel(t, why->code, why->reason);
  task_raise_cancelled(L, t);
}

/* Once for each coroutine: setting it starts the count anew. */
static void set_hook(lua_State *co)
{
  if (co && lua_gethook(co) != hook)
    lua_sethook(co, hook, LUA_MASKCOUNT, INSTRUCTIONS);
}

/* The flag is set before the coroutine is read, and read after the coroutine is set: whichever
 * way a signal falls between, one of the two sets the hook. */
void interrupt_signal(struct interrupt *i, int number)
{
  i->signal = number;
  set_hook(i->running);
}

void interrupt_resume(struct interrupt *i, lua_State *co)
{
  if (!i->running)
    i->since = 0;
  i->running = co;
  if (i->signal)
    set_hook(co);
}
