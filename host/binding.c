/* binding.c - compares where bytes are about to go with where they may go.
 *
 * The reading of URLs is narrower than any client's: whatever two readers could take
 * differently (user information, a final dot, backslashes, escapes in the host, dot
 * segments below a path prefix) is refused, so that a URL cannot mean one origin here
 * and another on the wire. */
#include "binding.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct origin {
  bool https;
  const char *host;
  size_t host_len;
  int port;
  const char *path;  /* to the end, query included; "" or begins with / ? or # */
};

/* ---- reading a URL ---------------------------------------------------------------- */

static bool starts(const char *text, const char *with)
{
  return strncasecmp(text, with, strlen(with)) == 0;
}

static bool is_plain(const char *url)
{
  for (; *url; url++)
    if ((unsigned char)*url <= ' ' || *url == 0x7f || *url == '\\')
      return false;
  return true;
}

static const char *read_host(const char *at, struct origin *o)
{
  bool brackets = *at == '[';
  const char *end = at + (brackets ? strcspn(at, "]/?#") : strcspn(at, ":/?#"));
  if (brackets && *end != ']')
    return NULL;
  end += brackets;
  o->host = at;
  o->host_len = (size_t)(end - at);
  if (o->host_len == 0 || end[-1] == '.')
    return NULL;
  for (const char *c = at + brackets; c < end - brackets; c++)
    if (!isalnum((unsigned char)*c) && !strchr(brackets ? ":." : "-._", *c))
      return NULL;
  return end;
}

static const char *read_port(const char *at, struct origin *o)
{
  o->port = o->https ? 443 : 80;
  if (*at != ':')
    return at;
  char *end;
  long port = isdigit((unsigned char)at[1]) ? strtol(at + 1, &end, 10) : 0;
  if (port < 1 || port > 65535)
    return NULL;
  o->port = (int)port;
  return end;
}

/* Reads an http or https URL. Returns why it cannot be read, or NULL. */
static const char *read_origin(const char *url, struct origin *o)
{
  o->https = starts(url, "https://");
  if (!o->https && !starts(url, "http://"))
    return "it is no http or https URL";
  if (!is_plain(url))
    return "it holds blanks, control characters or a backslash";
  const char *at = url + (o->https ? 8 : 7);
  if (memchr(at, '@', strcspn(at, "/?#")))
    return "it holds user information";
  at = read_host(at, o);
  if (!at)
    return "its host is none, or ends in a dot";
  at = read_port(at, o);
  if (!at || (*at && !strchr("/?#", *at)))
    return "its port is none";
  o->path = at;
  return NULL;
}

/* ---- paths ---------------------------------------------------------------------------- */

static int unhex(char c)
{
  return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* The character at *at, escapes undone once; moves on. */
static char next_decoded(const char **at)
{
  const char *s = *at;
  int high = *s == '%' ? unhex(s[1]) : -1, low = high >= 0 ? unhex(s[2]) : -1;
  *at += low >= 0 ? 3 : 1;
  return low >= 0 ? (char)(high << 4 | low) : *s;
}

/* True when a segment is "." or "..", plain or escaped: a server would walk up from it. */
static bool has_dot_segment(const char *path)
{
  size_t len = 0;
  bool dots = true;
  while (*path && *path != '?' && *path != '#') {
    char c = next_decoded(&path);
    if (c == '/' || c == '\\') {
      if (dots && (len == 1 || len == 2))
        return true;
      len = 0;
      dots = true;
    } else {
      len++;
      dots = dots && c == '.';
    }
  }
  return dots && (len == 1 || len == 2);
}

/* The prefix ends where a segment ends. */
static bool path_allows(const char *prefix, const char *path)
{
  size_t n = strlen(prefix);
  while (n && prefix[n - 1] == '/')
    n--;
  if (n == 0)
    return true;
  return strncmp(path, prefix, n) == 0 && (path[n] == 0 || strchr("/?#", path[n])) &&
         !has_dot_segment(path);
}

/* ---- the check --------------------------------------------------------------------------- */

static bool same_host(const struct origin *a, const struct origin *b)
{
  return a->host_len == b->host_len && strncasecmp(a->host, b->host, a->host_len) == 0;
}

static bool same_origin(const struct origin *a, const struct origin *b)
{
  return a->https == b->https && a->port == b->port && same_host(a, b);
}

static bool url_allows(const char *binding, const char *url)
{
  struct origin may, to;
  if (read_origin(binding, &may) || read_origin(url, &to))
    return false;
  return same_origin(&may, &to) && path_allows(may.path, to.path);
}

static const char *basename_of(const char *program)
{
  const char *slash = strrchr(program, '/');
  return slash ? slash + 1 : program;
}

bool binding_allows(const char *binding, const struct destination *to)
{
  bool program = starts(binding, "program:"), sql = starts(binding, "sql:");
  switch (to->kind) {
  case TO_PROGRAM:
    return program && strcmp(binding + 8, basename_of(to->what)) == 0;
  case TO_SQL:
    return sql && (strcmp(binding + 4, "*") == 0 || strcasecmp(binding + 4, to->what) == 0);
  default:
    return !program && !sql && url_allows(binding, to->what);
  }
}

const char *binding_normalise(const char *text, struct buf *out)
{
  if (starts(text, "program:")) {
    buf_add_str(out, text);
    return text[8] && !strchr(text + 8, '/') ? NULL : "a program is named without its folder";
  }
  if (starts(text, "sql:")) {
    buf_add_str(out, text);
    return text[4] ? NULL : "the host is missing: write sql:HOST or sql:*";
  }
  if (!strstr(text, "://"))
    buf_add_str(out, "https://");
  buf_add_str(out, text);
  struct origin o;
  const char *why = buf_ok(out) ? read_origin(buf_str(out), &o) : NULL;
  if (!why && buf_ok(out) && (strpbrk(o.path, "?#") || has_dot_segment(o.path)))
    return "a path prefix has no query, fragment or dot segments";
  return why;
}

/* ---- for errors ---------------------------------------------------------------------------- */

static bool admits_origin(const char *const *bindings, const struct origin *to)
{
  struct origin may;
  for (; *bindings; bindings++)
    if (!read_origin(*bindings, &may) && same_origin(&may, to))
      return true;
  return false;
}

static void describe_url(const char *url, const char *const *bindings, struct buf *out)
{
  struct origin o;
  const char *why = read_origin(url, &o);
  if (why)
    buf_printf(out, "a URL that cannot be checked (%s)", why);
  else if (admits_origin(bindings, &o))
    buf_add(out, url, strcspn(url, "?#"));
  else
    buf_add(out, url, (size_t)(o.path - url));
}

void binding_describe(const struct destination *to, const char *const *bindings, struct buf *out)
{
  if (to->kind == TO_PROGRAM)
    buf_printf(out, "program:%s", basename_of(to->what));
  else if (to->kind == TO_SQL)
    buf_printf(out, "sql:%s", to->what);
  else
    describe_url(to->what, bindings, out);
}
