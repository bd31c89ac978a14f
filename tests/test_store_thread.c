/* The store's thread: jobs are done in order and in groups, leases are renewed while nobody asks,
 * what becomes of them is told on the loop, and a machine that slept finds out before it acts. */
#include "store_notices.h"
#include "store_thread.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a store that counts its calls, and waits or fails on demand ------------------------------------ */

struct probe {
  struct store store;
  struct store *inner;
  atomic_int appends, renewals;
  atomic_bool closed;   /* calls wait while it is */
  atomic_bool entered;  /* a call waits */
  atomic_bool broken;   /* renewals fail */
};

static struct probe *probe_of(struct store *s)
{
  return (struct probe *)s;
}

static void wait_at_gate(struct probe *p)
{
  while (p->closed) {
    p->entered = true;
    usleep(200);
  }
}

static bool probe_append(struct store *s, const struct store_event *const *events, size_t n, struct fault *f)
{
  struct probe *p = probe_of(s);
  p->appends++;
  wait_at_gate(p);
  return p->inner->ops->append(p->inner, events, n, f);
}

static bool probe_events(struct store *s, const struct store_filter *filter, store_each_event *each, void *arg,
                         struct fault *f)
{
  struct store *inner = probe_of(s)->inner;
  return inner->ops->events(inner, filter, each, arg, f);
}

static bool probe_take(struct store *s, const struct store_claim *c, long long *token, store_each_lease *each,
                       void *arg, struct fault *f)
{
  struct store *inner = probe_of(s)->inner;
  return inner->ops->take(inner, c, token, each, arg, f);
}

static bool probe_renew(struct store *s, double *left, store_each_lease *each, void *arg, struct fault *f)
{
  struct probe *p = probe_of(s);
  p->renewals++;
  wait_at_gate(p);
  if (!p->broken)
    return p->inner->ops->renew(p->inner, left, each, arg, f);
  fault_set(f, "journal-lost", "fatal", "the server is gone");
  return false;
}

static bool probe_release(struct store *s, const char *name, struct fault *f)
{
  struct store *inner = probe_of(s)->inner;
  return inner->ops->release(inner, name, f);
}

static void probe_free(struct store *s)
{
  struct store *inner = probe_of(s)->inner;
  inner->ops->free(inner);
  free(s);
}

static const struct store_ops probe_ops = {.append = probe_append, .events = probe_events, .take = probe_take,
                                           .renew = probe_renew, .release = probe_release, .free = probe_free};

/* ---- a loop with a thread ----------------------------------------------------------------------------- */

struct bed {
  uv_loop_t loop;
  uv_timer_t tick;      /* something to wait for, while only a notice can come */
  char folder[64], file[96];
  struct probe *probe;
  struct store *other;  /* as another process has the file */
  struct store_thread *thread;
  struct store_notices notices;
  struct store_clock clock;
  atomic_int skipped;   /* seconds that the machine slept */
  int told;
};

static double now(void *bed)
{
  const struct store_clock *c = store_clock_system();
  return c->now(c->arg) + ((struct bed *)bed)->skipped;
}

static double wall(void *bed)
{
  return 1.8e9 + now(bed);
}

static struct store *open_file(struct bed *b)
{
  struct fault f;
  struct store *s = store_sqlite_new(b->file, &b->clock, &f);
  if (!s)
    fail_msg("%s", f.message);
  return s;
}

static int set_up(void **state)
{
  struct bed *b = calloc(1, sizeof *b);
  strcpy(b->folder, "/tmp/davit-thread-XXXXXX");
  assert_non_null(mkdtemp(b->folder));
  snprintf(b->file, sizeof b->file, "%s/journal.db", b->folder);
  b->clock = (struct store_clock){now, wall, b, "this boot"};
  uv_loop_init(&b->loop);
  uv_timer_init(&b->loop, &b->tick);
  b->probe = calloc(1, sizeof *b->probe);
  b->probe->store.ops = &probe_ops;
  b->probe->inner = open_file(b);
  b->other = open_file(b);
  b->thread = store_thread_new(&b->probe->store, &b->clock, &b->loop, store_notices_add, &b->notices);
  assert_non_null(b->thread);
  *state = b;
  return 0;
}

static void end_thread(struct bed *b)
{
  store_thread_free(b->thread);
  b->thread = NULL;
}

static int tear_down(void **state)
{
  struct bed *b = *state;
  char command[128];
  end_thread(b);
  store_notices_free(&b->notices);
  b->other->ops->free(b->other);
  uv_close((uv_handle_t *)&b->tick, NULL);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  int busy = uv_loop_close(&b->loop);
  snprintf(command, sizeof command, "rm -rf %s", b->folder);
  free(b);
  return system(command) | busy;
}

static void note(void *bed)
{
  ((struct bed *)bed)->told++;
}

static struct store_job *start(struct bed *b, const struct store_request *r)
{
  struct store_job *j = store_thread_start(b->thread, r, note, b);
  assert_non_null(j);
  return j;
}

static struct store_job *start_append(struct bed *b, const char *run, int n)
{
  char data[16];
  snprintf(data, sizeof data, "%d", n);
  struct store_event e = {.at = 1, .run = run, .kind = "k", .path = "", .data = data};
  return start(b, &(struct store_request){.call = STORE_APPEND, .events = &e, .count = 1});
}

/* Waits for a job that must succeed, and frees it; its token. */
static long long finish(struct bed *b, struct store_job *j)
{
  while (!j->effect.finished)
    uv_run(&b->loop, UV_RUN_ONCE);
  if (j->fault.code)
    fail_msg("%s", j->fault.message);
  long long token = j->token;
  effect_free(&j->effect);
  return token;
}

static long long take(struct bed *b, const char *name, const char *run, double seconds)
{
  struct store_claim c = {.name = name, .run = run, .host = "machine", .pid = 1, .seconds = seconds};
  return finish(b, start(b, &(struct store_request){.call = STORE_TAKE, .claim = c}));
}

static void release(struct bed *b, const char *name)
{
  finish(b, start(b, &(struct store_request){.call = STORE_RELEASE, .name = name}));
}

static bool nobody(void *arg, const struct store_lease *l)
{
  (void)arg, (void)l;
  return true;
}

/* Somebody else takes it over by force. */
static void rob(struct bed *b, const char *name, long long token)
{
  struct fault f;
  struct store_claim c = {.name = name, .run = "robber", .host = "machine", .pid = 2, .seconds = 60,
                          .instead_of = token};
  assert_true(b->other->ops->take(b->other, &c, &token, nobody, NULL, &f));
  assert_true(token > 0);
}

static void ticked(uv_timer_t *tick)
{
  (void)tick;
}

static struct store_notice *next_notice(struct bed *b)
{
  struct store_notice *n;
  uv_timer_start(&b->tick, ticked, 1, 1);
  while (!(n = store_notices_take(&b->notices)))
    uv_run(&b->loop, UV_RUN_ONCE);
  uv_timer_stop(&b->tick);
  return n;
}

/* Whether the loop is told a notice now. */
static bool has_notice(struct bed *b)
{
  uv_timer_start(&b->tick, ticked, 0, 0);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  return b->notices.first != NULL;
}

static bool in_order(void *arg, const struct store_event *e)
{
  int *next = arg;
  assert_int_equal(atoi(e->data), *next);
  ++*next;
  return true;
}

static int count_in_order(struct bed *b, const char *run)
{
  struct fault f;
  int next = 0;
  assert_true(b->other->ops->events(b->other, &(struct store_filter){.run = run}, in_order, &next, &f));
  return next;
}

/* ---- jobs ----------------------------------------------------------------------------------------------- */

static void many_appends_keep_their_order_and_every_owner_is_told(void **state)
{
  enum { N = 500 };
  struct bed *b = *state;
  struct store_job *jobs[N];
  for (int i = 0; i < N; i++)
    jobs[i] = start_append(b, "a", i);
  uv_run(&b->loop, UV_RUN_DEFAULT);  /* ends because nothing is under way any more */
  assert_int_equal(b->told, N);
  for (int i = 0; i < N; i++)
    finish(b, jobs[i]);
  assert_int_equal(count_in_order(b, "a"), N);
}

static void what_waits_while_one_is_written_is_written_together(void **state)
{
  enum { N = 40 };
  struct bed *b = *state;
  struct store_job *jobs[N];
  b->probe->closed = true;
  jobs[0] = start_append(b, "a", 0);
  while (!b->probe->entered)
    usleep(200);
  for (int i = 1; i < N; i++)
    jobs[i] = start_append(b, "a", i);
  b->probe->closed = false;
  for (int i = 0; i < N; i++)
    finish(b, jobs[i]);
  assert_int_equal(b->probe->appends, 2);
  assert_int_equal(count_in_order(b, "a"), N);
}

static void reading_comes_after_what_was_appended_before(void **state)
{
  struct bed *b = *state;
  struct store_job *write = start_append(b, "a", 0);
  struct store_job *read = start(b, &(struct store_request){.call = STORE_EVENTS, .filter = {.run = "a"}});
  struct store_job *later = start_append(b, "a", 1);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  assert_int_equal(read->row_count, 1);
  assert_string_equal(read->rows[0].event.data, "0");
  finish(b, write);
  finish(b, read);
  finish(b, later);
}

static void what_was_appended_is_written_although_nobody_waits(void **state)
{
  struct bed *b = *state;
  struct store_job *kept = NULL;
  for (int i = 0; i < 20; i++) {
    struct store_job *j = start_append(b, "a", i);
    if (i == 7)
      kept = j;
    else
      effect_free(&j->effect);
  }
  end_thread(b);
  assert_int_equal(b->told, 0);
  effect_free(&kept->effect);
  assert_int_equal(count_in_order(b, "a"), 20);
}

static void a_job_that_fails_says_so_to_its_owner(void **state)
{
  struct bed *b = *state;
  struct store_job *bad = start(b, &(struct store_request){.call = STORE_APPEND, .count = 1,
                                                           .events = &(struct store_event){.run = "a"}});
  uv_run(&b->loop, UV_RUN_DEFAULT);
  assert_int_equal(b->told, 1);
  assert_string_equal(bad->fault.code, "journal-failed");
  effect_free(&bad->effect);
}

static void in_a_group_only_the_run_that_lost_its_lease_fails(void **state)
{
  struct bed *b = *state;
  rob(b, "web", take(b, "web", "a", 60));
  b->probe->closed = true;
  struct store_job *first = start_append(b, "b", 0);
  while (!b->probe->entered)
    usleep(200);
  struct store_job *lost = start_append(b, "a", 0), *other = start_append(b, "b", 1);
  b->probe->closed = false;
  uv_run(&b->loop, UV_RUN_DEFAULT);
  assert_string_equal(lost->fault.code, "lease-lost");
  effect_free(&lost->effect);
  finish(b, first);
  finish(b, other);
  assert_int_equal(count_in_order(b, "a"), 0);
  assert_int_equal(count_in_order(b, "b"), 2);
}

/* ---- leases ------------------------------------------------------------------------------------------------ */

static void a_lease_is_renewed_while_nobody_asks(void **state)
{
  struct bed *b = *state;
  long long token = take(b, "web", "a", 60);
  while (b->probe->renewals < 2)
    usleep(1000);
  assert_int_equal(take(b, "web", "a", 60), token);
  assert_true(store_thread_valid(b->thread));
}

static void without_a_lease_nothing_is_renewed(void **state)
{
  struct bed *b = *state;
  take(b, "web", "a", 60);
  release(b, "web");
  int renewals = b->probe->renewals;
  for (int i = 0; i < 20; i++)
    finish(b, start_append(b, "a", i));
  assert_int_equal(b->probe->renewals, renewals);
  assert_true(store_thread_valid(b->thread));
}

static void a_request_is_told_once(void **state)
{
  struct bed *b = *state;
  struct fault f;
  bool asked;
  take(b, "web", "a", 60);
  assert_true(b->other->ops->ask(b->other, "web", "stop", &asked, &f) && asked);
  struct store_notice *n = next_notice(b);
  assert_string_equal(n->name, "web");
  assert_string_equal(n->request, "stop");
  free(n);
  int renewals = b->probe->renewals;
  while (b->probe->renewals < renewals + 2)
    usleep(1000);
  assert_false(has_notice(b));
  assert_true(b->other->ops->ask(b->other, "web", "stop at once", &asked, &f) && asked);
  n = next_notice(b);
  assert_string_equal(n->request, "stop at once");
  free(n);
}

static void a_loss_is_told_with_the_new_holder_and_lasts_until_it_is_released(void **state)
{
  struct bed *b = *state;
  struct fault f = {0};
  rob(b, "web", take(b, "web", "a", 60));
  struct store_notice *n = next_notice(b);
  assert_string_equal(n->name, "web");
  assert_null(n->request);
  assert_string_equal(n->run, "robber");
  free(n);
  assert_false(store_thread_valid(b->thread));
  assert_false(store_thread_renew_now(b->thread, &f));
  assert_string_equal(f.code, "lease-lost");
  assert_non_null(strstr(f.message, "'web'"));
  assert_non_null(strstr(f.message, "run robber"));
  release(b, "web");
  assert_true(store_thread_valid(b->thread));
}

static void a_store_that_does_not_answer_until_the_leases_expired_is_a_loss(void **state)
{
  struct bed *b = *state;
  struct fault f = {0};
  take(b, "web", "a", 1.5);
  b->probe->broken = true;
  struct store_notice *n = next_notice(b);
  assert_true(b->probe->renewals > 1);
  assert_string_equal(n->name, "web");
  assert_null(n->request);
  assert_null(n->run);
  free(n);
  b->probe->broken = false;
  assert_false(store_thread_valid(b->thread));
  assert_false(store_thread_renew_now(b->thread, &f));
  assert_string_equal(f.code, "lease-lost");
  struct store_job *late = start_append(b, "a", 0);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  assert_string_equal(late->fault.code, "lease-lost");
  effect_free(&late->effect);
}

static void a_store_that_answers_again_in_time_is_no_loss(void **state)
{
  struct bed *b = *state;
  take(b, "web", "a", 60);
  b->probe->broken = true;
  int renewals = b->probe->renewals;
  while (b->probe->renewals == renewals)
    usleep(1000);
  b->probe->broken = false;
  assert_true(store_thread_valid(b->thread));
  finish(b, start_append(b, "a", 0));
  assert_false(has_notice(b));
}

static void after_a_sleep_the_lease_is_renewed_before_anything_else(void **state)
{
  struct bed *b = *state;
  struct fault f = {0};
  take(b, "web", "a", 60);
  b->skipped = 3600;
  assert_false(store_thread_valid(b->thread));
  assert_true(store_thread_renew_now(b->thread, &f));
  assert_true(store_thread_valid(b->thread));
  finish(b, start_append(b, "a", 0));
}

static void after_a_sleep_somebody_else_may_have_it(void **state)
{
  struct bed *b = *state;
  struct fault f = {0};
  take(b, "web", "a", 60);
  b->probe->closed = true;  /* this process sleeps as a whole */
  b->skipped = 3600;
  rob(b, "web", 0);
  b->probe->closed = false;
  assert_false(store_thread_valid(b->thread));
  assert_false(store_thread_renew_now(b->thread, &f));
  assert_string_equal(f.code, "lease-lost");
  assert_non_null(strstr(f.message, "run robber"));
}

static void who_waits_for_a_renewal_waits_no_longer_than_it_should(void **state)
{
  struct bed *b = *state;
  struct fault f = {0};
  take(b, "web", "a", 60);
  b->probe->closed = true;
  b->skipped = 3600;
  assert_false(store_thread_renew_now(b->thread, &f));
  assert_string_equal(f.code, "journal-busy");
  b->probe->closed = false;
}

#define ON_LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    ON_LOOP(many_appends_keep_their_order_and_every_owner_is_told),
    ON_LOOP(what_waits_while_one_is_written_is_written_together),
    ON_LOOP(reading_comes_after_what_was_appended_before),
    ON_LOOP(what_was_appended_is_written_although_nobody_waits),
    ON_LOOP(a_job_that_fails_says_so_to_its_owner),
    ON_LOOP(in_a_group_only_the_run_that_lost_its_lease_fails),
    ON_LOOP(a_lease_is_renewed_while_nobody_asks),
    ON_LOOP(without_a_lease_nothing_is_renewed),
    ON_LOOP(a_request_is_told_once),
    ON_LOOP(a_loss_is_told_with_the_new_holder_and_lasts_until_it_is_released),
    ON_LOOP(a_store_that_does_not_answer_until_the_leases_expired_is_a_loss),
    ON_LOOP(a_store_that_answers_again_in_time_is_no_loss),
    ON_LOOP(after_a_sleep_the_lease_is_renewed_before_anything_else),
    ON_LOOP(after_a_sleep_somebody_else_may_have_it),
    ON_LOOP(who_waits_for_a_renewal_waits_no_longer_than_it_should),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
