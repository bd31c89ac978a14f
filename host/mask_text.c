/* mask_text.c - pieces of a value; see mask_text.h. */
#include "mask_text.h"
#include <ctype.h>
#include <string.h>

static bool is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text text_trim(struct text t)
{
  while (t.len && is_space(*t.data)) {
    t.data++;
    t.len--;
  }
  while (t.len && is_space(t.data[t.len - 1]))
    t.len--;
  return t;
}

bool text_starts(struct text t, const char *with)
{
  size_t n = strlen(with);
  return t.len >= n && memcmp(t.data, with, n) == 0;
}

const char *text_find(struct text t, const char *what)
{
  return t.len ? memmem(t.data, t.len, what, strlen(what)) : NULL;
}

bool text_equal(struct text a, struct text b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool text_has_word(struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if (isalnum((unsigned char)t.data[i]) || (unsigned char)t.data[i] >= 0x80)
      return true;
  return false;
}

bool text_next_line(struct text *rest, struct text *line)
{
  if (rest->len == 0)
    return false;
  const char *end = memchr(rest->data, '\n', rest->len);
  size_t n = end ? (size_t)(end - rest->data) : rest->len, taken = end ? n + 1 : n;
  *line = (struct text){rest->data, n && rest->data[n - 1] == '\r' ? n - 1 : n};
  *rest = (struct text){rest->data + taken, rest->len - taken};
  return true;
}

void text_collapse(struct buf *out, struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if (!is_space(t.data[i]))
      buf_add_char(out, t.data[i]);
    else if (i == 0 || !is_space(t.data[i - 1]))
      buf_add_char(out, ' ');
}

static int hex_digit(char c)
{
  const char *digits = "0123456789abcdef", *d = isxdigit((unsigned char)c) ? strchr(digits, c | 32) : NULL;
  return d ? (int)(d - digits) : -1;
}

void text_unescape_percent(struct buf *out, struct text t)
{
  for (size_t i = 0; i < t.len; i++) {
    int high = t.data[i] == '%' && i + 2 < t.len ? hex_digit(t.data[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(t.data[i + 2]) : -1;
    buf_add_char(out, low >= 0 ? (char)(high * 16 + low) : t.data[i]);
    i += low >= 0 ? 2 : 0;
  }
}
