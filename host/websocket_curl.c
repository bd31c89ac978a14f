/* websocket_curl.c - WebSockets of the client: a connection as HTTP makes it, our own handshake on it,
 * then a session.
 *
 * States: CONNECTING -> SHAKING -> OPENED, REFUSING in between when the server answers otherwise and
 * the beginning of its text is read, or ENDED with a fault.
 * Ownership: the connection is the opening's until the session has it as its transport.
 * Invariants: 1. done() runs from the timer or from the connection's own end, and is the last thing
 *                that happens there: the opening may be gone.
 *             2. the poll is closed before somebody else watches the socket, or it is closed. */
#include "http_connection.h"
#include "real.h"
#include "websocket_session.h"
#include "websocket_upgrade.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXCERPT = 500 };
#define GRACE 0.5  /* seconds to read the text of a refusal */

enum state { CONNECTING, SHAKING, REFUSING, OPENED, ENDED };

struct websocket_curl {
  struct world_websocket base;
  uv_loop_t *loop;
  struct world_http *http;
};

struct opening {
  struct websocket_connect base;
  struct websocket_curl *world;
  enum state state;
  struct http_exchange *connection;
  uv_poll_t poll;
  uv_timer_t timer;
  bool watched, unwatched;       /* the handles are open; libuv has let go of the poll */
  bool freed;
  double timeout, started;       /* of uv_hrtime, in seconds */
  struct websocket_limits limits;
  char *about, *protocols;       /* as errors name it: host, port and path */
  char key[UPGRADE_KEY + 1];
  struct upgrade_answer answer;
  struct buf out, in;
};

static double seconds_now(void)
{
  return (double)uv_hrtime() / 1e9;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void timer_closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void poll_closed(uv_handle_t *poll)
{
  struct opening *o = poll->data;
  o->unwatched = true;
  if (o->freed)
    uv_close((uv_handle_t *)&o->timer, timer_closed);
}

static void unwatch(struct opening *o)
{
  if (!uv_is_closing((uv_handle_t *)&o->poll))
    uv_close((uv_handle_t *)&o->poll, poll_closed);
}

static void on_end(uv_timer_t *timer)
{
  struct opening *o = timer->data;
  effect_finish(&o->base.effect);
}

static void end(struct opening *o)
{
  o->state = o->base.fault.code ? ENDED : OPENED;
  unwatch(o);
  uv_timer_start(&o->timer, on_end, 0, 0);
}

static void fail(struct opening *o, const char *code, const char *class, const char *what)
{
  char tried[HTTP_WHAT];
  fault_set(&o->base.fault, code, class, "%s: %s",
            http_what(tried, sizeof tried, "WebSocket", o->about, o->base.address), what);
}

static const char *class_of(int status)
{
  return status == 429 ? "throttled" : status >= 500 ? "transient" : "fatal";
}

static const char *advice(int status)
{
  switch (status) {
  case 301: case 302: case 307: case 308: return "redirects are not followed: ask for the URL it leads to";
  case 401: case 403: return "look at the credentials in the headers, and at the origin";
  case 404: return "there is no WebSocket at this path";
  case 426: return "the server wants another version of the protocol";
  default: return "the server took it for an ordinary request, or refuses";
  }
}

/* The beginning of the server's text, on one line. */
static void take_excerpt(struct opening *o)
{
  size_t n = o->in.len - o->answer.head, room = sizeof o->base.body - 1;
  char *to = o->base.body;
  n = n < room ? n : room;
  memcpy(to, o->in.data + o->answer.head, n);
  to[n] = 0;
  for (char *c = to; *c; c++)
    if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
      *c = ' ';
}

static void refused(struct opening *o)
{
  char what[300];
  int status = o->base.status = o->answer.status;
  o->base.phase = HTTP_BODY;
  take_excerpt(o);
  snprintf(what, sizeof what, o->base.body[0] ? "the server answered %d: %.160s%s" : "the server answered %d%s%s", status,
           o->base.body, cut_mark(o->base.body, 160));
  fail(o, "websocket-refused", class_of(status), what);
  fault_hint(&o->base.fault, "%s", advice(status));
  end(o);
}

/* ---- from the handshake to the session ---------------------------------------------------------- */

static long read_bytes(void *connection, char *to, size_t room)
{
  return http_connection_read(connection, to, room);
}

static long write_bytes(void *connection, const char *data, size_t len)
{
  return http_connection_write(connection, data, len);
}

static void close_connection(void *connection)
{
  effect_free(&((struct http_exchange *)connection)->effect);
}

static void opened(struct opening *o)
{
  struct websocket_transport t = {.fd = http_connection_fd(o->connection), .read = read_bytes,
                                  .write = write_bytes, .close = close_connection, .arg = o->connection};
  struct websocket_session_options so = {
    .limits = o->limits, .about = o->about, .protocol = o->answer.protocol,
    .first = o->in.data + o->answer.head, .first_len = o->in.len - o->answer.head};
  unwatch(o);
  o->base.phase = HTTP_DONE;
  o->base.socket = websocket_session_new(o->world->loop, &t, &so);
  if (o->base.socket)
    o->connection = NULL;
  else
    fail(o, "out-of-memory", "fatal", "not enough memory");
  end(o);
}

/* ---- the handshake ------------------------------------------------------------------------------- */

static void refuse_later(struct opening *o);

static void judge(struct opening *o)
{
  const char *wrong;
  char what[160];
  if (!upgrade_read(&o->in, o->key, o->protocols, &o->answer, &wrong))
    return;
  if (wrong) {
    o->base.phase = HTTP_BODY;
    snprintf(what, sizeof what, "the server %s", wrong);
    fail(o, "websocket-handshake", "fatal", what);
    fault_hint(&o->base.fault, "is it a WebSocket's URL?");
    end(o);
  } else if (o->answer.status == 101) {
    opened(o);
  } else {
    refuse_later(o);
  }
}

static bool text_is_there(const struct opening *o)
{
  size_t n = o->in.len - o->answer.head;
  return n >= EXCERPT || (o->answer.body >= 0 && n >= (size_t)o->answer.body);
}

static void on_timer(uv_timer_t *timer);

static void refuse_later(struct opening *o)
{
  o->state = REFUSING;
  if (text_is_there(o))
    refused(o);
  else
    uv_timer_start(&o->timer, on_timer, (uint64_t)(GRACE * 1000), 0);
}

static void lost(struct opening *o)
{
  o->base.phase = o->in.len ? HTTP_BODY : HTTP_FIRST_BYTE;
  fail(o, "websocket-lost", "transient", "the connection ended before the handshake was answered");
  end(o);
}

static void on_timer(uv_timer_t *timer)
{
  struct opening *o = timer->data;
  char what[96];
  if (o->state == REFUSING) {
    refused(o);
    return;
  }
  o->base.phase = o->in.len ? HTTP_BODY : HTTP_FIRST_BYTE;
  snprintf(what, sizeof what, "the handshake was not answered within %.3g s", o->timeout);
  fail(o, "websocket-timeout", "transient", what);
  end(o);
}

/* False: it has ended. */
static bool read_piece(struct opening *o)
{
  char piece[4096];
  long n = http_connection_read(o->connection, piece, sizeof piece);
  if (n == CONNECTION_LATER)
    return false;
  if (n <= 0) {
    if (o->state == REFUSING)
      refused(o);
    else
      lost(o);
    return false;
  }
  buf_add(&o->in, piece, (size_t)n);
  if (o->state == SHAKING)
    judge(o);
  else if (text_is_there(o))
    refused(o);
  return o->state < OPENED;
}

static bool write_out(struct opening *o)
{
  while (o->out.len > 0) {
    long n = http_connection_write(o->connection, o->out.data, o->out.len);
    if (n == CONNECTION_LATER)
      return true;
    if (n < 0) {
      o->base.phase = HTTP_SEND;
      lost(o);
      return false;
    }
    wipe(o->out.data, (size_t)n);
    buf_drop(&o->out, (size_t)n);
  }
  return true;
}

static void on_events(uv_poll_t *poll, int status, int events)
{
  struct opening *o = poll->data;
  (void)status, (void)events;
  if (!write_out(o))
    return;
  while (read_piece(o))
    continue;
  if (o->state < OPENED)
    uv_poll_start(&o->poll, UV_READABLE | (o->out.len ? UV_WRITABLE : 0), on_events);
}

/* ---- connecting ------------------------------------------------------------------------------------- */

static void take_fault(struct opening *o)
{
  const struct http_exchange *x = o->connection;
  o->base.fault = x->fault;
  o->base.phase = x->phase;
  o->base.detail = x->detail;
  o->state = ENDED;
  effect_finish(&o->base.effect);
}

static void connected(void *opening)
{
  struct opening *o = opening;
  snprintf(o->base.address, sizeof o->base.address, "%s", o->connection->address);
  if (o->connection->fault.code) {
    take_fault(o);
    return;
  }
  if (uv_poll_init(o->world->loop, &o->poll, http_connection_fd(o->connection)) != 0) {
    fail(o, "websocket-lost", "transient", "the connection cannot be watched");
    o->state = ENDED;
    effect_finish(&o->base.effect);
    return;
  }
  uv_timer_init(o->world->loop, &o->timer);
  o->poll.data = o->timer.data = o;
  o->watched = true;
  o->state = SHAKING;
  double left = o->timeout - (seconds_now() - o->started);
  uv_update_time(o->world->loop);
  uv_timer_start(&o->timer, on_timer, left > 0 ? (uint64_t)(left * 1000) + 1 : 0, 0);
  uv_poll_start(&o->poll, UV_READABLE | UV_WRITABLE, on_events);
}

/* ---- the interface -------------------------------------------------------------------------------------- */

static void release(struct opening *o)
{
  websocket_free(o->base.socket);
  if (o->connection)
    effect_free(&o->connection->effect);
  buf_wipe(&o->out);
  buf_wipe(&o->in);
  free(o->about);
  free(o->protocols);
}

static void destroy(struct effect *e)
{
  struct opening *o = (struct opening *)e;
  o->freed = true;
  if (o->watched) {
    uv_timer_stop(&o->timer);
    unwatch(o);
  }
  release(o);
  if (!o->watched)
    free(o);
  else if (o->unwatched)
    uv_close((uv_handle_t *)&o->timer, timer_closed);
}

/* The request as the URL has it. False: out of memory, or no URL, which the connection tells. */
static bool write_request(struct opening *o, const struct websocket_request *r, const char *url)
{
  CURLU *u = curl_url();
  char *path = NULL, *query = NULL, *host = NULL, *port = NULL;
  struct buf target, authority;
  buf_init(&target, 64 << 10);
  buf_init(&authority, 1 << 10);
  if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK) {
    curl_url_get(u, CURLUPART_PATH, &path, 0);
    curl_url_get(u, CURLUPART_QUERY, &query, 0);
    curl_url_get(u, CURLUPART_HOST, &host, CURLU_PUNYCODE);
    curl_url_get(u, CURLUPART_PORT, &port, 0);
  }
  buf_printf(&target, query ? "%s?%s" : "%s", path ? path : "/", query);
  buf_printf(&authority, port ? "%s:%s" : "%s", host ? host : "", port);
  struct upgrade_request request = {.target = buf_str(&target), .host = buf_str(&authority), .key = o->key,
                                    .protocols = r->protocols, .headers = r->headers};
  upgrade_write(&o->out, &request);
  bool ok = u && buf_ok(&target) && buf_ok(&authority) && buf_ok(&o->out);
  curl_free(path);
  curl_free(query);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(u);
  buf_free(&target);
  buf_free(&authority);
  return ok;
}

/* "wss://…" as "https://…", on which everything is made. */
static bool http_url(struct buf *out, const char *url)
{
  buf_printf(out, "%s", strncasecmp(url, "ws", 2) == 0 ? "http" : "");
  buf_add_str(out, url + (out->len ? 2 : 0));
  return buf_ok(out);
}

static bool begin(struct opening *o, const struct websocket_request *r)
{
  struct buf url;
  int len;
  const char *place = http_place(r->url, &len);
  buf_init(&url, 64 << 10);
  struct http_request q = {.method = "WebSocket", .url = "", .route = r->route,
                           .timeouts = {.total = r->timeout}};
  o->about = strndup(place, (size_t)len);
  o->protocols = copy_str(r->protocols);
  bool ok = http_url(&url, r->url) && upgrade_key(o->key) && write_request(o, r, buf_str(&url)) &&
            o->about && !!o->protocols == !!r->protocols;
  q.url = buf_str(&url);
  if (ok)
    o->connection = http_connection_start(o->world->http, &q, connected, o);
  buf_free(&url);
  return o->connection != NULL;
}

static struct websocket_connect *start(struct world_websocket *base, const struct websocket_request *r,
                                       effect_done *done, void *arg)
{
  struct opening *o = calloc(1, sizeof *o);
  if (!o)
    return NULL;
  o->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  o->world = (struct websocket_curl *)base;
  o->timeout = r->timeout;
  o->started = seconds_now();
  o->limits = r->limits;
  buf_init(&o->out, 2 << 20);
  buf_init(&o->in, 2 * UPGRADE_HEAD_MAX);
  if (begin(o, r))
    return &o->base;
  destroy(&o->base.effect);
  return NULL;
}

struct world_websocket *websocket_curl_new(uv_loop_t *loop, struct world_http *http)
{
  struct websocket_curl *w = malloc(sizeof *w);
  if (w)
    *w = (struct websocket_curl){.base = {start}, .loop = loop, .http = http};
  return &w->base;
}

void websocket_curl_free(struct world_websocket *w)
{
  free(w);
}
