/* utf8.c - whether bytes are UTF-8; see utf8.h. */
#include "utf8.h"

static size_t announced(unsigned char first)
{
  if (first < 0x80)
    return 1;
  if (first < 0xc2 || first > 0xf4)
    return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* By the table of the Unicode standard. */
size_t utf8_length(const char *at, const char *end)
{
  const unsigned char *s = (const unsigned char *)at;
  size_t n = announced(s[0]);
  if (n > (size_t)(end - at))
    return 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
      (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
    return 0;
  return n;
}

bool utf8_valid(const char *text, size_t len)
{
  const char *end = text + len;
  size_t n = 1;
  for (; text < end && n; text += n)
    n = utf8_length(text, end);
  return n != 0;
}
