/* escape.c - JSON, percent, hex and base64; see escape.h. */
#include "escape.h"
#include <stdint.h>
#include <string.h>

static const char upper_digits[] = "0123456789ABCDEF";
static const char lower_digits[] = "0123456789abcdef";

/* The letter after the backslash of JSON's short escapes, or 0. */
static char json_letter(char c, bool slash)
{
  switch (c) {
  case '"': case '\\': return c;
  case '/': return slash ? c : 0;
  case '\b': return 'b';
  case '\f': return 'f';
  case '\n': return 'n';
  case '\r': return 'r';
  case '\t': return 't';
  default: return 0;
  }
}

void escape_json(struct buf *out, const char *data, size_t len, bool slash)
{
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)data[i];
    char letter = json_letter(data[i], slash);
    if (letter) {
      buf_add_char(out, '\\');
      buf_add_char(out, letter);
    } else if (c < 0x20 || (c == 0x7f && slash)) {
      char u[] = {'\\', 'u', '0', '0', lower_digits[c >> 4], lower_digits[c & 15]};
      buf_add(out, u, sizeof u);
    } else {
      buf_add_char(out, data[i]);
    }
  }
}

static bool is_alnum(unsigned char c)
{
  return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

void escape_percent(struct buf *out, const char *data, size_t len,
                    const struct percent_style *style)
{
  const char *digits = style->lower ? lower_digits : upper_digits;
  bool keep[256] = {false};
  for (const char *k = style->keep; *k; k++)
    keep[(unsigned char)*k] = true;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)data[i];
    if (is_alnum(c) || keep[c]) {
      buf_add_char(out, data[i]);
    } else if (c == ' ' && style->plus) {
      buf_add_char(out, '+');
    } else {
      char hex[] = {'%', digits[c >> 4], digits[c & 15]};
      buf_add(out, hex, sizeof hex);
    }
  }
}

void escape_hex(struct buf *out, const char *data, size_t len, bool lower)
{
  const char *digits = lower ? lower_digits : upper_digits;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)data[i];
    buf_add_char(out, digits[c >> 4]);
    buf_add_char(out, digits[c & 15]);
  }
}

/* Up to three bytes at data as four characters; fewer when fewer bytes are left. */
static size_t base64_group(const unsigned char *data, size_t left, bool url, char group[4])
{
  static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t n = left < 3 ? left : 3;
  uint32_t bits = 0;
  for (size_t i = 0; i < 3; i++)
    bits = bits << 8 | (i < n ? data[i] : 0);
  for (size_t i = 0; i <= n; i++) {
    char c = standard[bits >> (18 - 6 * i) & 63];
    group[i] = !url ? c : c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return n + 1;
}

void escape_base64(struct buf *out, const char *data, size_t len, bool url, bool pad)
{
  for (size_t i = 0; i < len; i += 3) {
    char group[4] = {'=', '=', '=', '='};
    size_t n = base64_group((const unsigned char *)data + i, len - i, url, group);
    buf_add(out, group, pad ? 4 : n);
  }
}
