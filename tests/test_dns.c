/* test_dns.c - look-ups against a name server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "nameserver.h"
#include "real.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world_under_test {
  uv_loop_t loop;
  struct real_config config;
  struct world_clock *clock;
  struct world_dns *dns;
  struct nameserver *server;
  char address[32];
  int queries;
};

/* ---- a name server with a few names ----------------------------------------------------- */

static void answer(struct world_under_test *w, const struct nameserver_query *q)
{
  struct nameserver_reply r;
  bool is_a = strcmp(q->type, "A") == 0;
  const char *rcode = strcmp(q->name, "gone.test") == 0 ? "NXDOMAIN" :
                      strcmp(q->name, "broken.test") == 0 ? "SERVFAIL" : "NOERROR";
  if (strcmp(q->name, "silent.test") == 0)
    return;
  nameserver_begin(&r, q, nameserver_rcode(rcode));
  if (strcmp(q->name, "www.test") == 0 && is_a) {
    nameserver_add(&r, "A", "192.0.2.1", 60);
    nameserver_add(&r, "A", "192.0.2.2", 30);
  } else if (strcmp(q->name, "alias.test") == 0) {
    nameserver_add(&r, "CNAME", "www.test", 5);
    if (is_a)
      nameserver_add(&r, "A", "192.0.2.1", 60);
  } else if (strcmp(q->name, "half.test") == 0) {
    nameserver_add(&r, "CNAME", "www.test", 5);
  } else if (strcmp(q->name, "loop.test") == 0) {
    nameserver_add(&r, "CNAME", "loop.test", 5);
  } else if (strcmp(q->name, "text.test") == 0) {
    nameserver_add(&r, "TXT", "key=value; more", 60);
  }
  nameserver_send(w->server, q, &r);
}

static void arrived(void *arg)
{
  struct world_under_test *w = arg;
  struct nameserver_query q;
  while (nameserver_take(w->server, &q)) {
    w->queries++;
    answer(w, &q);
  }
}

static int open_world(void **state)
{
  struct world_under_test *w = calloc(1, sizeof *w);
  struct fault f;
  *state = w;
  uv_loop_init(&w->loop);
  w->clock = clock_uv_new(&w->loop);
  w->dns = dns_ares_new(&w->loop, &w->config);
  w->server = nameserver_new(&w->loop, "127.0.0.1", 0, &f);
  nameserver_watch(w->server, arrived, w);
  snprintf(w->address, sizeof w->address, "127.0.0.1:%d", nameserver_port(w->server));
  return 0;
}

static int close_world(void **state)
{
  struct world_under_test *w = *state;
  nameserver_free(w->server);
  dns_ares_free(w->dns);
  clock_uv_free(w->clock);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  int left = uv_loop_close(&w->loop);  // fails on a handle left open
  free(w);
  return left;
}

static void turn(struct world_under_test *w)
{
  w->clock->wait(w->clock, INFINITY);
}

/* ---- asking ------------------------------------------------------------------------------- */

static void count(void *arg)
{
  ++*(int *)arg;
}

static struct dns_lookup *ask_with(struct world_under_test *w, struct dns_question q)
{
  int done = 0;
  struct dns_lookup *l = w->dns->start(w->dns, &q, count, &done);
  assert_non_null(l);
  assert_int_equal(done, 0);  // never from inside start
  while (!done)
    turn(w);
  assert_true(l->effect.finished);
  return l;
}

static struct dns_lookup *ask(struct world_under_test *w, const char *name, const char *type)
{
  return ask_with(w, (struct dns_question){.name = name, .type = type, .server = w->address, .timeout = 5});
}

static void expect_fault(struct world_under_test *w, const char *name, const char *code)
{
  struct dns_lookup *l = ask(w, name, "A");
  assert_string_equal(l->fault.code, code);
  assert_non_null(strstr(l->fault.message, name));
  effect_free(&l->effect);
}

static void addresses_come_in_the_servers_order_with_their_ttl(void **state)
{
  struct dns_lookup *l = ask(*state, "www.test", "A");
  assert_null(l->fault.code);
  assert_int_equal(l->count, 2);
  assert_string_equal(l->answers[0].data, "192.0.2.1");
  assert_string_equal(l->answers[1].type, "A");
  assert_int_equal(l->answers[1].ttl, 30);
  effect_free(&l->effect);
}

static void an_alias_is_listed_before_the_address_it_leads_to(void **state)
{
  struct dns_lookup *l = ask(*state, "Alias.Test.", "A");
  assert_int_equal(l->count, 2);
  assert_string_equal(l->answers[0].type, "CNAME");
  assert_string_equal(l->answers[0].data, "www.test");
  assert_string_equal(l->answers[1].data, "192.0.2.1");
  effect_free(&l->effect);
}

static void an_alias_without_address_is_asked_for_again(void **state)
{
  struct world_under_test *w = *state;
  struct dns_lookup *l = ask(w, "half.test", "A");
  assert_null(l->fault.code);
  assert_int_equal(l->count, 3);
  assert_int_equal(w->queries, 2);
  effect_free(&l->effect);
}

static void an_alias_of_itself_ends(void **state)
{
  struct dns_lookup *l = ask(*state, "loop.test", "A");
  assert_string_equal(l->fault.code, "dns-failed");
  effect_free(&l->effect);
}

static void an_alias_can_be_asked_for_itself(void **state)
{
  struct dns_lookup *l = ask(*state, "alias.test", "CNAME");
  assert_int_equal(l->count, 1);
  assert_string_equal(l->answers[0].data, "www.test");
  effect_free(&l->effect);
}

static void a_text_is_given_whole(void **state)
{
  struct dns_lookup *l = ask(*state, "text.test", "TXT");
  assert_int_equal(l->count, 1);
  assert_string_equal(l->answers[0].data, "key=value; more");
  effect_free(&l->effect);
}

static void no_such_name_no_such_type_and_a_failing_server_are_told_apart(void **state)
{
  expect_fault(*state, "gone.test", "dns-not-found");
  expect_fault(*state, "text.test", "dns-no-data");
  expect_fault(*state, "broken.test", "dns-failed");
  expect_fault(*state, "a..b", "dns-name");
}

static void silence_is_a_timeout(void **state)
{
  struct world_under_test *w = *state;
  uint64_t before = uv_hrtime();
  struct dns_lookup *l = ask_with(w, (struct dns_question){
    .name = "silent.test", .type = "A", .server = w->address, .timeout = 0.2});
  assert_string_equal(l->fault.code, "dns-timeout");
  assert_true(uv_hrtime() - before < 1000000000);
  assert_true(w->queries > 1);  // it was repeated
  effect_free(&l->effect);
}

static void freed_in_flight_it_never_reports(void **state)  /* invariant 1 */
{
  struct world_under_test *w = *state;
  int done = 0;
  struct dns_question q = {.name = "www.test", .type = "A", .server = w->address, .timeout = 5};
  struct dns_lookup *l = w->dns->start(w->dns, &q, count, &done);
  effect_free(&l->effect);
  while (w->queries == 0)  // the question is out; its answer finds nobody
    turn(w);
  for (int i = 0; i < 5; i++)
    uv_run(&w->loop, UV_RUN_NOWAIT);
  assert_int_equal(done, 0);
}

static void addresses_and_localhost_need_no_server(void **state)
{
  struct world_under_test *w = *state;
  static const struct { const char *name, *type, *data; } rows[] = {
    {"192.0.2.9", "A", "192.0.2.9"}, {"::1", "AAAA", "::1"}, {"localhost", "A", "127.0.0.1"},
    {"web.LOCALHOST.", "AAAA", "::1"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct dns_lookup *l = ask(w, rows[i].name, rows[i].type);
    assert_null(l->fault.code);
    assert_string_equal(l->answers[0].data, rows[i].data);
    effect_free(&l->effect);
  }
  expect_fault(w, "::1", "dns-no-data");
  assert_int_equal(w->queries, 0);
}

static void what_is_no_servers_address_is_refused(void **state)
{
  struct dns_lookup *l = ask_with(*state, (struct dns_question){
    .name = "www.test", .type = "A", .server = "ns.example", .timeout = 1});
  assert_string_equal(l->fault.code, "dns-server");
  effect_free(&l->effect);
}

static void local_asks_the_local_cloud_and_nobody_else(void **state)
{
  struct world_under_test *w = *state;
  struct dns_question q = {.name = "www.test", .type = "A", .timeout = 5};
  w->config.local = true;
  struct dns_lookup *l = ask_with(w, q);
  assert_string_equal(l->fault.code, "not-local");
  effect_free(&l->effect);
  w->config.dns_server = w->address;
  l = ask_with(w, q);
  assert_int_equal(l->count, 2);
  effect_free(&l->effect);
  q.server = "192.0.2.1";  // a server of the internet is the local cloud's, as every origin
  l = ask_with(w, q);
  assert_int_equal(l->count, 2);
  effect_free(&l->effect);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
  const struct CMUnitTest tests[] = {
    IN_WORLD(addresses_come_in_the_servers_order_with_their_ttl),
    IN_WORLD(an_alias_is_listed_before_the_address_it_leads_to),
    IN_WORLD(an_alias_without_address_is_asked_for_again),
    IN_WORLD(an_alias_of_itself_ends),
    IN_WORLD(an_alias_can_be_asked_for_itself),
    IN_WORLD(a_text_is_given_whole),
    IN_WORLD(no_such_name_no_such_type_and_a_failing_server_are_told_apart),
    IN_WORLD(silence_is_a_timeout),
    IN_WORLD(freed_in_flight_it_never_reports),
    IN_WORLD(addresses_and_localhost_need_no_server),
    IN_WORLD(what_is_no_servers_address_is_refused),
    IN_WORLD(local_asks_the_local_cloud_and_nobody_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
