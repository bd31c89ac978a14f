/* test_websocket_frames.c - frames of well-behaved and of hostile peers; no sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "buf.h"
#include "websocket_frames.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1000 };

/* ---- what a peer writes ----------------------------------------------------------------------- */

/* The bytes of one frame; `first` is its first byte. */
static size_t frame(unsigned char *to, unsigned first, const void *data, size_t len, bool masked)
{
  static const unsigned char mask[4] = {1, 2, 3, 4};
  const unsigned char *from = data;
  size_t n = 0;
  to[n++] = (unsigned char)first;
  if (len < 126) {
    to[n++] = (unsigned char)(len | (masked ? 0x80 : 0));
  } else {
    to[n++] = masked ? 0xfe : 0x7e;
    to[n++] = (unsigned char)(len >> 8);
    to[n++] = (unsigned char)len;
  }
  if (masked)
    memcpy(to + n, mask, 4);
  n += masked ? 4 : 0;
  for (size_t i = 0; i < len; i++)
    to[n++] = masked ? from[i] ^ mask[i % 4] : from[i];
  return n;
}

static void put_frame(struct frames *f, unsigned first, const char *data, size_t len)
{
  unsigned char bytes[2000];
  frames_put(f, bytes, frame(bytes, first, data, len, false));
}

static struct frames *client(void)
{
  struct frames *f = frames_new(false, LIMIT);
  assert_non_null(f);
  return f;
}

/* ---- what we answer -------------------------------------------------------------------------------- */

static struct buf output(const struct frames *f)
{
  struct buf b = {0};
  b.data = (char *)frames_output(f, &b.len);
  return b;
}

static void expect_message(struct frames *f, const char *text, bool binary)
{
  struct websocket_message *m = frames_take(f);
  assert_non_null(m);
  assert_string_equal(m->data, text);
  assert_int_equal(m->len, strlen(text));
  assert_int_equal(m->binary, binary);
  free(m);
}

/* A masked close with this code is all there is to send. */
static void expect_close(struct frames *f, unsigned code)
{
  struct buf out = output(f);
  const unsigned char *p = (const unsigned char *)out.data;
  assert_true(out.len >= 8);
  assert_int_equal(p[0], 0x88);
  assert_int_equal(p[1] & 0x80, 0x80);
  assert_int_equal((p[6] ^ p[2]) << 8 | (p[7] ^ p[3]), code);
}

/* These bytes are a mistake, for which the peer is told this code. */
static void expect_mistake(const void *bytes, size_t len, unsigned code, const char *what)
{
  struct frames *f = client();
  frames_put(f, bytes, len);
  const struct frames_state *s = frames_state(f);
  assert_non_null(s->mistake);
  if (!strstr(s->mistake, what))
    fail_msg("'%s' does not say '%s'", s->mistake, what);
  assert_int_equal(s->code, code);
  assert_true(s->close_sent);
  expect_close(f, code);
  size_t sent = output(f).len;
  frames_put(f, "\x81\1x", 3);
  frames_send(f, false, "y", 1);
  assert_null(frames_take(f));  // nothing is read or sent after it
  assert_int_equal(output(f).len, sent);
  frames_free(f);
}

#define MISTAKE(bytes, code, what) expect_mistake(bytes, sizeof bytes - 1, code, what)

/* ---- messages ------------------------------------------------------------------------------------------ */

static void messages_come_whole_and_in_order(void **state)
{
  struct frames *f = client();
  (void)state;
  frames_put(f, "\x81\5hello\x82\3abc\x81\0", 14);
  expect_message(f, "hello", false);
  expect_message(f, "abc", true);
  expect_message(f, "", false);
  assert_null(frames_take(f));
  assert_int_equal(frames_queued(f), 0);
  frames_free(f);
}

static void a_drip_of_single_bytes_is_the_same(void **state)
{
  struct frames *f = client();
  unsigned char bytes[800];
  char text[501] = {0};
  (void)state;
  memset(text, 'z', 500);
  size_t n = frame(bytes, 0x81, text, 500, false);
  for (size_t i = 0; i < n; i++) {
    assert_null(frames_take(f));
    frames_put(f, bytes + i, 1);
  }
  expect_message(f, text, false);
  frames_free(f);
}

static void fragments_make_one_message_with_pings_between_them(void **state)
{
  struct frames *f = client();
  (void)state;
  put_frame(f, 0x01, "one ", 4);
  put_frame(f, 0x89, "ping", 4);
  put_frame(f, 0x00, "two ", 4);
  assert_null(frames_take(f));
  put_frame(f, 0x80, "three", 5);
  expect_message(f, "one two three", false);
  assert_int_equal((unsigned char)output(f).data[0], 0x8a);  // the pong
  assert_int_equal(output(f).len, 2 + 4 + 4);
  frames_free(f);
}

static void a_character_may_be_cut_between_fragments(void **state)
{
  struct frames *f = client();
  (void)state;
  put_frame(f, 0x01, "\xe2\x82", 2);
  put_frame(f, 0x80, "\xac", 1);
  expect_message(f, "\xe2\x82\xac", false);
  frames_free(f);
}

/* What one side sends the other reads: masked by the client, not by the server. */
static void both_sides_understand_each_other(void **state)
{
  struct frames *a = frames_new(false, 1 << 20), *b = frames_new(true, 1 << 20);
  static char big[70001];
  (void)state;
  memset(big, 'q', sizeof big - 1);
  frames_send(a, false, big, sizeof big - 1);
  frames_send(a, true, "x", 1);
  frames_put(b, output(a).data, output(a).len);
  expect_message(b, big, false);
  expect_message(b, "x", true);
  frames_send(b, false, "back", 4);
  frames_put(a, output(b).data, output(b).len);
  expect_message(a, "back", false);
  frames_free(a);
  frames_free(b);
}

static void what_was_sent_is_masked_anew_each_time(void **state)
{
  struct frames *f = client();
  (void)state;
  frames_send(f, false, "same", 4);
  frames_send(f, false, "same", 4);
  const char *out = output(f).data;
  assert_memory_not_equal(out + 2, out + 12, 8);
  frames_free(f);
}

/* ---- closing ---------------------------------------------------------------------------------------------- */

static void a_close_is_answered_with_its_own_code(void **state)
{
  struct frames *f = client();
  (void)state;
  frames_put(f, "\x88\5\x0f\xa0""bye", 7);
  const struct frames_state *s = frames_state(f);
  assert_true(s->close_received && s->close_sent);
  assert_int_equal(s->code, 4000);
  assert_string_equal(s->reason, "bye");
  expect_close(f, 4000);
  frames_free(f);
}

static void a_close_without_a_code_is_answered_without_one(void **state)
{
  struct frames *f = client();
  (void)state;
  frames_put(f, "\x88\0", 2);
  assert_int_equal(frames_state(f)->code, CLOSE_NO_CODE);
  assert_int_equal(output(f).len, 6);
  frames_free(f);
}

static void an_answer_to_our_close_is_not_answered(void **state)
{
  struct frames *f = client();
  (void)state;
  frames_close(f, 1000, "enough");
  size_t sent = output(f).len;
  frames_put(f, "\x88\2\3\xe8", 4);
  assert_true(frames_state(f)->close_received);
  assert_int_equal(output(f).len, sent);
  frames_free(f);
}

/* ---- mistakes ------------------------------------------------------------------------------------------------ */

static void masked_by_a_server_or_not_by_a_client_is_a_mistake(void **state)
{
  unsigned char bytes[20];
  (void)state;
  expect_mistake(bytes, frame(bytes, 0x81, "hi", 2, true), 1002, "masked");
  struct frames *server = frames_new(true, LIMIT);
  frames_put(server, "\x81\2hi", 4);
  assert_string_equal(frames_state(server)->mistake, "a frame that is not masked");
  assert_int_equal(frames_state(server)->code, 1002);
  frames_free(server);
}

static void reserved_bits_and_kinds_are_mistakes(void **state)
{
  (void)state;
  MISTAKE("\xc1\2hi", 1002, "reserved bits");
  MISTAKE("\xa1\2hi", 1002, "reserved bits");
  MISTAKE("\x91\2hi", 1002, "reserved bits");
  MISTAKE("\x83\2hi", 1002, "does not exist");
  MISTAKE("\x8b\2hi", 1002, "does not exist");
}

static void fragments_out_of_order_are_mistakes(void **state)
{
  (void)state;
  MISTAKE("\x80\2hi", 1002, "continuation of no message");
  MISTAKE("\x01\2hi\x81\2ho", 1002, "inside a fragmented one");
}

static void long_or_fragmented_control_frames_are_mistakes(void **state)
{
  unsigned char bytes[300] = {0x89, 0x7e, 0, 200};
  (void)state;
  expect_mistake(bytes, 204, 1002, "control frame");
  MISTAKE("\x09\2hi", 1002, "control frame");
}

static void lengths_that_are_longer_than_they_need_to_be_are_mistakes(void **state)
{
  (void)state;
  MISTAKE("\x81\x7e\0\2hi", 1002, "malformed");
  MISTAKE("\x81\x7f\0\0\0\0\0\0\0\2hi", 1002, "malformed");
  MISTAKE("\x81\x7f\xff\0\0\0\0\0\0\2hi", 1002, "malformed");
}

static void a_giant_message_ends_at_its_header(void **state)
{
  (void)state;
  MISTAKE("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx", 1009, "larger than the limit");
}

static void fragments_that_are_too_much_together_end_as_well(void **state)
{
  struct frames *f = client();
  char text[600] = {0};
  (void)state;
  memset(text, 'x', sizeof text);
  put_frame(f, 0x01, text, 600);
  assert_null(frames_state(f)->mistake);
  put_frame(f, 0x00, text, 600);
  assert_int_equal(frames_state(f)->code, CLOSE_TOO_LARGE);
  frames_free(f);
}

static void text_that_is_not_utf8_is_a_mistake(void **state)
{
  (void)state;
  MISTAKE("\x81\2\xc3\x28", 1007, "not UTF-8");
  MISTAKE("\x81\2\xc0\x80", 1007, "not UTF-8");          // overlong
  MISTAKE("\x81\3\xed\xa0\x80", 1007, "not UTF-8");      // a surrogate
  MISTAKE("\x81\4\xf4\x90\x80\x80", 1007, "not UTF-8");  // above U+10FFFF
  MISTAKE("\x81\1\xe2", 1007, "not UTF-8");              // cut
}

static void bytes_that_are_not_utf8_are_fine_in_a_binary_message(void **state)
{
  struct frames *f = client();
  (void)state;
  frames_put(f, "\x82\2\xc3\x28", 4);
  expect_message(f, "\xc3\x28", true);
  frames_free(f);
}

static void garbage_in_a_close_is_a_mistake(void **state)
{
  (void)state;
  MISTAKE("\x88\1\3", 1002, "half a code");
  MISTAKE("\x88\2\3\xed", 1002, "must not be sent");  // 1005
  MISTAKE("\x88\2\3\xee", 1002, "must not be sent");  // 1006
  MISTAKE("\x88\2\0\0", 1002, "must not be sent");
  MISTAKE("\x88\2\xff\xff", 1002, "must not be sent");
  MISTAKE("\x88\4\3\xe8\xc3\x28", 1007, "reason is not UTF-8");
}

/* Whatever comes, it ends somehow and nothing is read out of bounds (with SAN=1). */
static void random_bytes_are_survived(void **state)
{
  unsigned seed = 1;
  (void)state;
  for (int round = 0; round < 3000; round++) {
    struct frames *f = frames_new(round & 1, LIMIT);
    struct websocket_message *m;
    unsigned char bytes[64];
    for (int i = 0; i < 20; i++) {
      for (size_t k = 0; k < sizeof bytes; k++)
        bytes[k] = (unsigned char)((seed = seed * 1103515245u + 12345u) >> 16) % (round % 3 ? 256 : 3);
      frames_put(f, bytes, sizeof bytes);
    }
    while ((m = frames_take(f)))
      free(m);
    assert_false(frames_state(f)->failed);
    frames_free(f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_come_whole_and_in_order),
    cmocka_unit_test(a_drip_of_single_bytes_is_the_same),
    cmocka_unit_test(fragments_make_one_message_with_pings_between_them),
    cmocka_unit_test(a_character_may_be_cut_between_fragments),
    cmocka_unit_test(both_sides_understand_each_other),
    cmocka_unit_test(what_was_sent_is_masked_anew_each_time),
    cmocka_unit_test(a_close_is_answered_with_its_own_code),
    cmocka_unit_test(a_close_without_a_code_is_answered_without_one),
    cmocka_unit_test(an_answer_to_our_close_is_not_answered),
    cmocka_unit_test(masked_by_a_server_or_not_by_a_client_is_a_mistake),
    cmocka_unit_test(reserved_bits_and_kinds_are_mistakes),
    cmocka_unit_test(fragments_out_of_order_are_mistakes),
    cmocka_unit_test(long_or_fragmented_control_frames_are_mistakes),
    cmocka_unit_test(lengths_that_are_longer_than_they_need_to_be_are_mistakes),
    cmocka_unit_test(a_giant_message_ends_at_its_header),
    cmocka_unit_test(fragments_that_are_too_much_together_end_as_well),
    cmocka_unit_test(text_that_is_not_utf8_is_a_mistake),
    cmocka_unit_test(bytes_that_are_not_utf8_are_fine_in_a_binary_message),
    cmocka_unit_test(garbage_in_a_close_is_a_mistake),
    cmocka_unit_test(random_bytes_are_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
