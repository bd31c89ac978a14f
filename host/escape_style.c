/* escape_style.c - the inside of strings in source texts, logs and dumps; see escape_style.h. */
#include "escape_style.h"
#include "utf8.h"
#include <ctype.h>
#include <stdint.h>
#include <string.h>

static char digit(unsigned value, bool upper)
{
  return (upper ? "0123456789ABCDEF" : "0123456789abcdef")[value & 15];
}

static void add_hex(struct buf *out, unsigned value, int digits, bool upper)
{
  while (digits-- > 0)
    buf_add_char(out, digit(value >> (4 * digits), upper));
}

static void add_octal(struct buf *out, unsigned char byte)
{
  char digits[] = {(char)('0' + (byte >> 6)), (char)('0' + (byte >> 3 & 7)), (char)('0' + (byte & 7))};
  buf_add(out, digits, sizeof digits);
}

/* ---- characters by their number -------------------------------------------------------- */

static uint32_t code_point(const unsigned char *s, size_t n)
{
  static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t c = s[0] & masks[n];
  for (size_t i = 1; i < n; i++)
    c = c << 6 | (s[i] & 0x3f);
  return c;
}

/* Writes a character as one or two units of UTF-16; returns how many. */
static size_t utf16_units(uint32_t c, unsigned units[2])
{
  if (c < 0x10000) {
    units[0] = c;
    return 1;
  }
  units[0] = 0xd800 + ((c - 0x10000) >> 10);
  units[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
  return 2;
}

/* Writes the character at s as \u…; returns its length, 0 when it is none. */
static size_t add_unicode(struct buf *out, const char *s, const char *end, bool upper)
{
  size_t n = utf8_length(s, end);
  unsigned units[2];
  size_t count = n ? utf16_units(code_point((const unsigned char *)s, n), units) : 0;
  for (size_t i = 0; i < count; i++) {
    buf_add(out, "\\u", 2);
    add_hex(out, units[i], 4, upper);
  }
  return n;
}

/* The same for those who have a longer code instead of pairs, and perhaps a shorter one. */
static size_t add_long(struct buf *out, const char *s, const char *end, enum escape_code code)
{
  size_t n = utf8_length(s, end);
  uint32_t c = n ? code_point((const unsigned char *)s, n) : 0;
  int digits = c > 0xffff ? 8 : c > 0xff || code == CODE_U_LONG ? 4 : 2;
  if (n) {
    buf_add_str(out, digits == 8 ? "\\U" : digits == 4 ? "\\u" : "\\x");
    add_hex(out, c, digits, code == CODE_X_LONG_UPPER);
  }
  return n;
}

static bool is_digit_at(const char *s, const char *end)
{
  return s < end && *s >= '0' && *s <= '9';
}

/* Writes what stands at s by its number; returns how many bytes that was. */
static size_t add_code(struct buf *out, const char *s, const char *end, enum escape_code code)
{
  unsigned char byte = (unsigned char)*s;
  size_t n = 0;
  switch (code) {
  case CODE_X: case CODE_X_UPPER:
    buf_add(out, "\\x", 2);
    add_hex(out, byte, 2, code == CODE_X_UPPER);
    return 1;
  case CODE_U: case CODE_U_UPPER:
    n = add_unicode(out, s, end, code == CODE_U_UPPER);
    break;
  case CODE_U_LONG: case CODE_X_LONG: case CODE_X_LONG_UPPER:
    n = add_long(out, s, end, code);
    break;
  case CODE_OCTAL:
    buf_add_char(out, '\\');
    add_octal(out, byte);
    return 1;
  case CODE_OCTAL_SHORT:
    buf_printf(out, is_digit_at(s + 1, end) ? "\\%03o" : "\\%o", byte);
    return 1;
  case CODE_DECIMAL:
    buf_printf(out, is_digit_at(s + 1, end) ? "\\%03d" : "\\%d", byte);
    return 1;
  case CODE_NONE:
    break;
  }
  if (n == 0)
    buf_add_char(out, *s);
  return n ? n : 1;
}

/* ---- styles ------------------------------------------------------------------------------ */

static bool names(const char *list, char c)
{
  return list && c && strchr(list, c);
}

static char letter_of(const char *letters, char c)
{
  for (const char *p = letters; p && *p; p += 2)
    if (*p == c)
      return p[1];
  return 0;
}

static enum escape_code code_of(const struct escape_style *style, unsigned char byte)
{
  bool unicode = style->controls == CODE_U || style->controls == CODE_U_UPPER;
  if (names(style->coded, (char)byte))
    return style->code;
  if (byte >= 0x80)
    return style->wide;
  return byte < 0x20 || (byte == 0x7f && !unicode) ? style->controls : CODE_NONE;
}

void escape_styled(struct buf *out, const char *data, size_t len, const struct escape_style *style)
{
  const char *end = data + len;
  while (data < end) {
    char letter = letter_of(style->letters, *data);
    if (names(style->prefixed, *data)) {
      buf_add_char(out, style->prefix ? style->prefix : *data);
      buf_add_char(out, *data++);
    } else if (letter) {
      buf_add_char(out, '\\');
      buf_add_char(out, letter);
      data++;
    } else {
      data += add_code(out, data, end, code_of(style, (unsigned char)*data));
    }
  }
}

static const char *entity(char c, const struct escape_entities *e)
{
  switch (c) {
  case '&': return e->ampersand;
  case '<': return e->less;
  case '>': return e->greater;
  case '"': return e->quote;
  case '\'': return e->apostrophe;
  default: return NULL;
  }
}

static void add_reference(struct buf *out, uint32_t c, enum escape_reference how)
{
  buf_printf(out, how == REFERENCE_DECIMAL ? "&#%u;" : how == REFERENCE_HEX ? "&#x%x;" : "&#x%X;", (unsigned)c);
}

void escape_html(struct buf *out, const char *data, size_t len, const struct escape_entities *entities)
{
  for (size_t i = 0; i < len; i++) {
    const char *text = entity(data[i], entities);
    if (text)
      buf_add_str(out, text);
    else if (names(entities->numbered, data[i]))
      add_reference(out, (unsigned char)data[i], entities->how);
    else
      buf_add_char(out, data[i]);
  }
}

void escape_references(struct buf *out, const char *data, size_t len, enum escape_reference how)
{
  const char *end = data + len;
  for (size_t n; data < end; data += n ? n : 1) {
    n = (unsigned char)*data < 0x80 ? 0 : utf8_length(data, end);
    if (n == 0)
      buf_add_char(out, *data);
    else
      add_reference(out, code_point((const unsigned char *)data, n), how);
  }
}

/* One unit of UTF-16; letters, digits and a few marks stay. */
static void add_javascript(struct buf *out, unsigned unit)
{
  bool stays = unit < 0x80 && (names("@*_+-./", (char)unit) || isalnum((int)unit));
  if (stays) {
    buf_add_char(out, (char)unit);
    return;
  }
  buf_add_str(out, unit > 0xff ? "%u" : "%");
  add_hex(out, unit, unit > 0xff ? 4 : 2, true);
}

void escape_javascript(struct buf *out, const char *data, size_t len)
{
  const char *end = data + len;
  for (size_t n; data < end; data += n ? n : 1) {
    n = utf8_length(data, end);
    unsigned units[2];
    size_t count = utf16_units(n ? code_point((const unsigned char *)data, n) : (unsigned char)*data, units);
    for (size_t i = 0; i < count; i++)
      add_javascript(out, units[i]);
  }
}

void escape_every(struct buf *out, const char *data, size_t len, const struct escape_bytes *how)
{
  for (size_t i = 0; i < len; i++) {
    if (i > 0)
      buf_add_str(out, how->between);
    buf_add_str(out, how->before);
    if (how->octal)
      add_octal(out, (unsigned char)data[i]);
    else
      add_hex(out, (unsigned char)data[i], 2, how->upper);
  }
}

/* ---- other alphabets ----------------------------------------------------------------------- */

bool escape_utf16(struct buf *out, const char *data, size_t len)
{
  for (const char *end = data + len; data < end;) {
    size_t n = utf8_length(data, end);
    unsigned units[2];
    if (n == 0)
      return false;
    size_t count = utf16_units(code_point((const unsigned char *)data, n), units);
    for (size_t i = 0; i < count; i++) {
      buf_add_char(out, (char)(units[i] & 0xff));
      buf_add_char(out, (char)(units[i] >> 8));
    }
    data += n;
  }
  return true;
}

void escape_base32(struct buf *out, const char *data, size_t len, bool pad)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  unsigned bits = 0, have = 0, written = 0;
  for (size_t i = 0; i < len; i++) {
    bits = bits << 8 | (unsigned char)data[i];
    for (have += 8; have >= 5; have -= 5, written++)
      buf_add_char(out, alphabet[bits >> (have - 5) & 31]);
    bits &= (1u << have) - 1;
  }
  if (have > 0) {
    buf_add_char(out, alphabet[bits << (5 - have) & 31]);
    written++;
  }
  for (; pad && written % 8; written++)
    buf_add_char(out, '=');
}
