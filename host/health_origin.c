/* health_origin.c - while an origin refuses, one probe stands for all its targets; see health.h.
 *
 * An origin is where a connection goes: scheme, host, port and route. A probe that ends before
 * there is a connection says the same for every path there. The first target that finds it so
 * becomes the scout; the others park: no probes of their own, only a timer for the look at their
 * deadline. What the scout sees, each of them has seen. When it gets an answer, all look again,
 * spread over a moment.
 *
 * Invariants: 1. targets are parked only while the origin is down and has a scout.
 *             2. the scout waits, is queued, or probes; only for the look at its deadline it parks.
 *             3. a target that shows its looks to the caller (spec->asks) looks for itself. */
#include "health.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Targets look again within this many seconds for each that waited, and at most a second. */
static const double SPREAD = 0.0005, LONGEST = 1;

/* ---- which origin ---------------------------------------------------------------------------- */

/* "https://host:port" of a URL. */
static size_t origin_length(const char *url)
{
  const char *host = strstr(url, "://");
  return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : strlen(url);
}

static bool same_text(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_route(const struct http_route *a, const struct http_route *b)
{
  return a == b || (a->family == b->family && same_text(a->unix_socket, b->unix_socket) &&
                    same_text(a->connect_to, b->connect_to) && same_text(a->proxy, b->proxy) &&
                    same_text(a->ca_file, b->ca_file) && same_text(a->certificate, b->certificate));
}

static bool same_origin(const struct health_target *a, const struct health_target *b)
{
  size_t n = origin_length(a->url);
  return n == origin_length(b->url) && strncasecmp(a->url, b->url, n) == 0 &&
         same_route(&a->spec->route, &b->spec->route);
}

static size_t hash(const char *url)
{
  size_t h = 5381;
  for (size_t i = 0, n = origin_length(url); i < n; i++)
    h = h * 33 + (unsigned char)(url[i] | 32);
  return h;
}

static struct health_origin *new_origin(struct health_engine *e, const struct health_target *t)
{
  struct health_origin *o = calloc(1, sizeof *o);
  if (!o)
    return NULL;
  *o = (struct health_origin){.next = e->origins, .first = t};
  health_link_init(&o->parked);
  e->origins = o;
  e->origin_count++;
  return o;
}

bool health_origins_new(struct health_engine *e)
{
  size_t room = 16;
  while (room < 2 * (size_t)e->count)
    room *= 2;
  struct health_origin **table = calloc(room, sizeof *table);
  bool ok = table != NULL;
  for (int i = 0; ok && i < e->count; i++) {
    struct health_target *t = &e->targets[i];
    size_t at = hash(t->url) & (room - 1);
    while (table[at] && !same_origin(table[at]->first, t))
      at = (at + 1) & (room - 1);
    if (!table[at])
      table[at] = new_origin(e, t);
    t->origin = table[at];
    ok = t->origin != NULL;
  }
  free(table);
  return ok;
}

void health_origins_free(struct health_engine *e)
{
  while (e->origins) {
    struct health_origin *o = e->origins;
    e->origins = o->next;
    free(o);
  }
}

/* ---- parking ------------------------------------------------------------------------------------ */

bool health_origin_lost(const struct http_exchange *x)
{
  static const char *const codes[] = {"http-refused", "http-connect", "http-tls", "http-certificate",
                                      "dns-"};
  for (size_t i = 0; x->fault.code && i < sizeof codes / sizeof *codes; i++)
    if (strncmp(x->fault.code, codes[i], strlen(codes[i])) == 0)
      return true;
  return false;
}

static struct health_target *parked_target(struct health_link *l)
{
  return (struct health_target *)l;
}

static double deadline(const struct health_target *t)
{
  return t->engine->started + t->spec->pacing.deadline;
}

static void park(struct health_target *t)
{
  struct health_origin *o = t->origin;
  t->state = PARKED;
  health_link_add(&o->parked, &t->link);
  o->waiting++;
  if (!t->last && !timer_start(t->engine->world.timers, &t->timer, deadline(t)))
    t->engine->memory = true;
}

static void unpark(struct health_target *t, double due)
{
  health_link_drop(&t->link);
  t->origin->waiting--;
  t->state = WAITING;
  health_schedule(t, due);
}

/* A scout that is due later than t hands over to it. */
bool health_origin_parks(struct health_target *t, double due)
{
  struct health_origin *o = t->origin;
  if (!o->down || t->spec->asks)
    return false;
  if (t->last) {  // the deadline's look: that of another is as good when it begins no earlier
    if (!o->standing || o->standing == t || o->standing->probed < deadline(t))
      return false;
  } else if (!o->scout || o->scout == t || (o->scout->state == WAITING && due < o->scout->timer.due)) {
    struct health_target *before = o->scout;
    o->scout = t;
    if (before && before != t)
      park(before);
    return false;
  }
  park(t);
  return true;
}

void health_origin_probes(struct health_target *t)
{
  struct health_origin *o = t->origin;
  if (o->down && !t->spec->asks && (t == o->scout || (t->last && !o->standing)))
    o->standing = t;
}

/* ---- what a probe tells ----------------------------------------------------------------------------- */

/* The first of the parked goes on in place of a scout that is gone. */
static void next_scout(struct health_origin *o)
{
  struct health_target *t = parked_target(o->parked.next);
  o->scout = t;
  unpark(t, health_now(t->engine) + health_pace_backoff(&t->spec->pacing, &t->pace));
}

/* Every parked target has seen what the probe of `t` saw. Those that end by it leave the list,
 * and may make another one the scout, while it is walked: so it is taken apart first. */
static void share(struct health_origin *o, const struct health_target *t, const struct health_look *seen)
{
  struct health_link all;
  health_link_init(&all);
  while (!health_link_empty(&o->parked)) {
    struct health_link *l = o->parked.next;
    health_link_drop(l);
    health_link_add(&all, l);
  }
  while (!health_link_empty(&all)) {
    struct health_target *other = parked_target(all.next);
    struct health_look look = *seen;
    health_link_drop(&other->link);
    health_link_add(&o->parked, &other->link);
    bool alike = other->spec == t->spec && (other->first_ok >= 0) == (t->first_ok >= 0);
    if (!alike)
      health_judge(other, t->exchange, t->probed, &look);
    look.shared = true;
    health_decide(other, &look);
  }
  if (!o->scout && !health_link_empty(&o->parked))
    next_scout(o);
}

/* All look again, in an order of chance, within a moment. */
static void release(struct health_origin *o)
{
  double now = 0, moment = fmin(LONGEST, o->waiting * SPREAD);
  while (!health_link_empty(&o->parked)) {
    struct health_target *t = parked_target(o->parked.next);
    now = health_now(t->engine);
    unpark(t, now + (t->last ? 0 : moment * health_pace_chance(&t->pace)));
  }
  o->scout = NULL;
  o->down = false;
}

void health_origin_learns(struct health_target *t, const struct health_look *l, bool lost)
{
  struct health_origin *o = t->origin;
  bool stood = o->standing == t;
  if (stood)
    o->standing = NULL;
  if (t->spec->asks)
    return;
  if (!lost && o->down)
    release(o);
  o->down = lost;
  if (lost && stood)
    share(o, t, l);
}

void health_origin_leaves(struct health_target *t)
{
  struct health_origin *o = t->origin;
  if (o->standing == t)
    o->standing = NULL;
  if (t->state == PARKED) {
    health_link_drop(&t->link);
    o->waiting--;
  }
  if (o->scout == t) {
    o->scout = NULL;
    if (!health_link_empty(&o->parked))
      next_scout(o);
  }
}
