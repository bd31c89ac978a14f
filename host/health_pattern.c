/* health_pattern.c - Lua's patterns over what a service answers, with a limit to what one may cost.
 *
 * string.find would do, but ".-.-.-x" over a page keeps it busy for hours, and a page is not
 * ours. Here each comparison is counted. Everything but back references (%1) is there. The
 * first capture is told; the others only group. */
#include "health.h"
#include <ctype.h>
#include <string.h>

enum { MOST_STEPS = 1000000, LONGEST = 256 };

struct search {
  const char *open, *close;  /* the first capture in the pattern; NULL: none */
  const char *end;           /* of the text */
  const char *text;
  const char *from, *to;     /* the capture in the text */
  long steps;
};

/* ---- reading a pattern ------------------------------------------------------------------- */

/* Behind the set that begins at p ('['); NULL: it has no end. */
static const char *after_set(const char *p)
{
  p += p[1] == '^' ? 2 : 1;
  do {
    if (!*p)
      return NULL;
    if (*p++ == '%' && !*p++)
      return NULL;
  } while (*p != ']');
  return p + 1;
}

/* Behind the single character, class or set at p. */
static const char *after_one(const char *p)
{
  if (*p == '%')
    return p[1] ? p + 2 : NULL;
  return *p == '[' ? after_set(p) : p + 1;
}

static const char *wrong_escape(const char **p)
{
  const char *c = *p + 1;
  if (*c >= '0' && *c <= '9')
    return "has a back reference, which is not there";
  if (*c == 'b' && !(c[1] && c[2]))
    return "has a %b without its two characters";
  if (*c == 'f' && c[1] != '[')
    return "has a %f without a set";
  *p += *c == 'b' ? 4 : 2;
  return NULL;
}

const char *health_pattern_wrong(const char *p)
{
  int open = 0;
  if (strlen(p) > LONGEST)
    return "is longer than 256 bytes";
  while (*p) {
    const char *wrong = NULL;
    if (*p == '%')
      wrong = p[1] ? wrong_escape(&p) : "ends with %";
    else if (*p == '[')
      wrong = (p = after_set(p)) ? NULL : "has a set without ]";
    else
      open += (*p == '(') - (*p == ')'), p++;
    if (wrong)
      return wrong;
    if (open < 0)
      return "has a ) without its (";
  }
  return open ? "has a ( without its )" : NULL;
}

/* The first capture's parentheses. */
static void find_capture(struct search *s, const char *p)
{
  int depth = 0;
  for (; *p; p = *p == '%' && (p[1] == 'b') ? p + 4 : after_one(p)) {
    if (*p == '(' && depth++ == 0 && !s->open)
      s->open = p;
    if (*p == ')' && --depth == 0 && s->open) {
      s->close = p;
      return;
    }
  }
}

/* ---- one character ---------------------------------------------------------------------------- */

static bool in_class(int c, int class)
{
  bool in;
  switch (tolower(class)) {
  case 'a': in = isalpha(c); break;
  case 'c': in = iscntrl(c); break;
  case 'd': in = isdigit(c); break;
  case 'g': in = isgraph(c); break;
  case 'l': in = islower(c); break;
  case 'p': in = ispunct(c); break;
  case 's': in = isspace(c); break;
  case 'u': in = isupper(c); break;
  case 'w': in = isalnum(c); break;
  case 'x': in = isxdigit(c); break;
  default: return class == c;
  }
  return isupper(class) ? !in : in;
}

/* p is the '[', end behind the ']'. */
static bool in_set(int c, const char *p, const char *end)
{
  bool negated = p[1] == '^', in = false;
  p += negated ? 2 : 1;
  for (end--; p < end && !in; p++) {
    if (*p == '%')
      in = in_class(c, (unsigned char)*++p);
    else if (p[1] == '-' && p + 2 < end) {
      in = (unsigned char)*p <= c && c <= (unsigned char)p[2];
      p += 2;
    } else
      in = (unsigned char)*p == c;
  }
  return in != negated;
}

static bool fits(struct search *s, const char *at, const char *p, const char *end)
{
  s->steps++;
  if (at >= s->end)
    return false;
  int c = (unsigned char)*at;
  switch (*p) {
  case '.': return true;
  case '%': return in_class(c, (unsigned char)p[1]);
  case '[': return in_set(c, p, end);
  default: return (unsigned char)*p == c;
  }
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static const char *match(struct search *s, const char *at, const char *p);

/* As many as fit, then fewer until the rest matches. */
static const char *longest(struct search *s, const char *at, const char *p, const char *end, int least)
{
  long n = 0;
  while (fits(s, at + n, p, end))
    n++;
  for (; n >= least && s->steps < MOST_STEPS; n--) {
    const char *rest = match(s, at + n, end + 1);
    if (rest)
      return rest;
  }
  return NULL;
}

static const char *shortest(struct search *s, const char *at, const char *p, const char *end)
{
  for (; s->steps < MOST_STEPS; at++) {
    const char *rest = match(s, at, end + 1);
    if (rest || !fits(s, at, p, end))
      return rest;
  }
  return NULL;
}

/* Behind the text that %bxy covers; NULL: it is not balanced. */
static const char *balanced(struct search *s, const char *at, const char *pair)
{
  int depth = 0;
  if (at >= s->end || *at != pair[0])
    return NULL;
  for (; at < s->end; at++) {
    s->steps++;
    if (*at == pair[1] && --depth == 0)
      return at + 1;
    depth += *at == pair[0];
  }
  return NULL;
}

static bool at_frontier(struct search *s, const char *at, const char *set, const char *end)
{
  int before = at == s->text ? 0 : (unsigned char)at[-1];
  int here = at < s->end ? (unsigned char)*at : 0;
  s->steps++;
  return !in_set(before, set, end) && in_set(here, set, end);
}

/* Goes on behind a parenthesis; the capture is what the last way took. */
static const char *parenthesis(struct search *s, const char *at, const char *p)
{
  const char **mark = p == s->open ? &s->from : p == s->close ? &s->to : NULL;
  const char *before = mark ? *mark : NULL;
  if (mark)
    *mark = at;
  const char *rest = match(s, at, p + 1);
  if (!rest && mark)
    *mark = before;
  return rest;
}

/* %b and %f, of which p is the %: moves both on. False: no match. */
static bool special(struct search *s, const char **at, const char **p)
{
  if ((*p)[1] == 'b') {
    *at = balanced(s, *at, *p + 2);
    *p += 4;
    return *at != NULL;
  }
  const char *set = *p + 2, *end = after_set(set);
  *p = end;
  return at_frontier(s, *at, set, end);
}

/* One character, class or set that has no * + -: moves both on, or says where the whole ends. */
static bool single(struct search *s, const char **at, const char **p, const char *end, const char **whole)
{
  bool here = fits(s, *at, *p, end);
  if (*end != '?') {
    *at += here;
    *p = end;
    return here;
  }
  *whole = here ? match(s, *at + 1, end + 1) : NULL;
  *p = end + 1;
  return !*whole;
}

/* Where the match of p at `at` ends; NULL: none. Recursion goes as deep as p is long. */
static const char *match(struct search *s, const char *at, const char *p)
{
  const char *whole = NULL;
  while (*p && s->steps < MOST_STEPS) {
    s->steps++;
    if (*p == '(' || *p == ')')
      return parenthesis(s, at, p);
    if (*p == '$' && !p[1])
      return at == s->end ? at : NULL;
    if (*p == '%' && (p[1] == 'b' || p[1] == 'f')) {
      if (!special(s, &at, &p))
        return NULL;
      continue;
    }
    const char *end = after_one(p);
    if (*end == '*' || *end == '+')
      return longest(s, at, p, end, *end == '+');
    if (*end == '-')
      return shortest(s, at, p, end);
    if (!single(s, &at, &p, end, &whole))
      return whole;
  }
  return *p ? NULL : at;
}

enum health_match health_pattern_find(const char *pattern, const char *text, size_t len,
                                      const char **capture, size_t *capture_len)
{
  struct search s = {.text = text, .end = text + len};
  bool anchored = *pattern == '^';
  pattern += anchored;
  find_capture(&s, pattern);
  for (const char *at = text; at <= s.end && s.steps < MOST_STEPS; at++) {
    const char *end = match(&s, at, pattern);
    if (end) {
      *capture = s.open ? s.from : at;
      *capture_len = (size_t)((s.open ? s.to : end) - *capture);
      return MATCH;
    }
    if (anchored)
      break;
  }
  return s.steps < MOST_STEPS ? NO_MATCH : TOO_COSTLY;
}
