/* Sealing: whoever has a key reads all of it, nobody else any of it, and nothing passes that was changed. */
#include "seal_format.h"
#include "world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { KEYS = 3, MOST = 4 * SEAL_PIECE };

struct chance {
  struct world_random base;
  unsigned seed;
};

static bool fill(struct world_random *w, void *bytes, size_t n)
{
  struct chance *c = (struct chance *)w;
  unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++) {
    c->seed = c->seed * 1103515245u + 12345u;
    p[i] = (unsigned char)(c->seed >> 16);
  }
  return true;
}

static bool no_chance(struct world_random *w, void *bytes, size_t n)
{
  (void)w, (void)bytes, (void)n;
  return false;
}

struct fixture {
  struct chance chance;
  unsigned char private[KEYS][SEAL_KEY], public[KEYS][SEAL_KEY];
  unsigned char text[MOST];
  struct buf sealed, plain;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  f->chance = (struct chance){{fill}, 7};
  for (int i = 0; i < KEYS; i++) {
    fill(&f->chance.base, f->private[i], SEAL_KEY);
    assert_true(seal_public_key(f->private[i], f->public[i]));
  }
  fill(&f->chance.base, f->text, sizeof f->text);
  buf_init(&f->sealed, BUF_LIMIT);
  buf_init(&f->plain, BUF_LIMIT);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  buf_free(&f->sealed);
  buf_free(&f->plain);
  free(f);
  return 0;
}

/* Seals so many bytes of the text for the first `keys` keys, given in pieces of `step`. */
static void seal(struct fixture *f, size_t len, size_t keys, size_t step)
{
  struct seal_writer *w =
    seal_writer_new(&f->chance.base, (const unsigned char(*)[SEAL_KEY])f->public, keys);
  assert_non_null(w);
  f->sealed.len = 0;
  for (size_t at = 0; at < len; at += step)
    assert_true(seal_writer_feed(w, f->text + at, len - at < step ? len - at : step, &f->sealed));
  assert_true(seal_writer_end(w, &f->sealed));
  seal_writer_free(w);
}

/* Opens what is sealed with one of the keys, given in pieces of `step`. */
static enum seal_result open_with(struct fixture *f, int key, size_t step)
{
  struct seal_reader *r = seal_reader_new(f->private[key]);
  enum seal_result result = SEAL_OK;
  assert_non_null(r);
  f->plain.len = 0;
  for (size_t at = 0; at < f->sealed.len && result == SEAL_OK; at += step) {
    size_t n = f->sealed.len - at < step ? f->sealed.len - at : step;
    result = seal_reader_feed(r, f->sealed.data + at, n, &f->plain);
  }
  if (result == SEAL_OK)
    result = seal_reader_end(r, &f->plain);
  seal_reader_free(r);
  return result;
}

static void assert_opens(struct fixture *f, int key, size_t len, size_t step)
{
  assert_int_equal(open_with(f, key, step), SEAL_OK);
  assert_int_equal(f->plain.len, len);
  assert_memory_equal(f->plain.data ? f->plain.data : "", f->text, len);
}

static void every_key_it_is_sealed_for_opens_it(void **state)
{
  struct fixture *f = *state;
  static const size_t lengths[] = {0, 1, 1000, SEAL_PIECE - 1, SEAL_PIECE, SEAL_PIECE + 1, MOST};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    seal(f, lengths[i], KEYS, 4096);
    for (int key = 0; key < KEYS; key++)
      assert_opens(f, key, lengths[i], 100000);
  }
}

static void it_does_not_matter_how_it_is_cut_into_pieces(void **state)
{
  struct fixture *f = *state;
  struct buf first;
  buf_init(&first, BUF_LIMIT);
  unsigned seed = f->chance.seed;
  seal(f, SEAL_PIECE + 77, 2, 1);
  buf_add(&first, f->sealed.data, f->sealed.len);
  f->chance.seed = seed;
  seal(f, SEAL_PIECE + 77, 2, MOST);
  assert_int_equal(f->sealed.len, first.len);
  assert_memory_equal(f->sealed.data, first.data, first.len);
  assert_opens(f, 1, SEAL_PIECE + 77, 1);
  assert_opens(f, 1, SEAL_PIECE + 77, 17);
  buf_free(&first);
}

static void another_key_does_not_open_it_and_is_told_for_whom_it_is(void **state)
{
  struct fixture *f = *state;
  const unsigned char *keys;
  seal(f, 100, 2, 100);
  assert_int_equal(open_with(f, 2, 100), SEAL_NOT_OURS);
  assert_int_equal(f->plain.len, 0);
  struct seal_reader *r = seal_reader_new(f->private[2]);
  assert_int_equal(seal_reader_feed(r, f->sealed.data, f->sealed.len, &f->plain), SEAL_NOT_OURS);
  assert_int_equal(seal_reader_keys(r, &keys), 2);
  assert_memory_equal(keys, f->public, 2 * SEAL_KEY);
  seal_reader_free(r);
}

/* One key of its own slot, and the slots of others: those are authenticated with the first piece. */
static void one_changed_bit_anywhere_is_noticed(void **state)
{
  struct fixture *f = *state;
  seal(f, 300, 2, 300);
  for (size_t i = 0; i < f->sealed.len; i++) {
    f->sealed.data[i] ^= 0x10;
    assert_int_not_equal(open_with(f, 0, 1 << 20), SEAL_OK);
    f->sealed.data[i] ^= 0x10;
  }
  assert_opens(f, 0, 300, 1 << 20);
}

static void whatever_is_cut_off_is_noticed(void **state)
{
  struct fixture *f = *state;
  seal(f, SEAL_PIECE + 50, 1, 4096);
  size_t whole = f->sealed.len;
  for (size_t len = 0; len < whole; len += len < 300 || len + 100 > whole ? 1 : 997) {
    f->sealed.len = len;
    enum seal_result result = open_with(f, 0, 1 << 20);
    assert_true(result == SEAL_CUT || (len == 0 && result == SEAL_NO_SEAL));
  }
}

/* Also where the cut is between two pieces, and each that is left is authentic. */
static void a_missing_last_piece_is_noticed(void **state)
{
  struct fixture *f = *state;
  seal(f, 2 * SEAL_PIECE, 1, 4096);
  f->sealed.len -= SEAL_EXTRA;
  assert_int_equal(open_with(f, 0, 1 << 20), SEAL_CUT);
  f->sealed.len -= SEAL_PIECE + SEAL_EXTRA;
  assert_int_equal(open_with(f, 0, 1 << 20), SEAL_CUT);
}

static void bytes_behind_its_end_are_noticed(void **state)
{
  struct fixture *f = *state;
  static const size_t behind[] = {1, SEAL_EXTRA, SEAL_PIECE + SEAL_EXTRA};
  for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
    seal(f, 10, 1, 10);
    buf_add(&f->sealed, f->text, behind[i]);
    assert_int_not_equal(open_with(f, 0, 1 << 20), SEAL_OK);
  }
}

static void pieces_that_changed_places_are_noticed(void **state)
{
  struct fixture *f = *state;
  unsigned char piece[SEAL_PIECE + SEAL_EXTRA];
  seal(f, 3 * SEAL_PIECE, 1, 4096);
  char *first = f->sealed.data + seal_start_len(1), *second = first + sizeof piece;
  memcpy(piece, first, sizeof piece);
  memcpy(first, second, sizeof piece);
  memcpy(second, piece, sizeof piece);
  assert_int_equal(open_with(f, 0, 1 << 20), SEAL_DAMAGED);
}

static void what_was_never_sealed_is_told_from_what_is_damaged(void **state)
{
  struct fixture *f = *state;
  f->sealed.len = 0;
  buf_add_str(&f->sealed, "(tar in zstd, for example)");
  assert_int_equal(open_with(f, 0, 1), SEAL_NO_SEAL);
  f->sealed.len = 0;
  buf_add_str(&f->sealed, "short");
  assert_int_equal(open_with(f, 0, 1), SEAL_NO_SEAL);
}

static void a_head_that_promises_too_many_keys_is_refused(void **state)
{
  struct fixture *f = *state;
  for (int count = 0; count < 256; count += count == 0 ? SEAL_KEYS_MAX + 1 : 7) {
    f->sealed.len = 0;
    buf_add_str(&f->sealed, SEAL_MAGIC);
    buf_add_char(&f->sealed, (char)count);
    buf_add(&f->sealed, f->text, 8192);
    assert_int_equal(open_with(f, 0, 1 << 20), SEAL_DAMAGED);
  }
}

static void nothing_is_sealed_without_chance_or_keys(void **state)
{
  struct fixture *f = *state;
  const unsigned char(*keys)[SEAL_KEY] = (const unsigned char(*)[SEAL_KEY])f->public;
  struct world_random none = {no_chance};
  assert_null(seal_writer_new(&none, keys, 1));
  assert_null(seal_writer_new(&f->chance.base, keys, 0));
  assert_null(seal_writer_new(&f->chance.base, keys, SEAL_KEYS_MAX + 1));
}

static void keys_are_read_as_they_are_written(void **state)
{
  struct fixture *f = *state;
  char text[SEAL_TEXT], padded[SEAL_TEXT + 4] = " \t";
  unsigned char key[SEAL_KEY];
  seal_write_key(SEAL_PRIVATE, f->private[0], text);
  assert_true(seal_read_key(SEAL_PRIVATE, text, strlen(text), key));
  assert_memory_equal(key, f->private[0], SEAL_KEY);
  strcat(strcat(padded, text), "\n");
  assert_true(seal_read_key(SEAL_PRIVATE, padded, strlen(padded), key));
  assert_false(seal_read_key(SEAL_PUBLIC, text, strlen(text), key));
  assert_false(seal_read_key(SEAL_PRIVATE, text, strlen(text) - 1, key));
  text[strlen(text) - 1] = '*';
  assert_false(seal_read_key(SEAL_PRIVATE, text, strlen(text), key));
  assert_false(seal_read_key(SEAL_PRIVATE, "", 0, key));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    T(every_key_it_is_sealed_for_opens_it),
    T(it_does_not_matter_how_it_is_cut_into_pieces),
    T(another_key_does_not_open_it_and_is_told_for_whom_it_is),
    T(one_changed_bit_anywhere_is_noticed),
    T(whatever_is_cut_off_is_noticed),
    T(a_missing_last_piece_is_noticed),
    T(bytes_behind_its_end_are_noticed),
    T(pieces_that_changed_places_are_noticed),
    T(what_was_never_sealed_is_told_from_what_is_damaged),
    T(a_head_that_promises_too_many_keys_is_refused),
    T(nothing_is_sealed_without_chance_or_keys),
    T(keys_are_read_as_they_are_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
