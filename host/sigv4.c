/* sigv4.c - AWS Signature Version 4 on libcrypto; see sigv4.h.
 *
 * Four steps, each a text of the last: the canonical request, the string to sign (its hash, when and
 * where), the key of that day and service, the signature. libcurl 7.88 can sign, too, but takes the
 * path and the query as they come and signs headers that it then does not send. */
#include "sigv4.h"
#include "digest.h"
#include "sigv4_url.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { LIMIT = 1 << 20, KEY = 32 };
#define ALGORITHM "AWS4-HMAC-SHA256"

struct signing {
  const struct sigv4_key *k;
  const struct sigv4_request *r;
  char time[20], date[12];   /* "20150830T123600Z", "20150830" */
  struct sigv4_url url;
  struct buf names, fields;  /* "host;x-amz-date", and their canonical lines */
};

/* S3 signs the path as it is sent; everybody else normalises it first. */
static bool is_s3(const struct signing *s)
{
  return strncmp(s->k->service, "s3", 2) == 0;
}

static bool set_time(struct signing *s)
{
  time_t now = (time_t)s->r->now;
  struct tm tm;
  return gmtime_r(&now, &tm) && strftime(s->time, sizeof s->time, "%Y%m%dT%H%M%SZ", &tm) &&
         strftime(s->date, sizeof s->date, "%Y%m%d", &tm);
}

/* ---- headers -------------------------------------------------------------------------------------- */

struct field {
  const char *line;
  size_t name_len, order;
};

static int by_name(const void *a, const void *b)
{
  const struct field *x = a, *y = b;
  size_t shorter = x->name_len < y->name_len ? x->name_len : y->name_len;
  int names = strncasecmp(x->line, y->line, shorter);
  if (names == 0 && x->name_len != y->name_len)
    return x->name_len < y->name_len ? -1 : 1;
  return names ? names : x->order < y->order ? -1 : 1;
}

/* These change on the way, or are made by the library that sends. */
static bool is_signed(const char *line, size_t name_len)
{
  static const char *const left_out[] = {"accept-encoding", "authorization", "connection", "content-length",
                                         "expect", "te", "transfer-encoding", "upgrade", "user-agent",
                                         "x-amzn-trace-id", NULL};
  for (const char *const *name = left_out; *name; name++)
    if (strlen(*name) == name_len && strncasecmp(line, *name, name_len) == 0)
      return false;
  return true;
}

static size_t add_field(struct field *list, size_t n, const char *line)
{
  size_t name_len = strcspn(line, ":;");
  if (!is_signed(line, name_len))
    return n;
  list[n] = (struct field){.line = line, .name_len = name_len, .order = n};
  return n + 1;
}

static void add_lower(struct buf *b, const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++)
    buf_add_char(b, (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]));
}

/* The value without spaces around it, and one where there are many. */
static void add_value(struct buf *b, const struct field *f)
{
  const char *p = f->line + f->name_len;
  p += *p != 0;
  for (p += strspn(p, " \t"); *p;) {
    size_t word = strcspn(p, " \t"), gap = strspn(p + word, " \t");
    buf_add(b, p, word);
    if (gap && p[word + gap])
      buf_add_char(b, ' ');
    p += word + gap;
  }
}

static bool same_name(const struct field *a, const struct field *b)
{
  return a->name_len == b->name_len && strncasecmp(a->line, b->line, a->name_len) == 0;
}

static void write_fields(struct signing *s, const struct field *list, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && same_name(&list[i - 1], &list[i])) {
      buf_add_char(&s->fields, ',');
    } else {
      buf_add_str(&s->names, i ? ";" : "");
      add_lower(&s->names, list[i].line, list[i].name_len);
      buf_add_str(&s->fields, i ? "\n" : "");
      add_lower(&s->fields, list[i].line, list[i].name_len);
      buf_add_char(&s->fields, ':');
    }
    add_value(&s->fields, &list[i]);
  }
  buf_add_char(&s->fields, '\n');
}

/* `added` are `count` lines, each ended by a NUL. */
static bool read_fields(struct signing *s, const struct buf *added, size_t count)
{
  size_t n = 0;
  const char *const *h = s->r->headers;
  while (h && h[n])
    n++;
  struct field *list = calloc(n + count + 1, sizeof *list);
  if (!list || !buf_ok(added)) {
    free(list);
    return false;
  }
  n = 0;
  for (const char *line = buf_str(added); count > 0; count--, line += strlen(line) + 1)
    n = add_field(list, n, line);
  for (; h && *h; h++)
    n = add_field(list, n, *h);
  qsort(list, n, sizeof *list, by_name);
  write_fields(s, list, n);
  free(list);
  return buf_ok(&s->fields) && buf_ok(&s->names);
}

static bool has_host(const char *const *headers)
{
  for (; headers && *headers; headers++)
    if (strncasecmp(*headers, "host:", 5) == 0)
      return true;
  return false;
}

static void add_line(struct sigv4_signed *out, const char *name, const char *value)
{
  buf_printf(&out->headers, "%s: %s", name, value);
  buf_add_char(&out->headers, 0);
  out->header_count++;
}

/* ---- the signature ----------------------------------------------------------------------------------- */

static bool hash_request(struct signing *s, char hex[SHA256_HEX + 1])
{
  struct buf b;
  buf_init(&b, 4 * LIMIT);
  buf_printf(&b, "%s\n", s->r->method);
  if (is_s3(s))
    buf_add_str(&b, buf_str(&s->url.path));
  else
    sigv4_plain_path(&b, buf_str(&s->url.path));
  buf_printf(&b, "\n%s\n%s\n%s\n%s", buf_str(&s->url.query), buf_str(&s->fields), buf_str(&s->names),
             s->r->payload);
  bool ok = buf_ok(&b) && sha256_hex(b.data, b.len, hex);
  buf_wipe(&b);
  return ok;
}

/* The next key of the chain. */
static bool derive(unsigned char key[HMAC_MAX], const char *text)
{
  unsigned char out[HMAC_MAX];
  bool ok = hmac(HMAC_SHA256, key, KEY, text, strlen(text), out) == KEY;
  memcpy(key, out, KEY);
  wipe(out, sizeof out);
  return ok;
}

/* The key of one day, region and service. */
static bool derive_key(const struct signing *s, unsigned char key[HMAC_MAX])
{
  struct buf first;
  buf_init(&first, LIMIT);
  buf_printf(&first, "AWS4%s", s->k->secret);
  bool ok = buf_ok(&first) &&
            hmac(HMAC_SHA256, first.data, first.len, s->date, strlen(s->date), key) == KEY;
  buf_wipe(&first);
  return ok && derive(key, s->k->region) && derive(key, s->k->service) && derive(key, "aws4_request");
}

static void add_scope(struct buf *b, const struct signing *s)
{
  buf_printf(b, "%s/%s/%s/aws4_request", s->date, s->k->region, s->k->service);
}

static bool sign(struct signing *s, char signature[SHA256_HEX + 1])
{
  unsigned char key[HMAC_MAX];
  char hash[SHA256_HEX + 1];
  struct buf b;
  if (!hash_request(s, hash))
    return false;
  buf_init(&b, LIMIT);
  buf_printf(&b, ALGORITHM "\n%s\n", s->time);
  add_scope(&b, s);
  buf_printf(&b, "\n%s", hash);
  bool ok = buf_ok(&b) && derive_key(s, key) && hmac_sha256_hex(key, KEY, b.data, b.len, signature);
  wipe(key, sizeof key);
  buf_free(&b);
  return ok;
}

/* ---- signing by headers --------------------------------------------------------------------------------- */

static void add_headers(const struct signing *s, struct sigv4_signed *out)
{
  if (!has_host(s->r->headers))
    add_line(out, "Host", buf_str(&s->url.host));
  add_line(out, "X-Amz-Date", s->time);
  if (is_s3(s))
    add_line(out, "X-Amz-Content-Sha256", s->r->payload);
  if (s->k->token)
    add_line(out, "X-Amz-Security-Token", s->k->token);
}

static void add_authorization(const struct signing *s, const char *signature, struct sigv4_signed *out)
{
  buf_printf(&out->headers, "Authorization: " ALGORITHM " Credential=%s/", s->k->id);
  add_scope(&out->headers, s);
  buf_printf(&out->headers, ", SignedHeaders=%s, Signature=%s", buf_str(&s->names), signature);
  buf_add_char(&out->headers, 0);
  out->header_count++;
}

static void write_url(const struct signing *s, struct sigv4_signed *out)
{
  buf_add(&out->url, s->url.origin, s->url.origin_len);
  buf_add_str(&out->url, buf_str(&s->url.path));
  if (s->url.query.len)
    buf_printf(&out->url, "?%s", s->url.query.data);
}

static enum sigv4_outcome outcome(bool ok, const struct sigv4_signed *out)
{
  return ok && buf_ok(&out->headers) && buf_ok(&out->url) ? SIGV4_DONE : SIGV4_NO_MEMORY;
}

static void begin(struct signing *s, const struct sigv4_key *k, const struct sigv4_request *r,
                  struct sigv4_signed *out)
{
  *s = (struct signing){.k = k, .r = r};
  buf_init(&s->names, LIMIT);
  buf_init(&s->fields, LIMIT);
  *out = (struct sigv4_signed){0};
  buf_init(&out->url, LIMIT);
  buf_init(&out->headers, LIMIT);
}

static void end(struct signing *s)
{
  sigv4_url_free(&s->url);
  buf_free(&s->names);
  buf_wipe(&s->fields);
}

enum sigv4_outcome sigv4_sign(const struct sigv4_key *k, const struct sigv4_request *r,
                              struct sigv4_signed *out)
{
  struct signing s;
  char signature[SHA256_HEX + 1];
  begin(&s, k, r, out);
  bool is_url = sigv4_url_read(&s.url, r->url, "");
  bool ok = is_url && set_time(&s) && sigv4_url_ok(&s.url);
  if (ok)
    add_headers(&s, out);
  ok = ok && read_fields(&s, &out->headers, out->header_count) && sign(&s, signature);
  if (ok) {
    add_authorization(&s, signature, out);
    write_url(&s, out);
  }
  end(&s);
  return is_url ? outcome(ok, out) : SIGV4_NO_URL;
}

/* ---- signing by the query --------------------------------------------------------------------------------- */

/* What the query says besides the signature; the names of the signed headers are known already. */
static void write_parameters(const struct signing *s, unsigned expires, struct buf *b)
{
  struct buf credential;
  buf_init(&credential, LIMIT);
  buf_printf(&credential, "%s/", s->k->id);
  add_scope(&credential, s);
  buf_add_str(b, "X-Amz-Algorithm=" ALGORITHM "&X-Amz-Credential=");
  sigv4_escape(b, buf_str(&credential));
  buf_printf(b, "&X-Amz-Date=%s&X-Amz-Expires=%u&X-Amz-SignedHeaders=", s->time, expires);
  sigv4_escape(b, buf_str(&s->names));
  if (s->k->token) {
    buf_add_str(b, "&X-Amz-Security-Token=");
    sigv4_escape(b, s->k->token);
  }
  b->failed = b->failed || !buf_ok(&credential);
  buf_free(&credential);
}

/* Reads the URL twice: the host is signed by name before the names stand in the query. */
static bool add_parameters(struct signing *s, unsigned expires)
{
  struct sigv4_signed host = {0};
  struct buf more;
  buf_init(&more, LIMIT);
  buf_init(&host.headers, LIMIT);
  if (!has_host(s->r->headers))
    add_line(&host, "Host", buf_str(&s->url.host));
  bool ok = read_fields(s, &host.headers, host.header_count);
  write_parameters(s, expires, &more);
  sigv4_url_free(&s->url);
  ok = ok && buf_ok(&more) && sigv4_url_read(&s->url, s->r->url, buf_str(&more)) && sigv4_url_ok(&s->url);
  buf_free(&host.headers);
  buf_wipe(&more);
  return ok;
}

enum sigv4_outcome sigv4_presign(const struct sigv4_key *k, const struct sigv4_request *r,
                                 unsigned expires, struct sigv4_signed *out)
{
  struct signing s;
  char signature[SHA256_HEX + 1];
  begin(&s, k, r, out);
  bool is_url = sigv4_url_read(&s.url, r->url, "");
  bool ok = is_url && set_time(&s) && sigv4_url_ok(&s.url) && add_parameters(&s, expires) &&
            sign(&s, signature);
  if (ok) {
    write_url(&s, out);
    buf_printf(&out->url, "&X-Amz-Signature=%s", signature);
  }
  end(&s);
  return is_url ? outcome(ok, out) : SIGV4_NO_URL;
}

void sigv4_free(struct sigv4_signed *s)
{
  buf_wipe(&s->url);
  buf_wipe(&s->headers);
}
