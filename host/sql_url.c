/* sql_url.c - finds the host of a database URL; see sql_url.h.
 *
 * A secret is checked against this host before libpq sees the URL. So the reading
 * follows libpq's: credentials end at the first '@' before any '/'. sql_pq.c
 * refuses a URL that libpq reads differently. */
#include "sql_url.h"
#include <string.h>

static const char *find(const char *from, const char *end, char c)
{
  const char *at = memchr(from, c, (size_t)(end - from));
  return at ? at : end;
}

/* The bytes after "postgresql://" or "postgres://", or NULL. */
static const char *skip_scheme(const char *url, size_t len)
{
  static const char *const schemes[] = {"postgresql://", "postgres://"};
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    size_t n = strlen(schemes[i]);
    if (len >= n && memcmp(url, schemes[i], n) == 0)
      return url + n;
  }
  return NULL;
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Names and addresses only: no list of hosts, nothing that would have to be decoded. */
static bool is_host_char(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(".-_:", c));
}

static bool copy_host(const char *from, const char *to, char *host, size_t size)
{
  size_t n = (size_t)(to - from);
  if (n == 0 || n >= size)
    return false;
  for (size_t i = 0; i < n; i++) {
    host[i] = lower(from[i]);
    if (!is_host_char(host[i]))
      return false;
  }
  host[n] = 0;
  return true;
}

bool sql_url_host(const char *url, size_t len, char *host, size_t size)
{
  const char *from = skip_scheme(url, len), *end = url + len;
  if (!from)
    return false;
  const char *path = find(from, end, '/');
  const char *at = find(from, path, '@');
  if (at < path)
    from = at + 1;
  end = find(from, path, '?');
  if (from < end && *from == '[')
    return copy_host(from + 1, find(from, end, ']'), host, size);
  return copy_host(from, find(from, end, ':'), host, size);
}
