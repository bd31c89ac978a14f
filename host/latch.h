/* latch.h - tasks that wait for one thing on the loop. Knows nothing of Lua.
 *
 * Its owner opens it whenever there may be something to see; who waits is told once, and looks. */
#ifndef LATCH_H
#define LATCH_H
#include "effect.h"

struct latch_waiter;
struct latch {
  struct latch_waiter *waiters;
};

/* An effect that finishes when the latch is opened next. NULL: out of memory. It may be freed before
 * and after the latch is gone, if that was opened at its end. */
struct effect *latch_wait(struct latch *l, effect_done *done, void *arg);
/* Tells all who wait at this moment. */
void latch_open(struct latch *l);
#endif
