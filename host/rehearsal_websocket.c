/* rehearsal_websocket.c - WebSockets whose messages the models have written down beforehand.
 *
 * A model answers the handshake with a script: messages with virtual times, then a close. What is
 * sent is noted and leads to nothing. */
#include "rehearsal_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scripted {
  struct websocket base;
  struct rehearsal *r;
  struct websocket_message *first, **last;
  double *due;               /* of each message, in order, and of the close */
  size_t next, count;        /* the next message; all of them */
  unsigned code;
  char reason[CLOSE_REASON + 1];
};

/* ---- the socket ----------------------------------------------------------------------------- */

/* When the next message or the close comes. */
static double next_due(const struct scripted *s)
{
  return s->due[s->next];
}

static void look(struct scripted *s)
{
  struct websocket_end *e = &s->base.end;
  if (e->ended || s->next < s->count || next_due(s) > s->r->now)
    return;
  *e = (struct websocket_end){.ended = true, .clean = true, .code = s->code};
  memcpy(e->reason, s->reason, sizeof e->reason);
}

static struct websocket_message *take(struct websocket *ws)
{
  struct scripted *s = (struct scripted *)ws;
  look(s);
  if (ws->end.ended || s->next == s->count || next_due(s) > s->r->now)
    return NULL;
  struct websocket_message *m = s->first;
  s->first = m->next;
  s->next++;
  look(s);
  return m;
}

static bool send_message(struct websocket *ws, bool binary, const void *data, size_t len)
{
  struct scripted *s = (struct scripted *)ws;
  (void)data;
  look(s);
  if (!ws->end.ended)
    rehearsal_note(s->r, "websocket sends %s of %zu bytes", binary ? "binary" : "text", len);
  return true;
}

static void close_socket(struct websocket *ws, unsigned code, const char *reason, double seconds)
{
  (void)reason, (void)seconds;
  if (!ws->end.ended)
    ws->end = (struct websocket_end){.ended = true, .clean = true, .code = code};
}

static bool ready(const struct websocket *ws, enum websocket_event event)
{
  const struct scripted *s = (const struct scripted *)ws;
  if (ws->end.ended || event == WEBSOCKET_DRAINED)
    return true;
  return next_due(s) <= s->r->now && (event == WEBSOCKET_RECEIVED || s->next == s->count);
}

static struct effect *wait_for(struct websocket *ws, enum websocket_event event, effect_done *done, void *arg)
{
  struct scripted *s = (struct scripted *)ws;
  struct effect *e = rehearsal_effect(s->r, sizeof *e, done, arg, NULL);
  if (e)
    rehearsal_pending(e)->due = event == WEBSOCKET_ENDED ? s->due[s->count] : next_due(s);
  return e;
}

static void free_socket(struct websocket *ws)
{
  struct scripted *s = (struct scripted *)ws;
  while (s->first) {
    struct websocket_message *m = s->first;
    s->first = m->next;
    free(m);
  }
  free(s->due);
  free(s);
}

/* ---- the script ---------------------------------------------------------------------------------- */

static double field_number(lua_State *L, const char *name, double otherwise)
{
  double n = lua_getfield(L, -1, name) == LUA_TNUMBER ? lua_tonumber(L, -1) : otherwise;
  lua_pop(L, 1);
  return n;
}

/* Adds the message on top. */
static bool add_message(lua_State *L, struct scripted *s, double *at)
{
  size_t len = 0;
  *at += field_number(L, "after", 0);
  lua_getfield(L, -1, "data");
  const char *data = lua_tolstring(L, -1, &len);
  struct websocket_message *m = malloc(sizeof *m + len + 1);
  if (!m)
    return false;
  *m = (struct websocket_message){.len = len};
  memcpy(m->data, data ? data : "", len + 1);
  lua_pop(L, 1);
  lua_getfield(L, -1, "binary");
  m->binary = lua_toboolean(L, -1);
  lua_pop(L, 1);
  s->due[s->next++] = *at;
  *s->last = m;
  s->last = &m->next;
  return true;
}

static void read_close(lua_State *L, struct scripted *s, double at)
{
  s->code = CLOSE_NORMAL;
  if (lua_getfield(L, ANSWER, "close") == LUA_TTABLE) {
    at += field_number(L, "after", 0);
    s->code = (unsigned)field_number(L, "code", CLOSE_NORMAL);
    if (lua_getfield(L, -1, "reason") == LUA_TSTRING)
      snprintf(s->reason, sizeof s->reason, "%s", lua_tostring(L, -1));
  }
  s->due[s->count] = at;
}

/* `at`: when the handshake is answered. False: out of memory. */
static bool read_script(lua_State *L, struct scripted *s, double at)
{
  bool any = lua_getfield(L, ANSWER, "messages") == LUA_TTABLE, ok = true;
  s->count = any ? lua_rawlen(L, -1) : 0;
  s->due = calloc(s->count + 1, sizeof *s->due);
  for (size_t i = 1; s->due && ok && i <= s->count; i++) {
    lua_rawgeti(L, ANSWER + 1, (lua_Integer)i);
    ok = add_message(L, s, &at);
    lua_settop(L, ANSWER + 1);
  }
  s->next = 0;
  if (s->due)
    read_close(L, s, at);
  lua_settop(L, ANSWER);
  return s->due && ok;
}

static struct websocket *new_socket(struct rehearsal *r, double at)
{
  static const struct websocket_kind kind = {take, send_message, close_socket, ready, wait_for, free_socket};
  struct scripted *s = calloc(1, sizeof *s);
  if (!s)
    return NULL;
  s->base.kind = &kind;
  s->r = r;
  s->last = &s->first;
  if (lua_getfield(r->L, ANSWER, "protocol") == LUA_TSTRING)
    snprintf(s->base.protocol, sizeof s->base.protocol, "%s", lua_tostring(r->L, -1));
  lua_settop(r->L, ANSWER);
  if (read_script(r->L, s, at))
    return &s->base;
  free_socket(&s->base);
  return NULL;
}

/* ---- connecting ------------------------------------------------------------------------------------- */

static void release(struct effect *e)
{
  websocket_free(((struct websocket_connect *)e)->socket);
}

static void refuse(struct rehearsal *r, struct websocket_connect *c, const char *url)
{
  lua_State *L = r->L;
  char tried[HTTP_WHAT];
  lua_getfield(L, ANSWER, "body");
  if (lua_isstring(L, -1))
    snprintf(c->body, sizeof c->body, "%s", lua_tostring(L, -1));
  http_what(tried, sizeof tried, "WebSocket", url, "");
  fault_set(&c->fault, "websocket-refused", c->status == 429 ? "throttled" : c->status >= 500 ? "transient" : "fatal",
            "%s: the server answered %d: %.160s%s", tried, c->status, c->body, cut_mark(c->body, 160));
  lua_settop(L, ANSWER);
}

static void read_answer(struct rehearsal *r, struct websocket_connect *c, const char *url)
{
  lua_State *L = r->L;
  lua_getfield(L, ANSWER, "status");
  c->status = (int)lua_tointeger(L, -1);
  lua_settop(L, ANSWER);
  if (c->status != 101) {
    refuse(r, c, url);
    return;
  }
  c->status = 0;
  c->phase = HTTP_DONE;
  c->socket = new_socket(r, rehearsal_pending(&c->effect)->due);
  if (!c->socket)
    fault_set(&c->fault, "out-of-memory", "fatal", "not enough memory for the script");
}

/* The caller's headers, and those of a handshake; ended by NULL. NULL: out of memory. */
static const char **handshake_headers(const char *const *headers)
{
  size_t n = 0;
  while (headers && headers[n])
    n++;
  const char **all = calloc(n + 3, sizeof *all);
  for (size_t i = 0; all && i < n; i++)
    all[i] = headers[i];
  if (all) {
    all[n] = "Upgrade: websocket";
    all[n + 1] = "Connection: Upgrade";
  }
  return all;
}

static void ask(struct rehearsal *r, struct websocket_connect *c, const struct websocket_request *q)
{
  const char **headers = handshake_headers(q->headers);
  struct http_request request = {.method = "GET", .url = q->url, .headers = headers};
  if (!headers)
    fault_set(&c->fault, "out-of-memory", "fatal", "not enough memory for the request");
  else if (rehearsal_ask_http(r, &request, &c->effect, &c->fault))
    read_answer(r, c, q->url);
  free(headers);
}

struct websocket_connect *rehearsal_websocket(struct world_websocket *w, const struct websocket_request *q,
                                              effect_done *done, void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(websocket, w);
  int len = (int)strcspn(q->url, "?");
  rehearsal_before(r, POINT_HTTP, "websocket %.*s", len, q->url);
  struct websocket_connect *c = rehearsal_effect(r, sizeof *c, done, arg, release);
  if (!c)
    return NULL;
  ask(r, c, q);
  rehearsal_note(r, "websocket %.*s -> %s", len, q->url, c->fault.code ? c->fault.code : "open");
  rehearsal_after(r, POINT_HTTP);
  return c;
}
