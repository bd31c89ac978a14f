/* health_pace.c - how long until the next look; see health.h.
 *
 * The backoffs are those of the field: b = min(max, initial * multiplier^n) and
 *   none          b
 *   full          from 0 to b
 *   equal         from b / 2 to b
 *   decorrelated  from initial to three times the pause before, at most max
 * A name is asked for again when the resolver has forgotten that it is not there, or before: how long
 * it remembers is up to the zone, and not every resolver has been asked.
 * What else is known to take its time (a certificate: 30 to 90 s) is looked at twice during grace
 * and then every `slow` seconds: looks before it can be there find nothing.
 * A refused connection is one packet each way, and no service has work with it: it is tried again soon, and
 * later after a tenth of the time waited so far, so that what takes long is not noticed late by more than that. */
#include "health.h"
#include <math.h>

static uint64_t next(uint64_t *state)  /* splitmix64 */
{
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

void health_pace_seed(struct health_pace *s, uint64_t seed, uint64_t number)
{
  uint64_t mixed = seed;
  s->random = next(&mixed) + number * UINT64_C(0xD1B54A32D192ED03);
}

double health_pace_chance(struct health_pace *s)
{
  return (double)(next(&s->random) >> 11) / (double)(UINT64_C(1) << 53);
}

static double between(struct health_pace *s, double from, double to)
{
  return to <= from ? from : from + (to - from) * health_pace_chance(s);
}

double health_pace_backoff(const struct health_pacing *p, struct health_pace *s)
{
  double b = fmin(p->max, p->initial * pow(p->multiplier, s->tries++));
  switch (p->jitter) {
  case JITTER_NONE:
    return b;
  case JITTER_FULL:
    return between(s, 0, b);
  case JITTER_EQUAL:
    return between(s, b / 2, b);
  default:
    s->previous = fmin(p->max, between(s, p->initial, 3 * fmax(s->previous, p->initial)));
    return s->previous;
  }
}

double health_pace_edge(const struct health_pacing *p, struct health_pace *s)
{
  s->tries = 0;
  s->previous = 0;
  return p->edge;
}

double health_pace_slow(const struct health_pacing *p, struct health_pace *s, double elapsed, int looks)
{
  double pause = p->slow * between(s, 0.95, 1.05);
  if (elapsed >= p->grace)
    return pause;
  if (looks <= 1)  // it may be there sooner than such things are
    return fmin(pause, p->grace / 10);
  return p->grace - elapsed + pause;
}

double health_pace_quick(const struct health_pacing *p, struct health_pace *s, double elapsed, int origins)
{
  static const double share = 0.1, each = 0.001;  // of the time waited; seconds for one origin among many
  double pause = fmax(p->quick, fmax(share * elapsed, each * origins));
  return fmin(pause, p->max) * between(s, 0.9, 1.1);
}

double health_pace_name(struct health_pace *s, double negative_ttl)
{
  static const double longest = 15, late[] = {0.1, 0.5};  // resolvers count whole seconds
  return fmin(negative_ttl, longest) + between(s, late[0], late[1]);
}
