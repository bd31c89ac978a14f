/* timer.h - timers in the world's time, in a heap. Knows nothing of Lua or tasks. */
#ifndef TIMER_H
#define TIMER_H
#include <stdbool.h>

struct timer {
  double due;  /* monotonic seconds */
  void (*fire)(void *arg);
  void *arg;
  unsigned long order;  /* equal times fire in the order they were started */
  int slot;             /* position in the heap plus one; 0: not running */
};

struct timers {
  struct timer **heap;
  int count, size;
  unsigned long order;
};

/* Starts or moves a timer that the caller owns. False: out of memory. */
bool timer_start(struct timers *ts, struct timer *t, double due);
void timer_stop(struct timers *ts, struct timer *t);
/* When the next one is due; INFINITY when none runs. */
double timers_next(const struct timers *ts);
/* Fires what is due at `now`. */
void timers_fire(struct timers *ts, double now);
void timers_free(struct timers *ts);
#endif
