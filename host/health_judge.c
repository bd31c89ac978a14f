/* health_judge.c - what a probe means to a target: class, reason, edge, and how long the service
 * asks to be left alone; see health.h.
 *
 * Answers are masked before they are cut: half a secret would be found by nobody. */
#include "health.h"
#include "excerpt.h"
#include "world.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXCERPT = 4096, QUOTED = 100 };  /* bytes of a page that are looked at, and shown */

/* One printable line of the text, cut between characters. */
static void add_quoted(char *to, size_t size, const char *text, size_t len)
{
  size_t n = 0, most = len < QUOTED ? len : QUOTED;
  while (most && most < len && ((unsigned char)text[most] & 0xC0) == 0x80)
    most--;
  for (size_t i = 0; i < most && n + 1 < size; i++) {
    char c = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    if (c != ' ' || (n && to[n - 1] != ' '))
      to[n++] = c;
  }
  while (n && to[n - 1] == ' ')
    n--;
  to[n] = 0;
}

/* The inside of <title>; NULL: none that ends within the text. */
static const char *title_of(const char *text, size_t *len)
{
  const char *at = strcasestr(text, "<title");
  at = at ? strchr(at, '>') : NULL;
  const char *end = at ? strcasestr(at, "</title") : NULL;
  if (!end)
    return NULL;
  at++;
  at += strspn(at, " \t\r\n");
  *len = end > at ? (size_t)(end - at) : 0;
  return *len ? at : NULL;
}

/* ": error code: 1101": a page's title, or how a plain answer begins. Masked before it is cut. */
static void quote_body(const struct health_engine *e, const struct http_exchange *x, char *to, size_t size)
{
  struct buf text;
  size_t len = x->body.len < EXCERPT ? x->body.len : EXCERPT;
  buf_init(&text, 8 * EXCERPT);
  excerpt_mask(e->world.mask, buf_str(&x->body), len, len < x->body.len, &text);
  const char *from = title_of(buf_str(&text), &len);
  if (!from) {
    from = buf_str(&text);
    len = text.len;
  }
  if (buf_ok(&text) && len && *from != '<' && size > 3) {
    memcpy(to, ": ", 3);
    add_quoted(to + 2, size - 2, from, len);
  }
  buf_free(&text);
}

/* " to https://…": where a redirect leads. */
static void quote_location(const struct health_engine *e, const struct http_exchange *x, char *to, size_t size)
{
  struct buf text;
  size_t len;
  const char *location = health_header(x, "location", &len);
  buf_init(&text, 8 * EXCERPT);
  if (location)
    excerpt_mask(e->world.mask, location, len < EXCERPT ? len : EXCERPT, len > EXCERPT, &text);
  if (buf_ok(&text) && text.len) {
    memcpy(to, " to ", 5);
    add_quoted(to + 4, size - 4, buf_str(&text), text.len);
  }
  buf_free(&text);
}

static void describe(const struct health_engine *e, const struct http_exchange *x, struct health_look *l)
{
  size_t n = (size_t)snprintf(l->reason, sizeof l->reason, "status %d", x->status);
  if (x->status >= 400)
    quote_body(e, x, l->reason + n, sizeof l->reason - n);
  else if (x->status >= 300)
    quote_location(e, x, l->reason + n, sizeof l->reason - n);
  n = strlen(l->reason);
  if (l->retry_after > 0)
    snprintf(l->reason + n, sizeof l->reason - n, "; Retry-After: %.0f s", l->retry_after);
}

/* "8f2b…-LHR": the airport's code behind the ray's number. */
static void read_colo(const struct http_exchange *x, char *colo, size_t size)
{
  size_t len;
  const char *ray = health_header(x, "cf-ray", &len);
  const char *dash = ray ? memchr(ray, '-', len) : NULL;
  size_t n = dash ? len - (size_t)(dash + 1 - ray) : 0;
  if (n == 0 || n >= size)
    return;
  for (size_t i = 1; i <= n; i++)
    if (dash[i] < 'A' || dash[i] > 'Z')
      return;
  memcpy(colo, dash + 1, n);
}

/* Seconds, or the date of HTTP; 0: neither. */
static double read_retry_after(const struct health_engine *e, const struct http_exchange *x)
{
  size_t len;
  char text[64], *rest;
  const char *value = health_header(x, "retry-after", &len);
  if (!value || len == 0 || len >= sizeof text)
    return 0;
  snprintf(text, sizeof text, "%.*s", (int)len, value);
  double seconds = strtod(text, &rest);
  if (rest != text && !*rest && isfinite(seconds))
    return fmax(0, seconds);
  struct tm tm = {0};
  rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  return rest && !*rest ? fmax(0, (double)timegm(&tm) - e->world.clock->now(e->world.clock)) : 0;
}

static void read_answer(const struct health_target *t, const struct http_exchange *x, struct health_look *l,
                        const char **code)
{
  const struct health_expect *e = &t->spec->expect;
  l->status = x->status;
  read_colo(x, l->colo, sizeof l->colo);
  l->retry_after = read_retry_after(t->engine, x);
  describe(t->engine, x, l);
  if (!health_status_in(&e->statuses, x->status))
    return;
  char why[256];
  *code = health_expect_miss(e, x, why, sizeof why);
  if (*code) {
    struct buf text;
    buf_init(&text, 4096);
    excerpt_mask(t->engine->world.mask, why, strlen(why), false, &text);
    snprintf(l->reason, sizeof l->reason, "%s", buf_str(&text));
    buf_free(&text);
  } else {
    l->class = HEALTHY;
  }
}

void health_judge(const struct health_target *t, const struct http_exchange *x, double probed,
                  struct health_look *l)
{
  const struct health_engine *e = t->engine;
  const char *code = x->fault.code;
  *l = (struct health_look){.at = probed - e->started, .class = FATAL, .timing = x->timing,
                            .negative_ttl = x->negative_ttl};
  if (code)
    copy_text(l->reason, sizeof l->reason, x->fault.message);
  else
    read_answer(t, x, l, &code);
  if (l->class == HEALTHY)
    return;
  bool served = t->spec->established || t->first_ok >= 0;
  l->rule = health_rule_find(e->rules, e->rule_count, code, x);
  l->class = served ? l->rule->after.class : l->rule->grace.class;
}
