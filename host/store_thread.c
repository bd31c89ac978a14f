/* store_thread.c - a queue, a thread that empties it, and the way back to the loop.
 *
 * A job is in one of three lists: `queue` (to be done), the thread's own batch, or `done` (to be
 * told). The lock guards these two, the notices, and what is published about the leases; the
 * keeper and its store are the thread's alone, everything else is the loop's.
 * Invariants: 1. jobs are done in the order they were started.
 *             2. the async handle keeps the loop alive exactly while jobs are under way.
 *             3. a job whose effect was freed is freed by the loop once it is done. */
#include "store_thread.h"
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, RENEW_SECONDS = 5, LINGER_NS = 60000 };

struct list {
  struct store_job *first, **end;
};

struct store_thread {
  struct store_keeper *keeper;
  const struct store_clock *clock;
  uv_async_t *wake;  /* allocated apart: it closes later than the thread ends */
  store_tell *tell;
  void *arg;
  uv_thread_t thread;
  uv_mutex_t lock;
  uv_cond_t filled, renewed;
  struct list queue, done;
  struct store_notice *notices, **notices_end;
  size_t under_way;
  bool running, stopping;
  /* published by the thread after each change */
  double until;
  struct fault lost, renewal;       /* code NULL: no loss; the last renewal succeeded */
  unsigned long wanted, renewals;   /* renewals asked for by renew_now, and those of them done */
};

static void list_init(struct list *l)
{
  l->first = NULL;
  l->end = &l->first;
}

static void list_add(struct list *l, struct store_job *j)
{
  j->next = NULL;
  *l->end = j;
  l->end = &j->next;
}

static struct store_job *list_take(struct list *l)
{
  struct store_job *j = l->first;
  if (j && !(l->first = j->next))
    l->end = &l->first;
  return j;
}

static double now(const struct store_thread *t)
{
  return t->clock->now(t->clock->arg);
}

/* ---- the thread -------------------------------------------------------------------------- */

/* A store_tell: from the keeper, on the thread. */
static void pass_notice(void *arg, struct store_notice *n)
{
  struct store_thread *t = arg;
  uv_mutex_lock(&t->lock);
  n->next = NULL;
  *t->notices_end = n;
  t->notices_end = &n->next;
  uv_mutex_unlock(&t->lock);
  uv_async_send(t->wake);
}

static bool must_renew(const struct store_thread *t)
{
  return t->wanted != t->renewals || now(t) >= store_keeper_due(t->keeper);
}

/* Waits, with the lock, until there is something to do. */
static void wait_for_work(struct store_thread *t)
{
  while (!t->queue.first && !t->stopping && !must_renew(t)) {
    double seconds = store_keeper_due(t->keeper) - now(t);
    if (seconds == INFINITY)
      uv_cond_wait(&t->filled, &t->lock);
    else
      uv_cond_timedwait(&t->filled, &t->lock, (uint64_t)(fmax(seconds, 0.001) * 1e9));
  }
}

/* With the lock. A run that writes step by step has its next job within microseconds: looking for it
 * that long takes less than sleeping and being woken, a sixth of a step. */
static void linger(struct store_thread *t)
{
  for (uint64_t end = uv_hrtime() + LINGER_NS; !t->queue.first && !t->stopping && uv_hrtime() < end;) {
    uv_mutex_unlock(&t->lock);
    sched_yield();
    uv_mutex_lock(&t->lock);
  }
}

/* The jobs to be done together: appends that follow each other, or one of another kind. */
static size_t take_batch(struct store_thread *t, struct store_job **batch)
{
  size_t n = 0;
  while (n < BATCH && t->queue.first && (n == 0 || (batch[0]->request.call == STORE_APPEND &&
                                                    t->queue.first->request.call == STORE_APPEND)))
    batch[n++] = list_take(&t->queue);
  return n;
}

/* With the lock: what the loop may know of the leases. */
static void publish(struct store_thread *t)
{
  const struct fault *lost = store_keeper_lost(t->keeper);
  t->until = store_keeper_until(t->keeper);
  if (lost)
    t->lost = *lost;
  else
    t->lost.code = NULL;
}

static void do_batch(struct store_thread *t, struct store_job **batch, size_t n)
{
  if (batch[0]->request.call == STORE_APPEND)
    store_job_run_group(batch, n, t->keeper);
  else
    store_job_run(batch[0], t->keeper);
  uv_mutex_lock(&t->lock);
  for (size_t i = 0; i < n; i++)
    list_add(&t->done, batch[i]);
  publish(t);
  uv_mutex_unlock(&t->lock);
  uv_async_send(t->wake);
}

static void renew(struct store_thread *t, unsigned long wanted)
{
  struct fault fault = {0};
  bool ok = store_keeper_renew(t->keeper, &fault);
  uv_mutex_lock(&t->lock);
  publish(t);
  t->renewal = fault;
  if (ok)
    t->renewal.code = NULL;
  t->renewals = wanted;
  uv_cond_broadcast(&t->renewed);
  uv_mutex_unlock(&t->lock);
}

/* A renewal that is due goes first, as jobs may come without end; the last jobs end the thread. */
static bool work(struct store_thread *t)
{
  struct store_job *batch[BATCH];
  uv_mutex_lock(&t->lock);
  linger(t);
  wait_for_work(t);
  bool ended = t->stopping && !t->queue.first;
  bool renewing = !ended && must_renew(t);
  unsigned long wanted = t->wanted;
  size_t n = ended || renewing ? 0 : take_batch(t, batch);
  uv_mutex_unlock(&t->lock);
  if (ended)
    return false;
  if (renewing)
    renew(t, wanted);
  else
    do_batch(t, batch, n);
  return true;
}

static void run(void *thread)
{
  while (work(thread))
    ;
}

/* Signals are the loop's: the thread is started with all of them blocked. */
static bool start_thread(struct store_thread *t)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  t->running = uv_thread_create(&t->thread, run, t) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return t->running;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void count(struct store_thread *t, size_t under_way)
{
  t->under_way = under_way;
  if (under_way)
    uv_ref((uv_handle_t *)t->wake);
  else
    uv_unref((uv_handle_t *)t->wake);
}

static struct store_notice *take_notice(struct store_thread *t)
{
  struct store_notice *n = t->notices;
  if (n && !(t->notices = n->next))
    t->notices_end = &t->notices;
  return n;
}

static void tell_notices(struct store_thread *t)
{
  for (;;) {
    uv_mutex_lock(&t->lock);
    struct store_notice *n = take_notice(t);
    uv_mutex_unlock(&t->lock);
    if (!n)
      return;
    n->next = NULL;
    t->tell(t->arg, n);
  }
}

/* Tells the owners; each may free its effect, this one or others, while it is told. */
static void tell(uv_async_t *wake)
{
  struct store_thread *t = wake->data;
  tell_notices(t);
  for (;;) {
    uv_mutex_lock(&t->lock);
    struct store_job *j = list_take(&t->done);
    uv_mutex_unlock(&t->lock);
    if (!j)
      return;
    count(t, t->under_way - 1);
    j->told = true;
    if (j->abandoned)
      store_job_free(j);
    else
      effect_finish(&j->effect);
  }
}

static void destroy(struct effect *effect)
{
  struct store_job *j = (struct store_job *)effect;
  j->abandoned = true;
  if (j->told)
    store_job_free(j);
}

struct store_job *store_thread_start(struct store_thread *t, const struct store_request *r, effect_done *done,
                                     void *arg)
{
  struct store_job *j = t->running || start_thread(t) ? store_job_new(r) : NULL;
  if (!j)
    return NULL;
  j->effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  count(t, t->under_way + 1);
  uv_mutex_lock(&t->lock);
  list_add(&t->queue, j);
  uv_cond_signal(&t->filled);
  uv_mutex_unlock(&t->lock);
  return j;
}

bool store_thread_valid(struct store_thread *t)
{
  uv_mutex_lock(&t->lock);
  bool valid = !t->lost.code && now(t) < t->until;
  uv_mutex_unlock(&t->lock);
  return valid;
}

/* With the lock: true once the renewal number `mine` is done. */
static bool wait_for_renewal(struct store_thread *t, unsigned long mine)
{
  uint64_t end = uv_hrtime() + (uint64_t)RENEW_SECONDS * 1000000000;
  for (uint64_t at; (at = uv_hrtime()) < end && t->renewals < mine;)
    uv_cond_timedwait(&t->renewed, &t->lock, end - at);
  return t->renewals >= mine;
}

bool store_thread_renew_now(struct store_thread *t, struct fault *fault)
{
  uv_mutex_lock(&t->lock);
  unsigned long mine = ++t->wanted;
  uv_cond_signal(&t->filled);
  bool done = !t->running || wait_for_renewal(t, mine);
  bool ok = done && !t->lost.code && !t->renewal.code;
  if (!done) {
    fault_set(fault, "journal-busy", "fatal", "the leases have expired, and were not renewed within %d s",
              RENEW_SECONDS);
    fault_hint(fault, "resume the run when the journal answers again");
  } else if (!ok) {
    *fault = t->lost.code ? t->lost : t->renewal;
  }
  uv_mutex_unlock(&t->lock);
  return ok;
}

/* ---- its life ----------------------------------------------------------------------------------- */

static void async_closed(uv_handle_t *wake)
{
  free(wake);
}

static uv_async_t *new_async(uv_loop_t *loop)
{
  uv_async_t *wake = calloc(1, sizeof *wake);
  if (wake && uv_async_init(loop, wake, tell) == 0)
    return wake;
  free(wake);
  return NULL;
}

static void init(struct store_thread *t)
{
  list_init(&t->queue);
  list_init(&t->done);
  t->notices_end = &t->notices;
  t->until = INFINITY;
  uv_mutex_init(&t->lock);
  uv_cond_init(&t->filled);
  uv_cond_init(&t->renewed);
}

struct store_thread *store_thread_new(struct store *s, const struct store_clock *clock, uv_loop_t *loop,
                                      store_tell *tell_loop, void *arg)
{
  struct store_thread *t = calloc(1, sizeof *t);
  struct store_keeper *k = store_keeper_new(s, clock, pass_notice, t);
  uv_async_t *wake = t && k ? new_async(loop) : NULL;
  if (!wake) {
    store_keeper_free(k);
    free(t);
    return NULL;
  }
  *t = (struct store_thread){.keeper = k, .clock = clock, .wake = wake, .tell = tell_loop, .arg = arg};
  wake->data = t;
  init(t);
  count(t, 0);
  return t;
}

/* Nobody is told any more: effects that their owners still hold stay theirs to free. */
static void let_go(struct store_thread *t)
{
  for (struct store_job *j; (j = list_take(&t->done));) {
    j->told = true;
    if (j->abandoned)
      store_job_free(j);
  }
  for (struct store_notice *n; (n = take_notice(t));)
    free(n);
}

static void join(struct store_thread *t)
{
  uv_mutex_lock(&t->lock);
  t->stopping = true;
  uv_cond_signal(&t->filled);
  uv_mutex_unlock(&t->lock);
  if (t->running)
    uv_thread_join(&t->thread);
}

void store_thread_free(struct store_thread *t)
{
  if (!t)
    return;
  join(t);
  let_go(t);
  store_keeper_free(t->keeper);
  uv_close((uv_handle_t *)t->wake, async_closed);
  uv_cond_destroy(&t->renewed);
  uv_cond_destroy(&t->filled);
  uv_mutex_destroy(&t->lock);
  free(t);
}
