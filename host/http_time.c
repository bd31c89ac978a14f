/* http_time.c - the timeouts of an exchange, each counted from where its phase began.
 *
 * One timer an exchange, in one heap, under one timer of the loop. It goes off when the earliest
 * limit could have passed, looks how far the exchange has come, and ends it or sleeps on: an
 * exchange that is quicker than all its limits costs one start and one stop. Nothing has to
 * report when a phase begins, as curl remembers it.
 *
 * Invariant: no limit passes unseen: the timer sleeps at most as long as the shortest limit of
 * the phases that are still to come. */
#include "http_curl.h"
#include <math.h>
#include <stdio.h>

/* ---- the heap on the loop ------------------------------------------------------------------- */

static void on_clock(uv_timer_t *clock);

static void arm(struct http_curl *h)
{
  double next = timers_next(&h->deadlines);
  if (next == INFINITY) {
    uv_timer_stop(&h->clock);
    h->armed = INFINITY;
  } else if (next < h->armed) {
    enum { LONGEST = 1000000 };
    double left = fmin(fmax(next - http_seconds(), 0), LONGEST);
    uv_update_time(h->loop);
    uv_timer_start(&h->clock, on_clock, (uint64_t)ceil(left * 1000), 0);
    h->armed = next;
  }
}

static void on_clock(uv_timer_t *clock)
{
  struct http_curl *h = clock->data;
  h->armed = INFINITY;
  http_loop_take_all(h);  // what is there came in time
  timers_fire(&h->deadlines, http_seconds());
  arm(h);
}

void exchange_stop_timer(struct exchange *x)
{
  if (!x->timer.slot)
    return;
  timer_stop(&x->http->deadlines, &x->timer);
  arm(x->http);
}

/* ---- which limit, counted from when ------------------------------------------------------------ */

/* Limits that have passed, or the moment to look again. */
struct outlook {
  double now, next;
  const char *code;   /* of the limit that has passed, or NULL */
  const char *what;
  double seconds;
};

static void limit(struct outlook *o, double began, double seconds, const char *code, const char *what)
{
  if (seconds <= 0 || o->code)
    return;
  o->next = fmin(o->next, began + seconds);
  if (began + seconds > o->now)
    return;
  o->code = code;
  o->what = what;
  o->seconds = seconds;
}

/* A limit of a phase that may begin at any time from now. */
static void limit_to_come(struct outlook *o, double seconds)
{
  if (seconds > 0)
    o->next = fmin(o->next, o->now + seconds);
}

static double reached_at(const struct exchange *x, CURLINFO info)
{
  curl_off_t microseconds = 0;
  curl_easy_getinfo(x->easy, info, &microseconds);
  return x->transferred + (double)microseconds / 1e6;
}

/* When a byte last went either way. Of a connection that others use too, only what is known to
 * be ours counts. */
static double last_byte(const struct exchange *x)
{
  double at = fmax(reached_at(x, CURLINFO_PRETRANSFER_TIME_T), x->active);
  long version = 0;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
  return version == CURL_HTTP_VERSION_2_0 ? at : fmax(at, http_loop_active(x));
}

static double sent_at(const struct exchange *x)
{
  bool body = x->body.len || x->outgoing;
  return body ? last_byte(x) : reached_at(x, CURLINFO_PRETRANSFER_TIME_T);
}

/* What curl sends from memory passes no callback of ours. */
static void note_upload(struct exchange *x, double now)
{
  curl_off_t sent = 0;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  if ((double)sent == x->uploaded)
    return;
  x->uploaded = (double)sent;
  x->active = now;
}

static void look(const struct exchange *x, enum http_phase phase, struct outlook *o)
{
  const struct http_timeouts *t = &x->timeouts;
  limit(o, x->started, t->total, "http-timeout", "no complete answer");
  if (phase == HTTP_CONNECT)
    limit(o, x->started, t->connect, "http-connect-timeout", "no connection");
  if (phase == HTTP_TLS)
    limit(o, x->handshake, t->tls, "http-tls-timeout", "no TLS handshake");
  else if (phase < HTTP_TLS && x->https)
    limit_to_come(o, t->tls);
  if (phase == HTTP_FIRST_BYTE)
    limit(o, sent_at(x), t->first_byte, "http-first-byte-timeout", "no byte of an answer");
  else if (phase < HTTP_FIRST_BYTE)
    limit_to_come(o, t->first_byte);
  if (phase >= HTTP_SEND && !x->paused)
    limit(o, last_byte(x), t->idle, "http-idle-timeout", "no byte in either direction");
  else
    limit_to_come(o, t->idle);
}

/* ---- the end of patience -------------------------------------------------------------------------- */

static void time_out(struct exchange *x, const struct outlook *o)
{
  exchange_stop(x);
  x->base.reason[0] = 0;
  exchange_timed_out(x, o->code, o->what, o->seconds);
  exchange_end(x);
}

static void on_due(void *arg)
{
  struct exchange *x = arg;
  if (x->state == LOOKING_UP) {
    exchange_settle(x);
    return;
  }
  struct outlook o = {.now = http_seconds(), .next = INFINITY};
  enum http_phase phase = exchange_phase(x);
  if (phase == HTTP_SEND)
    note_upload(x, o.now);
  look(x, phase, &o);
  if (o.code)
    time_out(x, &o);
  else if (o.next != INFINITY)
    exchange_set_timer(x, o.next);  /* has room: it is the one that went off */
}

bool exchange_set_timer(struct exchange *x, double due)
{
  x->timer.fire = on_due;
  x->timer.arg = x;
  if (!timer_start(&x->http->deadlines, &x->timer, due))
    return false;
  arm(x->http);
  return true;
}

bool exchange_watch_time(struct exchange *x)
{
  struct outlook o = {.now = http_seconds(), .next = INFINITY};
  look(x, HTTP_CONNECT, &o);
  if (o.code)
    o.next = o.now;  /* the look-up took it all: ends in the next turn */
  return o.next == INFINITY || exchange_set_timer(x, o.next);
}

/* Curl shares its own limit out among the addresses; the handshake has one of ours. */
void exchange_limit_connect(struct exchange *x, double seconds)
{
  enum { LONGEST = 1000000 };
  double ms = seconds > 0 ? fmin(seconds, LONGEST) * 1000 : (double)LONGEST * 1000;
  curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ms + 1);
}
