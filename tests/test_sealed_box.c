/* Sealed boxes: those of libsodium, in both directions, and nobody else's. */
#include "sealed_box.h"
#include "world.h"
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const unsigned char seed[SEALED_BOX_SEED] = "a seed of two and thirty bytes.";
static const unsigned char other[SEALED_BOX_SEED] = "another one";
static const char text[] = "postgresql://app:s3cret@host/db";
enum { TEXT = sizeof text - 1, BOX = TEXT + SEALED_BOX_EXTRA };

static bool fill(struct world_random *w, void *bytes, size_t n)
{
  (void)w;
  memset(bytes, 7, n);
  return true;
}

static bool no_chance(struct world_random *w, void *bytes, size_t n)
{
  (void)w, (void)bytes, (void)n;
  return false;
}

static void close_box(const unsigned char *of, unsigned char *box)
{
  struct world_random random = {fill};
  struct sealed_box_once once;
  unsigned char public[SEALED_BOX_KEY];
  assert_true(sealed_box_public(of, public));
  assert_true(sealed_box_seal(&once, &random, public, text, TEXT, box));
}

static void libsodium_opens_what_is_sealed_here(void **state)
{
  unsigned char box[BOX], public[SEALED_BOX_KEY], private[SEALED_BOX_KEY], opened[TEXT];
  close_box(seed, box);
  crypto_box_seed_keypair(public, private, seed);
  assert_int_equal(crypto_box_seal_open(opened, box, BOX, public, private), 0);
  assert_memory_equal(opened, text, TEXT);
}

static void what_libsodium_seals_opens_here(void **state)
{
  unsigned char box[BOX], public[SEALED_BOX_KEY], opened[TEXT];
  assert_true(sealed_box_public(seed, public));
  assert_int_equal(crypto_box_seal(box, (const unsigned char *)text, TEXT, public), 0);
  assert_true(sealed_box_unseal(seed, box, BOX, opened));
  assert_memory_equal(opened, text, TEXT);
}

static void another_key_opens_nothing(void **state)
{
  unsigned char box[BOX], opened[TEXT];
  close_box(seed, box);
  assert_false(sealed_box_unseal(other, box, BOX, opened));
}

static void every_changed_byte_is_noticed(void **state)
{
  unsigned char box[BOX], opened[TEXT];
  close_box(seed, box);
  for (size_t i = 0; i < BOX; i++) {
    box[i] ^= 1;
    assert_false(sealed_box_unseal(seed, box, BOX, opened));
    box[i] ^= 1;
  }
  assert_true(sealed_box_unseal(seed, box, BOX, opened));
}

static void what_is_too_short_is_no_box(void **state)
{
  unsigned char box[BOX], opened[TEXT];
  close_box(seed, box);
  for (size_t len = 0; len < BOX; len++)
    assert_false(sealed_box_unseal(seed, box, len, opened));
}

static void an_empty_text_can_be_sealed(void **state)
{
  unsigned char box[SEALED_BOX_EXTRA], public[SEALED_BOX_KEY], opened[1];
  struct world_random random = {fill};
  struct sealed_box_once once;
  assert_true(sealed_box_public(seed, public));
  assert_true(sealed_box_seal(&once, &random, public, "", 0, box));
  assert_true(sealed_box_unseal(seed, box, sizeof box, opened));
}

static void without_chance_nothing_is_sealed(void **state)
{
  struct world_random random = {no_chance};
  struct sealed_box_once once;
  unsigned char box[BOX], public[SEALED_BOX_KEY];
  assert_true(sealed_box_public(seed, public));
  assert_false(sealed_box_seal(&once, &random, public, text, TEXT, box));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(libsodium_opens_what_is_sealed_here), cmocka_unit_test(what_libsodium_seals_opens_here),
    cmocka_unit_test(another_key_opens_nothing),           cmocka_unit_test(every_changed_byte_is_noticed),
    cmocka_unit_test(what_is_too_short_is_no_box),         cmocka_unit_test(an_empty_text_can_be_sealed),
    cmocka_unit_test(without_chance_nothing_is_sealed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
