/* latch.c - tasks that wait for one thing; see latch.h.
 *
 * Ownership: who waits owns the waiter and may free it at any time; the latch only lists it. */
#include "latch.h"
#include <stdlib.h>

struct latch_waiter {
  struct effect effect;
  struct latch *latch;  /* NULL: it was told */
  struct latch_waiter *next;
};

static void leave(struct latch_waiter *w)
{
  struct latch_waiter **at = &w->latch->waiters;
  while (*at != w)
    at = &(*at)->next;
  *at = w->next;
  w->latch = NULL;
}

static void stop_waiting(struct effect *e)
{
  struct latch_waiter *w = (struct latch_waiter *)e;
  if (w->latch)
    leave(w);
  free(w);
}

struct effect *latch_wait(struct latch *l, effect_done *done, void *arg)
{
  struct latch_waiter *w = malloc(sizeof *w);
  if (!w)
    return NULL;
  *w = (struct latch_waiter){.effect = {.destroy = stop_waiting, .done = done, .arg = arg}, .latch = l,
                             .next = l->waiters};
  l->waiters = w;
  return &w->effect;
}

void latch_open(struct latch *l)
{
  while (l->waiters) {
    struct latch_waiter *w = l->waiters;
    leave(w);
    effect_finish(&w->effect);
  }
}
