/* test_mask_stream.c - the masker's engine: exactness, what others let through, bounds, want of memory. */
#include "mask.h"
#include "mask_case.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

/* A small generator of its own: the same texts on every machine. */
static unsigned draw(uint64_t *seed, unsigned below)
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(*seed >> 33) % below;
}

static char *draw_value(uint64_t seed, size_t len)
{
  char *value = malloc(len);
  assert_non_null(value);
  for (size_t i = 0; i < len; i++)
    value[i] = (char)draw(&seed, 256);
  return value;
}

static struct buf new_buf(void)
{
  struct buf b;
  buf_init(&b, BUF_LIMIT);
  return b;
}

/* ---- any secrets, also in all their forms, of any length, added at any time ---------------- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
  const char *value = getenv(name);
  return value && *value ? strtoull(value, NULL, 10) : otherwise;
}

/* As a file of tests/fuzz/corpus/mask, once "xxd -r -p" has read it. */
static void show_case(const unsigned char *bytes, size_t len)
{
  for (size_t i = 0; i < len; i++)
    fprintf(stderr, "%02x", bytes[i]);
  fprintf(stderr, "\n");
}

/* MASK_CASES=3000000 plays so many, other ones for each MASK_SEED. */
static void random_cases_come_out_as_from_the_naive_masker(void **state)
{
  enum { CASE = 300 };
  uint64_t seed = setting("MASK_SEED", 5), cases = setting("MASK_CASES", 2000), differ = 0;
  unsigned char bytes[CASE];
  for (uint64_t n = 0; n < cases; n++) {
    size_t len = 40 + draw(&seed, CASE - 40);
    for (size_t i = 0; i < len; i++)
      bytes[i] = (unsigned char)draw(&seed, 256);
    if (mask_case_holds(bytes, len))
      continue;
    show_case(bytes, len);
    differ++;
  }
  print_message("%" PRIu64 " cases, %" PRIu64 " differences\n", cases, differ);
  assert_int_equal(differ, 0);
}

/* ---- what other maskers let through -------------------------------------------------------- */

/* The pieces are fed one by one; the needles count as they stand. */
static void check_pieces(const char *const *needles, const char *const *pieces, const char *masked)
{
  struct mask *m = mask_new();
  for (; *needles; needles++)
    assert_true(mask_add_form(m, "SECRET", *needles, strlen(*needles)));
  struct mask_stream *s = mask_stream_new(m);
  struct buf got = new_buf();
  for (; *pieces; pieces++)
    mask_feed(s, *pieces, strlen(*pieces), &got);
  mask_finish(s, &got);
  assert_string_equal(buf_str(&got), masked);
  buf_free(&got);
  mask_stream_free(s);
  mask_free(m);
}

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}

/* A trie without fail links goes back to its root and misses these. */
static void a_secret_behind_its_own_beginning_is_found(void **state)
{
  check_pieces(LIST("hunter2hunter3"), LIST("hunter2hunter2hunter3"), "hunter2***");
  check_pieces(LIST("aab"), LIST("aaab"), "a***");
  check_pieces(LIST("abcd", "bc"), LIST("abce"), "a***e");
}

/* A partial match that breaks at a cut must begin again inside of itself. */
static void a_secret_behind_its_own_beginning_is_found_across_writes(void **state)
{
  check_pieces(LIST("aab"), LIST("aa", "ab"), "a***");
  check_pieces(LIST("ababc"), LIST("abab", "abc"), "ab***");
  check_pieces(LIST("aaaabaaac", "aab"), LIST("aaaab", "aaa", "b", "aaac"), "aa***a***aaac");
}

static void an_endless_beginning_is_let_go_on(void **state)
{
  enum { LENGTH = 100000 };
  char first[257], second[202], *text = malloc(LENGTH + 1);
  memset(first, 'a', 255);
  strcpy(first + 255, "b");
  memset(second, 'a', 200);
  strcpy(second + 200, "c");
  memset(text, 'a', LENGTH);
  text[LENGTH] = 0;
  struct mask *m = mask_new();
  assert_true(mask_add_form(m, "LONG", first, 256));
  assert_true(mask_add_form(m, "LESS", second, 201));
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  mask_feed(s, text, 1000, &out);
  mask_feed(s, "c", 1, &out);
  assert_int_equal(out.len, 803);
  mask_finish(s, &out);
  assert_string_equal(mask_found(s), "LESS");
  buf_drop(&out, out.len);
  mask_feed(s, text, 200, &out);
  assert_int_equal(out.len, 0);
  mask_finish(s, &out);
  assert_int_equal(out.len, 200);
  mask_stream_free(s);
  buf_free(&out);
  free(text);
  mask_free(m);
}

/* ---- bounds --------------------------------------------------------------------------------------- */

static void a_secret_of_a_megabyte_is_one_mark_however_it_is_cut(void **state)
{
  enum { LONG = 1 << 20 };
  char *value = draw_value(6, LONG);
  uint64_t seed = 6;
  struct mask *m = mask_new();
  assert_true(mask_add_form(m, "SECRET", value, LONG));
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  mask_feed(s, "<", 1, &out);
  for (size_t at = 0, n; at < LONG; at += n) {
    n = 1 + draw(&seed, 5000);
    n = n < LONG - at ? n : LONG - at;
    mask_feed(s, value + at, n, &out);
    assert_true(out.len <= 4);
  }
  mask_feed(s, ">", 1, &out);
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), "<***>");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
  free(value);
}

static void secrets_of_all_bytes_there_are_share_no_class(void **state)
{
  char all[256], text[260];
  for (int i = 0; i < 256; i++)
    all[i] = (char)i;
  struct mask *m = mask_new();
  assert_true(mask_add_form(m, "SECRET", all, 255));
  assert_true(mask_add_form(m, "SECRET", all + 128, 128));
  memcpy(text, "<", 1);
  memcpy(text + 1, all, 256);
  memcpy(text + 257, ">", 1);
  struct buf out = new_buf();
  mask_text(m, text, 258, &out);
  assert_string_equal(buf_str(&out), "<***>");
  buf_free(&out);
  mask_free(m);
}

static void maskers_know_their_own_secrets_only(void **state)
{
  struct mask *one = mask_new(), *other = mask_new();
  mask_add(one, "SECRET", "hunter2-hunter3", 15);
  mask_add(other, "SECRET", "correct-horse", 13);
  struct buf out = new_buf();
  mask_text(one, "hunter2-hunter3 correct-horse ", 30, &out);
  mask_free(one);
  mask_text(other, "hunter2-hunter3 correct-horse", 29, &out);
  assert_string_equal(buf_str(&out), "*** correct-horse hunter2-hunter3 ***");
  buf_free(&out);
  mask_free(other);
}

/* ---- whose secret it was ---------------------------------------------------------------------------- */

static void what_stood_in_a_stream_is_known_until_the_next_one_begins(void **state)
{
  struct mask *m = mask_new();
  mask_add(m, "OUTER", "outer-and-inner-secret", 22);
  mask_add(m, "INNER", "inner-se", 8);
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  mask_feed(s, "nothing outer-and-inner-s", 25, &out);
  assert_null(mask_found(s));
  mask_feed(s, "en", 2, &out);
  assert_string_equal(mask_found(s), "INNER");
  mask_finish(s, &out);
  mask_finish(s, &out);
  assert_string_equal(mask_found(s), "INNER");
  mask_feed(s, "x", 1, &out);
  assert_null(mask_found(s));
  mask_feed(s, "outer-and-inner-secret", 22, &out);
  assert_string_equal(mask_found(s), "INNER");
  assert_string_equal(buf_str(&out), "nothing outer-and-***nx***");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

/* ---- want of memory ------------------------------------------------------------------------------------ */

static void when_memory_is_short_nothing_leaves(void **state)
{
#ifdef __SANITIZE_ADDRESS__
  skip();  /* its shadow needs all addresses there are */
#endif
  enum { LONG = 4 << 20 };
  char *value = draw_value(7, LONG);
  struct mask *m = mask_new();
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  struct rlimit before, none = {1 << 20, 0};
  mask_feed(s, "plain ", 6, &out);
  assert_true(mask_add_form(m, "SECRET", value, LONG));
  getrlimit(RLIMIT_AS, &before);
  none.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_AS, &none);
  mask_feed(s, value, 100, &out);
  mask_finish(s, &out);
  setrlimit(RLIMIT_AS, &before);
  assert_false(buf_ok(&out));
  assert_string_equal(buf_str(&out), "plain ");
  out.failed = false;
  mask_feed(s, value, LONG, &out);
  assert_string_equal(buf_str(&out), "plain ***");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
  free(value);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_cases_come_out_as_from_the_naive_masker),
    cmocka_unit_test(a_secret_behind_its_own_beginning_is_found),
    cmocka_unit_test(a_secret_behind_its_own_beginning_is_found_across_writes),
    cmocka_unit_test(an_endless_beginning_is_let_go_on),
    cmocka_unit_test(a_secret_of_a_megabyte_is_one_mark_however_it_is_cut),
    cmocka_unit_test(secrets_of_all_bytes_there_are_share_no_class),
    cmocka_unit_test(maskers_know_their_own_secrets_only),
    cmocka_unit_test(what_stood_in_a_stream_is_known_until_the_next_one_begins),
    cmocka_unit_test(when_memory_is_short_nothing_leaves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
