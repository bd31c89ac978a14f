/* budget.c - the arithmetic of one account; see budget.h.
 *
 * A meter never lets more than its limit go in any window of its length: it counts in sixteenths, and the
 * one that began just before the window counts as a whole. */
#include "budget.h"
#include <math.h>
#include <string.h>

enum { SLOTS = BUDGET_STEPS + 1 };

static const double BACK = 1;           /* seconds that a clock may differ without having been set back */
static const double LONGEST = 86400;    /* seconds: no service makes anybody wait longer */
static const double SLOWEST = 1;        /* seconds between requests, at most, when little is left */
enum { LITTLE = 10 };                   /* little is a tenth of the quota */

/* ---- meters ------------------------------------------------------------------------------- */

/* Where a step is counted; steps may be negative. */
static size_t slot_of(int64_t step)
{
  return (size_t)((step % SLOTS + SLOTS) % SLOTS);
}

static int64_t step_at(double window, double now)
{
  return (int64_t)floor(now / (window / BUDGET_STEPS));
}

static void advance(struct budget_meter *m, const struct budget_limit *limit, double now)
{
  int64_t step = step_at(limit->window, now);
  if (m->window != limit->window || step - m->step >= SLOTS)
    *m = (struct budget_meter){.window = limit->window, .step = step};
  for (; m->step < step; m->step++)
    m->counts[slot_of(m->step + 1)] = 0;
}

static uint32_t used(const struct budget_meter *m)
{
  uint32_t sum = 0;
  for (int i = 0; i < SLOTS; i++)
    sum += m->counts[i];
  return sum;
}

/* A request that costs more than there ever is may go when nothing else is counted. */
static unsigned cost_of(const struct budget_limit *l)
{
  return l->cost < l->limit ? l->cost : l->limit;
}

/* Seconds until enough of the oldest is out of the window. */
static double wait_for(const struct budget_meter *m, const struct budget_limit *l, double now)
{
  uint32_t sum = used(m), cost = cost_of(l);
  int64_t oldest = m->step - BUDGET_STEPS;
  for (; cost > 0 && sum + cost > l->limit && oldest <= m->step; oldest++)
    sum -= m->counts[slot_of(oldest)];
  double frees = (double)(oldest + BUDGET_STEPS) * (l->window / BUDGET_STEPS);
  return oldest == m->step - BUDGET_STEPS ? 0 : fmax(frees - now, 0.001);
}

/* ---- the account ---------------------------------------------------------------------------- */

static void shift(struct budget_account *a, double by)
{
  a->held += by;
  a->reset += by;
  a->granted += by;
  for (int i = 0; i < BUDGET_LIMITS; i++) {
    struct budget_meter moved = a->meters[i];
    if (!(moved.window > 0))
      continue;
    moved.step = step_at(moved.window, a->stamp + by) - (step_at(moved.window, a->stamp) - moved.step);
    for (int64_t back = 0; back < SLOTS; back++)
      moved.counts[slot_of(moved.step - back)] = a->meters[i].counts[slot_of(a->meters[i].step - back)];
    a->meters[i] = moved;
  }
}

bool budget_settle(struct budget_account *a, const struct budget_claim *c, double now)
{
  bool back = a->stamp > now + BACK;
  if (back)
    shift(a, now - a->stamp);
  if (back || a->stamp < now)
    a->stamp = now;
  a->held = fmin(a->held, now + LONGEST);
  if (a->reset <= now || a->reset > now + LONGEST)
    a->reset = 0;
  for (size_t i = 0; c && i < c->count; i++)
    advance(&a->meters[i], &c->limits[i], now);
  return back;
}

/* What is left is spread over the time until it is renewed, but nobody is made to creep. */
static double pace(const struct budget_account *a, double now)
{
  if (a->remaining > a->quota / LITTLE)
    return 0;
  double apart = fmin(SLOWEST, (a->reset - now) / (a->remaining + 1));
  return fmax(a->granted + apart - now, 0);
}

static void look_for_longer(struct budget_verdict *v, double wait, enum budget_reason reason, int limit)
{
  if (wait > v->wait)
    *v = (struct budget_verdict){.reason = reason, .wait = wait, .limit = limit};
}

void budget_judge(const struct budget_account *a, const struct budget_claim *c, double now,
                  struct budget_verdict *v)
{
  *v = (struct budget_verdict){.reason = BUDGET_GRANTED};
  look_for_longer(v, a->held - now, BUDGET_HELD, 0);
  if (a->reset > now && a->remaining == 0)
    look_for_longer(v, a->reset - now, BUDGET_SPENT, 0);
  else if (a->reset > now)
    look_for_longer(v, pace(a, now), BUDGET_PACED, 0);
  for (size_t i = 0; i < c->count; i++)
    look_for_longer(v, wait_for(&a->meters[i], &c->limits[i], now), BUDGET_LIMIT, (int)i);
}

uint32_t budget_grant(struct budget_account *a, const struct budget_claim *c, double now)
{
  for (size_t i = 0; i < c->count; i++)
    a->meters[i].counts[slot_of(a->meters[i].step)] += cost_of(&c->limits[i]);
  if (a->remaining > 0)
    a->remaining--;
  a->granted = now;
  return ++a->tickets;
}

/* Requests that left after this one may not be in what its answer says: they are taken off. */
void budget_learn(struct budget_account *a, uint32_t ticket, const struct budget_news *n, double now)
{
  if (n->hold > 0)
    a->held = fmax(a->held, now + fmin(n->hold, LONGEST));
  if (!n->counted || !(n->reset > 0))
    return;
  uint32_t later = ticket ? a->tickets - ticket : 0;
  if (later > a->tickets)
    later = 0;  /* the account that gave the ticket is gone */
  a->remaining = n->remaining > later ? n->remaining - later : 0;
  a->quota = n->quota;
  a->reset = now + fmin(n->reset, LONGEST);
}
