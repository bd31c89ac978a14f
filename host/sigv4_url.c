/* sigv4_url.c - a URL in its canonical form; see sigv4_url.h.
 *
 * "%41" and "A" are the same to a server, but not to a signature. So escapes are undone and made
 * again, of exactly the bytes that have to be escaped. */
#include "sigv4_url.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LIMIT = 1 << 20 };

/* ---- escaping ----------------------------------------------------------------------------------- */

static void escape_byte(struct buf *b, unsigned char c)
{
  if (c < 0x80 && (isalnum(c) || strchr("-._~", c)) && c)
    buf_add_char(b, (char)c);
  else
    buf_printf(b, "%%%02X", c);
}

void sigv4_escape(struct buf *b, const char *text)
{
  for (; *text; text++)
    escape_byte(b, (unsigned char)*text);
}

static int digit(char c)
{
  return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* Escapes anew what may be escaped already; `plain` is left as it is. */
static void escape_again(struct buf *b, const char *text, size_t len, char plain)
{
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '%' && i + 2 < len && isxdigit((unsigned char)text[i + 1]) && isxdigit((unsigned char)text[i + 2])) {
      escape_byte(b, (unsigned char)(digit(text[i + 1]) << 4 | digit(text[i + 2])));
      i += 2;
    } else if (c == (unsigned char)plain) {
      buf_add_char(b, plain);
    } else {
      escape_byte(b, c);
    }
  }
}

/* ---- the query ------------------------------------------------------------------------------------ */

/* "name\0value", in a buffer that they share. */
static int by_name_and_value(const void *a, const void *b)
{
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  int names = strcmp(x, y);
  return names ? names : strcmp(x + strlen(x) + 1, y + strlen(y) + 1);
}

/* In a query, a plus has stood for a space since forms were invented. */
static void escape_query(struct buf *b, const char *text, size_t len)
{
  for (size_t n; len > 0; text += n, len -= n) {
    const char *plus = memchr(text, '+', len);
    n = plus ? (size_t)(plus - text) : len;
    escape_again(b, text, n, 0);
    if (plus) {
      buf_add_str(b, "%20");
      n++;
    }
  }
}

/* Appends "name\0value\0" for each parameter and returns how many there are. */
static size_t read_parameters(struct buf *b, const char *query)
{
  size_t count = 0;
  while (*query) {
    size_t len = strcspn(query, "&"), name = strcspn(query, "=&");
    if (len > 0) {
      escape_query(b, query, name);
      buf_add_char(b, 0);
      if (name < len)
        escape_query(b, query + name + 1, len - name - 1);
      buf_add_char(b, 0);
      count++;
    }
    query += len + (query[len] == '&');
  }
  return count;
}

static void write_parameters(struct buf *to, const char **list, size_t count)
{
  qsort(list, count, sizeof *list, by_name_and_value);
  for (size_t i = 0; i < count; i++)
    buf_printf(to, "%s%s=%s", i ? "&" : "", list[i], list[i] + strlen(list[i]) + 1);
}

static void canonical_query(struct buf *to, const char *query)
{
  struct buf b;
  buf_init(&b, LIMIT);
  size_t count = read_parameters(&b, query);
  const char **list = calloc(count + 1, sizeof *list), *p = buf_str(&b);
  for (size_t i = 0; list && buf_ok(&b) && i < count; i++) {
    list[i] = p;
    p += strlen(p) + 1;
    p += strlen(p) + 1;
  }
  if (list && buf_ok(&b))
    write_parameters(to, list, count);
  else
    to->failed = true;
  free(list);
  buf_free(&b);
}

/* ---- the path -------------------------------------------------------------------------------------- */

/* Takes the last part away again: "/a/b/" -> "/a/". */
static void go_up(struct buf *b)
{
  if (b->len > 1)
    b->len--;
  while (b->len > 1 && b->data[b->len - 1] != '/')
    b->len--;
  b->data[b->len] = 0;
}

void sigv4_plain_path(struct buf *b, const char *path)
{
  struct buf plain;
  buf_init(&plain, LIMIT);
  buf_add_char(&plain, '/');
  for (size_t n; *path && buf_ok(&plain); path += n + (path[n] == '/')) {
    n = strcspn(path, "/");
    if (n == 2 && memcmp(path, "..", 2) == 0)
      go_up(&plain);
    else if (n > 0 && !(n == 1 && *path == '.')) {
      buf_add(&plain, path, n);
      if (path[n])
        buf_add_char(&plain, '/');
    }
  }
  for (const char *p = buf_str(&plain); *p; p++) {
    if (*p == '/')
      buf_add_char(b, '/');
    else
      escape_byte(b, (unsigned char)*p);
  }
  b->failed = b->failed || !buf_ok(&plain);
  buf_free(&plain);
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* Skips "http://" or "https://"; NULL: it is neither. */
static const char *skip_scheme(const char *url, const char **port)
{
  *port = ":443";
  if (strncasecmp(url, "https://", 8) == 0)
    return url + 8;
  *port = ":80";
  return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

static void add_host(struct buf *b, const char *host, size_t len, const char *own_port)
{
  size_t port = strlen(own_port);
  if (len > port && memcmp(host + len - port, own_port, port) == 0)
    len -= port;
  for (size_t i = 0; i < len; i++)
    buf_add_char(b, (char)tolower((unsigned char)host[i]));
}

static void read_query(struct sigv4_url *u, const char *query, size_t len, const char *more)
{
  struct buf b;
  buf_init(&b, LIMIT);
  buf_add(&b, query, len);
  buf_printf(&b, "&%s", more);
  if (buf_ok(&b))
    canonical_query(&u->query, b.data);
  else
    u->query.failed = true;
  buf_free(&b);
}

bool sigv4_url_read(struct sigv4_url *u, const char *url, const char *more)
{
  const char *own_port, *host = skip_scheme(url, &own_port);
  *u = (struct sigv4_url){0};
  buf_init(&u->host, LIMIT);
  buf_init(&u->path, LIMIT);
  buf_init(&u->query, LIMIT);
  size_t host_len = host ? strcspn(host, "/?#") : 0;
  if (host_len == 0 || memchr(host, '@', host_len))
    return false;
  const char *path = host + host_len;
  size_t path_len = strcspn(path, "?#");
  const char *query = path + path_len;
  u->origin = url;
  u->origin_len = (size_t)(path - url);
  add_host(&u->host, host, host_len, own_port);
  if (path_len == 0)
    buf_add_char(&u->path, '/');
  escape_again(&u->path, path, path_len, '/');
  read_query(u, query + (*query == '?'), *query == '?' ? strcspn(query + 1, "#") : 0, more);
  return true;
}

bool sigv4_url_ok(const struct sigv4_url *u)
{
  return buf_ok(&u->host) && buf_ok(&u->path) && buf_ok(&u->query);
}

void sigv4_url_free(struct sigv4_url *u)
{
  buf_free(&u->host);
  buf_free(&u->path);
  buf_wipe(&u->query);  /* it may hold the token of a session */
}
