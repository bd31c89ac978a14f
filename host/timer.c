/* timer.c - a binary heap of timers that their owners hold; see timer.h.
 *
 * Invariant: ts->heap[t->slot - 1] == t for every running timer. */
#include "timer.h"
#include <math.h>
#include <stdlib.h>

static bool earlier(const struct timer *a, const struct timer *b)
{
  return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void place(struct timers *ts, struct timer *t, int i)
{
  ts->heap[i] = t;
  t->slot = i + 1;
}

static void sift_up(struct timers *ts, struct timer *t)
{
  int i = t->slot - 1;
  for (; i > 0 && earlier(t, ts->heap[(i - 1) / 2]); i = (i - 1) / 2)
    place(ts, ts->heap[(i - 1) / 2], i);
  place(ts, t, i);
}

static void sift_down(struct timers *ts, struct timer *t)
{
  int i = t->slot - 1;
  for (int child; (child = 2 * i + 1) < ts->count; i = child) {
    if (child + 1 < ts->count && earlier(ts->heap[child + 1], ts->heap[child]))
      child++;
    if (!earlier(ts->heap[child], t))
      break;
    place(ts, ts->heap[child], i);
  }
  place(ts, t, i);
}

static bool grow(struct timers *ts)
{
  int size = ts->size ? 2 * ts->size : 16;
  struct timer **heap = realloc(ts->heap, (size_t)size * sizeof *heap);
  if (!heap)
    return false;
  ts->heap = heap;
  ts->size = size;
  return true;
}

bool timer_start(struct timers *ts, struct timer *t, double due)
{
  timer_stop(ts, t);
  if (ts->count == ts->size && !grow(ts))
    return false;
  t->due = due;
  t->order = ts->order++;
  place(ts, t, ts->count++);
  sift_up(ts, t);
  return true;
}

void timer_stop(struct timers *ts, struct timer *t)
{
  if (!t->slot)
    return;
  struct timer *moved = ts->heap[--ts->count];
  int i = t->slot - 1;
  t->slot = 0;
  if (moved == t)
    return;
  place(ts, moved, i);
  sift_down(ts, moved);
  sift_up(ts, moved);
}

double timers_next(const struct timers *ts)
{
  return ts->count ? ts->heap[0]->due : INFINITY;
}

void timers_fire(struct timers *ts, double now)
{
  while (ts->count && ts->heap[0]->due <= now) {
    struct timer *t = ts->heap[0];
    timer_stop(ts, t);
    t->fire(t->arg);
  }
}

void timers_free(struct timers *ts)
{
  free(ts->heap);
  *ts = (struct timers){0};
}
