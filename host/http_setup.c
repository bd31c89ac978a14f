/* http_setup.c - a request becomes options of curl. */
#include "http_curl.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the URL ---------------------------------------------------------------------------------- */

/* http or https, of a URL that curl has understood; false: another. */
static bool read_scheme(struct exchange *x, const char *url)
{
  x->https = strncasecmp(url, "https:", 6) == 0;
  return x->https || strncasecmp(url, "http:", 5) == 0;
}

static void read_port(struct exchange *x)
{
  char *port = NULL;
  x->port = x->https ? 443 : 80;
  if (curl_url_get(x->url, CURLUPART_PORT, &port, 0) == CURLUE_OK)
    x->port = atoi(port);
  curl_free(port);
}

bool http_is_address(const char *host)
{
  unsigned char bytes[16];
  return host[0] == '[' || uv_inet_pton(2 /* AF_INET */, host, bytes) == 0;
}

/* Keeps what it parsed: curl takes that instead of parsing once more, and so does the next exchange. */
bool exchange_parse_url(struct exchange *x, const char *url)
{
  char *host = NULL;
  if (x->url_text)
    return true;
  x->url = curl_url();
  bool ok = x->url && curl_url_set(x->url, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
            read_scheme(x, url) && curl_url_get(x->url, CURLUPART_HOST, &host, CURLU_PUNYCODE) == CURLUE_OK;
  if (ok) {
    read_port(x);
    x->host = strdup(host);
    x->is_address = http_is_address(host);
    x->url_text = x->host ? strdup(url) : NULL;
  }
  curl_free(host);
  return ok && x->url_text;
}

/* ---- headers ------------------------------------------------------------------------------------ */

bool http_add_line(struct curl_slist **list, const char *line)
{
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (!longer)
    return false;
  *list = longer;
  return true;
}

static bool has_header(const char *const *headers, const char *name)
{
  size_t n = strlen(name);
  for (; headers && *headers; headers++)
    if (strncasecmp(*headers, name, n) == 0 && ((*headers)[n] == ':' || (*headers)[n] == ';'))
      return true;
  return false;
}

static bool set_headers(struct exchange *x, const char *const *headers)
{
  bool body = x->body.data || x->outgoing;
  bool ok = !body || http_add_line(&x->headers, "Expect:");
  if (body && !x->mime && !has_header(headers, "content-type"))  /* curl would claim a form */
    ok = ok && http_add_line(&x->headers, "Content-Type:");
  for (const char *const *h = headers; ok && h && *h; h++)
    ok = http_add_line(&x->headers, *h);
  curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
  return ok;
}

/* ---- never twice --------------------------------------------------------------------------------- */

/* Runs when a request is about to leave. Curl would send it again, on another connection, when
 * one that was kept alive breaks before the answer begins. An HTTP/2 peer that refuses a stream
 * unseen looks the same to us. */
static int on_leave(void *arg, char *from, char *to, int from_port, int to_port)
{
  struct exchange *x = arg;
  (void)from, (void)to, (void)from_port, (void)to_port;
  if (x->left) {
    x->stop = STOP_AGAIN;
    return CURL_PREREQFUNC_ABORT;
  }
  x->left = true;
  return CURL_PREREQFUNC_OK;
}

static void send_once(struct exchange *x)
{
  curl_easy_setopt(x->easy, CURLOPT_PREREQFUNCTION, on_leave);
  curl_easy_setopt(x->easy, CURLOPT_PREREQDATA, x);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

/* HTTP/2 where TLS offers it, and then one connection for all; not for what may pause. */
static void set_version(struct exchange *x, const struct http_request *r)
{
  bool two = x->https && !r->sink && !r->source;
  for (size_t i = 0; i < r->part_count; i++)
    two = two && !r->parts[i].source;
  curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION,
                   (long)(two ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(x->easy, CURLOPT_PIPEWAIT, two && !r->fresh ? 1L : 0L);
}

/* Through a proxy, too, the other end is the host itself. */
static void set_connection_only(CURL *e)
{
  curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_PIPEWAIT, 0L);
}

/* The handshake begins: from here on its own limit counts, not that of the connection. */
static CURLcode on_handshake(CURL *easy, void *ssl, void *arg)
{
  struct exchange *x = arg;
  (void)easy, (void)ssl;
  x->handshake = http_seconds();
  exchange_limit_connect(x, 0);
  return CURLE_OK;
}

void exchange_set_handlers(struct exchange *x)
{
  curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_FUNCTION, on_handshake);
  curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_DATA, x);
  exchange_set_receivers(x);
}

static void set_fresh(CURL *e, bool fresh)
{
  curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)fresh);
  curl_easy_setopt(e, CURLOPT_FORBID_REUSE, (long)fresh);
  curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, (long)!fresh);  /* else no certificate is looked at */
}

/* Only options that every exchange sets: one of the usual kind, by the usual way. Who sets another
 * option makes this false, or the next exchange on the handle has it too. */
static bool is_plain(const struct http_request *r)
{
  const struct http_route *way = &r->route;
  return !r->body && !r->source && !r->sink && !r->parts && http_is_repeatable(r->method) &&
         strcmp(r->method, "HEAD") != 0 && strcmp(r->method, "PUT") != 0 && !way->unix_socket && !way->proxy &&
         !way->certificate && !way->key && !way->family;
}

/* What curl sends when it is told nothing else. */
static bool is_default(const struct http_request *r)
{
  return strcmp(r->method, "GET") == 0 && !r->body && !r->source && !r->parts;
}

bool exchange_configure(struct exchange *x, const struct http_request *r)
{
  CURL *e = x->easy;
  curl_easy_setopt(e, CURLOPT_CURLU, x->url);
  if (r->sink)
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");  // of gzip a part is known as one
  set_version(x, r);
  exchange_limit_connect(x, r->timeouts.connect);
  set_fresh(e, r->fresh);
  if (!http_is_repeatable(r->method))
    send_once(x);
  if (x->connection)
    set_connection_only(e);
  exchange_receive(x, r);
  bool ok = exchange_set_route(x, &r->route) && exchange_set_body(x, r) && set_headers(x, r->headers);
  if (strcmp(r->method, "HEAD") == 0)
    curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
  x->plain = is_plain(r) && !x->proxy[0] && !x->connection;
  return ok && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, is_default(r) ? NULL : r->method) == CURLE_OK;
}
