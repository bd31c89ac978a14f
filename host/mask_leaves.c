/* mask_leaves.c - the secrets among the strings of JSON; see mask_derive.h.
 *
 * No parser: what looks like a string before a colon is a name, and what looks like one behind
 * it, or in the array behind it, a value. So JSON with a mistake in it is read, too. */
#include "mask_derive.h"
#include <ctype.h>
#include <string.h>

/* Where in the text, and under which name. */
struct reader {
  const char *at, *end;
  struct text name;
  int nested;         /* arrays that were opened behind the name */
};

/* ---- the inside of a string ------------------------------------------------------------- */

static unsigned hex4(const char *s)
{
  unsigned value = 0;
  for (int i = 0; i < 4; i++) {
    if (!isxdigit((unsigned char)s[i]))
      return 0xfffd;
    value = value << 4 | (unsigned)(isdigit((unsigned char)s[i]) ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
  }
  return value;
}

static void add_utf8(struct buf *out, unsigned c)
{
  if (c < 0x80) {
    buf_add_char(out, (char)c);
  } else if (c < 0x800) {
    buf_add_char(out, (char)(0xc0 | c >> 6));
  } else if (c < 0x10000) {
    buf_add_char(out, (char)(0xe0 | c >> 12));
    buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
  } else {
    buf_add_char(out, (char)(0xf0 | c >> 18));
    buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
    buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
  }
  if (c >= 0x80)
    buf_add_char(out, (char)(0x80 | (c & 0x3f)));
}

/* Appends the character of the \u… at s; returns how many bytes that took. */
static size_t add_escaped_unicode(struct buf *out, const char *s, const char *end)
{
  if (end - s < 6)
    return 2;
  unsigned c = hex4(s + 2);
  bool pair = c >= 0xd800 && c < 0xdc00 && end - s >= 12 && s[6] == '\\' && s[7] == 'u';
  if (pair)
    c = 0x10000 + ((c - 0xd800) << 10) + ((hex4(s + 8) - 0xdc00) & 0x3ff);
  add_utf8(out, c);
  return pair ? 12 : 6;
}

static char undo_letter(char c)
{
  static const char letters[] = "b\bf\fn\nr\rt\t";
  for (const char *p = letters; *p; p += 2)
    if (*p == c)
      return p[1];
  return c;
}

static void unescape(struct buf *out, struct text t)
{
  const char *s = t.data, *end = s + t.len;
  while (s < end) {
    if (*s != '\\' || end - s < 2) {
      buf_add_char(out, *s++);
    } else if (s[1] == 'u') {
      s += add_escaped_unicode(out, s, end);
    } else {
      buf_add_char(out, undo_letter(s[1]));
      s += 2;
    }
  }
}

/* ---- strings, names and values ----------------------------------------------------------- */

/* Reads the string that begins at r->at; false: it has no end. */
static bool read_string(struct reader *r, struct text *inside)
{
  const char *s = r->at + 1;
  while (s < r->end && *s != '"')
    s += *s == '\\' && s + 1 < r->end ? 2 : 1;
  if (s >= r->end)
    return false;
  *inside = text_between(r->at + 1, s);
  r->at = s + 1;
  return true;
}

static bool a_colon_follows(struct reader *r)
{
  const char *s = r->at;
  while (s < r->end && isspace((unsigned char)*s))
    s++;
  if (s == r->end || *s != ':')
    return false;
  r->at = s + 1;
  return true;
}

static void take_leaf(struct deriver *d, struct reader *r, struct text string)
{
  struct buf plain;
  buf_init(&plain, string.len + 4);
  unescape(&plain, string);
  d->ok = d->ok && buf_ok(&plain);
  derive_named(d, r->name, (struct text){buf_str(&plain), plain.len}, false);
  buf_wipe(&plain);
}

/* What is no string: a name counts for the array behind it, and to the next comma. */
static void pass_mark(struct reader *r)
{
  char c = *r->at++;
  if (c == '[')
    r->nested++;
  else if (c == ']' && r->nested > 0)
    r->nested--;
  if (c == '{' || c == '}' || (c == ',' && r->nested == 0))
    r->name = (struct text){"", 0};
}

void derive_leaves(struct deriver *d, struct text t)
{
  struct reader r = {.at = t.data, .end = t.data + t.len, .name = {"", 0}};
  struct text string;
  while (d->ok && r.at < r.end) {
    if (*r.at != '"') {
      pass_mark(&r);
    } else if (!read_string(&r, &string)) {
      return;
    } else if (a_colon_follows(&r)) {
      r.name = string;
      r.nested = 0;
    } else {
      take_leaf(d, &r, string);
    }
  }
}
