/* test_dns_hostile.c - look-ups against name servers that lie, over UDP and TCP on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "dns_message.h"
#include "real.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKET = 65536 };

struct packet {
  unsigned char bytes[PACKET];
  size_t len;
};

struct liar;
/* Writes the answer to a query; a length of 0 stays silent. */
typedef void lie(struct liar *, const struct packet *query, struct packet *reply, bool tcp);

struct liar {
  uv_loop_t loop;
  struct real_config config;
  struct world_clock *clock;
  struct world_dns *dns;
  uv_udp_t udp, elsewhere;
  uv_tcp_t tcp, stream;
  bool streaming;
  char address[32];
  lie *answer;
  int queries, streams;
  struct packet query, reply;
  struct sockaddr_storage from;
};

/* ---- packets -------------------------------------------------------------------------------- */

static void add(struct packet *p, const void *bytes, size_t n)
{
  memcpy(p->bytes + p->len, bytes, n);
  p->len += n;
}

static void add16(struct packet *p, unsigned n)
{
  put16(p->bytes + p->len, n);
  p->len += 2;
}

/* The header and the question of the query, with these flags. */
static void begin(struct packet *reply, const struct packet *query, unsigned flags)
{
  reply->len = 0;
  add(reply, query->bytes, query->len);
  put16(reply->bytes + 2, DNS_QR | DNS_RD | DNS_RA | flags);
}

static void count(struct packet *reply, size_t section)
{
  put16(reply->bytes + section, get16(reply->bytes + section) + 1);
}

static void add_record(struct packet *reply, const char *owner, unsigned type, const void *data, size_t size)
{
  unsigned char name[DNS_NAME_WIRE];
  add(reply, name, dns_name_write(owner, name));
  add16(reply, type);
  add16(reply, DNS_CLASS_IN);
  add16(reply, 0);
  add16(reply, 60);
  add16(reply, (unsigned)size);
  add(reply, data, size);
}

static void add_answer(struct packet *reply, const char *owner, unsigned type, const void *data, size_t size)
{
  add_record(reply, owner, type, data, size);
  count(reply, 6);
}

static void add_alias(struct packet *reply, const char *owner, const char *target)
{
  unsigned char name[DNS_NAME_WIRE];
  size_t n = dns_name_write(target, name);
  add_answer(reply, owner, DNS_CNAME, name, n);
}

static const unsigned char address[] = {192, 0, 2, 1};

static void add_true_answer(struct packet *reply)
{
  add_answer(reply, "x.test", DNS_A, address, sizeof address);
}

/* ---- the server ------------------------------------------------------------------------------- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  struct liar *s = handle->data;
  (void)suggested;
  *buf = uv_buf_init((char *)s->query.bytes, sizeof s->query.bytes);
}

static void send_from(struct liar *s, uv_udp_t *socket, const struct packet *p)
{
  uv_buf_t buf = uv_buf_init((char *)p->bytes, (unsigned)p->len);
  uv_udp_try_send(socket, &buf, 1, (const struct sockaddr *)&s->from);
}

static void on_datagram(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
  struct liar *s = udp->data;
  (void)buf, (void)flags;
  if (len <= 0 || !from)
    return;
  memcpy(&s->from, from, sizeof(struct sockaddr_in));
  s->query.len = (size_t)len;
  s->queries++;
  s->reply.len = 0;
  s->answer(s, &s->query, &s->reply, false);
  if (s->reply.len)
    send_from(s, udp, &s->reply);
}

static void on_stream(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
  struct liar *s = stream->data;
  unsigned char size[2];
  (void)buf;
  if (len <= 2)
    return;
  s->streams++;
  memmove(s->query.bytes, s->query.bytes + 2, (size_t)len - 2);
  s->query.len = (size_t)len - 2;
  s->reply.len = 0;
  s->answer(s, &s->query, &s->reply, true);
  put16(size, (unsigned)s->reply.len);
  uv_buf_t out[] = {uv_buf_init((char *)size, 2), uv_buf_init((char *)s->reply.bytes, (unsigned)s->reply.len)};
  if (s->reply.len)
    uv_try_write(stream, out, 2);
}

static void on_connection(uv_stream_t *tcp, int status)
{
  struct liar *s = tcp->data;
  assert_int_equal(status, 0);
  if (s->streaming)
    return;
  uv_tcp_init(&s->loop, &s->stream);
  s->stream.data = s;
  s->streaming = uv_accept(tcp, (uv_stream_t *)&s->stream) == 0;
  uv_read_start((uv_stream_t *)&s->stream, give_buffer, on_stream);
}

static int open_liar(void **state)
{
  struct liar *s = calloc(1, sizeof *s);
  struct sockaddr_in at;
  int size = sizeof at;
  *state = s;
  uv_loop_init(&s->loop);
  s->clock = clock_uv_new(&s->loop);
  s->dns = dns_ares_new(&s->loop, &s->config);
  uv_udp_init(&s->loop, &s->udp);
  uv_udp_init(&s->loop, &s->elsewhere);
  uv_tcp_init(&s->loop, &s->tcp);
  s->udp.data = s->elsewhere.data = s->tcp.data = s;
  do {  // a port that is free for both
    uv_ip4_addr("127.0.0.1", 0, &at);
    uv_tcp_bind(&s->tcp, (struct sockaddr *)&at, 0);
    uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&at, &size);
  } while (uv_udp_bind(&s->udp, (struct sockaddr *)&at, 0) != 0);
  snprintf(s->address, sizeof s->address, "127.0.0.1:%d", ntohs(at.sin_port));
  at.sin_port = 0;
  uv_udp_bind(&s->elsewhere, (struct sockaddr *)&at, 0);
  uv_udp_recv_start(&s->udp, give_buffer, on_datagram);
  uv_listen((uv_stream_t *)&s->tcp, 8, on_connection);
  return 0;
}

static int close_liar(void **state)
{
  struct liar *s = *state;
  uv_close((uv_handle_t *)&s->udp, NULL);
  uv_close((uv_handle_t *)&s->elsewhere, NULL);
  uv_close((uv_handle_t *)&s->tcp, NULL);
  if (s->streaming)
    uv_close((uv_handle_t *)&s->stream, NULL);
  dns_ares_free(s->dns);
  clock_uv_free(s->clock);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  int left = uv_loop_close(&s->loop);  // fails on a handle left open
  free(s);
  return left;
}

/* ---- asking ------------------------------------------------------------------------------------- */

static void done(void *arg)
{
  ++*(int *)arg;
}

static struct dns_lookup *ask_for(struct liar *s, lie *answer, const char *type, double timeout)
{
  struct dns_question q = {.name = "x.test", .type = type, .server = s->address, .timeout = timeout};
  int ended = 0;
  s->answer = answer;
  struct dns_lookup *l = s->dns->start(s->dns, &q, done, &ended);
  assert_non_null(l);
  while (!ended)
    s->clock->wait(s->clock, INFINITY);
  return l;
}

static void expect(struct liar *s, lie *answer, const char *code, const char *message)
{
  struct dns_lookup *l = ask_for(s, answer, "A", 5);
  assert_string_equal(l->fault.code ? l->fault.code : "found", code);
  if (!strstr(l->fault.message, message))
    fail_msg("'%s' does not say '%s'", l->fault.message, message);
  if (l->fault.code)
    assert_non_null(strstr(l->fault.message, s->address));
  effect_free(&l->effect);
}

/* The lie is not taken for an answer: the question is repeated, and the truth is told then. */
static void expect_passed_over(struct liar *s, lie *answer)
{
  struct dns_lookup *l = ask_for(s, answer, "A", 0.7);
  assert_null(l->fault.code);
  assert_int_equal(l->count, 1);
  assert_string_equal(l->answers[0].data, "192.0.2.1");
  assert_true(s->queries > 1);
  effect_free(&l->effect);
}

static bool is_first(const struct liar *s)
{
  return s->queries == 1;
}

/* ---- answers that are none --------------------------------------------------------------------------- */

static void other_id(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "x.test", DNS_A, is_first(s) ? "\6\6\6\6" : (const char *)address, 4);
  put16(reply->bytes, get16(reply->bytes) + is_first(s));
}

static void an_answer_with_another_id_is_passed_over(void **state)
{
  expect_passed_over(*state, other_id);
}

static void other_question(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "x.test", DNS_A, is_first(s) ? "\6\6\6\6" : (const char *)address, 4);
  reply->bytes[DNS_HEADER + 1] = is_first(s) ? 'y' : 'x';
}

static void an_answer_to_another_question_is_passed_over(void **state)
{
  expect_passed_over(*state, other_question);
}

static void other_port(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "x.test", DNS_A, "\6\6\6\6", 4);
  send_from(s, &s->elsewhere, reply);
  begin(reply, query, 0);
  add_true_answer(reply);
}

static void an_answer_from_another_port_is_passed_over(void **state)
{
  struct dns_lookup *l = ask_for(*state, other_port, "A", 5);
  assert_int_equal(l->count, 1);
  assert_string_equal(l->answers[0].data, "192.0.2.1");
  effect_free(&l->effect);
}

static void a_few_bytes(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)tcp;
  begin(reply, query, 0);
  add_true_answer(reply);
  if (is_first(s))
    reply->len = 7;
}

static void less_than_a_header_is_passed_over(void **state)
{
  expect_passed_over(*state, a_few_bytes);
}

/* ---- answers that lie ----------------------------------------------------------------------------------- */

static void other_name(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "bank.test", DNS_A, "\6\6\6\6", 4);
}

static void an_answer_about_another_name_is_none(void **state)
{
  expect(*state, other_name, "dns-failed", "about other names");
}

static void other_name_beside(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  other_name(s, query, reply, tcp);
  add_true_answer(reply);
}

static void an_answer_about_another_name_beside_the_true_one_is_passed_over(void **state)
{
  struct dns_lookup *l = ask_for(*state, other_name_beside, "A", 5);
  assert_int_equal(l->count, 1);
  assert_string_equal(l->answers[0].data, "192.0.2.1");
  effect_free(&l->effect);
}

static void circle(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_alias(reply, "x.test", "y.test");
  add_alias(reply, "y.test", "x.test");
}

static void aliases_in_a_circle_end(void **state)
{
  expect(*state, circle, "dns-failed", "circle");
}

static void endless_aliases(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  char asked[DNS_NAME_TEXT], target[40];
  (void)tcp;
  dns_name_read(query->bytes, query->len, DNS_HEADER, asked);
  snprintf(target, sizeof target, "x%d.test", s->queries);
  begin(reply, query, 0);
  add_alias(reply, asked, target);
}

static void aliases_without_end_end(void **state)
{
  struct liar *s = *state;
  expect(s, endless_aliases, "dns-failed", "circle");
  assert_true(s->queries <= DNS_ALIASES + 1);
}

static void reversed_chain(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "z.test", DNS_A, address, 4);
  add_alias(reply, "y.test", "z.test");
  add_alias(reply, "x.test", "y.test");
}

static void a_chain_in_any_order_is_followed(void **state)
{
  struct liar *s = *state;
  struct dns_lookup *l = ask_for(s, reversed_chain, "A", 5);
  assert_int_equal(l->count, 3);
  assert_string_equal(l->answers[0].data, "y.test");
  assert_string_equal(l->answers[2].data, "192.0.2.1");
  assert_int_equal(s->queries, 1);
  effect_free(&l->effect);
}

/* ---- malformed answers --------------------------------------------------------------------------------------- */

static void reference_to_itself(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add16(reply, 0xc000 | (unsigned)reply->len);
  add(reply, "\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 14);
  count(reply, 6);
}

static void a_name_that_refers_to_itself_is_malformed(void **state)
{
  expect(*state, reference_to_itself, "dns-failed", "malformed");
}

static void more_answers_than_there_are(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_true_answer(reply);
  put16(reply->bytes + 6, 9);
}

static void less_than_it_claims_is_malformed(void **state)
{
  expect(*state, more_answers_than_there_are, "dns-failed", "malformed");
}

static void short_address(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "x.test", DNS_A, address, 3);
}

static void an_address_of_three_bytes_is_malformed(void **state)
{
  expect(*state, short_address, "dns-failed", "malformed");
}

static void long_strings(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_answer(reply, "x.test", DNS_TXT, "\377abc", 4);
}

static void a_text_longer_than_its_record_is_malformed(void **state)
{
  struct dns_lookup *l = ask_for(*state, long_strings, "TXT", 5);
  assert_string_equal(l->fault.code, "dns-failed");
  assert_non_null(strstr(l->fault.message, "malformed"));
  effect_free(&l->effect);
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

static unsigned rcode_of(struct liar *s)
{
  static const unsigned rcodes[] = {1, 2, 4, 5, 11};
  return rcodes[(s->queries - 1) % 5];
}

static void refusal(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)tcp;
  begin(reply, query, rcode_of(s));
}

static void refusals_are_told_apart_by_name(void **state)
{
  static const char *const names[] = {"FORMERR", "SERVFAIL", "NOTIMP", "REFUSED", "RCODE11"};
  for (int i = 0; i < 5; i++) {
    struct dns_lookup *l = ask_for(*state, refusal, "A", 5);
    assert_string_equal(l->fault.code, "dns-failed");
    assert_string_equal(l->rcode, names[i]);
    assert_non_null(strstr(l->fault.message, names[i]));
    effect_free(&l->effect);
  }
}

static const char soa[] = "\2ns\4test\0\4root\4test\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\17";

static void no_such_name(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 3 | DNS_AA);
  add_record(reply, "test", DNS_SOA, soa, sizeof soa - 1);
  count(reply, 8);
}

static void a_missing_name_says_for_how_long(void **state)
{
  struct dns_lookup *l = ask_for(*state, no_such_name, "A", 5);
  assert_string_equal(l->fault.code, "dns-not-found");
  assert_string_equal(l->rcode, "NXDOMAIN");
  assert_int_equal(l->negative_ttl, 15);  // the SOA's last field; its own TTL is 60
  effect_free(&l->effect);
}

static void soa_of_others(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 3 | DNS_AA);
  add_record(reply, "bank.example", DNS_SOA, soa, sizeof soa - 1);
  count(reply, 8);
}

static void the_soa_of_another_zone_says_nothing(void **state)
{
  struct dns_lookup *l = ask_for(*state, soa_of_others, "A", 5);
  assert_string_equal(l->fault.code, "dns-not-found");
  assert_int_equal(l->negative_ttl, -1);
  effect_free(&l->effect);
}

static void referral(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_record(reply, "test", DNS_NS, "\2ns\5other\0", 10);
  count(reply, 8);
}

static void a_server_that_refers_to_others_names_them(void **state)
{
  struct dns_lookup *l = ask_for(*state, referral, "A", 5);
  assert_string_equal(l->fault.code, "dns-referral");
  assert_int_equal(l->count, 1);
  assert_string_equal(l->answers[0].data, "ns.other");
  effect_free(&l->effect);
}

/* ---- anything at all ------------------------------------------------------------------------------------------------- */

static unsigned next_random(unsigned *seed)
{
  return (*seed = *seed * 1103515245u + 12345u) >> 16;
}

/* A good answer of every type with a few bytes changed or cut off: it is read within its bounds (SAN=1). */
static void answers_with_wrong_bytes_are_read_within_their_bounds(void **state)
{
  static struct packet good, bad;
  unsigned seed = 1;
  (void)state;
  add(&good, "\1\2\201\200\0\1\0\0\0\0\0\0\1x\4test\0\0\1\0\1", 24);
  add_alias(&good, "x.test", "y.test");
  add_answer(&good, "y.test", DNS_A, address, 4);
  add_answer(&good, "y.test", DNS_TXT, "\3one\3two", 8);
  add_answer(&good, "y.test", 15, "\0\12\4mail\300\16", 9);
  add_answer(&good, "y.test", 257, "\0\5issueca", 9);
  add_answer(&good, "y.test", 33, "\0\1\0\2\0\3\2db\300\16", 11);
  add_record(&good, "test", DNS_SOA, soa, sizeof soa - 1);
  count(&good, 8);
  for (int round = 0; round < 200000; round++) {
    struct dns_reading r;
    dns_reading_init(&r, &dns_types[round % 10], "x.test");
    memcpy(bad.bytes, good.bytes, good.len);
    for (unsigned n = next_random(&seed) % 4; n > 0; n--)
      bad.bytes[next_random(&seed) % good.len] = (unsigned char)next_random(&seed);
    unsigned char *exact = malloc(good.len);
    bad.len = round % 5 ? good.len : next_random(&seed) % good.len;
    memcpy(exact, bad.bytes, bad.len);
    assert_int_not_equal(dns_message_read(&r, exact, bad.len), DNS_NO_MEMORY);
    dns_answers_free(r.answers, r.count);
    free(exact);
  }
}

/* What is written is read back as the same. */
static void records_survive_the_way_to_the_wire_and_back(void **state)
{
  static const char *const rows[][2] = {
    {"A", "192.0.2.1"}, {"AAAA", "2001:db8::1"}, {"CAA", "128 issuewild ca.example; a=b c"}, {"NS", "ns.example"},
    {"MX", "0 ."}, {"SRV", "1 2 65535 a\\.b.example"}, {"TXT", "any text; with \\ and \""}, {"PTR", "a\\032b.example"},
    {"SOA", "a.example b.example 4294967295 1 2 3 4"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct dns_type *type = dns_type_named(rows[i][0]);
    unsigned char wire[1024];
    struct buf text;
    buf_init(&text, 4096);
    size_t n = dns_record_write(type, rows[i][1], wire, sizeof wire);
    assert_true(n > 0);
    assert_true(dns_record_read(type, wire, n, 0, n, &text));
    assert_string_equal(buf_str(&text), rows[i][1]);
    buf_free(&text);
  }
}

static void text_that_is_no_record_of_its_type_is_refused(void **state)
{
  static const char *const rows[][2] = {
    {"A", "::1"}, {"A", ""}, {"MX", "mail.example"}, {"MX", "65536 mail.example"}, {"MX", "-1 mail.example"},
    {"NS", ""}, {"NS", "a..b"}, {"SRV", "1 2 3"}, {"SOA", "a b 1 2 3 4"}, {"CAA", "256 issue x"}, {"PTR", "a\\999b"}};
  unsigned char wire[1024];
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (dns_record_write(dns_type_named(rows[i][0]), rows[i][1], wire, sizeof wire))
      fail_msg("%s '%s' was taken", rows[i][0], rows[i][1]);
}

/* ---- TCP -------------------------------------------------------------------------------------------------------------- */

static void giant_text(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  enum { STRINGS = 250, EACH = 256 };
  static unsigned char data[STRINGS * EACH];
  (void)s;
  begin(reply, query, tcp ? 0 : DNS_TC);
  memset(data, 'x', sizeof data);
  for (size_t i = 0; i < sizeof data; i += EACH)
    data[i] = EACH - 1;
  if (tcp)
    add_answer(reply, "x.test", DNS_TXT, data, sizeof data);
}

static void a_text_of_64000_bytes_comes_over_tcp(void **state)
{
  struct liar *s = *state;
  struct dns_lookup *l = ask_for(s, giant_text, "TXT", 5);
  assert_null(l->fault.code);
  assert_int_equal(strlen(l->answers[0].data), 250 * 255);
  assert_int_equal(s->streams, 1);
  effect_free(&l->effect);
}

static void always_cut(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, DNS_TC);
}

static void an_answer_that_is_cut_short_over_tcp_too_is_told(void **state)
{
  struct liar *s = *state;
  expect(s, always_cut, "dns-failed", "cut short");
  assert_int_equal(s->streams, 1);
}

static void silent_over_tcp(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s;
  if (!tcp)
    begin(reply, query, DNS_TC);
}

static void silence_over_tcp_is_a_timeout(void **state)
{
  struct dns_lookup *l = ask_for(*state, silent_over_tcp, "A", 0.3);
  assert_string_equal(l->fault.code, "dns-timeout");
  effect_free(&l->effect);
}

/* ---- several servers, and cancelling ------------------------------------------------------------------------------------ */

static void truth(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)tcp;
  begin(reply, query, 0);
  add_true_answer(reply);
}

static void the_next_server_is_asked_when_nobody_listens_at_the_first(void **state)
{
  struct liar *s = *state;
  char both[80], *mine = s->address;
  struct sockaddr_in at;
  int size = sizeof at, ended = 0;
  uv_udp_getsockname(&s->elsewhere, (struct sockaddr *)&at, &size);
  snprintf(both, sizeof both, "127.0.0.2:%d,%s", ntohs(at.sin_port), mine);  // 127.0.0.2: nobody
  struct dns_question q = {.name = "x.test", .type = "A", .server = both, .timeout = 5};
  s->answer = truth;
  struct dns_lookup *l = s->dns->start(s->dns, &q, done, &ended);
  while (!ended)
    s->clock->wait(s->clock, INFINITY);
  assert_null(l->fault.code);
  assert_string_equal(l->answers[0].data, "192.0.2.1");
  effect_free(&l->effect);
}

static void nobody(struct liar *s, const struct packet *query, struct packet *reply, bool tcp)
{
  (void)s, (void)query, (void)reply, (void)tcp;
}

/* By causality: freeing is all that happens between the question and the end of the sockets. */
static void a_look_up_at_a_silent_server_is_cancelled_at_once(void **state)
{
  struct liar *s = *state;
  int ended = 0;
  struct dns_question q = {.name = "x.test", .type = "A", .server = s->address, .timeout = 3600};
  s->answer = nobody;
  struct dns_lookup *l = s->dns->start(s->dns, &q, done, &ended);
  while (s->queries == 0)
    s->clock->wait(s->clock, INFINITY);
  uint64_t before = uv_hrtime();
  effect_free(&l->effect);
  print_message("cancelled in %.0f us\n", (double)(uv_hrtime() - before) / 1e3);
  uv_run(&s->loop, UV_RUN_NOWAIT);
  assert_int_equal(ended, 0);
  assert_int_equal(s->loop.active_handles, 2);  // the liar's own: its UDP socket and its listener
}

#define BEFORE_LIAR(name) cmocka_unit_test_setup_teardown(name, open_liar, close_liar)

int main(void)
{
  const struct CMUnitTest tests[] = {
    BEFORE_LIAR(an_answer_with_another_id_is_passed_over),
    BEFORE_LIAR(an_answer_to_another_question_is_passed_over),
    BEFORE_LIAR(an_answer_from_another_port_is_passed_over),
    BEFORE_LIAR(less_than_a_header_is_passed_over),
    BEFORE_LIAR(an_answer_about_another_name_is_none),
    BEFORE_LIAR(an_answer_about_another_name_beside_the_true_one_is_passed_over),
    BEFORE_LIAR(aliases_in_a_circle_end),
    BEFORE_LIAR(aliases_without_end_end),
    BEFORE_LIAR(a_chain_in_any_order_is_followed),
    BEFORE_LIAR(a_name_that_refers_to_itself_is_malformed),
    BEFORE_LIAR(less_than_it_claims_is_malformed),
    BEFORE_LIAR(an_address_of_three_bytes_is_malformed),
    BEFORE_LIAR(a_text_longer_than_its_record_is_malformed),
    BEFORE_LIAR(refusals_are_told_apart_by_name),
    BEFORE_LIAR(a_missing_name_says_for_how_long),
    BEFORE_LIAR(the_soa_of_another_zone_says_nothing),
    BEFORE_LIAR(a_server_that_refers_to_others_names_them),
    cmocka_unit_test(answers_with_wrong_bytes_are_read_within_their_bounds),
    cmocka_unit_test(records_survive_the_way_to_the_wire_and_back),
    cmocka_unit_test(text_that_is_no_record_of_its_type_is_refused),
    BEFORE_LIAR(a_text_of_64000_bytes_comes_over_tcp),
    BEFORE_LIAR(an_answer_that_is_cut_short_over_tcp_too_is_told),
    BEFORE_LIAR(silence_over_tcp_is_a_timeout),
    BEFORE_LIAR(the_next_server_is_asked_when_nobody_listens_at_the_first),
    BEFORE_LIAR(a_look_up_at_a_silent_server_is_cancelled_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
