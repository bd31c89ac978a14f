/* clock_uv.c - the real clock: libuv's loop is what "waiting" means. */
#include "real.h"
#include <math.h>
#include <stdlib.h>
#include <time.h>

static const double LONGEST = 1e9;  /* seconds in one wait: a longer one looks around in between */

struct clock_uv {
  struct world_clock base;
  uv_loop_t *loop;
  uv_timer_t timer;
  uv_prepare_t prepare;
  uint64_t due;  /* when the loop's next timer goes off, in its own ms; UINT64_MAX outside of wait */
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

/* libuv runs the timers that are due before it waits for descriptors, and would then wait for
 * these although a timer has just woken somebody: not in this turn. */
static void before_poll(uv_prepare_t *prepare)
{
  struct clock_uv *c = prepare->data;
  if (uv_now(c->loop) >= c->due)
    uv_stop(c->loop);
}

static bool wait_until(struct world_clock *base, double until)
{
  struct clock_uv *c = (struct clock_uv *)base;
  double seconds = until - monotonic(base);
  if (seconds <= 0)
    return uv_run(c->loop, UV_RUN_NOWAIT), true;
  if (until == INFINITY && !uv_loop_alive(c->loop))
    return false;
  uv_update_time(c->loop);
  if (until != INFINITY)
    uv_timer_start(&c->timer, tick, (uint64_t)ceil(fmin(seconds, LONGEST) * 1000), 0);
  int wait = uv_backend_timeout(c->loop);
  c->due = wait < 0 ? UINT64_MAX : uv_now(c->loop) + (uint64_t)wait;
  uv_run(c->loop, UV_RUN_ONCE);
  c->due = UINT64_MAX;
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
  c->due = UINT64_MAX;
  uv_timer_init(loop, &c->timer);
  uv_prepare_init(loop, &c->prepare);
  c->timer.data = c->prepare.data = c;
  uv_prepare_start(&c->prepare, before_poll);
  uv_unref((uv_handle_t *)&c->prepare);
  return &c->base;
}

static void prepare_closed(uv_handle_t *prepare)
{
  free(prepare->data);
}

static void timer_closed(uv_handle_t *timer)
{
  struct clock_uv *c = timer->data;
  uv_close((uv_handle_t *)&c->prepare, prepare_closed);
}

void clock_uv_free(struct world_clock *base)
{
  struct clock_uv *c = (struct clock_uv *)base;
  if (!c)
    return;
  uv_close((uv_handle_t *)&c->timer, timer_closed);
}
