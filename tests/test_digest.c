/* test_digest.c - SHA-256 and base64 against the examples of their standards. */
#include "digest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void sha256_of_abc_is_the_standards(void **state)
{
  char hex[SHA256_HEX + 1];
  assert_true(sha256_hex("abc", 3, hex));
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4648, section 10 */
static const struct { const char *plain, *text, *url; } vectors[] = {
  {"", "", ""},
  {"f", "Zg==", "Zg"},
  {"fo", "Zm8=", "Zm8"},
  {"foo", "Zm9v", "Zm9v"},
  {"foob", "Zm9vYg==", "Zm9vYg"},
  {"fooba", "Zm9vYmE=", "Zm9vYmE"},
  {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
};

static void base64_writes_the_vectors_of_the_rfc(void **state)
{
  char out[16];
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    size_t len = strlen(vectors[i].plain);
    assert_int_equal(base64_encode(vectors[i].plain, len, false, out), strlen(vectors[i].text));
    assert_string_equal(out, vectors[i].text);
    base64_encode(vectors[i].plain, len, true, out);
    assert_string_equal(out, vectors[i].url);
  }
}

static void base64_reads_the_vectors_of_the_rfc(void **state)
{
  char out[16];
  size_t n;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    assert_true(base64_decode(vectors[i].text, strlen(vectors[i].text), false, out, &n));
    assert_int_equal(n, strlen(vectors[i].plain));
    assert_memory_equal(out, vectors[i].plain, n);
    assert_true(base64_decode(vectors[i].url, strlen(vectors[i].url), true, out, &n));
    assert_int_equal(n, strlen(vectors[i].plain));
  }
}

static void the_room_asked_for_is_enough_for_every_length(void **state)
{
  static const char plain[4000];
  for (size_t len = 0; len < sizeof plain; len += 7) {
    char *text = malloc(base64_encoded_max(len));
    size_t text_len = base64_encode(plain, len, false, text), n;
    char *back = malloc(base64_decoded_max(text_len) + 1);
    assert_true(base64_decode(text, text_len, false, back, &n));
    assert_int_equal(n, len);
    free(text);
    free(back);
  }
}

static void a_wrong_digit_is_found_where_it_stands(void **state)
{
  char out[16];
  size_t at;
  assert_false(base64_decode("Zm9vY!==", 8, false, out, &at));
  assert_int_equal(at, 5);
  assert_false(base64_decode("Zm9vYh==", 8, false, out, &at));
  assert_int_equal(at, 5);
  assert_false(base64_decode("Zm9vY", 5, false, out, &at));
  assert_int_equal(at, 5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sha256_of_abc_is_the_standards),
    cmocka_unit_test(base64_writes_the_vectors_of_the_rfc),
    cmocka_unit_test(base64_reads_the_vectors_of_the_rfc),
    cmocka_unit_test(the_room_asked_for_is_enough_for_every_length),
    cmocka_unit_test(a_wrong_digit_is_found_where_it_stands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
