/* mask_forms.c - which forms of a secret are looked for; see mask_forms.h.
 *
 * A value is taken as it is and trimmed, and one of several lines also line by line;
 * each of these texts is encoded in every way that tools write values. Several
 * lines are also taken as a whole with their ends written in other ways. */
#include "mask_forms.h"
#include "escape.h"
#include "mask.h"
#include <ctype.h>
#include <string.h>

struct forms {
  form_sink *sink;
  void *arg;
  struct buf text;  /* the form at hand */
  bool ok;
};

static void forms_init(struct forms *f, form_sink *sink, void *arg)
{
  *f = (struct forms){.sink = sink, .arg = arg, .ok = true};
  buf_init(&f->text, 16 * (size_t)MASK_MAX);
}

static void emit(struct forms *f, const char *form, size_t len)
{
  if (f->ok && len >= MASK_MIN)
    f->ok = f->sink(f->arg, form, len);
}

/* Emits what was written to f->text, and begins anew. */
static void emit_text(struct forms *f)
{
  f->ok = f->ok && buf_ok(&f->text);
  if (f->text.len)
    emit(f, f->text.data, f->text.len);
  buf_drop(&f->text, f->text.len);
}

/* ---- the encodings of one text --------------------------------------------------- */

static void percent_forms(struct forms *f, const char *s, size_t len)
{
  static const struct percent_style styles[] = {
    {"-._~", false, false},      {"-._~", false, true},       /* RFC 3986 */
    {"-._~!'()*", false, false}, {"-._~!'()*", false, true},  /* JavaScript's URI component */
    {"-._~", true, false},       {"-._~", true, true},        /* forms, as Python and Go do */
    {"*-._", true, false},       {"*-._", true, true},        /* forms, as browsers do */
  };
  for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
    escape_percent(&f->text, s, len, &styles[i]);
    emit_text(f);
  }
}

/* The characters that a text alone determines when it stands behind `shift` other bytes
 * (modulo 3) in the middle of something in base64. */
static void base64_inside(struct forms *f, const char *s, size_t len, size_t shift, bool url)
{
  size_t first = (8 * shift + 5) / 6, end = 8 * (len + shift) / 6;
  struct buf shifted;
  buf_init(&shifted, len + shift);
  buf_add(&shifted, "\0\0", shift);
  buf_add(&shifted, s, len);
  if (buf_ok(&shifted))
    escape_base64(&f->text, shifted.data, shifted.len, url, false);
  f->ok = f->ok && buf_ok(&shifted) && buf_ok(&f->text);
  buf_wipe(&shifted);
  if (f->ok)
    emit(f, f->text.data + first, end - first);
  buf_drop(&f->text, f->text.len);
}

static void base64_forms(struct forms *f, const char *s, size_t len, bool url)
{
  for (int pad = 0; pad <= 1; pad++) {
    escape_base64(&f->text, s, len, url, pad);
    emit_text(f);
  }
  for (size_t shift = 0; shift < 3 && len >= MASK_FULL; shift++)
    base64_inside(f, s, len, shift, url);
}

static void encoded_forms(struct forms *f, const char *s, size_t len)
{
  emit(f, s, len);
  for (int slash = 0; slash <= 1; slash++) {
    escape_json(&f->text, s, len, slash);
    emit_text(f);
  }
  percent_forms(f, s, len);
  escape_shell(&f->text, s, len);
  emit_text(f);
  for (int lower = 0; lower <= 1; lower++) {
    escape_hex(&f->text, s, len, lower);
    emit_text(f);
  }
  base64_forms(f, s, len, false);
  base64_forms(f, s, len, true);
}

/* ---- texts of several lines --------------------------------------------------------- */

static void trim(const char **s, size_t *len)
{
  while (*len && isspace((unsigned char)**s)) {
    ++*s;
    --*len;
  }
  while (*len && isspace((unsigned char)(*s)[*len - 1]))
    --*len;
}

/* Armour and rulers are not secret, and would black out other people's. */
static bool tells(const char *line, size_t len)
{
  if (len < MASK_FULL || memcmp(line, "-----", 5) == 0)
    return false;
  for (size_t i = 0; i < len; i++)
    if (isalnum((unsigned char)line[i]) || (unsigned char)line[i] >= 0x80)
      return true;
  return false;
}

/* The length of the line at s without its end; *next is where the following one begins. */
static size_t line_length(const char *s, size_t len, size_t *next)
{
  const char *end = memchr(s, '\n', len);
  size_t n = end ? (size_t)(end - s) : len;
  *next = end ? n + 1 : len;
  return n && s[n - 1] == '\r' ? n - 1 : n;
}

static void each_line(struct forms *f, const char *s, size_t len)
{
  for (size_t at = 0, next; at < len; at += next) {
    const char *line = s + at;
    size_t n = line_length(line, len - at, &next);
    trim(&line, &n);
    if (tells(line, n))
      encoded_forms(f, line, n);
  }
}

/* The whole text with its lines joined by something else. */
static void joined(struct forms *f, const char *s, size_t len, const char *by)
{
  struct buf text;
  buf_init(&text, 3 * (size_t)MASK_MAX);
  for (size_t at = 0, next; at < len; at += next) {
    size_t n = line_length(s + at, len - at, &next);
    buf_add(&text, s + at, n);
    if (at + n < len)
      buf_add_str(&text, by);
  }
  f->ok = f->ok && buf_ok(&text);
  emit(f, buf_str(&text), text.len);
  buf_wipe(&text);
}

static int hex_digit(char c)
{
  const char *digits = "0123456789abcdef", *d = c ? strchr(digits, c | 32) : NULL;
  return d ? (int)(d - digits) : -1;
}

/* Appends the text with its %XX resolved. */
static void unescape_percent(struct buf *out, const char *s, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    int high = s[i] == '%' && i + 2 < len ? hex_digit(s[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(s[i + 2]) : -1;
    buf_add_char(out, low >= 0 ? (char)(high * 16 + low) : s[i]);
    i += low >= 0 ? 2 : 0;
  }
}

/* scheme://user:password@host: the password alone is as secret as the whole, as it stands
 * there and decoded. */
static void url_password(struct forms *f, const char *s, size_t len)
{
  const char *end = s + len, *user = memmem(s, len, "://", 3);
  if (!user)
    return;
  user += 3;
  const char *path = user;
  while (path < end && !strchr("/?#", *path))
    path++;
  const char *at = memrchr(user, '@', (size_t)(path - user));
  const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
  if (!colon)
    return;
  struct buf password;
  buf_init(&password, len);
  unescape_percent(&password, colon + 1, (size_t)(at - colon - 1));
  encoded_forms(f, colon + 1, (size_t)(at - colon - 1));
  encoded_forms(f, buf_str(&password), password.len);
  buf_wipe(&password);
}

bool mask_accepts(const char *value, size_t len)
{
  bool fits = len <= MASK_MAX;
  trim(&value, &len);
  return fits && len >= MASK_MIN;
}

bool mask_forms(const char *value, size_t len, form_sink *sink, void *arg)
{
  static const char *const joints[] = {"\n", "\r\n", "\\n", " "};
  struct forms f;
  forms_init(&f, sink, arg);
  encoded_forms(&f, value, len);
  trim(&value, &len);
  encoded_forms(&f, value, len);
  url_password(&f, value, len);
  if (memchr(value, '\n', len)) {
    for (size_t i = 0; i < sizeof joints / sizeof *joints; i++)
      joined(&f, value, len, joints[i]);
    each_line(&f, value, len);
  }
  buf_wipe(&f.text);
  return f.ok;
}
