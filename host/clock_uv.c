/* clock_uv.c - the real clock: libuv's loop is what "waiting" means. */
#include "real.h"
#include <math.h>
#include <stdlib.h>
#include <time.h>

struct clock_uv {
  struct world_clock base;
  uv_loop_t *loop;
  uv_timer_t timer;
};

static double read_clock(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(struct world_clock *c)
{
  (void)c;
  return read_clock(CLOCK_REALTIME);
}

static double monotonic(struct world_clock *c)
{
  (void)c;
  return read_clock(CLOCK_MONOTONIC);
}

static void tick(uv_timer_t *timer)
{
  (void)timer;
}

static bool wait_until(struct world_clock *base, double until)
{
  struct clock_uv *c = (struct clock_uv *)base;
  double seconds = until - monotonic(base);
  if (seconds <= 0)
    return uv_run(c->loop, UV_RUN_NOWAIT), true;
  if (until == INFINITY && !uv_loop_alive(c->loop))
    return false;
  if (until != INFINITY) {
    uv_update_time(c->loop);
    uv_timer_start(&c->timer, tick, (uint64_t)ceil(seconds * 1000), 0);
  }
  uv_run(c->loop, UV_RUN_ONCE);
  uv_timer_stop(&c->timer);
  return true;
}

struct world_clock *clock_uv_new(uv_loop_t *loop)
{
  struct clock_uv *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->base = (struct world_clock){now, monotonic, wait_until};
  c->loop = loop;
  uv_timer_init(loop, &c->timer);
  return &c->base;
}

static void closed(uv_handle_t *timer)
{
  free(timer->data);
}

void clock_uv_free(struct world_clock *base)
{
  struct clock_uv *c = (struct clock_uv *)base;
  if (!c)
    return;
  c->timer.data = c;
  uv_close((uv_handle_t *)&c->timer, closed);
}
