/* health_engine.c - when to look at each target, and when it is over; see health.h.
 *
 * A target waits for its timer, is queued until there is room for its probe, probes, has an
 * answer, and waits again; or it parks while another's probe stands for it (health_origin.c); in
 * the end it is over. Timers and exchanges only move it on and wake the owner, who calls
 * health_turn: there answers are judged and probes begin.
 *
 * Invariants: 1. a target has at most one exchange, and none unless it probes or is answered.
 *             2. no look is due after the target's deadline, and the one at the deadline is the
 *                last; when room or rate hold it up it begins later, and alone may.
 *             3. a target that is over has no timer, no exchange, and a verdict. */
#include "health.h"
#include "world.h"
#include <math.h>

void health_link_init(struct health_link *l)
{
  l->prev = l->next = l;
}

void health_link_add(struct health_link *list, struct health_link *l)
{
  l->prev = list->prev;
  l->next = list;
  list->prev->next = l;
  list->prev = l;
}

void health_link_drop(struct health_link *l)
{
  l->prev->next = l->next;
  l->next->prev = l->prev;
  health_link_init(l);
}

double health_now(const struct health_engine *e)
{
  return e->world.clock->monotonic(e->world.clock);
}

const char *health_verdict_name(enum health_verdict v)
{
  static const char *const names[] = {
    [HEALTH_OPEN] = "open", [HEALTH_OK] = "ok", [HEALTH_FAILED] = "failed",
    [HEALTH_TIMED_OUT] = "timed-out", [HEALTH_INCONCLUSIVE] = "inconclusive"};
  return names[v];
}

static double elapsed(const struct health_target *t)
{
  return health_now(t->engine) - t->engine->started;
}

/* ---- deciding ----------------------------------------------------------------------------------------- */

static void release_exchange(struct health_target *t)
{
  effect_free(t->exchange ? &t->exchange->effect : NULL);
  t->exchange = NULL;
}

static void settle(struct health_target *t, enum health_verdict verdict)
{
  struct health_engine *e = t->engine;
  timer_stop(e->world.timers, &t->timer);
  if (t->state == QUEUED || t->state == ANSWERED)
    health_link_drop(&t->link);
  e->in_flight -= t->state == PROBING;
  health_origin_leaves(t);
  release_exchange(t);
  t->state = OVER;
  t->verdict = verdict;
  t->ended = elapsed(t);
  e->over++;
  e->ok += verdict == HEALTH_OK;
}

static void count(struct health_target *t, const struct health_look *l)
{
  t->looks++;
  t->counted += l->at >= t->spec->pacing.grace;
  t->in_class = t->looks > 1 && l->class == t->class ? t->in_class + 1 : 1;
  if (t->in_class == 1)
    t->class_since = l->at;
  if (t->looks == 1 || l->rule != t->rule) {
    t->in_row = 0;
    t->rule_since = l->at;
  }
  t->in_row++;
  t->class = l->class;
  t->rule = l->rule;
}

/* It has never been healthy, as far as anybody knows. */
static bool is_starting(const struct health_target *t)
{
  return t->first_ok < 0 && !t->spec->established;
}

static const double ROUNDING = 1e-6;  /* seconds: what sums of times may be off */

/* As often, or as long, as ends the wait. What is new may be answered for by its predecessor a while
 * longer, so there "failing" must last, too. */
static bool beyond_limit(const struct health_target *t, const struct health_look *l)
{
  const struct health_spec *s = t->spec;
  static const struct health_cell none = {.class = HEALTHY};  // of a healthy look that was reclassified
  bool served = !is_starting(t);
  const struct health_cell *cell = !l->rule ? &none : served ? &l->rule->after : &l->rule->grace;
  if (l->class == FAILING && !served && l->at - t->class_since < s->fall_for - ROUNDING)
    return false;
  bool own = cell->class == l->class && !s->fixed_after[l->class];  // not reclassified, not overruled
  if (own && cell->seconds > 0 && l->at - t->rule_since >= cell->seconds)
    return true;
  if (own && cell->times)
    return t->in_row >= cell->times;
  return s->fatal_after[l->class] && t->in_class >= s->fatal_after[l->class];
}

/* Healthy, and long enough, and often enough. */
static bool proven(struct health_target *t, const struct health_look *l)
{
  const struct health_spec *s = t->spec;
  if (t->first_ok < 0)
    t->first_ok = l->at;
  if (t->ok_in_row++ == 0)
    t->ok_since = l->at;
  return t->ok_in_row >= s->rise && l->at - t->ok_since >= s->stable_for - ROUNDING;
}

/* What the time's end means: nothing was learned of it, or it was not healthy. */
static enum health_verdict at_the_end(const struct health_target *t)
{
  const int *counts = t->timeline.counts;
  bool unsure = t->class == HEALTHY || counts[THROTTLED] == t->timeline.count;
  return unsure ? HEALTH_INCONCLUSIVE : HEALTH_TIMED_OUT;
}

bool health_decide(struct health_target *t, const struct health_look *l)
{
  const struct health_spec *s = t->spec;
  if (!health_timeline_add(&t->timeline, l))
    t->engine->memory = true;
  count(t, l);
  if (l->class != HEALTHY)
    t->ok_in_row = t->sampled = 0;
  else if (proven(t, l)) {
    settle(t, HEALTH_OK);
    return true;
  }
  if (l->class != HEALTHY && beyond_limit(t, l))
    settle(t, HEALTH_FAILED);
  else if (t->last || (s->attempts && t->counted >= s->attempts))
    settle(t, at_the_end(t));
  return t->state == OVER;
}

/* ---- when to look again ------------------------------------------------------------------------------- */

void health_schedule(struct health_target *t, double due)
{
  struct health_engine *e = t->engine;
  double deadline = e->started + t->spec->pacing.deadline;
  if (due >= deadline) {
    due = fmax(deadline, health_now(e));
    t->last = true;
  }
  if (!timer_start(e->world.timers, &t->timer, due))
    e->memory = true;
}

/* While it proves itself: the last look is when it has been stable for long enough. */
static double pause_healthy(struct health_target *t, double at)
{
  const struct health_spec *s = t->spec;
  double left = s->stable_for - (at - t->ok_since);
  double pace = s->pacing.edge > 0 ? s->pacing.edge : s->pacing.initial;
  if (t->ok_in_row < s->rise)
    return pace;
  return fmax(0, fmin(left, s->pacing.soak));
}

static double pause_after(struct health_target *t, const struct health_look *l)
{
  const struct health_pacing *p = &t->spec->pacing;
  const struct health_engine *e = t->engine;
  uint64_t bit = l->rule ? UINT64_C(1) << ((l->rule - e->rules) & 63) : 0;
  bool is_new = t->looks > 1 && !(t->rules_seen & bit);
  t->rules_seen |= bit;
  if (l->class == HEALTHY)
    return pause_healthy(t, l->at);
  double pause;
  if (p->interval > 0 && l->at <= p->grace)
    pause = p->interval;
  else if (p->slow > 0 && l->rule && l->rule->slow && l->negative_ttl > 0)
    pause = health_pace_name(&t->pace, l->negative_ttl);
  else if (p->slow > 0 && l->rule && l->rule->slow)
    pause = health_pace_slow(p, &t->pace, elapsed(t), t->in_row);
  else if (p->quick > 0 && l->rule && l->rule->quick && is_starting(t))
    pause = health_pace_quick(p, &t->pace, elapsed(t), e->origin_count);
  else if (p->edge > 0 && is_new)
    pause = health_pace_edge(p, &t->pace);
  else
    pause = health_pace_backoff(p, &t->pace);
  return fmax(pause, l->retry_after);
}

/* ---- probes ---------------------------------------------------------------------------------------------- */

static void enqueue(struct health_target *t)
{
  t->state = QUEUED;
  health_link_add(&t->engine->queue, &t->link);
  t->engine->world.wake(t->engine->world.arg);
}

static void due(void *target)
{
  struct health_target *t = target;
  if (t->state == PARKED) {
    health_link_drop(&t->link);
    t->origin->waiting--;
    t->last = true;
  }
  enqueue(t);
}

static void answered(void *target)
{
  struct health_target *t = target;
  struct health_engine *e = t->engine;
  e->in_flight--;
  t->state = ANSWERED;
  health_link_add(&e->answered, &t->link);
  e->world.wake(e->world.arg);
}

static double shorter(double timeout, double left)
{
  return timeout > 0 ? fmin(timeout, left) : left;
}

/* A look before the deadline ends there, so that the one at the deadline can begin. */
static void limit_times(const struct health_target *t, struct http_timeouts *to)
{
  double left = t->engine->started + t->spec->pacing.deadline - t->probed;
  if (!t->last && left > 0)
    to->total = shorter(to->total, left);
}

static void probe(struct health_target *t)
{
  struct health_engine *e = t->engine;
  const struct health_spec *s = t->spec;
  t->probed = health_now(e);
  struct http_request r = {.method = s->method, .url = t->url, .headers = s->headers, .body = s->body,
                           .body_len = s->body_len, .timeouts = s->timeouts, .route = s->route,
                           .max_body = s->max_body, .fresh = s->fresh};
  limit_times(t, &r.timeouts);
  t->exchange = e->world.start(e->world.arg, t, &r, answered, t);
  if (!t->exchange) {
    e->memory = true;
    return;
  }
  t->state = PROBING;
  t->probes++;
  e->probes++;
  e->in_flight++;
  e->may_start = e->rate > 0 ? fmax(t->probed, e->may_start) + 1 / e->rate : 0;
  health_origin_probes(t);
}

static void wake_owner(void *engine)
{
  struct health_engine *e = engine;
  e->world.wake(e->world.arg);
}

static void start_queued(struct health_engine *e)
{
  while (!e->memory && !health_link_empty(&e->queue) && e->in_flight < e->concurrency) {
    struct health_target *t = (struct health_target *)e->queue.next;
    if (e->rate > 0 && health_now(e) < e->may_start) {
      e->memory |= !timer_start(e->world.timers, &e->pacer, e->may_start);
      return;
    }
    health_link_drop(&t->link);
    if (!health_origin_parks(t, INFINITY))
      probe(t);
  }
}

/* ---- the interface ------------------------------------------------------------------------------------------ */

static void prepare(struct health_engine *e, int i)
{
  struct health_target *t = &e->targets[i];
  t->engine = e;
  t->state = WAITING;
  t->first_ok = -1;
  t->timer = (struct timer){.fire = due, .arg = t};
  t->timeline = (struct health_timeline){.keep = t->spec->keep};
  health_link_init(&t->link);
  health_pace_seed(&t->pace, t->spec->seed, (uint64_t)i);
}

bool health_begin(struct health_engine *e)
{
  health_link_init(&e->queue);
  health_link_init(&e->answered);
  e->started = health_now(e);
  e->pacer = (struct timer){.fire = wake_owner, .arg = e};
  for (int i = 0; i < e->count; i++)
    prepare(e, i);
  if (!health_origins_new(e))
    return false;
  for (int i = 0; i < e->count; i++) {
    struct health_target *t = &e->targets[i];
    if (t->spec->pacing.delay > 0)
      health_schedule(t, e->started + t->spec->pacing.delay);
    else
      enqueue(t);
  }
  return !e->memory;
}

void health_end(struct health_engine *e)
{
  if (!e->targets)
    return;
  timer_stop(e->world.timers, &e->pacer);
  for (int i = 0; i < e->count; i++) {
    struct health_target *t = &e->targets[i];
    timer_stop(e->world.timers, &t->timer);
    release_exchange(t);
    health_timeline_free(&t->timeline);
  }
  health_origins_free(e);
  e->targets = NULL;
}

/* A success of several probes is one look: the samples before the last only count. */
static bool is_sample(struct health_target *t, const struct health_look *l)
{
  if (l->class != HEALTHY || t->spec->samples <= 1 || ++t->sampled >= t->spec->samples) {
    t->sampled = 0;
    return false;
  }
  return true;
}

void health_take(struct health_target *t, const struct health_look *l)
{
  struct health_engine *e = t->engine;
  copy_text(t->address, sizeof t->address, t->exchange->address);
  health_link_drop(&t->link);
  t->state = WAITING;
  health_origin_learns(t, l, health_origin_lost(t->exchange));
  release_exchange(t);
  if (is_sample(t, l)) {
    enqueue(t);
    return;
  }
  if (health_decide(t, l))
    return;
  double next = health_now(e) + pause_after(t, l);
  if (t->origin->down && health_origin_parks(t, next))
    return;
  health_schedule(t, next);
}

struct health_target *health_asks(struct health_engine *e, struct health_look *look)
{
  for (struct health_link *l = e->answered.next; l != &e->answered; l = l->next) {
    struct health_target *t = (struct health_target *)l;
    if (t->spec->asks) {
      health_judge(t, t->exchange, t->probed, look);
      return t;
    }
  }
  return NULL;
}

bool health_good(const struct health_engine *e)
{
  return e->ok >= e->need;
}

static bool decided(const struct health_engine *e)
{
  return health_good(e) || e->over - e->ok > e->count - e->need;
}

/* Those that nobody needs any more. */
static void settle_rest(struct health_engine *e)
{
  for (int i = 0; i < e->count; i++)
    if (e->targets[i].state != OVER)
      settle(&e->targets[i], HEALTH_INCONCLUSIVE);
}

static bool judge_answers(struct health_engine *e)
{
  struct health_link *l = e->answered.next;
  while (l != &e->answered && !decided(e)) {
    struct health_target *t = (struct health_target *)l;
    l = l->next;
    struct health_look look;
    if (t->spec->asks)
      continue;
    health_judge(t, t->exchange, t->probed, &look);
    health_take(t, &look);
  }
  return decided(e);
}

bool health_turn(struct health_engine *e)
{
  if (judge_answers(e)) {
    settle_rest(e);
    return true;
  }
  start_queued(e);
  return false;
}
