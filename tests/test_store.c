/* The contract of host/store.h, kept by every kind of store. */
#include "store_kind.h"
#include "store_race.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct store_kind *const kinds[] = {&store_kind_sqlite, &store_kind_postgres};

enum { KINDS = sizeof kinds / sizeof *kinds, STORES = 3 };

/* A place with three stores on it, as three processes would have them. */
struct bed {
  const struct store_kind *kind;
  void *place;
  struct store *stores[STORES];
};

static int set_up(void **state)
{
  struct bed *b = calloc(1, sizeof *b);
  b->kind = *state;
  b->place = b->kind->make();
  for (int i = 0; b->place && i < STORES; i++)
    assert_non_null(b->stores[i] = b->kind->open(b->place));
  *state = b;
  return 0;
}

static int tear_down(void **state)
{
  struct bed *b = *state;
  for (int i = 0; i < STORES; i++)
    if (b->stores[i])
      b->stores[i]->ops->free(b->stores[i]);
  if (b->place)
    b->kind->remove(b->place);
  free(b);
  return 0;
}

static struct bed *bed_of(void **state)
{
  struct bed *b = *state;
  if (!b->place)
    skip();
  return b;
}

/* ---- short forms: what fails without being expected to ends the test ------------------------------ */

static void check(bool ok, const struct fault *f)
{
  if (!ok)
    fail_msg("%s: %s", f->code, f->message);
}

static struct store_event event(const char *run, double at, const char *data)
{
  return (struct store_event){.at = at, .run = run, .kind = "k", .path = "p", .data = data};
}

static void append_status(struct store *s, const char *run, double at, const char *data, const char *status)
{
  struct fault f;
  struct store_event e = event(run, at, data);
  const struct store_event *list[] = {&e};
  e.status = status;
  check(s->ops->append(s, list, 1, &f), &f);
}

static void append(struct store *s, const char *run, const char *data)
{
  append_status(s, run, 1, data, NULL);
}

static void append_refused(struct store *s, const char *run)
{
  struct fault f = {0};
  struct store_event e = event(run, 1, "late");
  const struct store_event *list[] = {&e};
  assert_false(s->ops->append(s, list, 1, &f));
  assert_string_equal(f.code, "lease-lost");
  assert_non_null(strstr(f.message, "'web'"));
}

struct events {
  int count, limit;
  long long last_seq;
  char data[256];
};

static bool add_event(void *arg, const struct store_event *e)
{
  struct events *all = arg;
  assert_true(e->seq > all->last_seq);
  all->last_seq = e->seq;
  strncat(all->data, e->data, 8);
  return ++all->count != all->limit;
}

static struct events events(struct store *s, struct store_filter filter)
{
  struct fault f;
  struct events all = {0};
  check(s->ops->events(s, &filter, add_event, &all, &f), &f);
  return all;
}

static struct events events_of(struct store *s, const char *run)
{
  return events(s, (struct store_filter){.run = run});
}

struct runs {
  int count;
  char names[256];
  char status[32], first[64];
  struct store_run last;
};

static bool add_run(void *arg, const struct store_run *r)
{
  struct runs *all = arg;
  all->count++;
  strcat(strcat(all->names, r->run), " ");
  snprintf(all->status, sizeof all->status, "%s", r->status);
  snprintf(all->first, sizeof all->first, "%s", r->first);
  all->last = *r;
  return true;
}

static struct runs runs(struct store *s, struct store_runs_filter filter)
{
  struct fault f;
  struct runs all = {0};
  check(s->ops->runs(s, &filter, add_run, &all, &f), &f);
  return all;
}

struct told {
  int count;
  struct store_lease lease;
  char name[32], run[32], host[32], request[32];
  bool has_run, has_request;
};

static bool tell(void *arg, const struct store_lease *l)
{
  struct told *t = arg;
  t->count++;
  t->lease = *l;
  t->has_run = l->run != NULL;
  t->has_request = l->request != NULL;
  snprintf(t->name, sizeof t->name, "%s", l->name);
  snprintf(t->run, sizeof t->run, "%s", l->run ? l->run : "");
  snprintf(t->host, sizeof t->host, "%s", l->host ? l->host : "");
  snprintf(t->request, sizeof t->request, "%s", l->request ? l->request : "");
  return true;
}

static long long take_instead(struct store *s, const char *run, double seconds, long long token, struct told *t)
{
  struct fault f;
  struct told ignored = {0};
  struct store_claim c = {.name = "web", .run = run, .host = "machine", .pid = 42, .seconds = seconds,
                          .instead_of = token};
  check(s->ops->take(s, &c, &token, tell, t ? t : &ignored, &f), &f);
  return token;
}

static long long take(struct store *s, const char *run, double seconds)
{
  return take_instead(s, run, seconds, 0, NULL);
}

static struct told renew(struct store *s, double *left)
{
  struct fault f;
  struct told t = {0};
  check(s->ops->renew(s, left, tell, &t, &f), &f);
  return t;
}

static void release(struct store *s)
{
  struct fault f;
  check(s->ops->release(s, "web", &f), &f);
}

static bool ask(struct store *s, const char *request)
{
  struct fault f;
  bool asked;
  check(s->ops->ask(s, "web", request, &asked, &f), &f);
  return asked;
}

static struct told leases(struct store *s, const char *name)
{
  struct fault f;
  struct told t = {0};
  check(s->ops->leases(s, name, tell, &t, &f), &f);
  return t;
}

static void forget(struct store *s, const char *run)
{
  struct fault f;
  check(s->ops->forget(s, run, &f), &f);
}

/* ---- events and runs -------------------------------------------------------------------------------- */

static void events_come_back_in_order_by_run_kind_and_place(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  append(s, "a", "1");
  append(b->stores[1], "b", "2");
  append(s, "a", "3");
  struct events all = events(s, (struct store_filter){0});
  assert_string_equal(all.data, "123");
  struct events of_a = events_of(b->stores[2], "a");
  assert_string_equal(of_a.data, "13");
  assert_int_equal(events(s, (struct store_filter){.run = "a", .after = of_a.last_seq - 1}).count, 1);
  assert_int_equal(events(s, (struct store_filter){.kind = "k"}).count, 3);
  assert_int_equal(events(s, (struct store_filter){.kind = "other"}).count, 0);
  assert_int_equal(events_of(s, "nobody").count, 0);
}

static bool first_only(void *arg, const struct store_event *e)
{
  ++*(int *)arg;
  return e->seq < 0;
}

static void reading_stops_when_it_is_told_to(void **state)
{
  struct bed *b = bed_of(state);
  struct fault f;
  int count = 0;
  append(b->stores[0], "a", "1");
  append(b->stores[0], "a", "2");
  check(b->stores[0]->ops->events(b->stores[0], &(struct store_filter){0}, first_only, &count, &f), &f);
  assert_int_equal(count, 1);
  append(b->stores[0], "a", "3");
  assert_int_equal(events_of(b->stores[1], "a").count, 3);
}

static bool same_text(void *arg, const struct store_event *e)
{
  const struct store_event *expected = arg;
  assert_string_equal(e->run, expected->run);
  assert_string_equal(e->kind, expected->kind);
  assert_string_equal(e->path, expected->path);
  assert_string_equal(e->data, expected->data);
  assert_true(e->at == expected->at);
  return true;
}

static void texts_come_back_as_they_were(void **state)
{
  struct bed *b = bed_of(state);
  struct fault f;
  static const char begin[] = "{\"a\\\\'\\n\": \"\xc3\xa4\xf0\x9f\x9a\xa2 %s ?1 $1";
  size_t size = 1 << 20;
  char *data = malloc(size);
  memset(data, 'x', size);
  memcpy(data, begin, sizeof begin - 1);
  data[size - 1] = 0;
  struct store_event e = {.at = 1700000000.123456, .run = "r'\"", .kind = "k;--", .path = "", .data = data};
  const struct store_event *list[] = {&e};
  check(b->stores[0]->ops->append(b->stores[0], list, 1, &f), &f);
  check(b->stores[1]->ops->events(b->stores[1], &(struct store_filter){.run = "r'\""}, same_text, &e, &f), &f);
  assert_int_equal(events_of(b->stores[1], "r'\"").count, 1);
  free(data);
}

static void a_run_is_made_by_its_first_event_and_moved_by_those_with_a_status(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  append_status(s, "a", 10, "{\"first\":1}", NULL);
  append_status(s, "a", 20, "{}", NULL);
  struct runs r = runs(s, (struct store_runs_filter){0});
  assert_int_equal(r.count, 1);
  assert_string_equal(r.status, "running");
  assert_string_equal(r.first, "{\"first\":1}");
  assert_true(r.last.started == 10 && r.last.changed == 10);
  append_status(s, "a", 30, "{}", "parked");
  append_status(s, "a", 40, "{}", NULL);
  r = runs(b->stores[1], (struct store_runs_filter){0});
  assert_string_equal(r.status, "parked");
  assert_true(r.last.started == 10 && r.last.changed == 30);
  assert_int_equal(r.last.events, 4);
  assert_true(r.last.bytes >= 17);
  append_status(s, "b", 50, "{}", "waiting");
  assert_string_equal(runs(s, (struct store_runs_filter){.run = "b"}).status, "waiting");
}

static void runs_are_read_newest_first_by_id_status_age_and_number(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  append_status(s, "a", 10, "{}", "done");
  append_status(s, "b", 20, "{}", "failed");
  append_status(s, "c", 30, "{}", "done");
  assert_string_equal(runs(s, (struct store_runs_filter){0}).names, "c b a ");
  assert_string_equal(runs(s, (struct store_runs_filter){.run = "b"}).names, "b ");
  assert_string_equal(runs(s, (struct store_runs_filter){.status = "done"}).names, "c a ");
  assert_string_equal(runs(s, (struct store_runs_filter){.changed_before = 20}).names, "a ");
  assert_string_equal(runs(s, (struct store_runs_filter){.limit = 2}).names, "c b ");
}

static void forgetting_a_run_removes_its_events_and_gives_no_seq_twice(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  append(s, "a", "1");
  append(s, "b", "2");
  append(s, "b", "3");
  long long last = events_of(s, "b").last_seq;
  forget(s, "b");
  forget(s, "unknown");
  assert_string_equal(runs(s, (struct store_runs_filter){0}).names, "a ");
  assert_int_equal(events(s, (struct store_filter){0}).count, 1);
  append(b->stores[1], "c", "4");
  assert_true(events_of(s, "c").last_seq > last);
}

/* ---- taking leases ------------------------------------------------------------------------------------ */

static void a_free_lease_is_taken_and_the_second_is_told_who_has_it(void **state)
{
  struct bed *b = bed_of(state);
  struct told t = {0};
  long long token = take(b->stores[0], "a", 60);
  assert_true(token > 0);
  assert_int_equal(take_instead(b->stores[1], "b", 60, 0, &t), 0);
  assert_int_equal(t.count, 1);
  assert_string_equal(t.name, "web");
  assert_string_equal(t.run, "a");
  assert_string_equal(t.host, "machine");
  assert_int_equal(t.lease.pid, 42);
  assert_true(t.lease.token == token);
  assert_true(t.lease.left > 50 && t.lease.left <= 60);
  assert_true(t.lease.since > 1.6e9);
  assert_false(t.has_request);
}

static void the_same_run_in_another_process_counts_as_somebody(void **state)
{
  struct bed *b = bed_of(state);
  take(b->stores[0], "a", 60);
  assert_int_equal(take(b->stores[1], "a", 60), 0);
}

static void another_run_in_the_same_process_counts_as_somebody(void **state)
{
  struct bed *b = bed_of(state);
  take(b->stores[0], "a", 60);
  assert_int_equal(take(b->stores[0], "b", 60), 0);
}

static void taking_again_renews_and_gives_the_same_token(void **state)
{
  struct bed *b = bed_of(state);
  long long token = take(b->stores[0], "a", 60);
  b->kind->pass(b->place, 0.5);
  assert_true(take(b->stores[0], "a", 90) == token);
  assert_true(leases(b->stores[1], "web").lease.left > 80);
}

static void an_expired_lease_is_taken_with_a_greater_token(void **state)
{
  struct bed *b = bed_of(state);
  long long token = take(b->stores[0], "a", 0.2);
  b->kind->pass(b->place, 0.3);
  assert_true(leases(b->stores[1], "web").lease.left <= 0);
  assert_true(take(b->stores[1], "b", 60) > token);
  assert_int_equal(take(b->stores[2], "c", 60), 0);
}

static void a_held_lease_is_taken_only_from_the_holder_that_is_named(void **state)
{
  struct bed *b = bed_of(state);
  long long token = take(b->stores[0], "a", 60);
  assert_int_equal(take_instead(b->stores[1], "b", 60, token + 1, NULL), 0);
  assert_true(take_instead(b->stores[1], "b", 60, token, NULL) > token);
  assert_int_equal(take_instead(b->stores[2], "c", 60, token, NULL), 0);
  assert_string_equal(leases(b->stores[2], "web").run, "b");
}

static void a_process_that_ends_gives_nothing_back(void **state)
{
  struct bed *b = bed_of(state);
  take(b->stores[0], "a", 60);
  b->stores[0]->ops->free(b->stores[0]);
  b->stores[0] = NULL;
  assert_int_equal(take(b->stores[1], "a", 60), 0);
}

/* ---- the fence ---------------------------------------------------------------------------------------- */

static void who_lost_a_lease_appends_no_more_until_it_is_released(void **state)
{
  struct bed *b = bed_of(state);
  struct store *old = b->stores[0];
  long long token = take(old, "a", 60);
  append(old, "a", "1");
  take_instead(b->stores[1], "b", 60, token, NULL);
  append_refused(old, "a");
  renew(old, &(double){0});
  append_refused(old, "a");
  append(b->stores[1], "b", "2");
  assert_string_equal(events(old, (struct store_filter){0}).data, "12");
  release(old);
  append(old, "a", "3");
  assert_string_equal(leases(old, "web").run, "b");
}

static void an_append_is_refused_as_a_whole(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  struct fault f = {0};
  struct store_event e1 = event("c", 1, "1"), e2 = event("a", 1, "2");
  const struct store_event *list[] = {&e1, &e2};
  take_instead(b->stores[1], "b", 60, take(s, "a", 60), NULL);
  assert_false(s->ops->append(s, list, 2, &f));
  assert_int_equal(events(s, (struct store_filter){0}).count, 0);
  assert_int_equal(runs(s, (struct store_runs_filter){0}).count, 0);
  append(s, "c", "of a run that lost nothing");
}

static void a_late_holder_may_renew_when_nobody_took_over_and_gets_a_greater_token(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  double left;
  long long token = take(s, "a", 0.2);
  b->kind->pass(b->place, 0.3);
  append_refused(s, "a");
  assert_int_equal(renew(s, &left).count, 0);
  assert_true(leases(b->stores[1], "web").lease.token > token);
  take(s, "a", 60);
  append(s, "a", "1");
  assert_int_equal(take_instead(b->stores[1], "b", 60, token, NULL), 0);
}

/* ---- renewing ------------------------------------------------------------------------------------------- */

static void renewing_says_how_long_the_first_of_the_leases_lasts(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  struct fault f;
  struct told ignored = {0};
  long long token;
  double left = 0;
  renew(s, &left);
  assert_true(left == INFINITY);
  take(s, "a", 60);
  struct store_claim longer = {.name = "other", .run = "a", .host = "machine", .pid = 42, .seconds = 90};
  check(s->ops->take(s, &longer, &token, tell, &ignored, &f), &f);
  b->kind->pass(b->place, 40);
  renew(s, &left);
  assert_true(left > 55 && left <= 60);
  assert_true(leases(s, "web").lease.left > 59.5 && leases(s, "other").lease.left > 89.5);
  release(s);
  renew(s, &left);
  assert_true(left > 85 && left <= 90);
}

static void a_request_reaches_the_holder_with_every_renewal(void **state)
{
  struct bed *b = bed_of(state);
  double left;
  take(b->stores[0], "a", 60);
  assert_true(ask(b->stores[1], "stop"));
  for (int i = 0; i < 2; i++) {
    struct told t = renew(b->stores[0], &left);
    assert_int_equal(t.count, 1);
    assert_string_equal(t.name, "web");
    assert_string_equal(t.run, "a");
    assert_string_equal(t.request, "stop");
  }
  assert_true(ask(b->stores[1], "stop at once"));
  assert_string_equal(renew(b->stores[0], &left).request, "stop at once");
  assert_string_equal(leases(b->stores[2], "web").request, "stop at once");
}

static void a_loss_is_told_once_with_the_new_holder_and_no_request(void **state)
{
  struct bed *b = bed_of(state);
  double left = 0;
  take_instead(b->stores[1], "b", 60, take(b->stores[0], "a", 60), NULL);
  assert_true(ask(b->stores[2], "to b"));
  struct told t = renew(b->stores[0], &left);
  assert_int_equal(t.count, 1);
  assert_string_equal(t.name, "web");
  assert_string_equal(t.run, "b");
  assert_false(t.has_request);
  assert_true(left == INFINITY);
  assert_int_equal(renew(b->stores[0], &left).count, 0);
}

static void a_loss_to_somebody_who_gave_back_has_no_new_holder(void **state)
{
  struct bed *b = bed_of(state);
  double left;
  take_instead(b->stores[1], "b", 60, take(b->stores[0], "a", 60), NULL);
  release(b->stores[1]);
  struct told t = renew(b->stores[0], &left);
  assert_int_equal(t.count, 1);
  assert_false(t.has_run);
  append_refused(b->stores[0], "a");
}

/* ---- giving back, asking, listing ------------------------------------------------------------------------- */

static void what_is_given_back_is_free_and_its_token_lives_on(void **state)
{
  struct bed *b = bed_of(state);
  long long token = take(b->stores[0], "a", 60);
  release(b->stores[0]);
  struct told t = leases(b->stores[1], NULL);
  assert_int_equal(t.count, 1);
  assert_string_equal(t.run, "");
  assert_true(t.lease.left == 0 && t.lease.token == token);
  assert_true(take(b->stores[1], "b", 60) > token);
  append(b->stores[0], "a", "a run without leases");
}

static void releasing_never_frees_anothers(void **state)
{
  struct bed *b = bed_of(state);
  take(b->stores[0], "a", 60);
  release(b->stores[1]);
  assert_string_equal(leases(b->stores[1], "web").run, "a");
  long long token = leases(b->stores[1], "web").lease.token;
  take_instead(b->stores[1], "b", 60, token, NULL);
  release(b->stores[0]);
  assert_string_equal(leases(b->stores[2], "web").run, "b");
}

static void nobody_can_be_asked_who_holds_nothing(void **state)
{
  struct bed *b = bed_of(state);
  assert_false(ask(b->stores[1], "stop"));
  take(b->stores[0], "a", 0.2);
  b->kind->pass(b->place, 0.3);
  assert_false(ask(b->stores[1], "stop"));
  take(b->stores[0], "a", 60);
  release(b->stores[0]);
  assert_false(ask(b->stores[1], "stop"));
}

static void a_request_ends_when_the_lease_changes_hands(void **state)
{
  struct bed *b = bed_of(state);
  long long token = take(b->stores[0], "a", 60);
  assert_true(ask(b->stores[1], "stop"));
  take_instead(b->stores[1], "b", 60, token, NULL);
  assert_false(leases(b->stores[2], "web").has_request);
  assert_true(ask(b->stores[2], "stop"));
  release(b->stores[1]);
  take(b->stores[2], "c", 60);
  assert_false(leases(b->stores[2], "web").has_request);
}

static void leases_are_listed_all_or_by_name(void **state)
{
  struct bed *b = bed_of(state);
  struct fault f;
  struct told ignored = {0};
  long long token;
  assert_int_equal(leases(b->stores[0], NULL).count, 0);
  take(b->stores[0], "a", 60);
  struct store_claim other = {.name = "other", .run = "a", .host = "machine", .pid = 42, .seconds = 90};
  check(b->stores[0]->ops->take(b->stores[0], &other, &token, tell, &ignored, &f), &f);
  assert_int_equal(leases(b->stores[1], NULL).count, 2);
  assert_string_equal(leases(b->stores[1], "other").name, "other");
  assert_int_equal(leases(b->stores[1], "third").count, 0);
}

static void forgetting_a_run_removes_its_own_lease_unless_it_is_held(void **state)
{
  struct bed *b = bed_of(state);
  struct store *s = b->stores[0];
  struct fault f;
  struct told ignored = {0};
  long long token;
  struct store_claim own = {.name = "run/a", .run = "a", .host = "machine", .pid = 42, .seconds = 60};
  append(s, "a", "1");
  take(s, "a", 60);
  check(s->ops->take(s, &own, &token, tell, &ignored, &f), &f);
  forget(b->stores[1], "a");
  assert_int_equal(leases(s, "run/a").count, 1);
  check(s->ops->release(s, "run/a", &f), &f);
  forget(b->stores[1], "a");
  assert_int_equal(leases(s, "run/a").count, 0);
  assert_int_equal(leases(s, "web").count, 1);
}

/* ---- several processes --------------------------------------------------------------------------------------- */

static void of_two_processes_that_race_one_holds_and_tokens_grow(void **state)
{
  struct bed *b = bed_of(state);
  struct store_race r = store_race(b->kind, b->place, 1000);
  assert_int_equal(r.failed, 0);
  assert_int_equal(r.not_growing, 0);
  assert_int_equal(r.not_one, 0);
  assert_int_equal(r.won[0] + r.won[1], 1000);
  print_message("%s: %d and %d of the race's rounds\n", b->kind->name, r.won[0], r.won[1]);
}

static void a_holder_that_slept_past_its_expiry_cannot_append(void **state)
{
  struct bed *b = bed_of(state);
  char code[32] = "";
  store_race_paused(b->kind, b->place, code, sizeof code);
  assert_string_equal(code, "lease-lost");
  assert_int_equal(events(b->stores[0], (struct store_filter){0}).count, 0);
}

#define CONTRACT(test) {#test, test, set_up, tear_down, NULL}

static const struct CMUnitTest contract[] = {
  CONTRACT(events_come_back_in_order_by_run_kind_and_place),
  CONTRACT(reading_stops_when_it_is_told_to),
  CONTRACT(texts_come_back_as_they_were),
  CONTRACT(a_run_is_made_by_its_first_event_and_moved_by_those_with_a_status),
  CONTRACT(runs_are_read_newest_first_by_id_status_age_and_number),
  CONTRACT(forgetting_a_run_removes_its_events_and_gives_no_seq_twice),
  CONTRACT(a_free_lease_is_taken_and_the_second_is_told_who_has_it),
  CONTRACT(the_same_run_in_another_process_counts_as_somebody),
  CONTRACT(another_run_in_the_same_process_counts_as_somebody),
  CONTRACT(taking_again_renews_and_gives_the_same_token),
  CONTRACT(an_expired_lease_is_taken_with_a_greater_token),
  CONTRACT(a_held_lease_is_taken_only_from_the_holder_that_is_named),
  CONTRACT(a_process_that_ends_gives_nothing_back),
  CONTRACT(who_lost_a_lease_appends_no_more_until_it_is_released),
  CONTRACT(an_append_is_refused_as_a_whole),
  CONTRACT(a_late_holder_may_renew_when_nobody_took_over_and_gets_a_greater_token),
  CONTRACT(renewing_says_how_long_the_first_of_the_leases_lasts),
  CONTRACT(a_request_reaches_the_holder_with_every_renewal),
  CONTRACT(a_loss_is_told_once_with_the_new_holder_and_no_request),
  CONTRACT(a_loss_to_somebody_who_gave_back_has_no_new_holder),
  CONTRACT(what_is_given_back_is_free_and_its_token_lives_on),
  CONTRACT(releasing_never_frees_anothers),
  CONTRACT(nobody_can_be_asked_who_holds_nothing),
  CONTRACT(a_request_ends_when_the_lease_changes_hands),
  CONTRACT(leases_are_listed_all_or_by_name),
  CONTRACT(forgetting_a_run_removes_its_own_lease_unless_it_is_held),
  CONTRACT(of_two_processes_that_race_one_holds_and_tokens_grow),
  CONTRACT(a_holder_that_slept_past_its_expiry_cannot_append),
};

enum { TESTS = sizeof contract / sizeof *contract };

int main(void)
{
  struct CMUnitTest tests[KINDS * TESTS];
  for (int k = 0; k < KINDS; k++)
    for (int i = 0; i < TESTS; i++) {
      struct CMUnitTest *t = &tests[k * TESTS + i];
      *t = contract[i];
      t->initial_state = (void *)kinds[k];
    }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
