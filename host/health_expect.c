/* health_expect.c - does an answer hold what is expected of it; see health.h.
 *
 * Every value that is read here is somebody else's text: what of it goes into a reason is
 * short, and printable. */
#include "health.h"
#include "json_span.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 60 };  /* bytes of a value in a reason */

/* What a proof found. */
struct found {
  bool there, holds, costly;
  char shown[SHOWN + 4];
};

const char *health_header(const struct http_exchange *x, const char *name, size_t *len)
{
  size_t n = strlen(name);
  for (const char *p = buf_str(&x->headers); *p; p += strcspn(p, "\n") + 1) {
    if (strncmp(p, name, n) == 0 && p[n] == ':') {
      const char *value = p + n + 1 + strspn(p + n + 1, " \t");
      *len = strcspn(value, "\n");
      return value;
    }
    if (!strchr(p, '\n'))
      break;
  }
  return NULL;
}

/* ---- one value ------------------------------------------------------------------------------- */

static void show(struct found *f, const char *value, size_t len)
{
  size_t n = len < SHOWN ? len : SHOWN;
  for (size_t i = 0; i < n; i++)
    f->shown[i] = value[i] < ' ' || value[i] == 0x7f ? ' ' : value[i];
  while (len > SHOWN && n > 0 && ((unsigned char)f->shown[n] & 0xC0) == 0x80)
    n--;
  snprintf(f->shown + n, sizeof f->shown - n, "%s", len > SHOWN ? "…" : "");
}

static bool same(const char *value, size_t len, const char *expected)
{
  return len == strlen(expected) && memcmp(value, expected, len) == 0;
}

/* 1.0 is 1; text is not a number. */
static bool same_scalar(const char *value, size_t len, const char *expected)
{
  char text[64], *rest, *other;
  if (same(value, len, expected))
    return true;
  if (len >= sizeof text)
    return false;
  snprintf(text, sizeof text, "%.*s", (int)len, value);
  double a = strtod(text, &rest), b = strtod(expected, &other);
  return rest != text && !*rest && other != expected && !*other && a == b;
}

static void match_pattern(const struct health_proof *p, const char *value, size_t len, struct found *f)
{
  const char *capture;
  size_t n;
  enum health_match m = health_pattern_find(p->value, value, len, &capture, &n);
  f->costly = m == TOO_COSTLY;
  f->holds = m == MATCH && (!p->wanted || same(capture, n, p->wanted));
  if (m == MATCH && p->wanted)
    show(f, capture, n);
}

static void compare(const struct health_proof *p, const char *value, size_t len, struct found *f)
{
  f->there = true;
  if (p->where != IN_BODY)
    show(f, value, len);
  switch (p->how) {
  case EQUALS:
    f->holds = p->scalar ? same_scalar(value, len, p->value) : same(value, len, p->value);
    break;
  case CONTAINS:
    f->holds = memmem(value, len, p->value, strlen(p->value)) != NULL;
    break;
  case MATCHES:
    match_pattern(p, value, len, f);
    break;
  default:
    f->holds = true;
  }
}

/* ---- where values are ---------------------------------------------------------------------------- */

static void look_in_header(const struct health_proof *p, const struct http_exchange *x, struct found *f)
{
  size_t len;
  const char *value = health_header(x, p->name, &len);
  if (value)
    compare(p, value, len, f);
}

/* A string is compared without its escapes, and only with text. */
static void look_in_json(const struct health_proof *p, const struct http_exchange *x, struct found *f)
{
  size_t from, to;
  if (!json_span_value(buf_str(&x->body), x->body.len, p->name, &from, &to))
    return;
  const char *value = x->body.data + from;
  if (*value != '"' || (p->scalar && !p->loose)) {
    compare(p, value, to - from, f);
    f->holds &= *value != '"' && (p->scalar || p->loose || p->how != EQUALS);
    f->holds |= p->how == IS_THERE;
    return;
  }
  struct buf text;
  buf_init(&text, 64 << 10);
  if (json_unescape(value + 1, to - from - 2, &text))
    compare(p, buf_str(&text), text.len, f);
  if (p->loose && buf_ok(&text))  // "1.10" is not "1.1"
    f->holds = same(buf_str(&text), text.len, p->value);
  buf_free(&text);
}

static void look(const struct health_proof *p, const struct http_exchange *x, struct found *f)
{
  if (p->where == IN_HEADER)
    look_in_header(p, x, f);
  else if (p->where == IN_JSON)
    look_in_json(p, x, f);
  else
    compare(p, buf_str(&x->body), x->body.len, f);
}

/* ---- saying what is missed -------------------------------------------------------------------------- */

static void name_of(const struct health_proof *p, char *out, size_t size)
{
  if (p->where == IN_BODY)
    snprintf(out, size, "the body");
  else
    snprintf(out, size, "%s%.80s", p->where == IN_HEADER ? "header " : "", *p->name ? p->name : "the JSON");
}

static void say(const struct health_proof *p, const struct found *f, char *why, size_t size)
{
  static const char *const verbs[] = {[EQUALS] = "is", [CONTAINS] = "contains", [MATCHES] = "matches",
                                      [IS_THERE] = "is there"};
  static const char *const negated[] = {[EQUALS] = "not", [CONTAINS] = "which does not contain",
                                        [MATCHES] = "which does not match", [IS_THERE] = "not there"};
  char name[100];
  const char *value = p->wanted ? p->wanted : p->value ? p->value : "";
  name_of(p, name, sizeof name);
  if (p->negative)
    snprintf(why, size, "%s %s%s%.60s%s, and must not", name, verbs[p->how], *value ? " '" : "", value,
             *value ? "'" : "");
  else if (p->where == IN_BODY && !*f->shown)
    snprintf(why, size, "the body does not %s '%.60s'", p->how == MATCHES ? "match" : "contain", value);
  else if (p->how == IS_THERE)
    snprintf(why, size, "%s is not there", name);
  else if (!f->there)
    snprintf(why, size, "%s is nothing, not '%.60s'", name, value);
  else
    snprintf(why, size, "%s is '%s', %s '%.60s'", name, f->shown, p->wanted ? "not" : negated[p->how], value);
}

static const char *miss(const struct health_proof *p, const struct http_exchange *x, char *why, size_t size)
{
  struct found f = {0};
  look(p, x, &f);
  if (f.costly) {
    snprintf(why, size, "the pattern '%.60s' takes too long on this body", p->value);
    return "pattern-limit";
  }
  if (f.holds != p->negative)
    return NULL;
  say(p, &f, why, size);
  return p->version ? "other-version" : "unexpected";
}

const char *health_expect_miss(const struct health_expect *e, const struct http_exchange *x,
                               char *why, size_t size)
{
  for (size_t i = 0; i < e->count; i++) {
    const char *code = miss(&e->proofs[i], x, why, size);
    if (code)
      return code;
  }
  if (e->latency <= 0 || x->timing.total <= e->latency)
    return NULL;
  snprintf(why, size, "it took %.2f s, more than %g s", x->timing.total, e->latency);
  return "too-slow";
}
