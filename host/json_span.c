/* json_span.c - walks a JSON text to the string at a pointer (RFC 6901). */
#include "json_span.h"
#include <string.h>

struct cursor {
  const char *p, *end;
  int depth;
};

enum { DEPTH = 128 };

static void skip_space(struct cursor *c)
{
  while (c->p < c->end && strchr(" \t\r\n", *c->p) && *c->p)
    c->p++;
}

static bool take(struct cursor *c, char expected)
{
  skip_space(c);
  if (c->p == c->end || *c->p != expected)
    return false;
  c->p++;
  return true;
}

/* At a quote; leaves the cursor behind the closing one. */
static bool skip_string(struct cursor *c)
{
  if (!take(c, '"'))
    return false;
  while (c->p < c->end && *c->p != '"')
    c->p += *c->p == '\\' ? 2 : 1;
  if (c->p >= c->end)
    return false;
  c->p++;
  return true;
}

static bool skip_value(struct cursor *c);

static bool skip_members(struct cursor *c, char close, bool object)
{
  c->p++;
  skip_space(c);
  if (take(c, close))
    return true;
  do {
    if (object && !(skip_string(c) && take(c, ':')))
      return false;
    if (!skip_value(c))
      return false;
  } while (take(c, ','));
  return take(c, close);
}

static bool skip_value(struct cursor *c)
{
  skip_space(c);
  if (c->p == c->end || ++c->depth > DEPTH)
    return false;
  bool ok = true;
  if (*c->p == '"')
    ok = skip_string(c);
  else if (*c->p == '{' || *c->p == '[')
    ok = skip_members(c, *c->p == '{' ? '}' : ']', *c->p == '{');
  else
    while (c->p < c->end && !strchr(",]} \t\r\n", *c->p))
      c->p++;
  c->depth--;
  return ok;
}

/* Compares a reference token ("~1" is "/", "~0" is "~") with a raw member name. */
static bool same_name(const char *token, size_t token_len, const char *name, size_t len)
{
  size_t i = 0, j = 0;
  for (; i < token_len && j < len; i++, j++) {
    char t = token[i];
    if (t == '~' && i + 1 < token_len)
      t = token[++i] == '1' ? '/' : '~';
    if (t != name[j])
      return false;
  }
  return i == token_len && j == len;
}

/* Behind '{': moves to the value of the member. */
static bool find_member(struct cursor *c, const char *token, size_t len)
{
  do {
    skip_space(c);
    const char *name = c->p + 1;
    if (!skip_string(c))
      return false;
    size_t name_len = (size_t)(c->p - name) - 1;
    if (!take(c, ':'))
      return false;
    if (same_name(token, len, name, name_len))
      return true;
    if (!skip_value(c))
      return false;
  } while (take(c, ','));
  return false;
}

/* Behind '[': moves to the value at the index. */
static bool find_element(struct cursor *c, const char *token, size_t len)
{
  size_t index = 0;
  for (size_t i = 0; i < len; i++) {
    if (token[i] < '0' || token[i] > '9' || index > 1000000)
      return false;
    index = index * 10 + (size_t)(token[i] - '0');
  }
  for (; index > 0; index--)
    if (!skip_value(c) || !take(c, ','))
      return false;
  return len > 0;
}

/* Moves to the value at the pointer. */
static bool follow(struct cursor *c, const char *pointer)
{
  while (*pointer == '/') {
    const char *token = ++pointer;
    size_t n = strcspn(token, "/");
    pointer += n;
    bool found = take(c, '{') ? find_member(c, token, n)
                              : take(c, '[') && find_element(c, token, n);
    if (!found)
      return false;
  }
  skip_space(c);
  return !*pointer;
}

bool json_span_value(const char *text, size_t len, const char *pointer, size_t *from, size_t *to)
{
  struct cursor c = {text, text + len, 0};
  if (!follow(&c, pointer))
    return false;
  const char *start = c.p;
  if (!skip_value(&c) || c.p == start)
    return false;
  *from = (size_t)(start - text);
  *to = (size_t)(c.p - text);
  return true;
}

bool json_span(const char *text, size_t len, const char *pointer, size_t *from, size_t *to)
{
  struct cursor c = {text, text + len, 0};
  if (!follow(&c, pointer))
    return false;
  const char *start = c.p + 1;
  if (!skip_string(&c))
    return false;
  *from = (size_t)(start - text);
  *to = (size_t)(c.p - text) - 1;
  return true;
}

/* ---- escapes ------------------------------------------------------------------------------ */

static int hex4(const char *p)
{
  int value = 0;
  for (int i = 0; i < 4; i++) {
    const char *digits = "0123456789abcdef", *d = strchr(digits, p[i] | 32);
    if (!d || !*d)
      return -1;
    value = value * 16 + (int)(d - digits);
  }
  return value;
}

static void add_utf8(struct buf *out, int c)
{
  if (c < 0x80) {
    buf_add_char(out, (char)c);
    return;
  }
  if (c < 0x800) {
    buf_add_char(out, (char)(0xC0 | c >> 6));
  } else {
    if (c < 0x10000) {
      buf_add_char(out, (char)(0xE0 | c >> 12));
    } else {
      buf_add_char(out, (char)(0xF0 | c >> 18));
      buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3F)));
    }
    buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3F)));
  }
  buf_add_char(out, (char)(0x80 | (c & 0x3F)));
}

/* At the four digits of \uXXXX; returns how many bytes it took, 0 for a bad one. */
static size_t unicode(const char *p, const char *end, struct buf *out)
{
  int c = end - p >= 4 ? hex4(p) : -1;
  if (c < 0 || (c >= 0xDC00 && c <= 0xDFFF))
    return 0;
  if (c < 0xD800 || c > 0xDBFF) {
    add_utf8(out, c);
    return 4;
  }
  int low = end - p >= 10 && p[4] == '\\' && p[5] == 'u' ? hex4(p + 6) : -1;
  if (low < 0xDC00 || low > 0xDFFF)
    return 0;
  add_utf8(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
  return 10;
}

bool json_unescape(const char *inside, size_t len, struct buf *out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *end = inside + len;
  for (const char *p = inside; p < end; p++) {
    if (*p != '\\') {
      buf_add_char(out, *p);
      continue;
    }
    if (++p == end)
      return false;
    const char *plain = strchr(from, *p);
    if (*p == 'u') {
      size_t took = unicode(p + 1, end, out);
      if (!took)
        return false;
      p += took;
    } else if (*p && plain) {
      buf_add_char(out, to[plain - from]);
    } else {
      return false;
    }
  }
  return buf_ok(out);
}
