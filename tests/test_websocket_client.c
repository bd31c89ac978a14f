/* test_websocket_client.c - our WebSocket against servers that do not behave, over TCP on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "real.h"
#include "websocket_upgrade.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer;
typedef void script(struct peer *);

/* A server for one connection, and the world that connects to it. */
struct peer {
  uv_loop_t loop;
  struct real_config config;
  struct world_clock *clock;
  struct world_dns *dns;
  struct world_environ *environ;
  struct world_http *http;
  struct world_websocket *websocket;
  uv_tcp_t listener, stream;
  bool connected, gone;
  char url[64], piece[65536];
  struct buf in;              /* what came */
  char key[UPGRADE_KEY + 1];  /* of the handshake, once it is there */
  script *on_handshake, *on_data;
  struct websocket *ws;
};

/* ---- the server ------------------------------------------------------------------------------- */

static void stream_closed(uv_handle_t *stream)
{
  ((struct peer *)stream->data)->connected = false;
}

static void hang_up(struct peer *p)
{
  if (p->connected && !uv_is_closing((uv_handle_t *)&p->stream))
    uv_close((uv_handle_t *)&p->stream, stream_closed);
}

struct write {
  uv_write_t request;
  char data[];
};

static void written(uv_write_t *request, int status)
{
  (void)status;
  free(request);
}

static void say(struct peer *p, const void *data, size_t len)
{
  struct write *w = malloc(sizeof *w + len);
  assert_non_null(w);
  memcpy(w->data, data, len);
  uv_buf_t buf = uv_buf_init(w->data, (unsigned)len);
  assert_int_equal(uv_write(&w->request, (uv_stream_t *)&p->stream, &buf, 1, written), 0);
}

static void say_text(struct peer *p, const char *text)
{
  say(p, text, strlen(text));
}

static void accept_with(struct peer *p, const char *more)
{
  char accept[UPGRADE_ACCEPT + 1], text[600];
  assert_true(upgrade_accept(p->key, accept));
  snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: %s\r\n%s\r\n", accept, more);
  say_text(p, text);
}

static void accept_it(struct peer *p)
{
  accept_with(p, "");
}

static void silent(struct peer *p)
{
  (void)p;
}

static void give_piece(uv_handle_t *stream, size_t suggested, uv_buf_t *buf)
{
  struct peer *p = stream->data;
  (void)suggested;
  *buf = uv_buf_init(p->piece, sizeof p->piece);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
  struct peer *p = stream->data;
  if (n < 0) {
    p->gone = true;
    hang_up(p);
    return;
  }
  buf_add(&p->in, buf->base, (size_t)n);
  const char *end = strstr(buf_str(&p->in), "\r\n\r\n"), *key = strstr(buf_str(&p->in), "Sec-WebSocket-Key: ");
  if (p->key[0]) {
    p->on_data(p);
  } else if (end && key) {
    memcpy(p->key, key + 19, UPGRADE_KEY);
    buf_drop(&p->in, (size_t)(end + 4 - p->in.data));
    p->on_handshake(p);
  }
}

static void on_connection(uv_stream_t *listener, int status)
{
  struct peer *p = listener->data;
  assert_int_equal(status, 0);
  uv_tcp_init(&p->loop, &p->stream);
  p->stream.data = p;
  assert_int_equal(uv_accept(listener, (uv_stream_t *)&p->stream), 0);
  p->connected = true;
  uv_read_start((uv_stream_t *)&p->stream, give_piece, on_read);
}

static int open_peer(void **state)
{
  struct peer *p = calloc(1, sizeof *p);
  struct sockaddr_in at;
  int size = sizeof at;
  *state = p;
  uv_loop_init(&p->loop);
  p->clock = clock_uv_new(&p->loop);
  p->environ = environ_os_new();
  p->dns = dns_ares_new(&p->loop, &p->config);
  p->http = http_curl_new(&p->loop, &p->config, p->dns, p->environ);
  p->websocket = websocket_curl_new(&p->loop, p->http);
  buf_init(&p->in, BUF_LIMIT);
  uv_tcp_init(&p->loop, &p->listener);
  p->listener.data = p;
  uv_ip4_addr("127.0.0.1", 0, &at);
  uv_tcp_bind(&p->listener, (struct sockaddr *)&at, 0);
  uv_listen((uv_stream_t *)&p->listener, 4, on_connection);
  uv_tcp_getsockname(&p->listener, (struct sockaddr *)&at, &size);
  snprintf(p->url, sizeof p->url, "ws://127.0.0.1:%d/live?x=1", ntohs(at.sin_port));
  p->on_handshake = accept_it;
  p->on_data = silent;
  return 0;
}

static int close_peer(void **state)
{
  struct peer *p = *state;
  websocket_free(p->ws);
  hang_up(p);
  uv_close((uv_handle_t *)&p->listener, NULL);
  websocket_curl_free(p->websocket);
  http_curl_free(p->http);
  dns_ares_free(p->dns);
  clock_uv_free(p->clock);
  environ_os_free(p->environ);
  uv_run(&p->loop, UV_RUN_DEFAULT);
  int left = uv_loop_close(&p->loop);  // fails on a handle left open
  buf_free(&p->in);
  free(p);
  return left;
}

/* ---- the client -------------------------------------------------------------------------------- */

static void count(void *arg)
{
  ++*(int *)arg;
}

static void turn(struct peer *p)
{
  p->clock->wait(p->clock, INFINITY);
}

static struct websocket_request request_to(struct peer *p)
{
  return (struct websocket_request){.url = p->url, .timeout = 5,
    .limits = {.max_message = 1 << 20, .max_queued = 1 << 20}};
}

static struct websocket_connect *connect_with(struct peer *p, const struct websocket_request *r)
{
  int done = 0;
  struct websocket_connect *c = p->websocket->connect(p->websocket, r, count, &done);
  assert_non_null(c);
  assert_int_equal(done, 0);
  while (!done)
    turn(p);
  return c;
}

static void open_with(struct peer *p, const struct websocket_request *r)
{
  struct websocket_connect *c = connect_with(p, r);
  if (c->fault.code)
    fail_msg("%s", c->fault.message);
  p->ws = c->socket;
  c->socket = NULL;
  effect_free(&c->effect);
}

static void open_it(struct peer *p)
{
  struct websocket_request r = request_to(p);
  open_with(p, &r);
}

static void expect_refusal(struct peer *p, script *answer, const char *code, const char *message)
{
  struct websocket_request r = request_to(p);
  p->on_handshake = answer;
  struct websocket_connect *c = connect_with(p, &r);
  assert_string_equal(c->fault.code ? c->fault.code : "open", code);
  if (!strstr(c->fault.message, message))
    fail_msg("'%s' does not say '%s'", c->fault.message, message);
  assert_null(c->socket);
  effect_free(&c->effect);
}

static void wait_for(struct peer *p, enum websocket_event event)
{
  int done = 0;
  if (p->ws->kind->ready(p->ws, event))
    return;
  struct effect *e = p->ws->kind->wait(p->ws, event, count, &done);
  while (!done)
    turn(p);
  assert_true(p->ws->kind->ready(p->ws, event));
  effect_free(e);
}

static void expect_message(struct peer *p, const char *text)
{
  wait_for(p, WEBSOCKET_RECEIVED);
  struct websocket_message *m = p->ws->kind->take(p->ws);
  if (!m)
    fail_msg("%s", p->ws->end.fault.message);
  assert_string_equal(m->data, text);
  free(m);
}

static void expect_lost(struct peer *p, const char *message)
{
  wait_for(p, WEBSOCKET_ENDED);
  assert_false(p->ws->end.clean);
  assert_string_equal(p->ws->end.fault.code, "websocket-lost");
  if (!strstr(p->ws->end.fault.message, message))
    fail_msg("'%s' does not say '%s'", p->ws->end.fault.message, message);
}

/* ---- handshakes that fail -------------------------------------------------------------------------- */

static void wrong_key(struct peer *p)
{
  say_text(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
}

static void no_key(struct peer *p)
{
  say_text(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

static void to_something_else(struct peer *p)
{
  say_text(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
}

static void with_extension(struct peer *p)
{
  accept_with(p, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
}

static void with_protocol(struct peer *p)
{
  accept_with(p, "Sec-WebSocket-Protocol: chat\r\n");
}

static void not_http(struct peer *p)
{
  say_text(p, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void with_nul(struct peer *p)
{
  static const char text[] = "HTTP/1.1\0 101 x\r\nUpgrade: websocket\r\n\r\n";
  say(p, text, sizeof text - 1);
}

static void a_nul_in_the_answer_is_told(void **state)
{
  expect_refusal(*state, with_nul, "websocket-handshake", "does not answer in HTTP");
}

static void a_handshake_that_does_not_fit_is_told(void **state)
{
  struct peer *p = *state;
  expect_refusal(p, wrong_key, "websocket-handshake", "another key than ours");
}

static void a_handshake_without_a_key_is_told(void **state)
{
  expect_refusal(*state, no_key, "websocket-handshake", "another key than ours");
}

static void a_switch_to_something_else_is_told(void **state)
{
  expect_refusal(*state, to_something_else, "websocket-handshake", "something else than a WebSocket");
}

static void an_extension_that_nobody_asked_for_is_told(void **state)
{
  expect_refusal(*state, with_extension, "websocket-handshake", "an extension");
}

static void a_protocol_that_nobody_asked_for_is_told(void **state)
{
  expect_refusal(*state, with_protocol, "websocket-handshake", "a protocol that was not asked for");
}

static void what_is_no_http_is_told(void **state)
{
  expect_refusal(*state, not_http, "websocket-handshake", "does not answer in HTTP");
}

static void endless_headers(struct peer *p)
{
  static char line[70000];
  memset(line, 'x', sizeof line);
  say_text(p, "HTTP/1.1 101 Switching Protocols\r\nX: ");
  say(p, line, sizeof line);
}

static void headers_without_end_are_told(void **state)
{
  expect_refusal(*state, endless_headers, "websocket-handshake", "more than 64 KiB");
}

static void forbidden(struct peer *p)
{
  say_text(p, "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nnot\nfor you!");
}

static void a_refusal_has_its_status_and_its_words(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  p->on_handshake = forbidden;
  struct websocket_connect *c = connect_with(p, &r);
  assert_string_equal(c->fault.code, "websocket-refused");
  assert_string_equal(c->fault.class, "fatal");
  assert_int_equal(c->status, 403);
  assert_string_equal(c->body, "not for you!");
  assert_non_null(strstr(c->fault.message, "403: not for you!"));
  effect_free(&c->effect);
}

static void unavailable(struct peer *p)
{
  say_text(p, "HTTP/1.1 503 Unavailable\r\n\r\nlater");
  hang_up(p);
}

static void a_refusal_that_ends_with_the_connection_is_read_to_its_end(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  p->on_handshake = unavailable;
  struct websocket_connect *c = connect_with(p, &r);
  assert_string_equal(c->fault.class, "transient");
  assert_string_equal(c->body, "later");
  effect_free(&c->effect);
}

static void a_peer_that_leaves_before_it_answers_is_told(void **state)
{
  expect_refusal(*state, hang_up, "websocket-lost", "before the handshake was answered");
}

static void silence_after_the_handshake_is_a_timeout(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  r.timeout = 0.1;
  p->on_handshake = silent;
  struct websocket_connect *c = connect_with(p, &r);
  assert_string_equal(c->fault.code, "websocket-timeout");
  assert_string_equal(c->fault.class, "transient");
  assert_int_equal(c->phase, HTTP_FIRST_BYTE);
  effect_free(&c->effect);
}

static void where_nobody_listens_the_fault_is_that_of_http(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  r.url = "ws://127.0.0.1:1/";
  struct websocket_connect *c = connect_with(p, &r);
  assert_string_equal(c->fault.code, "http-refused");
  assert_int_equal(c->phase, HTTP_CONNECT);
  effect_free(&c->effect);
}

static void freed_in_the_middle_of_the_handshake_nothing_is_left(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  int done = 0;
  p->on_handshake = silent;
  struct websocket_connect *c = p->websocket->connect(p->websocket, &r, count, &done);
  while (!p->key[0])
    turn(p);
  effect_free(&c->effect);
  while (!p->gone)
    turn(p);
  assert_int_equal(done, 0);
}

/* ---- handshakes that succeed ------------------------------------------------------------------------- */

static void in_pieces(struct peer *p)
{
  char accept[UPGRADE_ACCEPT + 1], text[300];
  assert_true(upgrade_accept(p->key, accept));
  int n = snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nuPGRADE:WebSocket\r\n"
                   "Connection: keep-alive, Upgrade\r\nsec-websocket-accept:   %s  \r\n\r\n\x81\5hello\x81\5", accept);
  for (int i = 0; i < n; i++) {
    say(p, text + i, 1);
    uv_run(&p->loop, UV_RUN_NOWAIT);
  }
  say_text(p, "world");
}

static void a_handshake_that_drips_is_fine_and_so_is_a_frame_right_behind_it(void **state)
{
  struct peer *p = *state;
  p->on_handshake = in_pieces;
  open_it(p);
  expect_message(p, "hello");
  expect_message(p, "world");
}

static void with_second_protocol(struct peer *p)
{
  accept_with(p, "Sec-WebSocket-Protocol: b\r\n");
}

static void the_protocol_that_was_chosen_is_known(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  r.protocols = "a, b";
  p->on_handshake = with_second_protocol;
  open_with(p, &r);
  assert_string_equal(p->ws->protocol, "b");
}

/* ---- peers that do not behave ---------------------------------------------------------------------------- */

static void a_peer_that_vanishes_is_lost_after_its_last_message(void **state)
{
  struct peer *p = *state;
  open_it(p);
  say(p, "\x81\4last", 6);
  hang_up(p);
  expect_message(p, "last");
  expect_lost(p, "without a close");
  assert_int_equal(p->ws->end.code, CLOSE_LOST);
}

static void a_peer_that_vanishes_in_the_middle_of_a_message_is_lost(void **state)
{
  struct peer *p = *state;
  open_it(p);
  say(p, "\x81\4la", 4);
  hang_up(p);
  expect_lost(p, "without a close");
}

/* The close that the peer was told of arrives although more was on its way to us. */
static void a_mistake_is_told_to_the_owner_and_to_the_peer(void **state)
{
  static char more[100000];
  struct peer *p = *state;
  open_it(p);
  say(p, "\xc1\2hi", 4);
  say(p, more, sizeof more);
  wait_for(p, WEBSOCKET_ENDED);
  assert_string_equal(p->ws->end.fault.code, "websocket-protocol");
  assert_string_equal(p->ws->end.fault.class, "fatal");
  assert_int_equal(p->ws->end.code, 1002);
  while (p->in.len < 8)
    turn(p);
  assert_int_equal((unsigned char)p->in.data[0], 0x88);
  assert_int_equal(p->in.data[6] ^ p->in.data[2], 1002 >> 8);
}

static void a_message_over_the_limit_says_how_to_raise_it(void **state)
{
  struct peer *p = *state;
  open_it(p);
  say(p, "\x82\x7f\0\0\0\1\0\0\0\0x", 11);
  wait_for(p, WEBSOCKET_ENDED);
  assert_string_equal(p->ws->end.fault.code, "websocket-too-large");
  assert_int_equal(p->ws->end.code, CLOSE_TOO_LARGE);
  assert_non_null(strstr(p->ws->end.fault.hint, "max_message"));
}

static void a_close_that_nobody_answers_ends_in_its_time(void **state)
{
  struct peer *p = *state;
  open_it(p);
  p->ws->kind->close(p->ws, 1000, "", 0.05);
  expect_lost(p, "did not answer our close within 0.05 s");
}

static void a_peer_that_hangs_up_on_our_close_is_told(void **state)
{
  struct peer *p = *state;
  open_it(p);
  p->on_data = hang_up;
  p->ws->kind->close(p->ws, 1000, "", 5);
  expect_lost(p, "did not answer our close");
}

static void answer_close(struct peer *p)
{
  say(p, "\x88\2\3\xe8", 4);
}

static void a_close_that_is_answered_is_clean(void **state)
{
  struct peer *p = *state;
  open_it(p);
  p->on_data = answer_close;
  p->ws->kind->close(p->ws, 4001, "done", 5);
  wait_for(p, WEBSOCKET_ENDED);
  assert_true(p->ws->end.clean);
  assert_int_equal(p->ws->end.code, 1000);
  while (!p->gone)
    turn(p);
}

static void silence_is_asked_about_and_then_given_up(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  r.limits.ping = 0.03;
  open_with(p, &r);
  expect_lost(p, "not even the answer to a ping");
  assert_int_equal((unsigned char)p->in.data[0], 0x89);  // it was asked
}

static int pings;

static void answer_pings(struct peer *p)
{
  for (; p->in.len >= 6; buf_drop(&p->in, 6), pings++)
    say(p, "\x8a\0", 2);
  if (pings == 5)
    say(p, "\x81\5alive", 7);
}

static void a_peer_that_answers_pings_is_alive(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  r.limits.ping = 0.02;
  pings = 0;
  p->on_data = answer_pings;
  open_with(p, &r);
  expect_message(p, "alive");
  assert_true(pings >= 5);
}

/* ---- too much -------------------------------------------------------------------------------------------------- */

enum { FLOOD = 3000, FLOOD_SIZE = 10000 };

static void flood(struct peer *p)
{
  static unsigned char bytes[FLOOD_SIZE + 4] = {0x82, 0x7e, FLOOD_SIZE >> 8, FLOOD_SIZE & 0xff};
  accept_it(p);
  for (int i = 0; i < FLOOD; i++)
    say(p, bytes, sizeof bytes);
}

/* Until it is held up nothing is taken; what waits with the peer does not shrink then. */
static void who_does_not_take_holds_the_peer_up_and_loses_nothing(void **state)
{
  struct peer *p = *state;
  struct websocket_request r = request_to(p);
  int taken = 0;
  r.limits.max_queued = 100000;
  p->on_handshake = flood;
  open_with(p, &r);
  size_t before, after = 0;
  do {
    before = after;
    for (int i = 0; i < 50; i++)
      uv_run(&p->loop, UV_RUN_NOWAIT);
    after = uv_stream_get_write_queue_size((uv_stream_t *)&p->stream);
  } while (after != before);
  assert_true(after > (size_t)FLOOD * FLOOD_SIZE / 2);
  while (taken < FLOOD) {
    struct websocket_message *m = p->ws->kind->take(p->ws);
    if (m)
      assert_int_equal(m->len, FLOOD_SIZE);
    else
      wait_for(p, WEBSOCKET_RECEIVED);
    taken += m != NULL;
    free(m);
  }
}

static int flooded;

static void flood_pings(struct peer *p)
{
  static unsigned char bytes[127] = {0x89, 125};
  accept_it(p);
  for (flooded = 0; flooded < 200000; flooded++)
    say(p, bytes, sizeof bytes);
  uv_read_stop((uv_stream_t *)&p->stream);
}

/* Pings whose answers nobody reads: at some point we stop to read, too. */
static void pings_without_end_do_not_fill_the_memory(void **state)
{
  struct peer *p = *state;
  p->on_handshake = flood_pings;
  open_it(p);
  size_t before, after = 0;
  do {
    before = after;
    for (int i = 0; i < 50; i++)
      uv_run(&p->loop, UV_RUN_NOWAIT);
    after = uv_stream_get_write_queue_size((uv_stream_t *)&p->stream);
  } while (after != before);
  assert_true(after > 0);
  assert_false(p->ws->end.ended);
}

#define WITH_PEER(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH_PEER(a_handshake_that_does_not_fit_is_told),
    WITH_PEER(a_handshake_without_a_key_is_told),
    WITH_PEER(a_switch_to_something_else_is_told),
    WITH_PEER(an_extension_that_nobody_asked_for_is_told),
    WITH_PEER(a_protocol_that_nobody_asked_for_is_told),
    WITH_PEER(what_is_no_http_is_told),
    WITH_PEER(a_nul_in_the_answer_is_told),
    WITH_PEER(headers_without_end_are_told),
    WITH_PEER(a_refusal_has_its_status_and_its_words),
    WITH_PEER(a_refusal_that_ends_with_the_connection_is_read_to_its_end),
    WITH_PEER(a_peer_that_leaves_before_it_answers_is_told),
    WITH_PEER(silence_after_the_handshake_is_a_timeout),
    WITH_PEER(where_nobody_listens_the_fault_is_that_of_http),
    WITH_PEER(freed_in_the_middle_of_the_handshake_nothing_is_left),
    WITH_PEER(a_handshake_that_drips_is_fine_and_so_is_a_frame_right_behind_it),
    WITH_PEER(the_protocol_that_was_chosen_is_known),
    WITH_PEER(a_peer_that_vanishes_is_lost_after_its_last_message),
    WITH_PEER(a_peer_that_vanishes_in_the_middle_of_a_message_is_lost),
    WITH_PEER(a_mistake_is_told_to_the_owner_and_to_the_peer),
    WITH_PEER(a_message_over_the_limit_says_how_to_raise_it),
    WITH_PEER(a_close_that_nobody_answers_ends_in_its_time),
    WITH_PEER(a_peer_that_hangs_up_on_our_close_is_told),
    WITH_PEER(a_close_that_is_answered_is_clean),
    WITH_PEER(silence_is_asked_about_and_then_given_up),
    WITH_PEER(a_peer_that_answers_pings_is_alive),
    WITH_PEER(who_does_not_take_holds_the_peer_up_and_loses_nothing),
    WITH_PEER(pings_without_end_do_not_fill_the_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
