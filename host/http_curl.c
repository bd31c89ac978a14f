/* http_curl.c - HTTP exchanges on libcurl's multi handle, driven by the loop.
 *
 * An exchange looks its host up through world_dns (curl's own resolver blocks the loop
 * when a transfer is dropped), hands the addresses to curl, and waits. With --local the
 * look-up goes to the local cloud's name server and the connection to loopback.
 *
 * States: LOOKING_UP -> TRANSFERRING -> ENDED; FAILING instead of the first two when the
 * exchange cannot begin: it ends in the next turn of the loop, as done() must never run
 * inside start().
 * Ownership: the exchange owns copies of all it was given; what held a secret is wiped.
 * Invariant: an easy handle is in the multi handle exactly in state TRANSFERRING. */
#include "real.h"
#include <curl/curl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum state { LOOKING_UP, TRANSFERRING, FAILING, ENDED };

struct http_curl {
  struct world_http base;
  uv_loop_t *loop;
  const struct real_config *config;
  struct world_dns *dns;
  CURLM *multi;
  uv_timer_t timer;
  struct exchange *failing;
  uv_timer_t soon;  /* ends the failing exchanges */
};

struct exchange {
  struct http_exchange base;
  struct http_curl *http;
  enum state state;
  struct exchange *next_failing;
  CURL *easy;
  struct curl_slist *headers, *resolve, *connect_to;
  curl_mime *mime;
  struct dns_lookup *lookup;
  bool asked_ipv6;
  char *host, *method;
  int port;
  bool https;
  struct buf body;
  double started, connect_timeout, timeout;
  char reason[CURL_ERROR_SIZE];
};

/* One watched socket of curl's. */
struct watch {
  uv_poll_t poll;
  struct http_curl *http;
  curl_socket_t socket;
};

/* ---- the end of an exchange --------------------------------------------------------- */

static double clock_seconds(void)
{
  return (double)uv_hrtime() / 1e9;
}

static void end(struct exchange *x)
{
  x->state = ENDED;
  effect_finish(&x->base.effect);
}

static void end_failing(uv_timer_t *soon)
{
  struct http_curl *h = soon->data;
  while (h->failing) {
    struct exchange *x = h->failing;
    h->failing = x->next_failing;
    end(x);
  }
}

static void fail_soon(struct exchange *x)
{
  x->state = FAILING;
  x->next_failing = x->http->failing;
  x->http->failing = x;
  uv_timer_start(&x->http->soon, end_failing, 0, 0);
}

static bool is_repeatable(const char *method)
{
  return strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
}

/* A request that may have been applied although no reply came is "unknown". */
static void lost_reply(struct exchange *x, const char *code, const char *what)
{
  bool safe = is_repeatable(x->method);
  fault_set(&x->base.fault, code, safe ? "transient" : "unknown", "%s %s: %s (%s)", x->method,
            x->host, what, x->reason);
  if (!safe)
    fault_hint(&x->base.fault, "the request may have been applied: look before sending it again");
}

static void timed_out(struct exchange *x, bool connected)
{
  if (connected) {
    lost_reply(x, "http-timeout", "no complete answer in time");
    return;
  }
  fault_set(&x->base.fault, "http-connect-timeout", "transient",
            "%s %s: no connection in time (%s)", x->method, x->host, x->reason);
}

static void set_fault(struct exchange *x, CURLcode code)
{
  struct fault *f = &x->base.fault;
  curl_off_t connected = 0;
  curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
  if (!x->reason[0])
    snprintf(x->reason, sizeof x->reason, "%s", curl_easy_strerror(code));
  switch (code) {
  case CURLE_COULDNT_CONNECT:
    fault_set(f, "http-refused", "transient", "%s %s: no connection (%s)", x->method, x->host,
              x->reason);
    break;
  case CURLE_OPERATION_TIMEDOUT:
    timed_out(x, connected > 0);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    fault_set(f, "http-tls", "pending", "%s %s: the TLS handshake failed (%s)", x->method, x->host,
              x->reason);
    break;
  case CURLE_PEER_FAILED_VERIFICATION:
    fault_set(f, "http-certificate", "fatal", "%s %s: the certificate is not valid (%s)",
              x->method, x->host, x->reason);
    break;
  case CURLE_WRITE_ERROR:
    fault_set(f, "http-too-large", "fatal", "%s %s: the answer is larger than %zu bytes",
              x->method, x->host, x->base.body.limit);
    fault_hint(f, "raise max_body if so much is expected");
    break;
  case CURLE_OUT_OF_MEMORY:
    fault_set(f, "out-of-memory", "fatal", "%s %s: not enough memory", x->method, x->host);
    break;
  default:
    lost_reply(x, "http-lost", connected > 0 ? "the connection broke" : "no exchange");
  }
}

static double timing(CURL *easy, CURLINFO info)
{
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, info, &microseconds);
  return (double)microseconds / 1e6;
}

static void record(struct exchange *x)
{
  struct http_exchange *e = &x->base;
  long status = 0, version = 0, port = 0;
  const char *address = NULL;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
  curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &address);
  curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_PORT, &port);
  e->status = (int)status;
  snprintf(e->protocol, sizeof e->protocol, "%s",
           version == CURL_HTTP_VERSION_2_0 ? "2" : version == CURL_HTTP_VERSION_1_0 ? "1.0" : "1.1");
  if (address && *address)
    snprintf(e->address, sizeof e->address, "%.45s:%ld", address, port);
  double dns = e->timing.dns;  /* spent before curl began */
  e->timing.connect = dns + timing(x->easy, CURLINFO_CONNECT_TIME_T);
  e->timing.tls = x->https ? dns + timing(x->easy, CURLINFO_APPCONNECT_TIME_T) : 0;
  e->timing.first_byte = dns + timing(x->easy, CURLINFO_STARTTRANSFER_TIME_T);
  e->timing.total = clock_seconds() - x->started;
}

static void take_finished(struct http_curl *h)
{
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(h->multi, &left))) {
    struct exchange *x;
    CURLcode code = m->data.result;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
    curl_multi_remove_handle(h->multi, x->easy);
    record(x);
    if (code != CURLE_OK)
      set_fault(x, code);
    end(x);
  }
}

/* ---- curl's sockets and timer on the loop ---------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
  struct http_curl *h = timer->data;
  int running;
  curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  take_finished(h);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
  struct watch *w = poll->data;
  struct http_curl *h = w->http;
  int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(h->multi, w->socket, flags, &running);
  take_finished(h);
}

static void watch_closed(uv_handle_t *poll)
{
  free(poll->data);
}

static struct watch *new_watch(struct http_curl *h, curl_socket_t socket)
{
  struct watch *w = calloc(1, sizeof *w);
  if (!w)
    return NULL;
  *w = (struct watch){.http = h, .socket = socket};
  if (uv_poll_init_socket(h->loop, &w->poll, socket) != 0) {
    free(w);
    return NULL;
  }
  w->poll.data = w;
  curl_multi_assign(h->multi, socket, w);
  return w;
}

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *http, void *watch)
{
  struct http_curl *h = http;
  struct watch *w = watch;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (w) {
      curl_multi_assign(h->multi, socket, NULL);
      uv_close((uv_handle_t *)&w->poll, watch_closed);
    }
    return 0;
  }
  if (!w && !(w = new_watch(h, socket)))
    return -1;
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  uv_poll_start(&w->poll, events, on_socket);
  return 0;
}

static int timer_wanted(CURLM *multi, long milliseconds, void *http)
{
  struct http_curl *h = http;
  (void)multi;
  if (milliseconds < 0)
    uv_timer_stop(&h->timer);
  else
    uv_timer_start(&h->timer, on_timer, (uint64_t)milliseconds, 0);
  return 0;
}

static bool ready(struct http_curl *h)
{
  if (h->multi)
    return true;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  h->multi = curl_multi_init();
  if (!h->multi)
    return false;
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
  return true;
}

/* ---- what arrives --------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
  struct exchange *x = arg;
  buf_add(&x->base.body, data, size * n);
  return buf_ok(&x->base.body) ? size * n : 0;
}

/* Keeps "name: value\n" of the final answer; a status line begins a new answer. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
  struct exchange *x = arg;
  struct buf *b = &x->base.headers;
  size_t len = size * n;
  const char *colon = memchr(data, ':', len);
  if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
    b->len = 0;
  else if (colon) {
    size_t value_len = len;
    while (value_len && (data[value_len - 1] == '\n' || data[value_len - 1] == '\r'))
      value_len--;
    for (const char *c = data; c < colon; c++)
      buf_add_char(b, (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c));
    buf_add(b, colon, (size_t)(data + value_len - colon));
    buf_add_char(b, '\n');
  }
  return buf_ok(b) ? len : 0;
}

/* ---- the request ---------------------------------------------------------------------------- */

static bool add_line(struct curl_slist **list, const char *line)
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
    if (strncasecmp(*headers, name, n) == 0 && (*headers)[n] == ':')
      return true;
  return false;
}

static bool set_headers(struct exchange *x, const char *const *headers)
{
  bool ok = add_line(&x->headers, "Expect:");
  if (!has_header(headers, "user-agent"))
    ok = ok && add_line(&x->headers, "User-Agent: davit/" DAVIT_VERSION);
  if (!has_header(headers, "content-type"))  /* curl would claim a form */
    ok = ok && (x->mime || add_line(&x->headers, "Content-Type:"));
  for (const char *const *h = headers; ok && h && *h; h++)
    ok = add_line(&x->headers, *h);
  curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
  return ok;
}

static bool set_parts(struct exchange *x, const struct http_request *r)
{
  x->mime = curl_mime_init(x->easy);
  for (size_t i = 0; x->mime && i < r->part_count; i++) {
    const struct http_part *p = &r->parts[i];
    curl_mimepart *part = curl_mime_addpart(x->mime);
    if (!part || curl_mime_name(part, p->name) != CURLE_OK ||
        curl_mime_data(part, p->data, p->len) != CURLE_OK ||
        (p->filename && curl_mime_filename(part, p->filename) != CURLE_OK) ||
        (p->type && curl_mime_type(part, p->type) != CURLE_OK))
      return false;
  }
  return x->mime && curl_easy_setopt(x->easy, CURLOPT_MIMEPOST, x->mime) == CURLE_OK;
}

/* Without a body these say so, "Content-Length: 0": servers may insist on it. */
static bool expects_body(const char *method)
{
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static bool set_body(struct exchange *x, const struct http_request *r)
{
  if (r->parts)
    return set_parts(x, r);
  if (!r->body && !expects_body(r->method))
    return true;
  buf_add(&x->body, r->body, r->body_len);
  curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, buf_str(&x->body));
  curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
  return buf_ok(&x->body);
}

static bool configure(struct exchange *x, const struct http_request *r)
{
  CURL *e = x->easy;
  curl_easy_setopt(e, CURLOPT_PRIVATE, x);
  curl_easy_setopt(e, CURLOPT_URL, r->url);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(e, CURLOPT_PIPEWAIT, r->fresh ? 0L : 1L);
  curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_FORBID_REUSE, r->fresh ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->reason);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
  if (x->http->config->ca_file)
    curl_easy_setopt(e, CURLOPT_CAINFO, x->http->config->ca_file);
  bool ok = set_body(x, r) && set_headers(x, r->headers);
  if (strcmp(r->method, "HEAD") == 0)
    curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
  return ok && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
}

/* ---- finding the host -------------------------------------------------------------------------- */

/* host, port and https of the URL; false: it is no http(s) URL. */
static bool parse_url(struct exchange *x, const char *url)
{
  CURLU *u = curl_url();
  char *scheme = NULL, *host = NULL, *port = NULL;
  bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
            (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
  if (ok) {
    x->https = strcasecmp(scheme, "https") == 0;
    x->port = atoi(port);
    x->host = strdup(host);
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(u);
  return ok && x->host;
}

static bool is_address(const char *host)
{
  unsigned char bytes[16];
  return host[0] == '[' || uv_inet_pton(2 /* AF_INET */, host, bytes) == 0;
}

static long milliseconds(double seconds)
{
  enum { LONGEST = 1000000 };  /* seconds: libcurl takes no more than fits an int */
  return seconds <= 0 ? 1 : (long)(fmin(seconds, LONGEST) * 1000) + 1;
}

/* The times count from the start; the look-up has used up some of them. */
static void set_timeouts(struct exchange *x, double spent)
{
  curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(x->connect_timeout - spent));
  curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, milliseconds(x->timeout - spent));
}

static void transfer(struct exchange *x)
{
  x->base.timing.dns = clock_seconds() - x->started;
  set_timeouts(x, x->base.timing.dns);
  curl_easy_setopt(x->easy, CURLOPT_RESOLVE, x->resolve);
  if (curl_multi_add_handle(x->http->multi, x->easy) == CURLM_OK) {
    x->state = TRANSFERRING;
    return;
  }
  fault_set(&x->base.fault, "out-of-memory", "fatal", "%s %s: curl took no more transfers",
            x->method, x->host);
  fail_soon(x);
}

/* "+host:port:address,…": curl forgets it with its cache, unlike an entry without the plus. */
static bool hand_over(struct exchange *x)
{
  struct buf line;
  const char *separator = "";
  buf_init(&line, 4096);
  buf_printf(&line, "+%s:%d:", x->host, x->port);
  for (size_t i = 0; i < x->lookup->count; i++) {
    const struct dns_answer *a = &x->lookup->answers[i];
    if (strcmp(a->type, "A") != 0 && strcmp(a->type, "AAAA") != 0)
      continue;
    buf_printf(&line, strcmp(a->type, "AAAA") == 0 ? "%s[%s]" : "%s%s", separator, a->data);
    separator = ",";
  }
  bool ok = *separator && buf_ok(&line) && add_line(&x->resolve, buf_str(&line));
  buf_free(&line);
  return ok;
}

static bool look_up(struct exchange *x, const char *type);

static void looked_up(void *arg)
{
  struct exchange *x = arg;
  const struct fault *f = &x->lookup->fault;
  if (f->code && strcmp(f->code, "dns-no-data") == 0 && !x->asked_ipv6) {
    x->asked_ipv6 = true;
    effect_free(&x->lookup->effect);
    x->lookup = NULL;
    if (look_up(x, "AAAA"))
      return;
  } else if (f->code) {
    x->base.fault = *f;
    fault_set(&x->base.fault, f->code, f->class, "%s %s: %s", x->method, x->host, f->message);
    end(x);
    return;
  } else if (hand_over(x)) {
    transfer(x);
    return;
  }
  fault_set(&x->base.fault, "dns-failed", "transient", "%s %s: no address", x->method, x->host);
  end(x);
}

static bool look_up(struct exchange *x, const char *type)
{
  enum { LONGEST = 3600 };
  double left = fmin(x->connect_timeout, x->timeout) - (clock_seconds() - x->started);
  struct dns_question q = {.name = x->host, .type = type, .timeout = fmax(0, fmin(left, LONGEST))};
  x->lookup = x->http->dns->start(x->http->dns, &q, looked_up, x);
  return x->lookup != NULL;
}

/* With --local: the connection goes to loopback, whatever address the name has. */
static bool map_to_loopback(struct exchange *x)
{
  const struct real_config *c = x->http->config;
  if (!c->local || is_address(x->host) || real_is_localhost(x->host))
    return true;
  char line[512];
  snprintf(line, sizeof line, "%.255s:%d:127.0.0.1:%d", x->host, x->port,
           x->https ? c->https_port : c->http_port);
  if (!add_line(&x->connect_to, line))
    return false;
  curl_easy_setopt(x->easy, CURLOPT_CONNECT_TO, x->connect_to);
  return true;
}

/* ---- the interface ---------------------------------------------------------------------------- */

static void forget_failing(struct exchange *x)
{
  struct exchange **p = &x->http->failing;
  while (*p != x)
    p = &(*p)->next_failing;
  *p = x->next_failing;
}

static void free_secret_list(struct curl_slist *list)
{
  for (struct curl_slist *l = list; l; l = l->next)
    wipe(l->data, strlen(l->data));
  curl_slist_free_all(list);
}

static void destroy(struct effect *e)
{
  struct exchange *x = (struct exchange *)e;
  if (x->state == FAILING)
    forget_failing(x);
  if (x->state == TRANSFERRING)
    curl_multi_remove_handle(x->http->multi, x->easy);
  if (x->lookup)
    effect_free(&x->lookup->effect);
  curl_easy_cleanup(x->easy);
  curl_mime_free(x->mime);
  free_secret_list(x->headers);
  curl_slist_free_all(x->resolve);
  curl_slist_free_all(x->connect_to);
  buf_wipe(&x->body);
  buf_wipe(&x->base.body);
  buf_free(&x->base.headers);
  free(x->host);
  free(x->method);
  free(x);
}

/* Begins the exchange, or says in the fault why it cannot. False: out of memory. */
static bool begin(struct exchange *x, const struct http_request *r)
{
  if (!parse_url(x, r->url)) {
    fault_set(&x->base.fault, "http-url", "misuse", "not an http or https URL: %.200s", r->url);
    fail_soon(x);
    return true;
  }
  if (!real_allows(x->http->config, x->host)) {
    fault_set(&x->base.fault, "not-local", "fatal", "%s %s: --local has no stand-in for this host",
              x->method, x->host);
    fault_hint(&x->base.fault, "only the project's zone and the modelled services are reachable");
    fail_soon(x);
    return true;
  }
  if (!configure(x, r) || !map_to_loopback(x))
    return false;
  if (!is_address(x->host))
    return look_up(x, "A");
  transfer(x);
  return true;
}

static struct http_exchange *start(struct world_http *base, const struct http_request *r,
                                   effect_done *done, void *arg)
{
  struct http_curl *h = (struct http_curl *)base;
  struct exchange *x = ready(h) ? calloc(1, sizeof *x) : NULL;
  if (!x)
    return NULL;
  x->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  x->http = h;
  x->state = ENDED;
  x->started = clock_seconds();
  x->connect_timeout = r->timeouts.connect;
  x->timeout = r->timeouts.total;
  x->easy = curl_easy_init();
  x->method = strdup(r->method);
  buf_init(&x->body, BUF_LIMIT);
  buf_init(&x->base.body, r->max_body);
  buf_init(&x->base.headers, 256 << 10);
  if (x->easy && x->method) {
    x->state = LOOKING_UP;
    if (begin(x, r))
      return &x->base;
    x->state = ENDED;
  }
  destroy(&x->base.effect);
  return NULL;
}

struct world_http *http_curl_new(uv_loop_t *loop, const struct real_config *config,
                                 struct world_dns *dns)
{
  struct http_curl *h = calloc(1, sizeof *h);
  if (!h)
    return NULL;
  *h = (struct http_curl){.base = {start}, .loop = loop, .config = config, .dns = dns};
  uv_timer_init(loop, &h->timer);
  uv_timer_init(loop, &h->soon);
  h->timer.data = h->soon.data = h;
  return &h->base;
}

static void soon_closed(uv_handle_t *soon)
{
  free(soon->data);
}

static void timer_closed(uv_handle_t *timer)
{
  struct http_curl *h = timer->data;
  uv_close((uv_handle_t *)&h->soon, soon_closed);
}

void http_curl_free(struct world_http *base)
{
  struct http_curl *h = (struct http_curl *)base;
  if (!h)
    return;
  curl_multi_cleanup(h->multi);
  uv_close((uv_handle_t *)&h->timer, timer_closed);
}
