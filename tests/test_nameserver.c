/* test_nameserver.c - reading queries and writing replies, whatever comes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "nameserver.h"
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* id 0x1234, recursion desired, one question: Www.Example A IN */
static const unsigned char good[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'W', 'w', 'w', 7, 'E',
                                     'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};

static struct nameserver_query read_good(void)
{
  struct nameserver_query q;
  assert_true(nameserver_read(good, sizeof good, &q));
  return q;
}

static void a_query_gives_its_name_in_lower_case_and_its_type(void **state)
{
  (void)state;
  struct nameserver_query q = read_good();
  assert_string_equal(q.name, "www.example");
  assert_string_equal(q.type, "A");
  assert_int_equal(q.id, 0x1234);
}

static void a_type_without_a_name_is_a_number(void **state)
{
  (void)state;
  unsigned char packet[sizeof good];
  struct nameserver_query q;
  memcpy(packet, good, sizeof good);
  packet[sizeof good - 4] = 0xff;
  packet[sizeof good - 3] = 0x01;
  assert_true(nameserver_read(packet, sizeof packet, &q));
  assert_string_equal(q.type, "TYPE65281");
}

static void a_query_cut_anywhere_is_dropped(void **state)
{
  (void)state;
  struct nameserver_query q;
  for (size_t n = 0; n < sizeof good; n++) {
    unsigned char *cut = malloc(n ? n : 1);  // so that a sanitizer sees a read beyond the end
    memcpy(cut, good, n);
    assert_false(nameserver_read(cut, n, &q));
    free(cut);
  }
}

static void replies_other_operations_and_two_questions_are_dropped(void **state)
{
  (void)state;
  struct nameserver_query q;
  unsigned char packet[sizeof good];
  static const struct { int at; unsigned char value; } changes[] = {
    {2, 0x81}, {2, 0x29}, {5, 2}, {5, 0}, {sizeof good - 1, 3}};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    memcpy(packet, good, sizeof good);
    packet[changes[i].at] = changes[i].value;
    assert_false(nameserver_read(packet, sizeof packet, &q));
  }
}

static void references_and_odd_bytes_in_a_name_are_dropped(void **state)
{
  (void)state;
  struct nameserver_query q;
  static const unsigned char bytes[] = {'.', '\\', 0, ' ', 0x80};
  unsigned char packet[sizeof good];
  for (size_t i = 0; i < sizeof bytes; i++) {
    memcpy(packet, good, sizeof good);
    packet[14] = bytes[i];
    assert_false(nameserver_read(packet, sizeof packet, &q));
  }
  memcpy(packet, good, sizeof good);
  packet[12] = 0xc0;
  assert_false(nameserver_read(packet, sizeof packet, &q));
}

static void a_name_longer_than_a_name_is_dropped(void **state)
{
  (void)state;
  struct nameserver_query q;
  unsigned char packet[400] = {0, 0, 1, 0, 0, 1};
  size_t at = 12;
  for (int i = 0; i < 5; i++) {
    packet[at] = 60;
    memset(packet + at + 1, 'a', 60);
    at += 61;
  }
  packet[at + 2] = packet[at + 4] = 1;
  assert_false(nameserver_read(packet, at + 5, &q));
}

static void random_packets_are_read_within_their_bounds(void **state)
{
  (void)state;
  struct nameserver_query q;
  srand(1);
  for (int i = 0; i < 20000; i++) {
    size_t n = (size_t)(rand() % 80);
    unsigned char *packet = malloc(n + 1);
    for (size_t k = 0; k < n; k++)
      packet[k] = k < 12 && k < sizeof good && rand() % 8 ? good[k] : (unsigned char)(rand() % 70);
    if (nameserver_read(packet, n, &q)) {
      assert_true(strlen(q.name) < sizeof q.name);
      assert_true(q.question_len <= sizeof q.question);
    }
    free(packet);
  }
}

static void a_reply_repeats_the_question_and_refers_to_its_name(void **state)
{
  (void)state;
  struct nameserver_query q = read_good();
  struct nameserver_reply r;
  nameserver_begin(&r, &q, nameserver_rcode("NOERROR"));
  assert_true(nameserver_add(&r, "A", "192.0.2.7", 60));
  static const unsigned char answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
  assert_int_equal(r.len, sizeof good + sizeof answer);
  assert_memory_equal(r.bytes + 12, good + 12, sizeof good - 12);
  assert_memory_equal(r.bytes + sizeof good, answer, sizeof answer);
  assert_int_equal(r.bytes[7], 1);
}

static void what_follows_an_alias_is_about_its_target(void **state)
{
  (void)state;
  struct nameserver_query q = read_good();
  struct nameserver_reply r;
  nameserver_begin(&r, &q, 0);
  assert_true(nameserver_add(&r, "CNAME", "a.b", 60));
  size_t second = r.len;
  assert_true(nameserver_add(&r, "A", "192.0.2.7", 60));
  assert_int_equal(r.bytes[second + 1], sizeof good + 12);
}

static void data_of_another_type_is_refused(void **state)
{
  (void)state;
  struct nameserver_query q = read_good();
  struct nameserver_reply r;
  nameserver_begin(&r, &q, 0);
  assert_false(nameserver_add(&r, "A", "::1", 60));
  assert_false(nameserver_add(&r, "AAAA", "127.0.0.1", 60));
  assert_false(nameserver_add(&r, "CNAME", "a..b", 60));
  assert_false(nameserver_add(&r, "CNAME", "", 60));
  assert_false(nameserver_add(&r, "MX", "a.b", 60));
  assert_int_equal(nameserver_rcode("YES"), -1);
}

static void answers_that_do_not_fit_mark_the_reply_truncated(void **state)
{
  (void)state;
  struct nameserver_query q = read_good();
  struct nameserver_reply r;
  nameserver_begin(&r, &q, 0);
  for (int i = 0; i < 100; i++)
    assert_true(nameserver_add(&r, "TXT", "twenty bytes of text", 60));
  assert_true(r.len <= sizeof r.bytes);
  assert_true(r.bytes[2] & 2);
}

static void a_taken_port_is_a_fault_that_names_it(void **state)
{
  (void)state;
  uv_loop_t loop;
  struct fault f;
  uv_loop_init(&loop);
  struct nameserver *first = nameserver_new(&loop, "127.0.0.1", 0, &f);
  assert_non_null(first);
  assert_null(nameserver_new(&loop, "127.0.0.1", nameserver_port(first), &f));
  assert_string_equal(f.code, "nameserver-failed");
  nameserver_free(first);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_query_gives_its_name_in_lower_case_and_its_type),
    cmocka_unit_test(a_type_without_a_name_is_a_number),
    cmocka_unit_test(a_query_cut_anywhere_is_dropped),
    cmocka_unit_test(replies_other_operations_and_two_questions_are_dropped),
    cmocka_unit_test(references_and_odd_bytes_in_a_name_are_dropped),
    cmocka_unit_test(a_name_longer_than_a_name_is_dropped),
    cmocka_unit_test(random_packets_are_read_within_their_bounds),
    cmocka_unit_test(a_reply_repeats_the_question_and_refers_to_its_name),
    cmocka_unit_test(what_follows_an_alias_is_about_its_target),
    cmocka_unit_test(data_of_another_type_is_refused),
    cmocka_unit_test(answers_that_do_not_fit_mark_the_reply_truncated),
    cmocka_unit_test(a_taken_port_is_a_fault_that_names_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
