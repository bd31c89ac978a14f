/* test_blake3.c - BLAKE3 against the vectors that are published with it: bytes that count up to 250 again and again. */
#include "blake3.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LONGEST = 102400 };

static const struct { size_t len; const char *hash; } vectors[] = {
  {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
  {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
  {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
  {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
  {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
  {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
  {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
  {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
  {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
  {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
  {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
  {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
  {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
  {6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
  {6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"},
  {7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
  {7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
  {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
  {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
  {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
  {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
  {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
};

static unsigned char *input_new(void)
{
  unsigned char *input = malloc(LONGEST);
  assert_non_null(input);
  for (size_t i = 0; i < LONGEST; i++)
    input[i] = (unsigned char)(i % 251);
  return input;
}

static void assert_hash(const struct blake3 *b, const char *expected)
{
  unsigned char hash[BLAKE3_BYTES];
  char hex[2 * BLAKE3_BYTES + 1];
  blake3_end(b, hash);
  for (size_t i = 0; i < BLAKE3_BYTES; i++)
    snprintf(hex + 2 * i, 3, "%02x", hash[i]);
  assert_string_equal(hex, expected);
}

static void the_hash_of_every_vector_is_the_published_one(void **state)
{
  unsigned char *input = input_new();
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct blake3 b;
    blake3_begin(&b);
    blake3_add(&b, input, vectors[i].len);
    assert_hash(&b, vectors[i].hash);
  }
  free(input);
}

/* In pieces of a length that divides neither blocks nor chunks. */
static void add_pieces(struct blake3 *b, const unsigned char *input, size_t len, size_t piece)
{
  for (size_t at = 0; at < len; at += piece)
    blake3_add(b, input + at, len - at < piece ? len - at : piece);
}

static void pieces_of_any_length_give_the_same_hash(void **state)
{
  static const size_t pieces[] = {1, 63, 64, 65, 1000, 1023, 1024, 1025, 4096, 65537};
  unsigned char *input = input_new();
  for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
      struct blake3 b;
      blake3_begin(&b);
      add_pieces(&b, input, vectors[i].len, pieces[p]);
      assert_hash(&b, vectors[i].hash);
    }
  free(input);
}

static void more_may_be_added_after_the_hash_was_asked_for(void **state)
{
  unsigned char *input = input_new();
  struct blake3 b;
  size_t at = 0;
  blake3_begin(&b);
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    blake3_add(&b, input + at, vectors[i].len - at);
    at = vectors[i].len;
    assert_hash(&b, vectors[i].hash);
  }
  free(input);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_hash_of_every_vector_is_the_published_one),
    cmocka_unit_test(pieces_of_any_length_give_the_same_hash),
    cmocka_unit_test(more_may_be_added_after_the_hash_was_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
