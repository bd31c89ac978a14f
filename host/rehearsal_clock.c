/* rehearsal_clock.c - virtual time, what is under way in it, and the points it passes.
 *
 * An effect is answered by the models when it starts, and ends when the scheduler waits: time
 * jumps to the earliest effect or timer, so nothing ever sleeps. */
#include "rehearsal_world.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where monotonic time begins: it is not the wall's, and nobody may take it for that. */
#define UPTIME 1000.0

struct pending *rehearsal_pending(struct effect *e)
{
  return (struct pending *)e - 1;
}

static struct effect *effect_of(struct pending *p)
{
  return (struct effect *)(p + 1);
}

static void unlink_pending(struct pending *p)
{
  for (struct pending **at = &p->r->pending; *at; at = &(*at)->next)
    if (*at == p) {
      *at = p->next;
      return;
    }
}

static void destroy(struct effect *e)
{
  struct pending *p = rehearsal_pending(e);
  unlink_pending(p);
  if (p->release)
    p->release(e);
  free(p);
}

void *rehearsal_effect(struct rehearsal *r, size_t size, effect_done *done, void *arg,
                       void (*release)(struct effect *))
{
  struct pending *p = calloc(1, sizeof *p + size);
  if (!p)
    return NULL;
  *p = (struct pending){.next = r->pending, .r = r, .due = r->now, .release = release};
  *effect_of(p) = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  r->pending = p;
  return effect_of(p);
}

/* ---- the clock -------------------------------------------------------------------------------- */

static double now(struct world_clock *c)
{
  return REHEARSAL_OF(clock, c)->now;
}

static double monotonic(struct world_clock *c)
{
  return rehearsal_elapsed(REHEARSAL_OF(clock, c)) + UPTIME;
}

/* Of equal times the one that started first; not one that waits for another to go on. */
static struct pending *earliest(const struct rehearsal *r)
{
  struct pending *best = NULL;
  for (struct pending *p = r->pending; p; p = p->next)
    if (p->due < INFINITY && (!best || p->due <= best->due))
      best = p;
  return best;
}

static void finish(struct rehearsal *r, struct pending *p)
{
  r->now = p->due > r->now ? p->due : r->now;
  if (p->deliver && !p->deliver(effect_of(p)))
    return;
  unlink_pending(p);
  effect_finish(effect_of(p));
}

void rehearsal_limit(struct rehearsal *r, double elapsed, void (*late)(void *arg), void *arg)
{
  r->limit = r->start + elapsed;
  r->late = late;
  r->late_arg = arg;
}

static void keep_limit(struct rehearsal *r)
{
  if (r->limit == 0 || r->now < r->limit)
    return;
  r->limit = 0;
  r->late(r->late_arg);
}

static bool wait_until(struct world_clock *c, double until)
{
  struct rehearsal *r = REHEARSAL_OF(clock, c);
  keep_limit(r);
  struct pending *p = earliest(r);
  double target = until - UPTIME + r->start;
  if (p && p->due <= target) {
    finish(r, p);
    return true;
  }
  if (until == INFINITY)
    return false;
  r->now = target > r->now ? target : r->now;
  while (monotonic(c) < until)  // Unix seconds are coarser than the timers': what is due must find it so
    r->now = nextafter(r->now, INFINITY);
  return true;
}

void rehearsal_clock_open(struct world_clock *c)
{
  *c = (struct world_clock){now, monotonic, wait_until};
}

enum { TAKEOVER = 60 };

/* ---- points --------------------------------------------------------------------------------------- */

const char *rehearsal_kind_name(enum rehearsal_kind kind)
{
  static const char *const names[POINT_KINDS] = {
    [POINT_JOURNAL] = "journal", [POINT_LEASE] = "lease", [POINT_HTTP] = "http", [POINT_SQL] = "sql",
    [POINT_DNS] = "dns", [POINT_PROCESS] = "process", [POINT_FILE] = "file"};
  return names[kind];
}

void rehearsal_watch(struct rehearsal *r, rehearsal_watcher *watcher, void *arg)
{
  r->watcher = watcher;
  r->watcher_arg = arg;
}

void rehearsal_count_anew(struct rehearsal *r)
{
  memset(r->counts, 0, sizeof r->counts);
}

unsigned rehearsal_count(const struct rehearsal *r, enum rehearsal_kind kind)
{
  return r->counts[kind];
}

static void reach(struct rehearsal *r, enum rehearsal_kind kind, bool after)
{
  struct rehearsal_point p = {kind, r->counts[kind], after, r->about};
  if (r->watcher)
    r->watcher(r->watcher_arg, &p);
}

void rehearsal_before(struct rehearsal *r, enum rehearsal_kind kind, const char *format, ...)
{
  va_list args;
  r->counts[kind]++;
  va_start(args, format);
  if (r->watcher)
    vsnprintf(r->about, sizeof r->about, format, args);
  va_end(args);
  reach(r, kind, false);
}

void rehearsal_after(struct rehearsal *r, enum rehearsal_kind kind)
{
  reach(r, kind, true);
}

double rehearsal_takeover(const struct rehearsal *r)
{
  return ceil(r->now / TAKEOVER) * TAKEOVER + TAKEOVER;
}

void rehearsal_crash(struct rehearsal *r)
{
  double then = rehearsal_takeover(r);
  r->pending = NULL;  // still owned by the states that died
  rehearsal_begin(r, "crash");
  rehearsal_ask(r, 0, NULL);
  rehearsal_note(r, "davit died; %g s pass", then - r->now);
  r->now = then;
  rehearsal_seed(r, r->origin + TAKEOVER);
}

void rehearsal_pass(struct rehearsal *r, double seconds)
{
  if (seconds <= 0)
    return;
  rehearsal_note(r, "%.0f s pass", seconds);
  r->now += seconds;
  r->limit += r->limit > 0 ? seconds : 0;
}

/* ---- the log ---------------------------------------------------------------------------------------- */

void rehearsal_note(struct rehearsal *r, const char *format, ...)
{
  char line[1024];
  va_list args;
  if (!r->keeps_log)
    return;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  for (char *c = line; *c; c++)
    if ((unsigned char)*c < ' ')
      *c = ' ';
  buf_printf(&r->log, "%.3f %s\n", rehearsal_elapsed(r), line);
}

void rehearsal_keep_log(struct rehearsal *r, bool on)
{
  r->keeps_log = on;
}
