/* http_curl.c - HTTP exchanges on libcurl, driven by the loop: the life of an exchange.
 * http_curl.h has the states, the invariants and the other files. */
#include "http_curl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

double http_seconds(void)
{
  return (double)uv_hrtime() / 1e9;
}

double http_now(const struct http_curl *h)
{
  return (double)uv_now(h->loop) / 1e3;
}

/* ---- the end ---------------------------------------------------------------------------------- */

void exchange_end(struct exchange *x)
{
  x->state = ENDED;
  effect_finish(&x->base.effect);
}

static double timing(CURL *easy, CURLINFO info)
{
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, info, &microseconds);
  return (double)microseconds / 1e6;
}

static double since_start(const struct exchange *x, CURLINFO info)
{
  double t = timing(x->easy, info);
  return t > 0 ? x->base.timing.dns + t : 0;
}

static void record_timing(struct exchange *x)
{
  struct http_timing *t = &x->base.timing;
  t->connect = since_start(x, CURLINFO_CONNECT_TIME_T);
  if (t->connect <= 0 && x->handshake > 0)
    t->connect = x->handshake - x->started;
  t->tls = x->https ? since_start(x, CURLINFO_APPCONNECT_TIME_T) : 0;
  t->first_byte = x->first_byte > 0 ? x->first_byte - x->started : 0;
  t->total = http_seconds() - x->started;
}

static const char *protocol_name(long version)
{
  return version == CURL_HTTP_VERSION_2_0 ? "2" : version == CURL_HTTP_VERSION_1_1 ? "1.1"
         : version == CURL_HTTP_VERSION_1_0 ? "1.0" : "";
}

/* "192.0.2.1:443", "[2001:db8::1]:443". */
static void set_address(struct http_exchange *e, const char *host, unsigned port)
{
  enum { LONGEST = 45 };
  bool bare = strchr(host, ':') && *host != '[';
  size_t len = strnlen(host, LONGEST);
  char *at = e->address, digits[8];
  int n = 0;
  do
    digits[n++] = (char)('0' + port % 10);
  while ((port /= 10) && n < (int)sizeof digits);
  if (bare)
    *at++ = '[';
  memcpy(at, host, len);
  at += len;
  if (bare)
    *at++ = ']';
  *at++ = ':';
  while (n > 0)
    *at++ = digits[--n];
  *at = 0;
}

static void record_connection(struct exchange *x)
{
  struct http_exchange *e = &x->base;
  long version = 0, port = 0, made = 0;
  const char *address = NULL;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
  curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &made);
  curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &address);
  curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_PORT, &port);
  strcpy(e->protocol, protocol_name(version));
  if (address && *address)
    set_address(e, address, (unsigned)port);
  else if (x->candidate[0])
    set_address(e, x->candidate, (unsigned)x->target_port);
  e->reused = made == 0 && timing(x->easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
}

static void stop(struct exchange *x, bool keep)
{
  x->base.phase = exchange_phase(x);
  exchange_stop_timer(x);
  x->connected = keep;
  if (!keep)
    curl_multi_remove_handle(x->http->multi, x->easy);
  http_loop_count(x->http, -1);
  x->state = ENDING;
  record_timing(x);
  record_connection(x);
}

void exchange_stop(struct exchange *x)
{
  stop(x, false);
}

void exchange_finish(struct exchange *x, CURLcode code)
{
  stop(x, x->connection && code == CURLE_OK);
  if (code != CURLE_OK)
    exchange_set_fault(x, code);
  else if (x->proxy[0] && x->base.status == 407)
    exchange_set_proxy_fault(x, 407);
  else if (!exchange_gzip_is_whole(x))
    exchange_lost(x, "http-lost", "the compressed answer was cut off");
  else
    x->base.phase = HTTP_DONE;
  exchange_end(x);
}

/* ---- the next turn of the loop ------------------------------------------------------------------ */

/* A part whose source said HTTP_LATER while curl had bytes of the parts before it stays paused,
 * and only curl's own pause ends that. Curl does not end a transfer whose sink fails now: we do. */
static void unpause(struct exchange *x)
{
  if (x->state != TRANSFERRING)
    return;
  x->paused = false;
  x->active = http_seconds();
  CURLcode code = x->mime ? curl_easy_pause(x->easy, CURLPAUSE_SEND) : CURLE_OK;
  if (code == CURLE_OK)
    code = curl_easy_pause(x->easy, CURLPAUSE_CONT);
  if (code != CURLE_OK)
    exchange_finish(x, code);
}

/* Serves what stands in the queue now; what is queued meanwhile waits for its own turn. */
static void on_turn(uv_timer_t *turn)
{
  struct http_curl *h = turn->data;
  struct exchange *x;
  int waiting = 0;
  TAILQ_FOREACH(x, &h->soon, next)
    waiting++;
  while (waiting-- > 0 && (x = TAILQ_FIRST(&h->soon))) {
    TAILQ_REMOVE(&h->soon, x, next);
    x->queued = false;
    if (x->state == ENDING)
      exchange_end(x);
    else
      unpause(x);
  }
}

static void queue(struct exchange *x)
{
  if (x->queued)
    return;
  x->queued = true;
  TAILQ_INSERT_TAIL(&x->http->soon, x, next);
  uv_timer_start(&x->http->turn, on_turn, 0, 0);
}

static void unqueue(struct exchange *x)
{
  if (x->queued)
    TAILQ_REMOVE(&x->http->soon, x, next);
  x->queued = false;
}

void exchange_end_soon(struct exchange *x)
{
  x->base.timing.total = http_seconds() - x->started;
  x->state = ENDING;
  queue(x);
}

static void resume(struct http_exchange *e)
{
  struct exchange *x = (struct exchange *)e;
  if (x->state == TRANSFERRING)
    queue(x);
}

/* ---- the beginning ------------------------------------------------------------------------------- */

void exchange_transfer(struct exchange *x)
{
  x->transferred = http_seconds();
  x->base.timing.dns = x->transferred - x->started;
  curl_easy_setopt(x->easy, CURLOPT_RESOLVE, x->resolve);
  curl_easy_setopt(x->easy, CURLOPT_CONNECT_TO, x->connect_to);
  if (exchange_watch_time(x) && curl_multi_add_handle(x->http->multi, x->easy) == CURLM_OK) {
    x->state = TRANSFERRING;
    http_loop_count(x->http, 1);
    return;
  }
  exchange_stop_timer(x);
  exchange_fail(x, "out-of-memory", "fatal", "curl took no more transfers");
  exchange_end_soon(x);
}

/* Begins the exchange, or says in the fault why it cannot. False: out of memory. */
static bool begin(struct exchange *x, const struct http_request *r)
{
  struct fault *f = &x->base.fault;
  if (!exchange_parse_url(x, r->url)) {
    http_url_fault(f, r->method, http_shown(r));
  } else if (!real_allows(x->http->config, x->host)) {
    exchange_fail(x, "not-local", "fatal", "--local has no stand-in for this host");
    fault_hint(f, "only the project's zone and the modelled services are reachable");
  } else if (!exchange_configure(x, r)) {
    return false;
  } else if (!f->code) {
    return exchange_find_host(x);
  }
  exchange_end_soon(x);
  return true;
}

/* ---- the interface ---------------------------------------------------------------------------- */

static void free_secret_list(struct curl_slist *list)
{
  for (struct curl_slist *l = list; l; l = l->next)
    wipe(l->data, strlen(l->data));
  curl_slist_free_all(list);
}

static void destroy(struct effect *e)
{
  struct exchange *x = (struct exchange *)e;
  unqueue(x);
  exchange_stop_timer(x);
  if (x->state == TRANSFERRING || x->connected)
    curl_multi_remove_handle(x->http->multi, x->easy);
  if (x->state == TRANSFERRING)
    http_loop_count(x->http, -1);
  for (int i = 0; i < 2; i++)
    if (x->lookup[i])
      effect_free(&x->lookup[i]->effect);
  curl_mime_free(x->mime);
  free(x->outgoing);
  free(x->gzip);
  free_secret_list(x->headers);
  curl_slist_free_all(x->resolve);
  curl_slist_free_all(x->connect_to);
  buf_wipe(&x->body);
  if (x->base.body.plain)
    buf_free(&x->base.body);
  else
    buf_wipe(&x->base.body);
  buf_free(&x->base.headers);
  exchange_set_target(x, NULL);
  free(x->method);
  http_spare_give(x->http, x);
}

struct http_exchange *exchange_start(struct http_curl *h, const struct http_request *r, bool connection,
                                     effect_done *done, void *arg)
{
  struct exchange *x = http_loop_ready(h) ? http_spare_take(h, r->url) : NULL;
  if (!x)
    return NULL;
  x->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  x->http = h;
  x->state = LOOKING_UP;
  x->socket = -1;
  x->started = http_seconds();
  x->timeouts = r->timeouts;
  x->fresh = r->fresh;
  x->connection = connection;
  x->method = strdup(r->method);
  x->shown = r->shown ? strdup(r->shown) : NULL;
  buf_init(&x->body, BUF_LIMIT);
  buf_init(&x->base.body, r->max_body);
  x->base.body.plain = !r->answers_secret;
  buf_init(&x->base.headers, BUF_LIMIT);
  x->base.headers.plain = true;
  if (x->easy && x->method && !x->shown == !r->shown && begin(x, r))
    return &x->base;
  destroy(&x->base.effect);
  return NULL;
}

static struct http_exchange *start(struct world_http *base, const struct http_request *r,
                                   effect_done *done, void *arg)
{
  return exchange_start((struct http_curl *)base, r, false, done, arg);
}

struct world_http *http_curl_new(uv_loop_t *loop, const struct real_config *config,
                                 struct world_dns *dns, struct world_environ *environ)
{
  struct http_curl *h = calloc(1, sizeof *h);
  if (!h)
    return NULL;
  *h = (struct http_curl){.base = {start, resume}, .loop = loop, .config = config, .dns = dns,
                          .environ = environ};
  TAILQ_INIT(&h->soon);
  uv_timer_init(loop, &h->timer);
  uv_timer_init(loop, &h->turn);
  uv_timer_init(loop, &h->clock);
  uv_idle_init(loop, &h->rest);
  h->timer.data = h->turn.data = h->clock.data = h->rest.data = h;
  h->armed = INFINITY;
  h->epoll = -1;
  return &h->base;
}

static void poll_closed(uv_handle_t *poll)
{
  struct http_curl *h = poll->data;
  close(h->epoll);
  free(h);
}

static void rest_closed(uv_handle_t *rest)
{
  struct http_curl *h = rest->data;
  if (h->epoll >= 0)
    uv_close((uv_handle_t *)&h->poll, poll_closed);
  else
    free(h);
}

static void clock_closed(uv_handle_t *clock)
{
  struct http_curl *h = clock->data;
  uv_close((uv_handle_t *)&h->rest, rest_closed);
}

static void turn_closed(uv_handle_t *turn)
{
  struct http_curl *h = turn->data;
  uv_close((uv_handle_t *)&h->clock, clock_closed);
}

static void timer_closed(uv_handle_t *timer)
{
  struct http_curl *h = timer->data;
  uv_close((uv_handle_t *)&h->turn, turn_closed);
}

void http_curl_free(struct world_http *base)
{
  struct http_curl *h = (struct http_curl *)base;
  if (!h)
    return;
  http_loop_close(h);
  timers_free(&h->deadlines);
  http_addresses_free(h);
  uv_close((uv_handle_t *)&h->timer, timer_closed);
}
