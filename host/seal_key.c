/* seal_key.c - the keys of what is sealed, and how they are written; see seal.h. */
#include "seal_format.h"
#include "digest.h"
#include <string.h>

enum { DIGITS = 43 };  /* of base64url without padding, for SEAL_KEY bytes */

bool seal_public_key(const unsigned char *private, unsigned char public[SEAL_KEY])
{
  return sodium_init() >= 0 && crypto_scalarmult_base(public, private) == 0;
}

void seal_write_key(const char *prefix, const unsigned char key[SEAL_KEY], char text[SEAL_TEXT])
{
  size_t n = copy_text(text, SEAL_TEXT, prefix);
  base64_encode(key, SEAL_KEY, true, text + n);
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool seal_read_key(const char *prefix, const char *text, size_t len, unsigned char key[SEAL_KEY])
{
  unsigned char decoded[SEAL_KEY + 4];
  size_t n = strlen(prefix), got;
  for (; len && is_blank(*text); text++)
    len--;
  while (len && is_blank(text[len - 1]))
    len--;
  bool is_key = len == n + DIGITS && memcmp(text, prefix, n) == 0 &&
                base64_decode(text + n, DIGITS, true, decoded, &got) && got == SEAL_KEY;
  if (is_key)
    memcpy(key, decoded, SEAL_KEY);
  wipe(decoded, sizeof decoded);
  return is_key;
}
