/* test_sql_pq.c - connecting, against a port of the test's own that never answers, and
 * against a name server in a struct. */
#include "real.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a world of its own --------------------------------------------------------------- */

/* A name server that answers every question with one address, or with nothing. */
struct names {
  struct world_dns base;
  uv_loop_t *loop;
  const char *address;
  int under_way;
};

struct lookup {
  struct dns_lookup base;
  struct names *names;
  struct dns_answer answer;
  char data[64];
  uv_timer_t timer;
};

static void lookup_closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void lookup_destroy(struct effect *e)
{
  struct lookup *l = (struct lookup *)e;
  l->names->under_way--;
  uv_close((uv_handle_t *)&l->timer, lookup_closed);
}

static void answer(uv_timer_t *timer)
{
  struct lookup *l = timer->data;
  effect_finish(&l->base.effect);
}

static struct dns_lookup *lookup_start(struct world_dns *base, const struct dns_question *q,
                                       effect_done *done, void *arg)
{
  struct names *n = (struct names *)base;
  struct lookup *l = calloc(1, sizeof *l);
  assert_non_null(l);
  l->base.effect = (struct effect){.destroy = lookup_destroy, .done = done, .arg = arg};
  l->names = n;
  l->base.answers = &l->answer;
  l->timer.data = l;
  n->under_way++;
  uv_timer_init(n->loop, &l->timer);
  if (n->address) {
    snprintf(l->answer.type, sizeof l->answer.type, "%s", q->type);
    snprintf(l->data, sizeof l->data, "%s", n->address);
    l->answer.data = l->data;
    l->base.count = 1;
  } else {
    fault_set(&l->base.fault, "dns-not-found", "pending", "%s does not exist", q->name);
  }
  uv_timer_start(&l->timer, answer, 1, 0);
  return &l->base;
}

struct fixture {
  uv_loop_t loop;
  struct real_config config;
  struct names names;
  struct world_sql *sql;
  int listener, port;
  int calls;
};

static int listen_on_loopback(int *port)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(fd, 4), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
  *port = ntohs(at.sin_port);
  return fd;
}

static int open_fixture(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  uv_loop_init(&f->loop);
  f->names = (struct names){.base = {lookup_start}, .loop = &f->loop, .address = "127.0.0.1"};
  f->listener = listen_on_loopback(&f->port);
  f->sql = sql_pq_new(&f->loop, &f->config, &f->names.base);
  *state = f;
  return f->sql ? 0 : -1;
}

static int close_fixture(void **state)
{
  struct fixture *f = *state;
  sql_pq_free(f->sql);
  close(f->listener);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  int busy = uv_loop_close(&f->loop);
  int under_way = f->names.under_way;
  free(f);
  return busy || under_way;
}

static void count(void *arg)
{
  ++*(int *)arg;
}

static struct sql_operation *start(struct fixture *f, const char *host, double timeout)
{
  char url[256];
  snprintf(url, sizeof url, "postgresql://user:hunter2@%s:%d/db?sslmode=disable", host, f->port);
  return f->sql->connect(f->sql, url, timeout, count, &f->calls);
}

/* Runs the loop until the operation has ended. */
static void finish(struct fixture *f, const struct sql_operation *op)
{
  assert_int_equal(f->calls, 0);
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  assert_int_equal(f->calls, 1);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_server_that_never_answers_is_a_timeout(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = start(f, "127.0.0.1", 0.05);
  finish(f, op);
  assert_string_equal(op->fault.code, "sql-timeout");
  assert_string_equal(op->fault.class, "transient");
  assert_non_null(strstr(op->fault.message, "user@127.0.0.1"));
  assert_null(strstr(op->fault.message, "hunter2"));
  effect_free(&op->effect);
}

static void a_server_that_hangs_up_is_transient(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = start(f, "127.0.0.1", 5);
  close(accept(f->listener, NULL, NULL));
  finish(f, op);
  assert_string_equal(op->fault.code, "sql-connect");
  assert_string_equal(op->fault.class, "transient");
  effect_free(&op->effect);
}

static void freed_in_flight_it_never_reports(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *connecting = start(f, "127.0.0.1", 5), *looking_up = start(f, "db.example", 5);
  uv_run(&f->loop, UV_RUN_NOWAIT);
  effect_free(&connecting->effect);
  effect_free(&looking_up->effect);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  assert_int_equal(f->calls, 0);
}

static void a_fault_found_at_once_is_reported_from_the_loop(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = f->sql->connect(f->sql, "nonsense", 5, count, &f->calls);
  finish(f, op);
  assert_string_equal(op->fault.code, "sql-url");
  effect_free(&op->effect);
}

static void a_name_that_does_not_exist_says_so(void **state)
{
  struct fixture *f = *state;
  f->names.address = NULL;
  struct sql_operation *op = start(f, "db.example", 5);
  finish(f, op);
  assert_string_equal(op->fault.code, "dns-not-found");
  assert_string_equal(op->fault.class, "pending");
  assert_non_null(strstr(op->fault.message, "db.example does not exist"));
  effect_free(&op->effect);
}

static void local_refuses_what_is_not_loopback(void **state)
{
  struct fixture *f = *state;
  f->config.local = true;
  f->names.address = "192.0.2.1";
  struct sql_operation *op = start(f, "db.example", 5);
  finish(f, op);
  assert_string_equal(op->fault.code, "not-local");
  effect_free(&op->effect);
}

static void local_allows_any_name_that_leads_to_loopback(void **state)
{
  struct fixture *f = *state;
  f->config.local = true;
  struct sql_operation *op = start(f, "db.example", 0.05);
  finish(f, op);
  assert_string_equal(op->fault.code, "sql-timeout");
  effect_free(&op->effect);
}

int main(void)
{
#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)
  const struct CMUnitTest tests[] = {
    WITH_WORLD(a_server_that_never_answers_is_a_timeout),
    WITH_WORLD(a_server_that_hangs_up_is_transient),
    WITH_WORLD(freed_in_flight_it_never_reports),
    WITH_WORLD(a_fault_found_at_once_is_reported_from_the_loop),
    WITH_WORLD(a_name_that_does_not_exist_says_so),
    WITH_WORLD(local_refuses_what_is_not_loopback),
    WITH_WORLD(local_allows_any_name_that_leads_to_loopback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
