/* test_server.c - exchanges of libcurl's with the server, on one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "authority.h"
#include "server.h"
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

struct bench {
  uv_loop_t loop;
  CURLM *multi;
  struct authority *authority;
  struct server *server;
  struct server_accept *accept;
  bool arrived, keeps, drops;        /* keeps: requests are taken and not answered */
  struct server_request *kept;
};

/* ---- the server's side: echoes method, target, body ---------------------------------------- */

static void arrived(void *arg)
{
  ((struct bench *)arg)->arrived = true;
}

static void accept_next(struct bench *b)
{
  b->arrived = false;
  b->accept = server_accept(b->server, arrived, b);
}

static void answer(struct bench *b, struct server_request *r)
{
  static const char *const headers[] = {"X-Two: 1", "X-Two: 2", NULL};
  struct fault f;
  struct buf text;
  if (b->keeps) {
    b->kept = r;
    return;
  }
  if (b->drops) {
    server_drop(r);
    return;
  }
  buf_init(&text, BUF_LIMIT);
  buf_printf(&text, "%s %s %zu %s", r->method, r->target, r->body.len, buf_str(&r->headers));
  assert_true(server_answer(r, 201, headers, text.data, text.len, &f));
  buf_free(&text);
}

static void serve(struct bench *b)
{
  if (!b->arrived)
    return;
  struct server_request *r = b->accept->request;
  b->accept->request = NULL;
  effect_free(&b->accept->effect);
  while (r) {
    answer(b, r);
    r = server_take(b->server);
  }
  accept_next(b);
}

/* ---- the client's side ------------------------------------------------------------------------- */

struct reply {
  CURLcode code;
  long status;
  struct buf body;
};

static size_t on_body(char *data, size_t size, size_t n, void *reply)
{
  buf_add(&((struct reply *)reply)->body, data, size * n);
  return size * n;
}

static CURL *new_client(struct bench *b, const char *path, struct reply *reply)
{
  char url[256];
  CURL *easy = curl_easy_init();
  snprintf(url, sizeof url, "%s://localhost:%d%s", b->authority ? "https" : "http",
           server_port(b->server), path);
  *reply = (struct reply){.code = CURLE_AGAIN};
  buf_init(&reply->body, BUF_LIMIT);
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, reply);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
  return easy;
}

static void step(struct bench *b)
{
  int running, left;
  CURLMsg *m;
  struct reply *reply;
  curl_multi_perform(b->multi, &running);
  while ((m = curl_multi_info_read(b->multi, &left))) {
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&reply);
    curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &reply->status);
    reply->code = m->data.result;
  }
  uv_run(&b->loop, UV_RUN_NOWAIT);
  serve(b);
  curl_multi_poll(b->multi, NULL, 0, 1, NULL);
}

static void finish(struct bench *b, CURL *easy, struct reply *reply)
{
  curl_multi_add_handle(b->multi, easy);
  while (reply->code == CURLE_AGAIN)
    step(b);
  curl_multi_remove_handle(b->multi, easy);
  curl_easy_cleanup(easy);
}

static struct reply get(struct bench *b, const char *path)
{
  struct reply reply;
  finish(b, new_client(b, path, &reply), &reply);
  return reply;
}

/* ---- the bench ------------------------------------------------------------------------------------ */

static struct bench *open_bench(bool tls)
{
  struct bench *b = calloc(1, sizeof *b);
  struct fault f;
  uv_loop_init(&b->loop);
  b->multi = curl_multi_init();
  b->authority = tls ? authority_new(NULL) : NULL;
  struct server_options o = {.address = "127.0.0.1", .authority = b->authority, .max_body = 100000};
  b->server = server_new(&b->loop, &o, &f);
  assert_non_null(b->server);
  accept_next(b);
  return b;
}

static int open_plain(void **state)
{
  *state = open_bench(false);
  return 0;
}

static int open_tls(void **state)
{
  *state = open_bench(true);
  return 0;
}

static int close_bench(void **state)
{
  struct bench *b = *state;
  server_free(b->server);
  effect_free(&b->accept->effect);
  authority_free(b->authority);
  curl_multi_cleanup(b->multi);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  int left = uv_loop_close(&b->loop);  // fails on a handle left open
  free(b);
  return left;
}

static void trust(struct bench *b, CURL *easy)
{
  struct fault f;
  const char *pem = authority_pem(b->authority, &f);
  struct curl_blob blob = {(void *)pem, strlen(pem), CURL_BLOB_COPY};
  curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
}

/* ---- tests -------------------------------------------------------------------------------------------- */

static void the_target_arrives_as_it_was_sent(void **state)
{
  struct reply r = get(*state, "/a%2Fb%41?x=%20&y");
  assert_int_equal(r.status, 201);
  assert_non_null(strstr(r.body.data, "GET /a%2Fb%41?x=%20&y 0 "));
  assert_non_null(strstr(r.body.data, "host: localhost"));
  buf_free(&r.body);
}

static void a_body_arrives_whole(void **state)
{
  struct bench *b = *state;
  struct reply r;
  CURL *easy = new_client(b, "/", &r);
  char *body = calloc(1, 100000);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 100000L);
  finish(b, easy, &r);
  assert_int_equal(r.status, 201);
  assert_non_null(strstr(r.body.data, "POST / 100000 "));
  buf_free(&r.body);
  free(body);
}

static void a_body_over_the_limit_is_413(void **state)
{
  struct bench *b = *state;
  struct reply r;
  CURL *easy = new_client(b, "/", &r);
  char *body = calloc(1, 100001);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 100001L);
  finish(b, easy, &r);
  assert_int_equal(r.status, 413);
  buf_free(&r.body);
  free(body);
}

static void many_clients_are_answered_at_once(void **state)
{
  enum { N = 20 };
  struct bench *b = *state;
  struct reply r[N];
  CURL *easy[N];
  for (int i = 0; i < N; i++) {
    easy[i] = new_client(b, "/", &r[i]);
    curl_multi_add_handle(b->multi, easy[i]);
  }
  for (int left = N; left > 0;) {
    step(b);
    left = 0;
    for (int i = 0; i < N; i++)
      left += r[i].code == CURLE_AGAIN;
  }
  for (int i = 0; i < N; i++) {
    assert_int_equal(r[i].status, 201);
    curl_multi_remove_handle(b->multi, easy[i]);
    curl_easy_cleanup(easy[i]);
    buf_free(&r[i].body);
  }
}

static void a_dropped_request_gets_no_answer(void **state)
{
  struct bench *b = *state;
  b->drops = true;
  struct reply r = get(b, "/");
  assert_int_equal(r.code, CURLE_GOT_NOTHING);
  buf_free(&r.body);
}

/* Sends a request over a socket of its own, waits until it was taken, and hangs up. */
static void take_and_hang_up(struct bench *b)
{
  static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(b->server)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
  b->keeps = true;
  while (!b->kept)
    step(b);
  b->keeps = false;
  close(fd);
}

static void a_client_that_goes_away_does_no_harm(void **state)
{
  struct bench *b = *state;
  struct fault f;
  take_and_hang_up(b);
  assert_true(server_answer(b->kept, 200, NULL, "late", 4, &f));
  struct reply r = get(b, "/");
  assert_int_equal(r.status, 201);
  buf_free(&r.body);
}

static void a_request_outlives_its_server(void **state)
{
  struct bench *b = *state;
  struct fault f;
  struct server_options o = {.address = "127.0.0.1", .max_body = 10};
  take_and_hang_up(b);
  server_free(b->server);
  assert_true(b->arrived);  // whoever accepts is told
  assert_null(b->accept->request);
  effect_free(&b->accept->effect);
  assert_string_equal(b->kept->method, "GET");
  assert_true(server_answer(b->kept, 200, NULL, "late", 4, &f));
  b->server = server_new(&b->loop, &o, &f);
  accept_next(b);
}

static void a_header_that_cannot_be_sent_is_a_fault(void **state)
{
  static const char *const split[] = {"X: a\r\nb: c", NULL};
  struct bench *b = *state;
  struct fault f;
  take_and_hang_up(b);
  assert_false(server_answer(b->kept, 200, split, "", 0, &f));
  assert_string_equal(f.code, "server-header");
  server_drop(b->kept);
}

/* ---- answers that stream ----------------------------------------------------------------------- */

/* A request of the client's is answered by the stream that is returned. */
static struct server_stream *begin_stream(struct bench *b, CURL *easy)
{
  static const char *const headers[] = {"X-Kind: live", NULL};
  struct fault f;
  b->keeps = true;
  b->kept = NULL;
  curl_multi_add_handle(b->multi, easy);
  while (!b->kept)
    step(b);
  b->keeps = false;
  struct server_stream *s = server_stream(b->kept, 203, headers, &f);
  assert_non_null(s);
  return s;
}

static void end_client(struct bench *b, CURL *easy)
{
  curl_multi_remove_handle(b->multi, easy);
  curl_easy_cleanup(easy);
}

static void pieces_go_out_as_they_are_written(void **state)
{
  struct bench *b = *state;
  struct reply r;
  CURL *easy = new_client(b, "/", &r);
  if (b->authority)
    trust(b, easy);
  struct server_stream *s = begin_stream(b, easy);
  assert_true(server_stream_write(s, "one", 3));
  while (r.body.len < 3)
    step(b);
  assert_int_equal(r.code, CURLE_AGAIN);
  assert_true(server_stream_alive(s));
  assert_true(server_stream_write(s, "two", 3));
  server_stream_end(s, true);
  while (r.code == CURLE_AGAIN)
    step(b);
  assert_int_equal(r.code, CURLE_OK);
  assert_int_equal(r.status, 203);
  assert_string_equal(buf_str(&r.body), "onetwo");
  end_client(b, easy);
  buf_free(&r.body);
}

static void a_stream_that_is_not_whole_breaks_off(void **state)
{
  struct bench *b = *state;
  struct reply r;
  CURL *easy = new_client(b, "/", &r);
  struct server_stream *s = begin_stream(b, easy);
  assert_true(server_stream_write(s, "half", 4));
  server_stream_end(s, false);
  while (r.code == CURLE_AGAIN)
    step(b);
  assert_int_not_equal(r.code, CURLE_OK);
  end_client(b, easy);
  buf_free(&r.body);
}

static void note(void *flag)
{
  *(bool *)flag = true;
}

static void who_waits_for_room_is_told_that_the_client_has_gone(void **state)
{
  struct bench *b = *state;
  struct reply r;
  bool told = false;
  CURL *easy = new_client(b, "/", &r);
  struct server_stream *s = begin_stream(b, easy);
  char *much = calloc(1, 8 << 20);
  assert_true(server_stream_write(s, much, 8 << 20));
  assert_true(server_stream_full(s));
  struct server_room *room = server_stream_room(s, note, &told);
  end_client(b, easy);
  while (!told || server_stream_alive(s))
    step(b);
  assert_false(server_stream_full(s));
  effect_free(&room->effect);
  server_stream_end(s, true);
  free(much);
  buf_free(&r.body);
}

static void a_stream_outlives_its_server(void **state)
{
  struct bench *b = *state;
  struct reply r;
  CURL *easy = new_client(b, "/", &r);
  struct server_stream *s = begin_stream(b, easy);
  step(b);
  server_free(b->server);
  b->server = NULL;
  assert_false(server_stream_alive(s));
  assert_true(server_stream_write(s, "nobody", 6));
  struct server_room *room = server_stream_room(s, note, &(bool){false});
  server_stream_end(s, true);
  effect_free(&room->effect);
  end_client(b, easy);
  buf_free(&r.body);
}

static void garbage_does_no_harm(void **state)
{
  struct bench *b = *state;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(b->server)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  static const char *const texts[] = {"\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nshort"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_true(write(fd, texts[i], strlen(texts[i])) > 0);
    step(b);
    close(fd);
    step(b);
  }
  struct reply r = get(b, "/");
  assert_int_equal(r.status, 201);
  buf_free(&r.body);
}

/* A connection on which this was sent and then the end of it, in one go. */
static int send_and_end(struct bench *b, const char *text, size_t len)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(b->server)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(write(fd, text, len), len);
  assert_int_equal(shutdown(fd, SHUT_WR), 0);
  return fd;
}

/* What the server sends until it closes, which it must within 30 s: less than it leaves a silent client. */
static size_t read_to_end(struct bench *b, int fd, char *to, size_t room)
{
  size_t n = 0;
  ssize_t got;
  for (time_t late = time(NULL) + 30; (got = recv(fd, to + n, room - n, MSG_DONTWAIT)) != 0;) {
    if (got > 0)
      n += (size_t)got;
    else if (errno == ECONNRESET)
      break;
    assert_true(time(NULL) < late);
    step(b);
  }
  close(fd);
  return n;
}

/* How libmicrohttpd reads depends on how much there is, so many lengths are tried of each. */
static void who_ends_in_the_middle_of_a_request_is_let_go(void **state)
{
  static const char *const heads[] = {"", "GET /", "GET / HTTP/1.1\r\nA: ",
                                      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n",
                                      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9000\r\n"};
  static char text[40000], answer[1000];
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    for (size_t len = 1; len < 33000; len = len * 2 + 1) {
      memset(text, 'a', sizeof text);
      memcpy(text, heads[i], strlen(heads[i]));
      read_to_end(*state, send_and_end(*state, text, strlen(heads[i]) + len), answer, sizeof answer);
    }
}

static void who_ends_after_a_request_is_answered(void **state)
{
  static char text[40000], answer[40000];
  for (size_t len = 0; len < 33000; len = len * 2 + 1) {
    int n = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", len);
    memset(text + n, 'a', len);
    n = (int)read_to_end(*state, send_and_end(*state, text, (size_t)n + len), answer, sizeof answer - 1);
    answer[n] = 0;
    assert_non_null(strstr(answer, "201 Created"));
  }
}

static void a_taken_port_is_a_fault_that_names_it(void **state)
{
  struct bench *b = *state;
  struct fault f;
  struct server_options o = {.address = "127.0.0.1", .port = server_port(b->server)};
  assert_null(server_new(&b->loop, &o, &f));
  assert_string_equal(f.code, "server-failed");
  o.address = "nowhere";
  assert_null(server_new(&b->loop, &o, &f));
}

static void tls_proves_the_host_that_was_asked_for(void **state)
{
  struct bench *b = *state;
  struct reply r;
  CURL *easy = new_client(b, "/x", &r);
  trust(b, easy);
  finish(b, easy, &r);
  assert_int_equal(r.code, CURLE_OK);
  assert_int_equal(r.status, 201);
  buf_free(&r.body);
}

static void a_client_that_does_not_trust_the_authority_refuses(void **state)
{
  struct reply r = get(*state, "/");
  assert_int_equal(r.code, CURLE_PEER_FAILED_VERIFICATION);
  buf_free(&r.body);
}

static void a_refused_host_fails_in_the_handshake(void **state)
{
  struct bench *b = *state;
  struct reply r;
  authority_refuse(b->authority, "localhost", true);
  CURL *easy = new_client(b, "/", &r);
  trust(b, easy);
  finish(b, easy, &r);
  assert_int_equal(r.code, CURLE_SSL_CONNECT_ERROR);
  authority_refuse(b->authority, "localhost", false);
  easy = new_client(b, "/", &r);
  trust(b, easy);
  finish(b, easy, &r);
  assert_int_equal(r.status, 201);
  buf_free(&r.body);
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, open_plain, close_bench)
#define TLS(name) cmocka_unit_test_setup_teardown(name, open_tls, close_bench)

int main(void)
{
  const struct CMUnitTest tests[] = {
    PLAIN(the_target_arrives_as_it_was_sent),
    PLAIN(a_body_arrives_whole),
    PLAIN(a_body_over_the_limit_is_413),
    PLAIN(many_clients_are_answered_at_once),
    PLAIN(a_dropped_request_gets_no_answer),
    PLAIN(a_client_that_goes_away_does_no_harm),
    PLAIN(a_request_outlives_its_server),
    PLAIN(a_header_that_cannot_be_sent_is_a_fault),
    PLAIN(pieces_go_out_as_they_are_written),
    PLAIN(a_stream_that_is_not_whole_breaks_off),
    PLAIN(who_waits_for_room_is_told_that_the_client_has_gone),
    PLAIN(a_stream_outlives_its_server),
    PLAIN(garbage_does_no_harm),
    PLAIN(who_ends_in_the_middle_of_a_request_is_let_go),
    PLAIN(who_ends_after_a_request_is_answered),
    PLAIN(a_taken_port_is_a_fault_that_names_it),
    TLS(tls_proves_the_host_that_was_asked_for),
    TLS(pieces_go_out_as_they_are_written),
    TLS(a_client_that_does_not_trust_the_authority_refuses),
    TLS(a_refused_host_fails_in_the_handshake),
  };
  signal(SIGPIPE, SIG_IGN);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
