/* binding.c - compares where bytes are about to go with where they may go.
 *
 * The reading of URLs is narrower than any client's: whatever two readers could take
 * differently (user information, a final dot, backslashes, escapes in the host, dot
 * segments below a path prefix) is refused, so that a URL cannot mean one origin here
 * and another on the wire. */
#include "binding.h"
#include <ctype.h>
#include <stdio.h>
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

/* ---- places -------------------------------------------------------------------------------- */

static bool same_host(const struct origin *a, const struct origin *b)
{
  return a->host_len == b->host_len && strncasecmp(a->host, b->host, a->host_len) == 0;
}

static bool same_origin(const struct origin *a, const struct origin *b)
{
  return a->https == b->https && a->port == b->port && same_host(a, b);
}

static bool url_allows(const char *place, const char *url)
{
  struct origin may, to;
  if (read_origin(place, &may) || read_origin(url, &to))
    return false;
  return same_origin(&may, &to) && path_allows(may.path, to.path);
}

static const char *basename_of(const char *program)
{
  const char *slash = strrchr(program, '/');
  return slash ? slash + 1 : program;
}

/* A name alone is not enough where it is known which file would run: somebody may have put another
 * one of that name in the way. */
static bool program_allows(const char *name, const struct destination *to)
{
  return strcmp(basename_of(name), basename_of(to->what)) == 0 && (!to->runs || to->runs(to, name));
}

static const struct scheme {
  const char *prefix;
  int kind;
  const char *wrong;  /* with nothing behind it */
} schemes[] = {
  {"program:", TO_PROGRAM, "the program is missing: write program:NAME or program:/PATH"},
  {"sql:", TO_SQL, "the host is missing: write sql:HOST or sql:*"},
  {"sealed:", TO_SEALED, "who opens it is missing: write sealed:NAME or sealed:*"},
  {NULL, TO_HTTP, NULL},
};

static const struct scheme *scheme_of(const char *place)
{
  const struct scheme *s = schemes;
  while (s->prefix && !starts(place, s->prefix))
    s++;
  return s;
}

static bool place_allows(const char *place, const struct destination *to)
{
  const struct scheme *s = scheme_of(place);
  const char *rest = place + (s->prefix ? strlen(s->prefix) : 0);
  if (s->kind != (int)to->kind)
    return false;
  if (to->kind == TO_PROGRAM)
    return program_allows(rest, to);
  if (to->kind != TO_HTTP)
    return strcmp(rest, "*") == 0 || strcasecmp(rest, to->what) == 0;
  if (starts(place, "unix:") || starts(to->what, "unix:"))
    return strcmp(place, to->what) == 0;
  return url_allows(place, to->what);
}

/* ---- bindings: methods, a place, a part of the request --------------------------------------- */

struct narrowed {
  const char *methods;  /* "GET,HEAD …" up to a blank; NULL: all */
  char place[BINDING_MAX];
  const char *part;     /* "header:NAME", "body" or "url"; NULL: anywhere but the URL */
};

static bool is_method_list(const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (!isupper((unsigned char)text[i]) && (text[i] != ',' || i == 0 || i + 1 == len || text[i + 1] == ','))
      return false;
  return len > 0;
}

/* Splits at blanks, one each. False: too long, or too many parts. */
static bool split(const char *text, struct narrowed *n)
{
  size_t first = strcspn(text, " ");
  *n = (struct narrowed){0};
  if (text[first] && is_method_list(text, first)) {
    n->methods = text;
    text += first + 1;
  }
  size_t len = strcspn(text, " ");
  if (len >= sizeof n->place)
    return false;
  memcpy(n->place, text, len);
  if (text[len])
    n->part = text + len + 1;
  return !n->part || !strchr(n->part, ' ');
}

static bool method_allowed(const char *list, const char *method)
{
  size_t wanted = method ? strlen(method) : 0;
  for (const char *at = list; at && wanted; at = at[strcspn(at, ", ")] == ',' ? strchr(at, ',') + 1 : NULL)
    if (strcspn(at, ", ") == wanted && strncmp(at, method, wanted) == 0)
      return true;
  return !list;
}

static bool is_url_part(const char *part) { return part && strcmp(part, "url") == 0; }

static bool part_allowed(const char *part, const struct destination *to)
{
  bool in_url = to->header && strcmp(to->header, DESTINATION_URL) == 0;
  if (in_url || is_url_part(part))
    return in_url && is_url_part(part);
  if (!part)
    return true;
  if (strcmp(part, "body") == 0)
    return !to->header;
  return to->header && strcasecmp(part + strlen("header:"), to->header) == 0;
}

bool binding_allows(const char *binding, const struct destination *to)
{
  struct narrowed n;
  return split(binding, &n) && place_allows(n.place, to) && method_allowed(n.methods, to->method) &&
         part_allowed(n.part, to);
}

/* ---- reading what people write ------------------------------------------------------------------- */

static bool is_token(const char *text)
{
  while (isalnum((unsigned char)*text) || (*text && strchr("!#$%&'*+-.^_`|~", *text)))
    text++;
  return *text == 0;
}

static const char *part_wrong(const char *part)
{
  if (strcmp(part, "body") == 0 || is_url_part(part))
    return NULL;
  return starts(part, "header:") && part[7] && is_token(part + 7)
           ? NULL : "behind the place stands header:NAME, body, url or nothing";
}

static const char *program_wrong(const char *name)
{
  if (*name == '/' || strncmp(name, "./", 2) == 0 || !strchr(name, '/'))
    return NULL;
  return "a program is named as the PATH finds it, or by its path from / or ./, the project's folder";
}

/* Appends the place of HTTP in full form. */
static const char *normalise_url(const char *place, struct buf *out)
{
  size_t from = out->len;
  struct origin o;
  if (starts(place, "unix:")) {
    buf_add_str(out, place);
    return place[5] == '/' ? NULL : "a socket is named by its whole path: write unix:/PATH";
  }
  if (!strstr(place, "://"))
    buf_add_str(out, "https://");
  buf_add_str(out, place);
  const char *why = buf_ok(out) ? read_origin(buf_str(out) + from, &o) : NULL;
  if (!why && buf_ok(out) && (strpbrk(o.path, "?#") || has_dot_segment(o.path)))
    return "a path prefix has no query, fragment or dot segments";
  return why;
}

/* What is known of a URL that nobody may see is its origin, so nothing else can be compared. */
static bool has_path(const char *place)
{
  const char *authority = strstr(place, "://");
  authority = authority ? authority + 3 : place;
  return starts(place, "unix:") || authority[strcspn(authority, "/")] != 0;
}

static const char *normalise_place(const struct narrowed *n, struct buf *out)
{
  const struct scheme *s = scheme_of(n->place);
  if (!s->prefix)
    return normalise_url(n->place, out);
  const char *rest = n->place + strlen(s->prefix);
  buf_add_str(out, n->place);
  if (!*rest)
    return s->wrong;
  if (n->methods || n->part)
    return "only places of HTTP have methods, headers and a body";
  return s->kind == TO_PROGRAM ? program_wrong(rest) : NULL;
}

const char *binding_normalise(const char *text, struct buf *out)
{
  struct narrowed n;
  if (!split(text, &n))
    return "it is [METHODS] PLACE [header:NAME], each behind one blank";
  if (n.methods)
    buf_add(out, n.methods, strcspn(n.methods, " ") + 1);
  const char *why = normalise_place(&n, out);
  if (!why && n.part)
    why = part_wrong(n.part);
  if (!why && is_url_part(n.part) && has_path(n.place))
    why = "a URL that is secret is bound to an origin, without a path";
  if (n.part)
    buf_printf(out, " %s", n.part);
  if (!why && out->len >= BINDING_MAX)
    why = "it is too long";
  return why;
}

/* ---- for errors ---------------------------------------------------------------------------- */

static bool admits_origin(const char *const *bindings, const struct origin *to)
{
  struct origin may;
  struct narrowed n;
  for (; *bindings; bindings++)
    if (split(*bindings, &n) && !read_origin(n.place, &may) && same_origin(&may, to))
      return true;
  return false;
}

static bool looks_at_method(const char *const *bindings)
{
  struct narrowed n;
  for (; *bindings; bindings++)
    if (split(*bindings, &n) && n.methods)
      return true;
  return false;
}

static void describe_url(const char *url, const char *const *bindings, struct buf *out)
{
  struct origin o;
  const char *why = read_origin(url, &o);
  if (starts(url, "unix:"))
    buf_add_str(out, url);
  else if (why)
    buf_printf(out, "a URL that cannot be checked (%s)", why);
  else if (admits_origin(bindings, &o))
    buf_add(out, url, strcspn(url, "?#"));
  else
    buf_add(out, url, (size_t)(o.path - url));
}

void binding_describe(const struct destination *to, const char *const *bindings, struct buf *out)
{
  if (to->kind == TO_PROGRAM)
    buf_printf(out, "program:%s", to->runs ? to->what : basename_of(to->what));
  else if (to->kind == TO_SQL)
    buf_printf(out, "sql:%s", to->what);
  else if (to->kind == TO_SEALED)
    buf_printf(out, "sealed:%s", to->what);
  else {
    if (to->method && looks_at_method(bindings))
      buf_printf(out, "%s ", to->method);
    describe_url(to->what, bindings, out);
  }
}
