/* test_mask_lines.c - lines that belong together: whatever the cuts, the same comes out, and what holds no
 * secret comes out as it went in. Which secrets are found is in tests/mask/wrapped.lua. */
#include "mask.h"
#include "mask_stream.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROUNDS = 3000, TEXT_MAX = 4000 };

static const char secret[] = "Q7W2E9R4T6Y1U8I3O5P0";

static unsigned draw(uint64_t *seed, unsigned n)
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(*seed >> 33) % n;
}

static struct buf new_buf(void)
{
  struct buf b;
  buf_init(&b, 1 << 20);
  return b;
}

/* ---- texts that look like encoders' and dumpers' lines, nearly --------------------------------------- */

/* Bytes with a secret in them now and then. */
static void draw_plain(uint64_t *seed, struct buf *out, size_t len, bool secrets)
{
  while (out->len < len)
    if (secrets && draw(seed, 30) == 0)
      buf_add_str(out, secret);
    else
      buf_add_char(out, (char)("the quick fox\n:0af"[draw(seed, 18)]));
}

/* A first line of fewer bytes may be taken for text, depending on where it is cut. */
static void add_dump(uint64_t *seed, struct buf *text, const struct buf *plain)
{
  unsigned width = 16 + draw(seed, 5), kind = draw(seed, 5);
  if (plain->len < width)
    return;
  buf_add_char(text, '\n');
  for (size_t at = 0; at < plain->len; at += width) {
    static const char *const starts[] = {"%08zx:", "%08zx ", "%07zo", "   ", ""};
    buf_printf(text, starts[kind], at);
    for (size_t i = at; i < at + width && i < plain->len; i++)
      buf_printf(text, kind == 0 && i % 2 ? "%02x" : kind == 3 ? "%02x:" : " %02x", (unsigned char)plain->data[i]);
    if (kind < 2)
      buf_add_str(text, kind ? "  |" : "  ");
    for (size_t i = at; kind < 2 && i < at + width && i < plain->len; i++)
      buf_add_char(text, plain->data[i] < ' ' ? '.' : plain->data[i]);
    buf_add_str(text, draw(seed, 40) ? "\n" : "\r\n");
  }
}

static void add_lines(uint64_t *seed, struct buf *text, const struct buf *plain)
{
  unsigned width = 40 + draw(seed, 40), indent = draw(seed, 4) ? 0 : draw(seed, 70);
  for (size_t at = 0; at < plain->len; at++) {
    buf_add_char(text, plain->data[at] < 'a' && plain->data[at] < '0' ? '+' : plain->data[at]);
    if (at % width == width - 1)
      buf_printf(text, draw(seed, 20) ? "\n%*s" : "\r\n%*s", (int)indent, "");
  }
}

static void draw_text(uint64_t *seed, struct buf *text, bool secrets)
{
  while (text->len < TEXT_MAX / 2) {
    struct buf plain = new_buf();
    draw_plain(seed, &plain, draw(seed, 400), secrets);
    switch (draw(seed, 4)) {
    case 0: add_dump(seed, text, &plain); break;
    case 1: add_lines(seed, text, &plain); break;
    case 2: buf_add(text, buf_str(&plain), plain.len); break;
    default: buf_add_str(text, "\n2026-11-21 12:30:45 done 42\n    7 deadbeef\n");
    }
    buf_free(&plain);
  }
}

/* ---- through the masker ---------------------------------------------------------------------------------- */

/* In pieces of at most `most` bytes. */
static void mask_in_pieces(struct mask *m, uint64_t *seed, const struct buf *text, unsigned most, struct buf *out)
{
  struct mask_stream *s = mask_stream_new(m);
  for (size_t at = 0, n; at < text->len; at += n) {
    n = 1 + draw(seed, most);
    n = n < text->len - at ? n : text->len - at;
    char *exact = malloc(n);
    memcpy(exact, text->data + at, n);
    mask_feed(s, exact, n, out);
    free(exact);
  }
  mask_finish(s, out);
  mask_stream_free(s);
  assert_true(buf_ok(out));
}

static void check_cuts(uint64_t *seed, bool secrets)
{
  static const unsigned sizes[] = {1, 7, 60, 500, 5000};
  struct mask *m = mask_new();
  struct buf text = new_buf(), first = new_buf();
  assert_int_equal(mask_add(m, "SECRET", secret, sizeof secret - 1), MASK_ADDED);
  draw_text(seed, &text, secrets);
  mask_in_pieces(m, seed, &text, 1, &first);
  if (!secrets)
    assert_true(first.len == text.len && memcmp(first.data, text.data, text.len) == 0);
  for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
    struct buf out = new_buf();
    mask_in_pieces(m, seed, &text, sizes[i], &out);
    if (out.len != first.len || memcmp(out.data, first.data, out.len) != 0)
      fprintf(stderr, "in pieces of up to %u:\n%s\nbyte by byte:\n%s\n", sizes[i], buf_str(&out), buf_str(&first));
    assert_true(out.len == first.len && memcmp(out.data, first.data, out.len) == 0);
    buf_free(&out);
  }
  buf_free(&text);
  buf_free(&first);
  mask_free(m);
}

static void lines_without_a_secret_come_out_as_they_went_in(void **state)
{
  uint64_t seed = 1;
  for (int round = 0; round < ROUNDS / 10; round++)
    check_cuts(&seed, false);
}

static void lines_with_secrets_come_out_the_same_whatever_the_cuts(void **state)
{
  uint64_t seed = 2;
  for (int round = 0; round < ROUNDS / 10; round++)
    check_cuts(&seed, true);
}

/* ---- a secret that is added while something is kept back ----------------------------------------------------- */

static void check_later(const char *first, const char *second, const char *masked)
{
  struct mask *m = mask_new();
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  assert_int_equal(mask_add(m, "EARLY", "Q7W2-another-secret", 19), MASK_ADDED);
  mask_feed(s, first, strlen(first), &out);
  assert_int_equal(mask_add(m, "SECRET", secret, sizeof secret - 1), MASK_ADDED);
  mask_feed(s, second, strlen(second), &out);
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), masked);
  assert_string_equal(mask_found(s), "SECRET");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void a_secret_added_meanwhile_counts_for_what_is_kept_back(void **state)
{
  check_later("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxQ7W\n2", "E9R4T6Y1U8I3O5P0 end",
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx***\n*** end");
  check_later("00000000: 5137 5732", " 4539 5234 5436  Q7W2E9R4T6\n0000000a: 5931 5538 4933 4f35 5030  Y1U8I3O5P0\n",
              "00000000: ***  ***\n0000000a: ***  ***\n");
}

/* ---- against a naive masker that takes the line ends out first ---------------------------------------------------- */

enum { JOINED_MAX = 1200, NEEDLE_MAX = 240 };

struct joined {
  size_t len;
  char text[JOINED_MAX];
  bool covered[JOINED_MAX];
};

/* It overlaps itself, and is longer than a line now and then. */
static size_t draw_needle(uint64_t *seed, char *needle)
{
  size_t len = 4 + draw(seed, NEEDLE_MAX - 4), period = 1 + draw(seed, 30);
  for (size_t i = 0; i < len; i++)
    needle[i] = i < period ? "xyz"[draw(seed, 3)] : needle[i - period];
  return len;
}

/* Letters and parts of the needle, mostly from its beginning. */
static void draw_joined(uint64_t *seed, const char *needle, size_t needle_len, struct joined *j)
{
  *j = (struct joined){.len = 60 + draw(seed, JOINED_MAX - 60)};
  for (size_t at = 0, n; at < j->len; at += n) {
    size_t from = draw(seed, 3) ? 0 : draw(seed, (unsigned)needle_len), most = needle_len - from;
    n = draw(seed, 2) ? most : 1 + draw(seed, (unsigned)most);
    n = draw(seed, 4) ? n : 1;
    n = n < j->len - at ? n : j->len - at;
    memcpy(j->text + at, needle + from, n);
  }
}

static void cover_joined(struct joined *j, const char *needle, size_t len)
{
  for (size_t at = 0; at + len <= j->len; at++)
    if (memcmp(j->text + at, needle, len) == 0)
      memset(j->covered + at, true, len);
}

static void add_joined(const struct joined *j, size_t width, const char *gap, bool masked, struct buf *out)
{
  for (size_t i = 0; i < j->len; i++) {
    bool first = i % width == 0;
    if (first && i > 0)
      buf_add_str(out, gap);
    if (!masked || !j->covered[i])
      buf_add_char(out, j->text[i]);
    else if (first || !j->covered[i - 1])
      buf_add_str(out, "***");
  }
}

static void check_joined(uint64_t *seed)
{
  static const char *const gaps[] = {"\n", "\r\n", "\n  ", "\n\t \t", "\r\r\n",
                                     "\n                                                               "};
  char needle[NEEDLE_MAX];
  struct joined j;
  struct mask *m = mask_new();
  struct buf text = new_buf(), expected = new_buf(), out = new_buf();
  size_t len = draw_needle(seed, needle), width = 48 + draw(seed, 60);
  const char *gap = gaps[draw(seed, sizeof gaps / sizeof *gaps)];
  size_t part = draw(seed, (unsigned)len - 3), part_len = 4 + draw(seed, (unsigned)(len - part - 3));
  assert_true(mask_add_form(m, "SECRET", needle, len));
  draw_joined(seed, needle, len, &j);
  cover_joined(&j, needle, len);
  if (draw(seed, 2)) {
    assert_true(mask_add_form(m, "PART", needle + part, part_len));
    cover_joined(&j, needle + part, part_len);
  }
  add_joined(&j, width, gap, false, &text);
  add_joined(&j, width, gap, true, &expected);
  mask_in_pieces(m, seed, &text, 1 + draw(seed, 200), &out);
  if (strcmp(buf_str(&out), buf_str(&expected)) != 0)
    fprintf(stderr, "'%.*s' in:\n%s\nexpected:\n%s\ngot:\n%s\n", (int)len, needle, buf_str(&text), buf_str(&expected),
            buf_str(&out));
  assert_string_equal(buf_str(&out), buf_str(&expected));
  buf_free(&text);
  buf_free(&expected);
  buf_free(&out);
  mask_free(m);
}

/* MASK_CASES=100000 plays so many. */
static void a_secret_across_lines_is_covered_as_if_they_were_one(void **state)
{
  const char *cases = getenv("MASK_CASES");
  uint64_t seed = 3;
  for (long n = cases ? atol(cases) : ROUNDS; n > 0; n--)
    check_joined(&seed);
}

/* ---- what leaves, and when --------------------------------------------------------------------------------------- */

#define LINE "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* Of the text that came, so much is out before anything follows, and all of it at the end. */
static void check_now(const char *text, const char *now, const char *at_the_end)
{
  struct mask *m = mask_new();
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  assert_int_equal(mask_add(m, "SECRET", secret, sizeof secret - 1), MASK_ADDED);
  mask_feed(s, text, strlen(text), &out);
  assert_string_equal(buf_str(&out), now);
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), at_the_end);
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void of_lines_only_what_may_become_a_secret_waits(void **state)
{
  check_now(LINE "\n", LINE "\n", LINE "\n");
  check_now(LINE "Q7W\n", LINE, LINE "Q7W\n");
  check_now(LINE "Q7W\n2E9", LINE, LINE "Q7W\n2E9");
  check_now(LINE "Q7W\nQ7W2", LINE "Q7W\n", LINE "Q7W\nQ7W2");
  check_now(LINE "Q7W\n2x", LINE "Q7W\n2x", LINE "Q7W\n2x");
  check_now(LINE "Q7W\n2E9R4T6Y1U8I3O5P0 end", LINE "***\n*** end", LINE "***\n*** end");
}

/* The first text ends before the second one comes, through the same stream. */
static void check_two(const char *first, const char *second, const char *masked)
{
  struct mask *m = mask_new();
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  assert_int_equal(mask_add(m, "SECRET", secret, sizeof secret - 1), MASK_ADDED);
  mask_feed(s, first, strlen(first), &out);
  mask_finish(s, &out);
  mask_feed(s, second, strlen(second), &out);
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), masked);
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void a_text_that_ended_is_no_part_of_the_next_one(void **state)
{
  check_two(LINE, "Q7W\n2E9R4T6Y1U8I3O5P0", LINE "Q7W\n2E9R4T6Y1U8I3O5P0");
  check_two(LINE "Q7W\n", "2E9R4T6Y1U8I3O5P0", LINE "Q7W\n2E9R4T6Y1U8I3O5P0");
  check_two("no end of a line ",
            "00000000: 5137 5732 4539 5234 5436  Q7W2E9R4T6\n0000000a: 5931 5538 4933 4f35 5030  Y1U8I3O5P0\n",
            "no end of a line 00000000: ***  ***\n0000000a: ***  ***\n");
}

static void a_secret_added_at_last_counts_for_what_is_kept_back(void **state)
{
  struct mask *m = mask_new();
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  static const char longer[] = "Q7W2E9R4T6Y1U8I3O5P0ABCDEFGH", text[] = LINE "Q7W\n2E9R4T6Y1U8I3O5P0AB";
  assert_int_equal(mask_add(m, "LONGER", longer, sizeof longer - 1), MASK_ADDED);
  mask_feed(s, text, sizeof text - 1, &out);
  assert_int_equal(mask_add(m, "SECRET", secret, sizeof secret - 1), MASK_ADDED);
  mask_finish(s, &out);
  assert_string_equal(buf_str(&out), LINE "***\n***AB");
  assert_string_equal(mask_found(s), "SECRET");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void the_first_secret_that_stood_there_is_told_across_lines_too(void **state)
{
  static const char text[] = "other-secret " LINE "Q7W\n2E9R4T6Y1U8I3O5P0 ";
  struct mask *m = mask_new();
  struct mask_stream *s = mask_stream_new(m);
  struct buf out = new_buf();
  assert_int_equal(mask_add(m, "OTHER", "other-secret", 12), MASK_ADDED);
  assert_int_equal(mask_add(m, "SECRET", secret, sizeof secret - 1), MASK_ADDED);
  mask_feed(s, text, sizeof text - 1, &out);
  assert_string_equal(buf_str(&out), "*** " LINE "***\n*** ");
  assert_string_equal(mask_found(s), "OTHER");
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void what_is_no_line_end_joins_nothing(void **state)
{
  static const char blanks[] = "                                                                ";
  char text[4000] = LINE "Q7W", *end = text + strlen(text);
  check_now(LINE "Q7W\r2E9R4T6Y1U8I3O5P0", LINE "Q7W\r2E9R4T6Y1U8I3O5P0", LINE "Q7W\r2E9R4T6Y1U8I3O5P0");
  check_now(LINE "Q7W\n\n2E9R4T6Y1U8I3O5P0", LINE "Q7W\n\n2E9R4T6Y1U8I3O5P0", LINE "Q7W\n\n2E9R4T6Y1U8I3O5P0");
  snprintf(end, sizeof text - (size_t)(end - text), "\n%s2E9R4T6Y1U8I3O5P0", blanks);
  check_now(text, text, text);
  memset(end, '\r', 3000);
  strcpy(end + 3000, "\n2E9R4T6Y1U8I3O5P0");
  check_now(text, text, text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_without_a_secret_come_out_as_they_went_in),
    cmocka_unit_test(lines_with_secrets_come_out_the_same_whatever_the_cuts),
    cmocka_unit_test(a_secret_added_meanwhile_counts_for_what_is_kept_back),
    cmocka_unit_test(a_secret_across_lines_is_covered_as_if_they_were_one),
    cmocka_unit_test(of_lines_only_what_may_become_a_secret_waits),
    cmocka_unit_test(a_text_that_ended_is_no_part_of_the_next_one),
    cmocka_unit_test(a_secret_added_at_last_counts_for_what_is_kept_back),
    cmocka_unit_test(the_first_secret_that_stood_there_is_told_across_lines_too),
    cmocka_unit_test(what_is_no_line_end_joins_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
