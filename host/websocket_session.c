/* websocket_session.c - frames between a transport and whoever reads and writes messages.
 *
 * pump() moves bytes both ways as far as they go, judges how things stand, sets what the loop
 * watches, and tells those that wait. Nothing is read while too much waits to be taken or to be
 * sent: then the peer is held up by its own connection. After a mistake of the peer our close is
 * sent and what still comes is read away, so that it is not lost in a reset; the session has ended
 * for its owner by then.
 *
 * States: OPEN -> CLOSING (we said close) -> ENDED -> GONE (the transport is closed), or straight on.
 * Ownership: the owner has the session until free; its memory goes when libuv lets go of the handles.
 * Invariants: 1. done() of a wait runs from the loop or from another call than the one that began it.
 *             2. the transport is closed exactly in state GONE. */
#include "websocket_session.h"
#include "websocket_frames.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { PIECE = 16 << 10, OUTPUT_MAX = 256 << 10, ROUNDS = 16 };
#define LINGER 2.0  /* seconds to read away what comes after a mistake */

enum state { OPEN, CLOSING, ENDED, GONE };

struct wait {
  struct effect effect;
  struct session *session;  /* NULL: it is gone */
  enum websocket_event event;
  struct wait *next;
};

struct session {
  struct websocket base;
  enum state state;
  struct websocket_transport transport;
  struct frames *frames;
  struct websocket_limits limits;
  uv_poll_t poll;
  uv_timer_t timer;         /* the next ping; of a close, its end; of a mistake, the end of reading away */
  uint64_t heard;           /* of the loop's clock: when something last came */
  bool pinged;              /* since then */
  double closing;           /* seconds that the close may take */
  struct wait *waits;
  bool unwatched, freed;    /* libuv has let go of the poll; the owner has let go of the session */
  char about[128];
};

/* ---- those that wait ------------------------------------------------------------------------- */

static size_t to_send(const struct session *s)
{
  size_t len;
  frames_output(s->frames, &len);
  return len;
}

static bool ready(const struct websocket *ws, enum websocket_event event)
{
  const struct session *s = (const struct session *)ws;
  if (ws->end.ended)
    return true;
  switch (event) {
  case WEBSOCKET_RECEIVED: return frames_have_message(s->frames);
  case WEBSOCKET_DRAINED: return to_send(s) == 0;
  default: return false;
  }
}

static void notify(struct session *s)
{
  struct wait **at = &s->waits;
  while (*at) {
    struct wait *w = *at;
    if (!ready(&s->base, w->event)) {
      at = &w->next;
      continue;
    }
    *at = w->next;
    w->session = NULL;
    effect_finish(&w->effect);
    at = &s->waits;
  }
}

static void destroy_wait(struct effect *e)
{
  struct wait *w = (struct wait *)e;
  if (w->session) {
    struct wait **at = &w->session->waits;
    while (*at != w)
      at = &(*at)->next;
    *at = w->next;
  }
  free(w);
}

static struct effect *wait_for(struct websocket *ws, enum websocket_event event, effect_done *done, void *arg)
{
  struct session *s = (struct session *)ws;
  struct wait *w = calloc(1, sizeof *w);
  if (!w)
    return NULL;
  *w = (struct wait){.effect = {.destroy = destroy_wait, .done = done, .arg = arg}, .session = s,
                     .event = event, .next = s->waits};
  s->waits = w;
  return &w->effect;
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void arm(struct session *s);

static void timer_closed(uv_handle_t *timer)
{
  struct session *s = timer->data;
  frames_free(s->frames);
  free(s);
}

static void poll_closed(uv_handle_t *poll)
{
  struct session *s = poll->data;
  s->unwatched = true;
  if (s->freed)
    uv_close((uv_handle_t *)&s->timer, timer_closed);
}

/* The poll goes before its descriptor does, whose number may be another's at once. */
static void leave(struct session *s)
{
  if (s->state == GONE)
    return;
  s->state = GONE;
  uv_timer_stop(&s->timer);
  uv_close((uv_handle_t *)&s->poll, poll_closed);
  s->transport.close(s->transport.arg);
}

static void end_clean(struct session *s)
{
  const struct frames_state *f = frames_state(s->frames);
  struct websocket_end *e = &s->base.end;
  *e = (struct websocket_end){.ended = true, .clean = true, .code = f->code};
  memcpy(e->reason, f->reason, sizeof e->reason);
  s->state = ENDED;
}

static void end_lost(struct session *s, const char *why)
{
  struct websocket_end *e = &s->base.end;
  *e = (struct websocket_end){.ended = true, .code = CLOSE_LOST};
  fault_set(&e->fault, "websocket-lost", "transient", "WebSocket %s: %s", s->about, why);
  fault_hint(&e->fault, "connect again; what came meanwhile has to be asked for");
  leave(s);
}

/* Our close is on its way; what comes is read away for a while. */
static void end_by_mistake(struct session *s)
{
  const struct frames_state *f = frames_state(s->frames);
  struct websocket_end *e = &s->base.end;
  bool large = f->code == CLOSE_TOO_LARGE;
  *e = (struct websocket_end){.ended = true, .code = f->code};
  if (large)
    fault_set(&e->fault, "websocket-too-large", "fatal", "WebSocket %s: the peer sent %s, %zu bytes (closed with %u)",
              s->about, f->mistake, s->limits.max_message, f->code);
  else
    fault_set(&e->fault, "websocket-protocol", "fatal", "WebSocket %s: the peer sent %s (closed with %u)", s->about,
              f->mistake, f->code);
  fault_hint(&e->fault, large ? "raise max_message if so much is expected" : "the peer does not keep to RFC 6455");
  s->state = ENDED;
}

/* ---- moving bytes -------------------------------------------------------------------------------------- */

/* False: the connection is broken, and the session has ended. */
static bool write_out(struct session *s)
{
  size_t len;
  const char *out;
  while (out = frames_output(s->frames, &len), len > 0) {
    long n = s->transport.write(s->transport.arg, out, len);
    if (n == TRANSPORT_LATER)
      return true;
    if (n < 0) {
      if (s->state < ENDED)
        end_lost(s, "the connection broke while something was sent");
      leave(s);
      return false;
    }
    frames_sent(s->frames, (size_t)n);
  }
  return true;
}

static bool may_read(const struct session *s)
{
  if (s->state == ENDED)
    return true;
  return frames_queued(s->frames) < s->limits.max_queued && to_send(s) < OUTPUT_MAX;
}

/* What has ended is told; and what can go on goes on. */
static void judge(struct session *s)
{
  const struct frames_state *f = frames_state(s->frames);
  if (s->state >= ENDED)
    return;
  if (f->failed)
    end_lost(s, "not enough memory");
  else if (f->mistake)
    end_by_mistake(s);
  else if (f->close_received)
    end_clean(s);
}

static void peer_left(struct session *s, bool broken)
{
  if (s->state == OPEN)
    end_lost(s, broken ? "the connection broke" : "the peer ended the connection without a close");
  else if (s->state == CLOSING)
    end_lost(s, "the peer ended the connection and did not answer our close");
  leave(s);
}

/* False: there is nothing more to read now. */
static bool read_piece(struct session *s)
{
  char piece[PIECE];
  long n = s->transport.read(s->transport.arg, piece, sizeof piece);
  if (n == TRANSPORT_LATER)
    return false;
  if (n <= 0) {
    peer_left(s, n != 0);
    return false;
  }
  s->heard = uv_now(s->timer.loop);
  s->pinged = false;
  if (s->state < ENDED)
    frames_put(s->frames, piece, (size_t)n);
  judge(s);
  return true;
}

static void on_events(uv_poll_t *poll, int status, int events);

/* Both have said close, and it is all sent: the client lets the server end the connection, but does
 * not wait for it. */
static bool is_through(const struct session *s)
{
  return s->state == ENDED && s->base.end.clean && to_send(s) == 0;
}

static void pump(struct session *s)
{
  bool more = true;
  judge(s);
  for (int i = 0; i < ROUNDS && more && s->state != GONE && may_read(s); i++)
    more = read_piece(s);
  if (s->state != GONE)
    write_out(s);
  if (is_through(s))
    leave(s);
  if (s->state != GONE) {
    bool soon = to_send(s) > 0 || (more && may_read(s));  // bytes may wait inside the transport
    int events = (may_read(s) ? UV_READABLE : 0) | (soon ? UV_WRITABLE : 0);
    if (events)
      uv_poll_start(&s->poll, events, on_events);
    else
      uv_poll_stop(&s->poll);
    arm(s);
  }
  notify(s);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  pump(poll->data);
}

/* ---- time --------------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void start_timer(struct session *s, double seconds)
{
  uv_timer_start(&s->timer, on_timer, (uint64_t)(seconds * 1000) + 1, 0);
}

/* A close or reading away has begun: its time counts from now, once. Pings are due by what was heard. */
static void arm(struct session *s)
{
  if (s->state == OPEN && s->limits.ping > 0 && !uv_is_active((uv_handle_t *)&s->timer))
    start_timer(s, s->limits.ping);
  else if (s->state == ENDED && s->closing >= 0) {
    s->closing = -1;
    start_timer(s, LINGER);
  }
}

/* While we do not read, silence is ours. */
static void keep_alive(struct session *s)
{
  double silence = (double)(uv_now(s->timer.loop) - s->heard) / 1000;
  char why[96];
  if (!may_read(s)) {
    s->heard = uv_now(s->timer.loop);
    s->pinged = false;
  } else if (s->pinged) {
    snprintf(why, sizeof why, "nothing came for %.3g s, not even the answer to a ping", silence);
    end_lost(s, why);
  } else if (silence >= s->limits.ping) {
    frames_ping(s->frames);
    s->pinged = true;
  } else {
    start_timer(s, s->limits.ping - silence);
  }
  pump(s);
}

static void on_timer(uv_timer_t *timer)
{
  struct session *s = timer->data;
  char why[96];
  if (s->state == OPEN) {
    keep_alive(s);
    return;
  }
  if (s->state == CLOSING) {
    snprintf(why, sizeof why, "the peer did not answer our close within %.3g s", s->closing);
    end_lost(s, why);
  }
  leave(s);
  notify(s);
}

/* ---- the interface ---------------------------------------------------------------------------------------------- */

static struct websocket_message *take(struct websocket *ws)
{
  struct session *s = (struct session *)ws;
  bool held_up = s->state != GONE && !may_read(s);
  struct websocket_message *m = frames_take(s->frames);
  if (held_up && may_read(s))
    pump(s);
  return m;
}

static bool send_message(struct websocket *ws, bool binary, const void *data, size_t len)
{
  struct session *s = (struct session *)ws;
  if (s->state != OPEN)
    return true;
  frames_send(s->frames, binary, data, len);
  if (frames_state(s->frames)->failed)
    return false;
  pump(s);
  return true;
}

static void close_session(struct websocket *ws, unsigned code, const char *reason, double seconds)
{
  struct session *s = (struct session *)ws;
  if (s->state != OPEN)
    return;
  s->state = CLOSING;
  s->closing = seconds;
  frames_close(s->frames, code, reason);
  start_timer(s, seconds);
  pump(s);
}

static void free_session(struct websocket *ws)
{
  struct session *s = (struct session *)ws;
  if (s->state == OPEN) {
    frames_close(s->frames, CLOSE_GOING_AWAY, "");
    s->state = CLOSING;
    write_out(s);
  }
  leave(s);
  s->base.end.ended = true;
  notify(s);
  s->freed = true;
  if (s->unwatched)
    uv_close((uv_handle_t *)&s->timer, timer_closed);
}

void websocket_session_break(struct websocket *ws, const char *why)
{
  struct session *s = (struct session *)ws;
  if (s->state < ENDED)
    end_lost(s, why);
  leave(s);
  notify(s);
}

static struct session *allocate(const struct websocket_transport *t, const struct websocket_session_options *o)
{
  static const struct websocket_kind kind = {take, send_message, close_session, ready, wait_for, free_session};
  struct session *s = calloc(1, sizeof *s);
  struct frames *f = frames_new(o->server, o->limits.max_message);
  if (!s || !f) {
    frames_free(f);
    free(s);
    return NULL;
  }
  s->base.kind = &kind;
  s->transport = *t;
  s->frames = f;
  s->limits = o->limits;
  snprintf(s->about, sizeof s->about, "%s", o->about);
  snprintf(s->base.protocol, sizeof s->base.protocol, "%s", o->protocol);
  return s;
}

struct websocket *websocket_session_new(uv_loop_t *loop, const struct websocket_transport *t,
                                        const struct websocket_session_options *o)
{
  struct session *s = allocate(t, o);
  if (!s || uv_poll_init(loop, &s->poll, t->fd) != 0) {
    if (s)
      frames_free(s->frames);
    free(s);
    return NULL;
  }
  uv_timer_init(loop, &s->timer);
  s->poll.data = s->timer.data = s;
  uv_update_time(loop);
  s->heard = uv_now(loop);
  frames_put(s->frames, o->first, o->first_len);
  uv_poll_start(&s->poll, UV_READABLE | UV_WRITABLE, on_events);
  return &s->base;
}
