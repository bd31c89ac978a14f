/* rehearsal_http.c - HTTP exchanges, answered by the models.
 *
 * A request is given to the models whole, and so comes their answer. Where a source or a sink takes
 * its time, the exchange is due when it is resumed: that costs no time of the rehearsal's. */
#include "rehearsal_world.h"
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUNDARY "davit-rehearsal-boundary"

struct text {
  struct buf text;
  struct http_source source;  /* read is NULL: none */
};

/* States: READING -> DUE, the models were asked -> GIVING, where a sink takes the body. */
struct exchange {
  struct http_exchange base;
  struct rehearsal *r;
  enum { READING, DUE, GIVING } state;
  int request;            /* the table for the models, without its body */
  char method[16];
  char what[256];         /* "GET host/path", for the log */
  struct text *texts;
  size_t text_count, text_at;
  bool in_source;
  struct buf sent;
  struct http_sink sink;  /* take is NULL: none */
  struct http_timeouts timeouts;
  size_t max_body, given;
};

static void release(struct effect *e)
{
  struct exchange *x = (struct exchange *)e;
  luaL_unref(x->r->L, LUA_REGISTRYINDEX, x->request);
  for (size_t i = 0; x->texts && i < x->text_count; i++)
    buf_wipe(&x->texts[i].text);
  free(x->texts);
  buf_wipe(&x->sent);
  buf_free(&x->base.headers);
  buf_free(&x->base.body);
}

/* ---- the request ---------------------------------------------------------------------------- */

/* https://host[:port]/path?query -> host, path, query of the table on top. False: no URL. */
static bool push_url(lua_State *L, const char *url)
{
  const char *host = strstr(url, "://");
  if (!host)
    return false;
  host += 3;
  const char *path = host + strcspn(host, "/?");
  size_t path_len = strcspn(path, "?");
  rehearsal_set(L, "host", host, strcspn(host, "/?:"));
  rehearsal_set(L, "path", path_len ? path : "/", path_len ? path_len : 1);
  const char *query = path[path_len] == '?' ? path + path_len + 1 : "";
  rehearsal_set(L, "query", query, strlen(query));
  return true;
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* "Name: value", or "Name;" for an empty one. */
static void push_header(lua_State *L, const char *line)
{
  char name[128];
  size_t n = strcspn(line, ":;");
  size_t len = n < sizeof name ? n : sizeof name - 1;
  for (size_t i = 0; i < len; i++)
    name[i] = lower(line[i]);
  name[len] = 0;
  const char *value = line[n] ? line + n + 1 : "";
  value += *value == ' ';
  rehearsal_set(L, name, value, strlen(value));
}

static void push_headers(lua_State *L, const struct http_request *r)
{
  lua_newtable(L);
  rehearsal_set(L, "user-agent", "davit/rehearsal", 15);
  for (const char *const *h = r->headers; h && *h; h++)
    push_header(L, *h);
  if (r->parts) {
    static const char type[] = "multipart/form-data; boundary=" BOUNDARY;
    rehearsal_set(L, "content-type", type, sizeof type - 1);
  }
  lua_setfield(L, -2, "headers");
}

static void add_part_head(struct buf *b, const struct http_part *p)
{
  buf_printf(b, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"", p->name);
  if (p->filename)
    buf_printf(b, "; filename=\"%s\"", p->filename);
  if (p->type)
    buf_printf(b, "\r\nContent-Type: %s", p->type);
  buf_add_str(b, "\r\n\r\n");
}

/* Pushes the table of a request, without its body. */
static bool push_request(lua_State *L, const struct http_request *q, struct fault *f)
{
  lua_newtable(L);
  rehearsal_set(L, "method", q->method, strlen(q->method));
  bool is_url = push_url(L, q->url);
  push_headers(L, q);
  if (!is_url)
    http_url_fault(f, q->method, http_shown(q));
  return is_url;
}

/* A body is texts with what a source gives after each of them. */
static void plan_body(struct exchange *x, const struct http_request *q)
{
  struct text *t = x->texts;
  if (q->source)
    t[0].source = *q->source;
  else
    buf_add(&t[0].text, q->body, q->body_len);
  for (size_t i = 0; i < q->part_count; i++, t++) {
    const struct http_part *p = &q->parts[i];
    add_part_head(&t->text, p);
    if (p->source)
      t->source = *p->source;
    else
      buf_add(&t->text, p->data, p->len);
    buf_add_str(&t[1].text, "\r\n");
  }
  if (q->parts)
    buf_add_str(&t->text, "--" BOUNDARY "--\r\n");
}

static bool make_texts(struct exchange *x, const struct http_request *q)
{
  x->text_count = q->part_count + 1;
  x->texts = calloc(x->text_count, sizeof *x->texts);
  if (!x->texts)
    return false;
  for (size_t i = 0; i < x->text_count; i++)
    buf_init(&x->texts[i].text, BUF_LIMIT);
  plan_body(x, q);
  for (size_t i = 0; i < x->text_count; i++)
    if (!buf_ok(&x->texts[i].text))
      return false;
  return true;
}

/* Reads a source to its end. Else HTTP_LATER, or HTTP_FAILED. */
static long read_source(struct http_source *s, struct buf *to)
{
  char piece[1 << 14];
  long n;
  while ((n = s->read(s->arg, piece, sizeof piece)) > 0)
    buf_add(to, piece, (size_t)n);
  return n;
}

/* Goes on with reading the body; 0 when all of it is there. */
static long read_body(struct exchange *x)
{
  for (; x->text_at < x->text_count; x->text_at++, x->in_source = false) {
    struct text *t = &x->texts[x->text_at];
    if (!x->in_source)
      buf_add(&x->sent, buf_str(&t->text), t->text.len);
    x->in_source = true;
    long n = t->source.read ? read_source(&t->source, &x->sent) : 0;
    if (n != 0)
      return n;
  }
  return 0;
}

/* ---- the answer ------------------------------------------------------------------------------- */

static void read_text(lua_State *L, const char *field, struct buf *to)
{
  size_t len;
  lua_getfield(L, ANSWER, field);
  const char *text = lua_tolstring(L, -1, &len);
  if (text)
    buf_add(to, text, len);
  lua_settop(L, ANSWER);
}

/* How far an exchange with this fault came. */
static enum http_phase phase_of(const char *code)
{
  return !code ? HTTP_DONE : strncmp(code, "dns-", 4) == 0 ? HTTP_DNS
         : strcmp(code, "http-refused") == 0 || strcmp(code, "http-connect-timeout") == 0 ? HTTP_CONNECT
         : strcmp(code, "http-tls") == 0 || strcmp(code, "http-certificate") == 0 ? HTTP_TLS
         : strcmp(code, "http-too-large") == 0 ? HTTP_BODY : HTTP_FIRST_BYTE;
}

static void out_of_memory(struct exchange *x, const char *what)
{
  fault_set(&x->base.fault, "out-of-memory", "fatal", "not enough memory for the %s", what);
}

/* What a fault has beside its words: how long "no such name" is remembered. */
static void read_negative_ttl(lua_State *L, struct http_exchange *e)
{
  if (lua_getfield(L, ANSWER, "ttl") == LUA_TNUMBER)
    e->negative_ttl = lua_tonumber(L, -1);
  lua_settop(L, ANSWER);
}

static void read_answer(struct exchange *x)
{
  lua_State *L = x->r->L;
  struct http_exchange *e = &x->base;
  if (rehearsal_fault(x->r, &e->fault, NULL)) {
    read_negative_ttl(L, e);
    return;
  }
  lua_getfield(L, ANSWER, "status");
  e->status = (int)lua_tointeger(L, -1);
  read_text(L, "headers", &e->headers);
  read_text(L, "body", &e->body);
  e->received = (double)e->body.len;
  snprintf(e->protocol, sizeof e->protocol, "1.1");
  if (e->body.len > x->max_body) {
    fault_set(&e->fault, "http-too-large", "fatal", "%s: the answer is larger than %zu bytes", x->what, x->max_body);
    fault_hint(&e->fault, "raise max_body if so much is expected");
  }
  if (!buf_ok(&e->headers) || !buf_ok(&e->body))
    out_of_memory(x, "answer");
}

static void note(struct exchange *x)
{
  if (x->base.fault.code)
    rehearsal_note(x->r, "http %s -> %s", x->what, x->base.fault.code);
  else
    rehearsal_note(x->r, "http %s -> %d", x->what, x->base.status);
}

bool rehearsal_ask_http(struct rehearsal *r, const struct http_request *q, struct effect *e, struct fault *f)
{
  rehearsal_begin(r, "http");
  if (!push_request(r->L, q, f))
    return false;
  rehearsal_set(r->L, "body", q->body ? q->body : "", q->body_len);
  rehearsal_ask(r, 1, e);
  return !rehearsal_fault(r, f, NULL);
}

/* An answer that comes too late is none: the request may have been applied. */
static void keep_time(struct exchange *x)
{
  struct pending *p = rehearsal_pending(&x->base.effect);
  double first = x->timeouts.first_byte, total = x->timeouts.total;
  bool is_first = first > 0 && (total <= 0 || first < total);
  double limit = is_first ? first : total;
  if (limit <= 0 || p->due - x->r->now <= limit + 1e-6)  // what comes at the last moment has come
    return;
  p->due = x->r->now + limit;
  buf_free(&x->base.headers);
  buf_free(&x->base.body);
  fault_set(&x->base.fault, is_first ? "http-first-byte-timeout" : "http-timeout",
            http_is_repeatable(x->method) ? "transient" : "unknown", "%s: no answer within %g s", x->what, limit);
}

/* The request leaves: the models answer, and the answer is due when they say. */
static void ask(struct exchange *x)
{
  lua_State *L = x->r->L;
  rehearsal_before(x->r, POINT_HTTP, "%s", x->what);
  rehearsal_begin(x->r, "http");
  lua_rawgeti(L, LUA_REGISTRYINDEX, x->request);
  rehearsal_set(L, "body", buf_str(&x->sent), x->sent.len);
  rehearsal_ask(x->r, 1, &x->base.effect);
  read_answer(x);
  keep_time(x);
  x->base.phase = phase_of(x->base.fault.code);
  x->base.timing.total = rehearsal_pending(&x->base.effect)->due - x->r->now;
  x->base.timing.first_byte = x->base.fault.code ? 0 : x->base.timing.total;
  x->state = DUE;
  note(x);
  rehearsal_after(x->r, POINT_HTTP);
}

/* ---- in pieces --------------------------------------------------------------------------------- */

static void wait_for_resume(struct exchange *x)
{
  rehearsal_pending(&x->base.effect)->due = INFINITY;
}

/* Reads what the sources have now, and asks when that is all. */
static void read_and_ask(struct exchange *x)
{
  long n = read_body(x);
  if (n == HTTP_LATER)
    wait_for_resume(x);
  else if (n < 0)
    fault_set(&x->base.fault, "http-source", "fatal", "%s: the body could not be read", x->what);
  else if (!buf_ok(&x->sent))
    out_of_memory(x, "request");
  else
    ask(x);
}

/* Gives the sink what is left. False: it takes no more now. */
static bool give(struct exchange *x)
{
  enum { PIECE = 1 << 14 };
  struct buf *body = &x->base.body;
  while (x->given < body->len) {
    size_t left = body->len - x->given, n = left < PIECE ? left : PIECE;
    long taken = x->sink.take(x->sink.arg, body->data + x->given, n);
    if (taken == HTTP_LATER)
      return false;
    if (taken != (long)n) {
      fault_set(&x->base.fault, "http-sink", "fatal", "%s: the answer could not be kept", x->what);
      return true;
    }
    x->given += n;
  }
  buf_free(body);
  return true;
}

/* Whether it has ended. */
static bool deliver(struct effect *e)
{
  struct exchange *x = (struct exchange *)e;
  if (x->state == READING && !x->base.fault.code) {
    read_and_ask(x);
    return x->base.fault.code != NULL && x->state == READING;
  }
  x->state = GIVING;
  if (x->base.fault.code || !x->sink.take || x->base.status / 100 != 2 || give(x))
    return true;
  wait_for_resume(x);
  return false;
}

static void resume(struct http_exchange *e)
{
  struct exchange *x = (struct exchange *)e;
  struct pending *p = rehearsal_pending(&e->effect);
  if (p->due == INFINITY)
    p->due = x->r->now;
}

/* ---- the interface -------------------------------------------------------------------------------- */

static bool has_sources(const struct http_request *q)
{
  for (size_t i = 0; i < q->part_count; i++)
    if (q->parts[i].source)
      return true;
  return q->source != NULL;
}

/* Keeps the table of the request. False: its URL is none. */
static bool keep_request(struct exchange *x, const struct http_request *q)
{
  lua_State *L = x->r->L;
  bool is_url = push_request(L, q, &x->base.fault);
  x->request = luaL_ref(L, LUA_REGISTRYINDEX);
  const char *url = http_shown(q), *where = strstr(url, "://");
  where = where ? where + 3 : url;
  snprintf(x->what, sizeof x->what, "%s %.*s", q->method, (int)strcspn(where, "?"), where);
  return is_url;
}

static void begin(struct exchange *x, const struct http_request *q)
{
  if (!keep_request(x, q))
    return;
  if (!make_texts(x, q))
    out_of_memory(x, "request");
  else if (!has_sources(q))
    read_and_ask(x);
}

static struct http_exchange *start(struct world_http *h, const struct http_request *q, effect_done *done, void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(http, h);
  struct exchange *x = rehearsal_effect(r, sizeof *x, done, arg, release);
  if (!x)
    return NULL;
  x->r = r;
  x->request = LUA_NOREF;
  x->timeouts = q->timeouts;
  snprintf(x->method, sizeof x->method, "%s", q->method);
  x->max_body = q->max_body ? q->max_body : BUF_LIMIT;
  buf_init(&x->sent, BUF_LIMIT);
  buf_init(&x->base.headers, 1 << 20);
  buf_init(&x->base.body, BUF_LIMIT);
  if (q->sink)
    x->sink = *q->sink;
  rehearsal_pending(&x->base.effect)->deliver = deliver;
  begin(x, q);
  return &x->base;
}

void rehearsal_http_open(struct world_http *h)
{
  *h = (struct world_http){.start = start, .resume = resume};
}
