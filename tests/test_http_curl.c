/* test_http_curl.c - bodies in pieces: sources and sinks that are slow, short, or fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "real.h"
#include "server.h"
#include "watched.h"
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 3 << 20 };

struct world_under_test {
  uv_loop_t loop;
  struct real_config config;
  struct world_clock *clock;
  struct world_dns *dns;
  struct world_environ *environ;
  struct world_http *http;
  struct server *server;
  struct server_accept *accept;
  char url[64];
  int done, arrived;
};

/* ---- a server that sends back what it gets --------------------------------------------- */

static void count(void *arg)
{
  ++*(int *)arg;
}

static void accept_next(struct world_under_test *w)
{
  w->arrived = 0;
  w->accept = server_accept(w->server, count, &w->arrived);
  assert_non_null(w->accept);
}

static void serve(struct world_under_test *w)
{
  if (!w->arrived)
    return;
  struct server_request *r = w->accept->request;
  w->accept->request = NULL;
  effect_free(&w->accept->effect);
  for (; r; r = server_take(w->server)) {
    struct fault f;
    int status = strstr(r->target, "/missing") ? 404 : 200;
    assert_true(server_answer(r, status, NULL, r->body.data, r->body.len, &f));
  }
  accept_next(w);
}

static void turn(struct world_under_test *w)
{
  w->clock->wait(w->clock, INFINITY);
  serve(w);
}

static int open_world(void **state)
{
  struct world_under_test *w = calloc(1, sizeof *w);
  struct fault f;
  *state = w;
  uv_loop_init(&w->loop);
  w->clock = clock_uv_new(&w->loop);
  w->dns = dns_ares_new(&w->loop, &w->config);
  w->environ = environ_os_new();
  w->http = http_curl_new(&w->loop, &w->config, w->dns, w->environ);
  w->server = server_new(&w->loop, &(struct server_options){.address = "127.0.0.1", .max_body = 2 * BIG}, &f);
  snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d/", server_port(w->server));
  accept_next(w);
  return 0;
}

static int close_world(void **state)
{
  struct world_under_test *w = *state;
  effect_free(&w->accept->effect);
  server_free(w->server);
  http_curl_free(w->http);
  dns_ares_free(w->dns);
  environ_os_free(w->environ);
  clock_uv_free(w->clock);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  int left = uv_loop_close(&w->loop);  // fails on a handle left open
  free(w);
  return left;
}

static struct http_exchange *start(struct world_under_test *w, const char *method, struct http_request r)
{
  r.method = method;
  r.url = r.url ? r.url : w->url;
  r.timeouts.total = 30;
  r.max_body = r.max_body ? r.max_body : 2 * BIG;
  struct http_exchange *x = w->http->start(w->http, &r, count, &w->done);
  assert_non_null(x);
  assert_int_equal(w->done, 0);  // never from inside start
  return x;
}

static void finish(struct world_under_test *w)
{
  while (!w->done)
    turn(w);
  assert_int_equal(w->done, 1);
}

/* ---- sources and sinks of bytes that can be checked -------------------------------------- */

static char byte_at(size_t i)
{
  return (char)('a' + (i * 7 + i / 251) % 26);
}

struct pieces {
  struct world_http *http;
  struct http_exchange *exchange;
  size_t at, end;     /* bytes given or taken; where it ends */
  size_t fails_at;    /* 0: never */
  int calls, later;   /* every second call says HTTP_LATER */
  int rewinds;
  bool wrong;
};

static bool is_later(struct pieces *p)
{
  if (!p->later || ++p->calls % 2 == 0)
    return false;
  p->http->resume(p->exchange);
  return true;
}

static long read_piece(void *arg, char *to, size_t room)
{
  struct pieces *p = arg;
  if (is_later(p))
    return HTTP_LATER;
  if (p->fails_at && p->at >= p->fails_at)
    return HTTP_FAILED;
  size_t n = p->end - p->at < room ? p->end - p->at : room;
  for (size_t i = 0; i < n; i++)
    to[i] = byte_at(p->at + i);
  p->at += n;
  return (long)n;
}

static bool rewind_pieces(void *arg)
{
  struct pieces *p = arg;
  p->rewinds++;
  p->at = 0;
  return true;
}

static long take_piece(void *arg, const char *data, size_t len)
{
  struct pieces *p = arg;
  if (is_later(p))
    return HTTP_LATER;
  if (p->fails_at && p->at >= p->fails_at)
    return HTTP_FAILED;
  for (size_t i = 0; i < len; i++)
    p->wrong |= data[i] != byte_at(p->at + i);
  p->at += len;
  return (long)len;
}

static struct http_source source_of(struct pieces *p, double len)
{
  return (struct http_source){read_piece, rewind_pieces, p, len};
}

static void expect_bytes(const struct http_exchange *x, size_t len)
{
  assert_string_equal(x->fault.code ? x->fault.message : "", "");
  assert_int_equal(x->body.len, len);
  for (size_t i = 0; i < len; i++)
    if (x->body.data[i] != byte_at(i))
      fail_msg("byte %zu differs", i);
}

/* ---- what goes out ---------------------------------------------------------------------------- */

static void send_big(struct world_under_test *w, struct pieces *p, double len)
{
  struct http_source s = source_of(p, len);
  struct http_exchange *x = start(w, "PUT", (struct http_request){.source = &s});
  p->exchange = x;
  p->http = w->http;
  finish(w);
  expect_bytes(x, BIG);
  assert_int_equal(x->phase, HTTP_DONE);
  effect_free(&x->effect);
}

static void a_source_is_sent_whole_with_its_length(void **state)
{
  send_big(*state, &(struct pieces){.end = BIG}, BIG);
}

static void a_source_of_unknown_length_is_sent_in_chunks(void **state)
{
  send_big(*state, &(struct pieces){.end = BIG}, -1);
}

static void a_source_may_pause_as_often_as_it_likes(void **state)
{
  send_big(*state, &(struct pieces){.end = BIG, .later = 1}, BIG);
  ((struct world_under_test *)*state)->done = 0;
  send_big(*state, &(struct pieces){.end = BIG, .later = 1}, -1);
}

static void send_badly(struct world_under_test *w, struct pieces *p, double len)
{
  struct http_source s = source_of(p, len);
  struct http_exchange *x = start(w, "POST", (struct http_request){.source = &s});
  finish(w);
  assert_string_equal(x->fault.code, "http-source");
  assert_int_equal(x->phase, HTTP_SEND);
  effect_free(&x->effect);
}

static void a_source_that_fails_ends_the_exchange(void **state)
{
  send_badly(*state, &(struct pieces){.end = BIG, .fails_at = 100000}, BIG);
}

static void a_source_that_ends_too_early_ends_the_exchange(void **state)
{
  send_badly(*state, &(struct pieces){.end = 100000}, BIG);
}

static void a_part_may_be_a_source_that_pauses(void **state)
{
  struct world_under_test *w = *state;
  struct pieces p = {.http = w->http, .end = BIG, .later = 1};
  struct http_source s = source_of(&p, BIG);
  struct http_part parts[] = {{.name = "note", .data = "small", .len = 5}, {.name = "file", .filename = "f", .source = &s}};
  struct http_exchange *x = start(w, "POST", (struct http_request){.parts = parts, .part_count = 2});
  p.exchange = x;
  finish(w);
  assert_string_equal(x->fault.code ? x->fault.message : "", "");
  assert_int_equal(p.at, BIG);
  assert_true(x->body.len > BIG && x->body.len < BIG + 1000);
  assert_non_null(memmem(x->body.data, 1000, "small", 5));
  effect_free(&x->effect);
}

static void a_paused_source_may_be_left_in_flight(void **state)
{
  struct world_under_test *w = *state;
  struct pieces p = {.http = w->http, .end = BIG, .later = 1};
  struct http_source s = source_of(&p, BIG);
  struct http_exchange *x = start(w, "PUT", (struct http_request){.source = &s});
  p.exchange = x;
  while (!p.calls)
    turn(w);
  effect_free(&x->effect);
  assert_int_equal(w->done, 0);
}

/* ---- what comes in ---------------------------------------------------------------------------- */

static struct http_exchange *receive(struct world_under_test *w, struct pieces *p, const char *path, size_t max_body)
{
  struct pieces sent = {.end = BIG};
  struct http_source s = source_of(&sent, BIG);
  struct http_sink sink = {take_piece, p};
  char url[128];
  snprintf(url, sizeof url, "%s%s", w->url, path);
  struct http_exchange *x = start(w, "PUT", (struct http_request){.url = url, .source = &s, .sink = &sink, .max_body = max_body});
  p->exchange = x;
  p->http = w->http;
  finish(w);
  return x;
}

static void a_sink_takes_the_body_also_when_it_pauses(void **state)
{
  for (int later = 0; later < 2; later++) {
    struct world_under_test *w = *state;
    struct pieces p = {.later = later};
    struct http_exchange *x = receive(w, &p, "", 0);
    assert_string_equal(x->fault.code ? x->fault.message : "", "");
    assert_false(p.wrong);
    assert_int_equal(p.at, BIG);
    assert_int_equal(x->body.len, 0);
    assert_true(x->received == BIG);
    effect_free(&x->effect);
    w->done = 0;
  }
}

static void the_body_of_an_error_is_kept_and_not_put_away(void **state)
{
  struct pieces p = {0};
  struct http_exchange *x = receive(*state, &p, "missing", 0);
  assert_int_equal(x->status, 404);
  assert_int_equal(p.at, 0);
  assert_true(x->received == BIG);
  expect_bytes(x, BIG);
  effect_free(&x->effect);
}

static void a_sink_has_a_limit_too(void **state)
{
  struct pieces p = {0};
  struct http_exchange *x = receive(*state, &p, "", 1 << 20);
  assert_string_equal(x->fault.code, "http-too-large");
  assert_true(p.at <= 1 << 20);
  effect_free(&x->effect);
}

static void a_sink_that_fails_ends_the_exchange(void **state)
{
  for (int later = 0; later < 2; later++) {
    struct world_under_test *w = *state;
    struct pieces p = {.fails_at = 100000, .later = later};
    struct http_exchange *x = receive(w, &p, "", 0);
    assert_string_equal(x->fault.code, "http-sink");
    assert_int_equal(x->phase, HTTP_BODY);
    effect_free(&x->effect);
    w->done = 0;
  }
}

static void the_second_exchange_uses_the_connection_of_the_first(void **state)
{
  struct world_under_test *w = *state;
  for (int i = 0; i < 3; i++) {
    struct http_exchange *x = start(w, "GET", (struct http_request){.fresh = i == 2});
    finish(w);
    assert_string_equal(x->fault.code ? x->fault.message : "", "");
    assert_int_equal(x->reused, i == 1);
    effect_free(&x->effect);
    w->done = 0;
  }
}

/* A port where connections are neither made nor refused, as its queue is full. */
enum { CALLERS = 4 };
struct full_port {
  int fds[1 + CALLERS];
  char url[64];
};

static void fill_port(struct full_port *p)
{
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  for (int i = 0; i <= CALLERS; i++)
    p->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(p->fds[0], (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(p->fds[0], 0), 0);
  assert_int_equal(getsockname(p->fds[0], (struct sockaddr *)&a, &len), 0);
  for (int i = 1; i <= CALLERS; i++)
    connect(p->fds[i], (struct sockaddr *)&a, sizeof a);
  snprintf(p->url, sizeof p->url, "http://127.0.0.1:%d/", ntohs(a.sin_port));
}

/* Curl closes its socket without a word, and the next one has its number. */
static void a_connection_that_is_given_up_early_leaves_nothing_to_the_next(void **state)
{
  struct world_under_test *w = *state;
  struct full_port p;
  fill_port(&p);
  struct http_exchange *x = start(w, "GET", (struct http_request){.url = p.url, .timeouts.connect = 0.05});
  finish(w);
  assert_string_equal(x->fault.code, "http-connect-timeout");
  effect_free(&x->effect);
  w->done = 0;
  x = start(w, "GET", (struct http_request){.timeouts.connect = 5});
  finish(w);
  assert_string_equal(x->fault.code ? x->fault.message : "", "");
  effect_free(&x->effect);
  for (int i = 0; i <= CALLERS; i++)
    close(p.fds[i]);
}

/* Invariant 1 of effects: freed in flight it never reports. */
static void freed_in_flight_it_never_reports(void **state)
{
  struct world_under_test *w = *state;
  struct http_exchange *x = start(w, "GET", (struct http_request){.url = "http://127.0.0.1:9/"});
  effect_free(&x->effect);
  x = start(w, "GET", (struct http_request){.url = "ftp://127.0.0.1:9/"});
  effect_free(&x->effect);
  w->clock->wait(w->clock, 0);
  assert_int_equal(w->done, 0);
}

/* It is kept to be used again: who still holds it must not get away with that. */
static void an_exchange_that_has_ended_is_watched_like_memory_that_was_freed(void **state)
{
  struct world_under_test *w = *state;
  struct http_exchange *x = start(w, "GET", (struct http_request){0});
  assert_false(watched_is_hidden(x));
  finish(w);
  effect_free(&x->effect);
  assert_int_equal(watched_is_hidden(x), WATCHED);
  w->done = 0;
  struct http_exchange *next = start(w, "GET", (struct http_request){0});
  assert_ptr_equal(next, x);
  assert_false(watched_is_hidden(next));
  finish(w);
  effect_free(&next->effect);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

/* ---- a name that is not there -------------------------------------------------------------- */

struct no_name {
  struct dns_lookup base;
  uv_timer_t timer;
};

static void tell(uv_timer_t *timer)
{
  effect_finish(&((struct no_name *)timer->data)->base.effect);
}

static void closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void drop_no_name(struct effect *e)
{
  uv_close((uv_handle_t *)&((struct no_name *)e)->timer, closed);
}

struct no_names {
  struct world_dns base;
  uv_loop_t *loop;
  const char *code;
  long four, six;  /* what is said of the negative answers' life */
};

static struct dns_lookup *no_such_name(struct world_dns *dns, const struct dns_question *q, effect_done *done, void *arg)
{
  struct no_names *names = (struct no_names *)dns;
  struct no_name *l = calloc(1, sizeof *l);
  l->base.effect = (struct effect){.destroy = drop_no_name, .done = done, .arg = arg};
  l->base.negative_ttl = strcmp(q->type, "A") == 0 ? names->four : names->six;
  fault_set(&l->base.fault, names->code, "pending", "%s is not there", q->name);
  uv_timer_init(names->loop, &l->timer);
  l->timer.data = l;
  uv_timer_start(&l->timer, tell, 1, 0);
  return &l->base;
}

static double negative_ttl_of(struct world_under_test *w, const char *code, long four, long six)
{
  struct no_names names = {{no_such_name}, &w->loop, code, four, six};
  struct world_http *http = http_curl_new(&w->loop, &w->config, &names.base, w->environ);
  struct http_request r = {.method = "GET", .url = "http://gone.test/", .max_body = 100, .timeouts.total = 5};
  int done = 0;
  struct http_exchange *x = http->start(http, &r, count, &done);
  while (!done)
    turn(w);
  assert_string_equal(x->fault.code, code);
  double ttl = x->negative_ttl;
  effect_free(&x->effect);
  http_curl_free(http);
  return ttl;
}

static void a_fault_says_how_long_a_name_is_remembered_as_not_there(void **state)
{
  assert_true(negative_ttl_of(*state, "dns-not-found", 1800, 1800) == 1800);
  assert_true(negative_ttl_of(*state, "dns-no-data", 40, 12) == 12);
  assert_true(negative_ttl_of(*state, "dns-not-found", -1, 60) == 60);
  assert_true(negative_ttl_of(*state, "dns-not-found", -1, -1) == 0);
  assert_true(negative_ttl_of(*state, "dns-failed", 60, 60) == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH_WORLD(a_source_is_sent_whole_with_its_length),
    WITH_WORLD(a_source_of_unknown_length_is_sent_in_chunks),
    WITH_WORLD(a_source_may_pause_as_often_as_it_likes),
    WITH_WORLD(a_source_that_fails_ends_the_exchange),
    WITH_WORLD(a_source_that_ends_too_early_ends_the_exchange),
    WITH_WORLD(a_part_may_be_a_source_that_pauses),
    WITH_WORLD(a_paused_source_may_be_left_in_flight),
    WITH_WORLD(a_sink_takes_the_body_also_when_it_pauses),
    WITH_WORLD(the_body_of_an_error_is_kept_and_not_put_away),
    WITH_WORLD(a_sink_has_a_limit_too),
    WITH_WORLD(a_sink_that_fails_ends_the_exchange),
    WITH_WORLD(the_second_exchange_uses_the_connection_of_the_first),
    WITH_WORLD(a_connection_that_is_given_up_early_leaves_nothing_to_the_next),
    WITH_WORLD(freed_in_flight_it_never_reports),
    WITH_WORLD(an_exchange_that_has_ended_is_watched_like_memory_that_was_freed),
    WITH_WORLD(a_fault_says_how_long_a_name_is_remembered_as_not_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
