/* test_relay.c - bytes between two connections: all of them, both ways, however slowly they are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { CLIENT, SERVER, LARGE = 3 << 20, ROUNDS = 200000 };

struct place {
  uv_loop_t loop;
  struct relay *relay;
  int ours[2];  /* our ends of both connections */
};

/* Two ends of a TCP connection. */
static void connect_pair(int *one, int *other)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(listening, 1), 0);
  assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
  *one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(*one, (struct sockaddr *)&at, sizeof at), 0);
  *other = accept(listening, NULL, NULL);
  assert_true(*other >= 0);
  close(listening);
  fcntl(*one, F_SETFL, O_NONBLOCK);
}

static void join(struct place *p, const char *greeting)
{
  int theirs[2];
  struct fault fault;
  for (int i = 0; i < 2; i++)
    connect_pair(&p->ours[i], &theirs[i]);
  struct relay_side client = {.fd = theirs[CLIENT], .data = greeting, .len = strlen(greeting)};
  struct relay_side server = {.fd = theirs[SERVER]};
  p->relay = relay_new(&p->loop, client, server, &fault);
  assert_non_null(p->relay);
}

static int open_place(void **state)
{
  struct place *p = calloc(1, sizeof *p);
  p->ours[0] = p->ours[1] = -1;
  *state = p;
  return uv_loop_init(&p->loop);
}

static int close_place(void **state)
{
  struct place *p = *state;
  relay_free(p->relay);
  uv_run(&p->loop, UV_RUN_DEFAULT);
  for (int i = 0; i < 2; i++)
    if (p->ours[i] >= 0)
      close(p->ours[i]);
  int err = uv_loop_close(&p->loop);
  free(p);
  return err;
}

static void turn(struct place *p)
{
  uv_run(&p->loop, UV_RUN_NOWAIT);
}

/* Gives the system a moment, whose timers decide when a window opens again. */
static void wait_for(struct place *p, int end)
{
  struct pollfd both[] = {{.fd = uv_backend_fd(&p->loop), .events = POLLIN}, {.fd = p->ours[end], .events = POLLIN}};
  poll(both, 2, 1);
}

/* Receives exactly so many bytes at one of our ends, while the relay runs. */
static void expect(struct place *p, int end, const char *data, size_t len)
{
  char *got = malloc(len + 1);
  size_t have = 0;
  for (int i = 0; have < len && i < ROUNDS; i++) {
    turn(p);
    ssize_t n = recv(p->ours[end], got + have, len - have, 0);
    assert_true(n != 0);
    have += n > 0 ? (size_t)n : 0;
    if (n < 0)
      wait_for(p, end);
  }
  assert_int_equal(have, len);
  assert_memory_equal(got, data, len);
  free(got);
}

static ssize_t next(struct place *p, int end)
{
  char byte;
  ssize_t n = -1;
  for (int i = 0; n < 0 && i < ROUNDS; i++) {
    turn(p);
    n = recv(p->ours[end], &byte, 1, 0);
    if (n < 0 && errno == ECONNRESET)
      return 0;
  }
  return n;
}

static void until_ended(struct place *p)
{
  for (int i = 0; !relay_ended(p->relay) && i < ROUNDS; i++)
    turn(p);
  assert_true(relay_ended(p->relay));
}

static void put(struct place *p, int end, const char *text)
{
  assert_int_equal(send(p->ours[end], text, strlen(text), 0), strlen(text));
}

/* ---- what passes ---------------------------------------------------------------------------------- */

static void what_was_received_before_comes_first(void **state)
{
  struct place *p = *state;
  join(p, "hello ");
  put(p, CLIENT, "world");
  expect(p, SERVER, "hello world", 11);
  put(p, SERVER, "answer");
  expect(p, CLIENT, "answer", 6);
  assert_int_equal(relay_passed(p->relay, 0), 11);
  assert_int_equal(relay_passed(p->relay, 1), 6);
}

/* Sends as much as goes, while nobody takes it; returns how much went. */
static size_t fill_up(struct place *p, int end, const char *data, size_t len)
{
  size_t sent = 0;
  for (int still = 0; still < 1000 && sent < len; still++) {
    ssize_t n = send(p->ours[end], data + sent, len - sent, 0);
    if (n > 0) {
      sent += (size_t)n;
      still = 0;
    }
    turn(p);
  }
  return sent;
}

static void small_buffers(struct place *p)
{
  int size = 16 * 1024;
  setsockopt(p->ours[CLIENT], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(p->ours[SERVER], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void who_takes_nothing_holds_the_other_up(void **state)
{
  struct place *p = *state;
  char *data = malloc(64 << 20);
  for (size_t i = 0; i < 64 << 20; i++)
    data[i] = (char)(i * 7 >> 3);
  join(p, "");
  small_buffers(p);
  size_t sent = fill_up(p, CLIENT, data, 64 << 20);
  assert_true(sent < 64 << 20);
  expect(p, SERVER, data, sent);
  free(data);
}

static void much_goes_both_ways_at_once(void **state)
{
  struct place *p = *state;
  char *data = malloc(LARGE);
  size_t sent[2] = {0}, got[2] = {0};
  memset(data, 'x', LARGE);
  join(p, "");
  for (int i = 0; (got[0] < LARGE || got[1] < LARGE) && i < ROUNDS; i++) {
    for (int end = 0; end < 2; end++) {
      ssize_t n = send(p->ours[end], data, LARGE - sent[end] < 5000 ? LARGE - sent[end] : 5000, 0);
      sent[end] += n > 0 ? (size_t)n : 0;
    }
    turn(p);
    char taken[7000];
    for (int end = 0; end < 2; end++) {
      ssize_t n = recv(p->ours[end], taken, sizeof taken, 0);
      got[end] += n > 0 ? (size_t)n : 0;
    }
  }
  assert_int_equal(got[0], LARGE);
  assert_int_equal(got[1], LARGE);
  free(data);
}

static void idleness_begins_anew_with_every_byte(void **state)
{
  struct place *p = *state;
  join(p, "");
  while (relay_idle(p->relay) < 0.02) {
    wait_for(p, SERVER);
    turn(p);
  }
  uint64_t sent = uv_now(&p->loop);
  put(p, CLIENT, "x");
  expect(p, SERVER, "x", 1);
  assert_true(relay_idle(p->relay) <= (double)(uv_now(&p->loop) - sent) / 1000);
}

/* ---- how it ends ---------------------------------------------------------------------------------- */

static void one_side_may_end_while_the_other_goes_on(void **state)
{
  struct place *p = *state;
  join(p, "");
  put(p, CLIENT, "last words");
  shutdown(p->ours[CLIENT], SHUT_WR);
  expect(p, SERVER, "last words", 10);
  assert_int_equal(next(p, SERVER), 0);
  assert_false(relay_ended(p->relay));
  put(p, SERVER, "still here");
  expect(p, CLIENT, "still here", 10);
  shutdown(p->ours[SERVER], SHUT_WR);
  assert_int_equal(next(p, CLIENT), 0);
  until_ended(p);
}

static void reset(struct place *p, int end)
{
  struct linger at_once = {.l_onoff = 1};
  setsockopt(p->ours[end], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(p->ours[end]);
  p->ours[end] = -1;
}

static void a_client_that_is_killed_ends_the_server_s_side(void **state)
{
  struct place *p = *state;
  join(p, "");
  turn(p);
  reset(p, CLIENT);
  assert_int_equal(next(p, SERVER), 0);
  send(p->ours[SERVER], "x", 1, MSG_NOSIGNAL);
  shutdown(p->ours[SERVER], SHUT_WR);
  until_ended(p);
}

static void last_words_before_a_reset_arrive(void **state)
{
  struct place *p = *state;
  join(p, "");
  turn(p);
  put(p, CLIENT, "nobody reads this");
  for (int i = 0; i < 100; i++)
    turn(p);
  put(p, SERVER, "FATAL");
  close(p->ours[SERVER]);  /* with unread bytes: a reset */
  p->ours[SERVER] = -1;
  expect(p, CLIENT, "FATAL", 5);
  assert_int_equal(next(p, CLIENT), 0);
}

static void a_reset_with_much_on_its_way_ends_it(void **state)
{
  struct place *p = *state;
  char *data = calloc(1, 8 << 20);
  join(p, "");
  small_buffers(p);
  fill_up(p, CLIENT, data, 8 << 20);
  free(data);
  reset(p, SERVER);
  next(p, CLIENT);
  shutdown(p->ours[CLIENT], SHUT_WR);
  until_ended(p);
}

static void count(void *arg)
{
  ++*(int *)arg;
}

static void who_waits_is_told_once_of_the_end(void **state)
{
  struct place *p = *state;
  int told = 0, cancelled = 0;
  join(p, "");
  struct effect *first = relay_wait(p->relay, count, &told), *second = relay_wait(p->relay, count, &cancelled);
  effect_free(second);
  for (int i = 0; i < 2; i++)
    shutdown(p->ours[i], SHUT_WR);
  until_ended(p);
  assert_int_equal(told, 1);
  assert_int_equal(cancelled, 0);
  effect_free(first);
}

static void freed_under_way_it_closes_both_and_tells(void **state)
{
  struct place *p = *state;
  int told = 0;
  join(p, "some bytes");
  turn(p);
  struct effect *waiting = relay_wait(p->relay, count, &told);
  relay_free(p->relay);
  p->relay = NULL;
  assert_int_equal(told, 1);
  effect_free(waiting);
  assert_int_equal(next(p, CLIENT), 0);
}

static void a_descriptor_that_is_no_socket_is_refused_and_both_are_closed(void **state)
{
  struct place *p = *state;
  int theirs, file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  struct fault fault;
  connect_pair(&p->ours[CLIENT], &theirs);
  struct relay_side client = {.fd = theirs}, other = {.fd = file};
  assert_null(relay_new(&p->loop, client, other, &fault));
  assert_string_equal(fault.code, "tcp-relay");
  assert_int_equal(next(p, CLIENT), 0);
  assert_int_equal(fcntl(file, F_GETFD), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(what_was_received_before_comes_first),
    TEST(who_takes_nothing_holds_the_other_up),
    TEST(much_goes_both_ways_at_once),
    TEST(idleness_begins_anew_with_every_byte),
    TEST(one_side_may_end_while_the_other_goes_on),
    TEST(a_client_that_is_killed_ends_the_server_s_side),
    TEST(last_words_before_a_reset_arrive),
    TEST(a_reset_with_much_on_its_way_ends_it),
    TEST(who_waits_is_told_once_of_the_end),
    TEST(freed_under_way_it_closes_both_and_tells),
    TEST(a_descriptor_that_is_no_socket_is_refused_and_both_are_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
