/* http_route.c - where the connection of an exchange goes, and whom TLS trusts there.
 *
 * In this order: with --local to loopback; to a Unix socket; to another address than the URL's;
 * through a proxy; to the URL's host. A proxy is the one that the request names, else that of
 * the environment (http_proxy.h). The proxy looks the URL's host up. Where secrets meet somebody else on
 * the way than the URL's host, http_recipient.h says whom.
 *
 * Credentials in a proxy's URL go to curl apart from it, so that no error can hold them. */
#include "http_curl.h"
#include "http_proxy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The proxy's URL, or NULL. */
static const char *proxy_of(const struct exchange *x, const struct http_route *r)
{
  if (r->proxy)
    return *r->proxy ? r->proxy : NULL;
  return http_proxy_of_environment(x->http->environ, x->https, x->host);
}

void exchange_set_target(struct exchange *x, char *target)
{
  if (x->target != x->host)
    free(x->target);
  x->target = target;
}

/* ---- through it ------------------------------------------------------------------------------------ */

/* Proxies that look names up themselves. The default port is the scheme's own. */
static const struct scheme {
  const char *name, *curl;
  int port;
} schemes[] = {
  {"http", "http", 80},         {"https", "https", 443},      {"socks5", "socks5h", 1080},
  {"socks5h", "socks5h", 1080}, {"socks4a", "socks4a", 1080}, {NULL, NULL, 0},
};

struct proxy_url {
  char *scheme, *host, *port, *user, *password;
};

static void free_proxy_url(struct proxy_url *p)
{
  curl_free(p->scheme);
  curl_free(p->host);
  curl_free(p->port);
  if (p->password)
    wipe(p->password, strlen(p->password));
  curl_free(p->user);
  curl_free(p->password);
}

static bool split_proxy_url(const char *text, struct proxy_url *p)
{
  CURLU *u = curl_url();
  struct buf url;
  buf_init(&url, 4096);
  buf_printf(&url, "%s%s", strstr(text, "://") ? "" : "http://", text);
  bool ok = u && buf_ok(&url) &&
            curl_url_set(u, CURLUPART_URL, buf_str(&url), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_HOST, &p->host, 0) == CURLUE_OK;
  if (ok)
    ok = curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) == CURLUE_OK;
  curl_url_get(u, CURLUPART_PORT, &p->port, 0);
  curl_url_get(u, CURLUPART_USER, &p->user, CURLU_URLDECODE);
  curl_url_get(u, CURLUPART_PASSWORD, &p->password, CURLU_URLDECODE);
  curl_url_cleanup(u);
  buf_wipe(&url);
  return ok;
}

static const struct scheme *known_scheme(const char *name)
{
  const struct scheme *s = schemes;
  while (s->name && strcasecmp(s->name, name) != 0)
    s++;
  return s->name ? s : NULL;
}

static bool aim_at_proxy(struct exchange *x, const struct proxy_url *p, const struct scheme *s)
{
  char text[512];
  exchange_set_target(x, strdup(p->host));
  x->target_port = p->port ? atoi(p->port) : s->port;
  snprintf(x->proxy, sizeof x->proxy, "%.255s:%d", p->host, x->target_port);
  snprintf(text, sizeof text, "%s://%s", s->curl, x->proxy);
  curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "");
  if (p->user)
    curl_easy_setopt(x->easy, CURLOPT_PROXYUSERNAME, p->user);
  if (p->password)
    curl_easy_setopt(x->easy, CURLOPT_PROXYPASSWORD, p->password);
  return x->target && curl_easy_setopt(x->easy, CURLOPT_PROXY, text) == CURLE_OK;
}

static bool go_through(struct exchange *x, const char *url)
{
  struct proxy_url p = {0};
  const struct scheme *s = split_proxy_url(url, &p) ? known_scheme(p.scheme) : NULL;
  bool ok = true;
  if (s) {
    ok = aim_at_proxy(x, &p, s);
  } else {
    exchange_fail(x, "http-proxy", "misuse", "the proxy's URL cannot be used");
    fault_hint(&x->base.fault, "write it as http://proxy.example:3128; https, socks5 and socks4a are known too");
  }
  free_proxy_url(&p);
  return ok;
}

/* ---- to another address ------------------------------------------------------------------------------ */

/* With --local nothing but loopback is reached. */
static bool may_aim_at(struct exchange *x)
{
  if (!x->http->config->local || real_is_loopback(x->target))
    return true;
  char what[256];
  snprintf(what, sizeof what, "--local connects to loopback only, not to %.200s", x->target);
  exchange_fail(x, "not-local", "fatal", what);
  return false;
}

/* "192.0.2.1", "192.0.2.1:8443", "[2001:db8::1]:8443", "2001:db8::1", "origin.example". */
static bool aim_at(struct exchange *x, const char *to)
{
  unsigned char bytes[16];
  bool bare_six = uv_inet_pton(10 /* AF_INET6 */, to, bytes) == 0;
  const char *end = *to == '[' ? strchr(to, ']') : NULL;
  const char *colon = bare_six ? NULL : strrchr(end ? end : to, ':');
  size_t len = colon ? (size_t)(colon - to) : strlen(to);
  char line[600];
  exchange_set_target(x, malloc(len + 3));
  if (!x->target)
    return false;
  snprintf(x->target, len + 3, bare_six ? "[%.*s]" : "%.*s", (int)len, to);
  x->target_port = colon ? atoi(colon + 1) : x->port;
  snprintf(line, sizeof line, "::%.500s:%d", x->target, x->target_port);
  return !may_aim_at(x) || http_add_line(&x->connect_to, line);
}

/* --local: whatever address the name has, it stands for the local cloud's. */
static bool lead_to_loopback(struct exchange *x)
{
  const struct real_config *c = x->http->config;
  char line[512];
  snprintf(line, sizeof line, "%.255s:%d:127.0.0.1:%d", x->host, x->port,
           x->https ? c->https_port : c->http_port);
  return http_add_line(&x->connect_to, line);
}

static bool use_socket(struct exchange *x, const char *path)
{
  x->direct = true;
  snprintf(x->base.address, sizeof x->base.address, "%s", path);
  return curl_easy_setopt(x->easy, CURLOPT_UNIX_SOCKET_PATH, path) == CURLE_OK;
}

static bool choose_way(struct exchange *x, const struct http_route *r)
{
  bool local = x->http->config->local;
  if (local && !real_is_loopback(x->host))
    return lead_to_loopback(x);
  if (r->unix_socket)
    return use_socket(x, r->unix_socket);
  if (r->connect_to)
    return aim_at(x, r->connect_to);
  const char *proxy = local ? NULL : proxy_of(x, r);
  return !proxy || go_through(x, proxy);
}

/* ---- whom to trust ------------------------------------------------------------------------------------ */

/* One file of authorities: curl keeps it parsed as long as no folder of them is set as well,
 * which takes milliseconds for every connection. */
static void trust(struct exchange *x, const struct http_route *r)
{
  static const char *const files[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", NULL};
  static const char *const folders[] = {"SSL_CERT_DIR", NULL};
  const struct real_config *c = x->http->config;
  const char *ca = r->ca_file ? r->ca_file : c->local ? c->ca_file : http_variable(x->http->environ, files);
  const char *folder = ca || c->local ? NULL : http_variable(x->http->environ, folders);
  curl_easy_setopt(x->easy, CURLOPT_CAPATH, folder);
  if (!ca)
    return;
  x->own_ca = r->ca_file != NULL;
  curl_easy_setopt(x->easy, CURLOPT_CAINFO, ca);
  curl_easy_setopt(x->easy, CURLOPT_PROXY_CAINFO, ca);
}

static bool identify(struct exchange *x, const struct http_route *r)
{
  CURLcode code = CURLE_OK;
  if (r->certificate)
    code = curl_easy_setopt(x->easy, CURLOPT_SSLCERT, r->certificate);
  if (r->key && code == CURLE_OK)
    code = curl_easy_setopt(x->easy, CURLOPT_SSLKEY, r->key);
  return code == CURLE_OK;
}

bool exchange_set_route(struct exchange *x, const struct http_route *r)
{
  x->family = r->family;
  x->target = x->host;
  x->target_port = x->port;
  if (r->family)
    curl_easy_setopt(x->easy, CURLOPT_IPRESOLVE, (long)(r->family == 6 ? CURL_IPRESOLVE_V6 : CURL_IPRESOLVE_V4));
  if (x->https)
    trust(x, r);
  return choose_way(x, r) && identify(x, r);
}
