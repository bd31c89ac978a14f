/* test_mask.c - the masker against a naive one, and the forms it knows. */
#include "mask.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TEXT = 200, NEEDLES = 6 };

/* A small generator of its own: the same texts on every machine. */
static unsigned draw(uint64_t *seed, unsigned below)
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(*seed >> 33) % below;
}

static void draw_text(uint64_t *seed, char *text, size_t len, unsigned letters)
{
  for (size_t i = 0; i < len; i++)
    text[i] = (char)('a' + draw(seed, letters));
  text[len] = 0;
}

/* ---- the naive masker ----------------------------------------------------------- */

struct naive {
  char needle[NEEDLES][16];
  int count;
};

/* Marks the union of all matches. */
static void naive_cover(const struct naive *n, const char *text, size_t len, bool *covered)
{
  memset(covered, 0, len);
  for (int k = 0; k < n->count; k++) {
    size_t size = strlen(n->needle[k]);
    for (size_t i = 0; i + size <= len; i++)
      if (memcmp(text + i, n->needle[k], size) == 0)
        memset(covered + i, true, size);
  }
}

/* Appends the text with *** for each covered run. */
static void naive_write(const char *text, const bool *covered, size_t len, struct buf *out)
{
  for (size_t i = 0; i < len; i++)
    if (!covered[i])
      buf_add_char(out, text[i]);
    else if (i == 0 || !covered[i - 1])
      buf_add_str(out, "***");
}

static void naive_mask(const struct naive *n, const char *text, size_t len, struct buf *out)
{
  bool covered[TEXT];
  naive_cover(n, text, len, covered);
  naive_write(text, covered, len, out);
}

/* The longest tail that a needle properly begins with. */
static size_t naive_held(const struct naive *n, const char *text, size_t len)
{
  size_t best = 0;
  for (int k = 0; k < n->count; k++) {
    size_t size = strlen(n->needle[k]);
    for (size_t h = best + 1; h < size && h <= len; h++)
      if (memcmp(text + len - h, n->needle[k], h) == 0)
        best = h;
  }
  return best;
}

static struct mask *draw_needles(uint64_t *seed, struct naive *n, unsigned letters)
{
  struct mask *m = mask_new();
  n->count = 1 + (int)draw(seed, NEEDLES);
  for (int k = 0; k < n->count; k++) {
    draw_text(seed, n->needle[k], 4 + draw(seed, 8), letters);
    assert_int_equal(mask_add(m, "SECRET", n->needle[k], strlen(n->needle[k])), MASK_ADDED);
  }
  return m;
}

static struct buf new_buf(void)
{
  struct buf b;
  buf_init(&b, BUF_LIMIT);
  return b;
}

static void check_equal(struct buf *got, struct buf *expected)
{
  assert_true(buf_ok(got));
  assert_string_equal(buf_str(got), buf_str(expected));
  buf_free(got);
  buf_free(expected);
}

/* ---- against it -------------------------------------------------------------------- */

static void random_texts_cut_anywhere_come_out_as_from_the_naive_masker(void **state)
{
  uint64_t seed = 1;
  for (int round = 0; round < 3000; round++) {
    unsigned letters = 1 + draw(&seed, 3);
    struct naive n;
    struct mask *m = draw_needles(&seed, &n, letters);
    struct mask_stream *s = mask_stream_new(m);
    char text[TEXT + 1];
    size_t len = draw(&seed, TEXT);
    draw_text(&seed, text, len, letters + draw(&seed, 2));
    struct buf got = new_buf(), expected = new_buf();
    for (size_t at = 0; at < len;) {
      size_t cut = 1 + draw(&seed, (unsigned)(len - at));
      mask_feed(s, text + at, cut, &got);
      at += cut;
    }
    mask_finish(s, &got);
    naive_mask(&n, text, len, &expected);
    check_equal(&got, &expected);
    mask_stream_free(s);
    mask_free(m);
  }
}

/* Out is all before the held tail, and what is covered at its start. */
static void only_what_could_become_a_secret_is_held_back(void **state)
{
  uint64_t seed = 2;
  for (int round = 0; round < 500; round++) {
    struct naive n;
    struct mask *m = draw_needles(&seed, &n, 2);
    struct mask_stream *s = mask_stream_new(m);
    char text[61];
    draw_text(&seed, text, 60, 3);
    struct buf got = new_buf();
    for (size_t len = 1; len <= 60; len++) {
      bool covered[60];
      naive_cover(&n, text, len, covered);
      size_t decided = len - naive_held(&n, text, len);
      while (decided < len && covered[decided])
        decided++;
      struct buf expected = new_buf();
      naive_write(text, covered, decided, &expected);
      mask_feed(s, text + len - 1, 1, &got);
      assert_string_equal(buf_str(&got), buf_str(&expected));
      buf_free(&expected);
    }
    buf_free(&got);
    mask_stream_free(s);
    mask_free(m);
  }
}

static void a_secret_cut_at_any_place_is_found(void **state)
{
  static const char text[] = "before hunter2-hunter3 after";
  struct mask *m = mask_new();
  mask_add(m, "SECRET", "hunter2-hunter3", 15);
  for (size_t cut = 0; cut < sizeof text; cut++) {
    struct mask_stream *s = mask_stream_new(m);
    struct buf got = new_buf(), expected = new_buf();
    mask_feed(s, text, cut, &got);
    mask_feed(s, text + cut, strlen(text + cut), &got);
    mask_finish(s, &got);
    buf_add_str(&expected, "before *** after");
    check_equal(&got, &expected);
    mask_stream_free(s);
  }
  mask_free(m);
}

static void a_match_leaves_at_once(void **state)
{
  struct mask *m = mask_new();
  mask_add(m, "SECRET", "aaaaaaaa", 8);
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  for (int i = 0; i < 10000; i++)
    mask_feed(s, "a", 1, &out);
  assert_string_equal(buf_str(&out), "***");
  mask_feed(s, " ", 1, &out);
  assert_string_equal(buf_str(&out), "*** ");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

/* ---- growth ---------------------------------------------------------------------------- */

/* After an addition only bytes that were held or come later can match; earlier ones are out. */
static void needles_added_while_streaming_count_from_the_held_bytes_on(void **state)
{
  uint64_t seed = 3;
  for (int round = 0; round < 1000; round++) {
    struct naive n = {.count = 0};
    struct mask *m = mask_new();
    struct mask_stream *s = mask_stream_new(m);
    struct buf got = new_buf(), expected = new_buf();
    char text[TEXT + 1];
    draw_text(&seed, text, TEXT, 2);
    /* While the first needle alone is known no match may end: the held bytes are its prefix. */
    draw_text(&seed, n.needle[n.count++], 10, 2);
    mask_add(m, "SECRET", n.needle[0], 10);
    size_t first = draw(&seed, 10), prefix = draw(&seed, 10);
    memset(text, 'z', first);
    memcpy(text + first, n.needle[0], prefix);
    mask_feed(s, text, first + prefix, &got);
    draw_text(&seed, n.needle[n.count++], 4, 2);
    mask_add(m, "SECRET", n.needle[1], 4);
    mask_feed(s, text + first + prefix, TEXT - first - prefix, &got);
    mask_finish(s, &got);
    naive_mask(&n, text, TEXT, &expected);
    check_equal(&got, &expected);
    mask_stream_free(s);
    mask_free(m);
  }
}

/* ---- which values, which forms ------------------------------------------------------------ */

static void check_text(const char *value, size_t len, const char *text, const char *masked)
{
  struct mask *m = mask_new();
  assert_int_equal(mask_add(m, "SECRET", value, len), MASK_ADDED);
  struct buf got = new_buf(), expected = new_buf();
  mask_text(m, text, strlen(text), &got);
  buf_add_str(&expected, masked);
  check_equal(&got, &expected);
  mask_free(m);
}

static void values_under_four_bytes_and_blank_ones_are_refused(void **state)
{
  struct mask *m = mask_new();
  assert_int_equal(mask_add(m, "SECRET", "", 0), MASK_REFUSED);
  assert_int_equal(mask_add(m, "SECRET", "abc", 3), MASK_REFUSED);
  assert_int_equal(mask_add(m, "SECRET", "abc\n", 4), MASK_REFUSED);
  assert_int_equal(mask_add(m, "SECRET", "        ", 8), MASK_REFUSED);
  assert_int_equal(mask_add(m, "SECRET", "abcd", 4), MASK_ADDED);
  assert_true(mask_knows(m, "abcd", 4));
  assert_false(mask_knows(m, "61626364", 8));
  struct buf out = new_buf();
  mask_text(m, "abc and abcd", 12, &out);
  assert_string_equal(buf_str(&out), "abc and ***");
  buf_free(&out);
  mask_free(m);
}

static void every_form_of_a_value_is_found(void **state)
{
  static const char value[] = "p\"w d'/+\\~x";
  static const char *const forms[] = {
    "p\"w d'/+\\~x", "p\\\"w d'/+\\\\~x", "p\\\"w d'\\/+\\\\~x",
    "p%22w%20d%27%2F%2B%5C~x", "p%22w%20d%27%2f%2b%5c~x", "p%22w%20d'%2F%2B%5C~x",
    "p%22w+d%27%2F%2B%5C~x", "p%22w+d%27%2F%2B%5C%7Ex", "p\"w d'\\''/+\\~x",
    "7022772064272F2B5C7E78", "7022772064272f2b5c7e78"};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    char text[80];
    snprintf(text, sizeof text, "<%s>", forms[i]);
    check_text(value, sizeof value - 1, text, "<***>");
  }
}

/* base64("user:hunter2-hunter3\n") and the like: the characters that hold only secret bits. */
static void base64_of_longer_text_is_covered_at_every_alignment(void **state)
{
  static const char value[] = "hunter2-hunter3";
  check_text(value, 15, "aHVudGVyMi1odW50ZXIz", "***");
  check_text(value, 15, "OmEgaHVudGVyMi1odW50ZXIzIGI=", "OmEg***IGI=");
  check_text(value, 15, "OiBodW50ZXIyLWh1bnRlcjMgYg==", "OiB***MgYg==");
  check_text(value, 15, "Omh1bnRlcjItaHVudGVyMyA=", "Om***yA=");
}

static void padding_and_the_url_alphabet_are_covered(void **state)
{
  check_text("\xff\xfe\xfd\xfc?>?>", 8, "//79/D8+Pz4= _", "*** _");
  check_text("\xff\xfe\xfd\xfc?>?>", 8, "__79_D8-Pz4 _", "*** _");
  check_text("abcd", 4, "YWJjZA== YWJjZA", "*** ***");
}

static void lines_of_a_value_are_found_alone_and_joined(void **state)
{
  static const char value[] =
    "-----BEGIN KEY-----\nline-one-of-it\r\nshort\nline-two-of-it\n-----END KEY-----\n";
  size_t len = sizeof value - 1;
  check_text(value, len, "a line-one-of-it b", "a *** b");
  check_text(value, len, "short -----BEGIN KEY-----", "short -----BEGIN KEY-----");
  check_text(value, len, "[-----BEGIN KEY-----\\nline-one-of-it\\nshort\\nline-two-of-it\\n-----END KEY-----]",
             "[***]");
  check_text(value, len, "[-----BEGIN KEY----- line-one-of-it short line-two-of-it -----END KEY-----]",
             "[***]");
  check_text(value, len,
             "[-----BEGIN KEY-----\r\nline-one-of-it\r\nshort\r\nline-two-of-it\r\n-----END KEY-----]",
             "[***]");
}

static void a_trailing_newline_of_the_value_need_not_show(void **state)
{
  check_text("hunter2-hunter3\n", 16, "x hunter2-hunter3 y", "x *** y");
}

static void binary_values_are_found_between_binary_bytes(void **state)
{
  static const char value[] = "\0\xff\0\xff\n\0", text[] = "\0\0\xff\0\xff\n\0\0";
  struct mask *m = mask_new();
  assert_int_equal(mask_add(m, "SECRET", value, 6), MASK_ADDED);
  struct buf out = new_buf();
  mask_text(m, text, 8, &out);
  assert_int_equal(out.len, 5);
  assert_memory_equal(out.data, "\0***\0", 5);
  buf_free(&out);
  mask_free(m);
}

/* Longer than the automaton is deep: it is found in pieces that touch. */
static void a_very_long_value_is_one_mark(void **state)
{
  enum { LONG = 1000 };
  char value[LONG + 1], text[LONG + 3];
  uint64_t seed = 4;
  draw_text(&seed, value, LONG, 26);
  snprintf(text, sizeof text, "<%s>", value);
  check_text(value, LONG, text, "<***>");
}

static void a_stream_may_begin_again_after_its_end(void **state)
{
  struct mask *m = mask_new();
  mask_add(m, "SECRET", "hunter2", 7);
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  mask_feed(s, "hunt", 4, &out);
  assert_int_equal(out.len, 0);
  mask_finish(s, &out);
  mask_feed(s, "er2 hunter2", 11, &out);
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), "hunter2 ***");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void without_needles_everything_passes(void **state)
{
  struct mask *m = mask_new();
  struct buf out = new_buf();
  mask_text(m, "plain\0text", 10, &out);
  assert_int_equal(out.len, 10);
  assert_memory_equal(out.data, "plain\0text", 10);
  buf_free(&out);
  mask_free(m);
}

static void the_password_inside_a_url_is_masked_alone_and_decoded(void **state)
{
  struct mask *m = mask_new();
  struct buf out;
  buf_init(&out, 4096);
  const char *url = "postgresql://owner:p%40ss-word-12@ep-1.neon.tech/db?sslmode=require";
  mask_add(m, "SECRET", url, strlen(url));
  const char *text = "PGPASSWORD=p@ss-word-12 raw p%40ss-word-12 host ep-1.neon.tech user owner";
  mask_text(m, text, strlen(text), &out);
  assert_string_equal(buf_str(&out), "PGPASSWORD=*** raw *** host ep-1.neon.tech user owner");
  buf_free(&out);
  mask_free(m);
}

static void a_copy_knows_what_was_known_and_nothing_that_comes_later(void **state)
{
  struct mask *m = mask_new();
  struct buf out = new_buf();
  mask_add(m, "FIRST", "first-secret", 12);
  unsigned long version = mask_version(m);
  struct mask *copy = mask_copy(m);
  assert_int_equal(mask_version(m), version);
  mask_add(m, "SECOND", "second-one", 10);
  assert_int_not_equal(mask_version(m), version);
  assert_true(mask_knows(copy, "first-secret", 12));
  mask_free(m);
  struct mask_stream *s = mask_stream_new(copy);
  mask_feed(s, "first-secret second-one", 23, &out);
  assert_string_equal(mask_found(s), "FIRST");
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), "*** second-one");
  mask_stream_free(s);
  mask_free(copy);
  buf_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_texts_cut_anywhere_come_out_as_from_the_naive_masker),
    cmocka_unit_test(only_what_could_become_a_secret_is_held_back),
    cmocka_unit_test(a_secret_cut_at_any_place_is_found),
    cmocka_unit_test(a_match_leaves_at_once),
    cmocka_unit_test(needles_added_while_streaming_count_from_the_held_bytes_on),
    cmocka_unit_test(values_under_four_bytes_and_blank_ones_are_refused),
    cmocka_unit_test(every_form_of_a_value_is_found),
    cmocka_unit_test(base64_of_longer_text_is_covered_at_every_alignment),
    cmocka_unit_test(padding_and_the_url_alphabet_are_covered),
    cmocka_unit_test(lines_of_a_value_are_found_alone_and_joined),
    cmocka_unit_test(a_trailing_newline_of_the_value_need_not_show),
    cmocka_unit_test(binary_values_are_found_between_binary_bytes),
    cmocka_unit_test(a_very_long_value_is_one_mark),
    cmocka_unit_test(a_stream_may_begin_again_after_its_end),
    cmocka_unit_test(without_needles_everything_passes),
    cmocka_unit_test(the_password_inside_a_url_is_masked_alone_and_decoded),
    cmocka_unit_test(a_copy_knows_what_was_known_and_nothing_that_comes_later),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
