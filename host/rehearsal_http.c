/* rehearsal_http.c - HTTP exchanges, answered by the models. */
#include "rehearsal_world.h"
#include <string.h>

#define BOUNDARY "davit-rehearsal-boundary"

static void release(struct effect *e)
{
  struct http_exchange *x = (struct http_exchange *)e;
  buf_free(&x->headers);
  buf_free(&x->body);
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

static void add_part(struct buf *b, const struct http_part *p)
{
  buf_printf(b, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"", p->name);
  if (p->filename)
    buf_printf(b, "; filename=\"%s\"", p->filename);
  if (p->type)
    buf_printf(b, "\r\nContent-Type: %s", p->type);
  buf_add_str(b, "\r\n\r\n");
  buf_add(b, p->data, p->len);
  buf_add_str(b, "\r\n");
}

static bool push_body(lua_State *L, const struct http_request *r)
{
  struct buf b;
  buf_init(&b, BUF_LIMIT);
  if (r->body)
    buf_add(&b, r->body, r->body_len);
  for (size_t i = 0; i < r->part_count; i++)
    add_part(&b, &r->parts[i]);
  if (r->parts)
    buf_add_str(&b, "--" BOUNDARY "--\r\n");
  bool ok = buf_ok(&b);
  if (ok)
    rehearsal_set(L, "body", buf_str(&b), b.len);
  buf_free(&b);
  return ok;
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

static void read_answer(struct rehearsal *r, struct http_exchange *x, size_t max_body)
{
  lua_State *L = r->L;
  lua_getfield(L, ANSWER, "status");
  x->status = (int)lua_tointeger(L, -1);
  read_text(L, "headers", &x->headers);
  read_text(L, "body", &x->body);
  if (x->body.len > max_body)
    fault_set(&x->fault, "http-too-large", "fatal", "the answer is larger than %zu bytes", max_body);
  if (!buf_ok(&x->headers) || !buf_ok(&x->body))
    fault_set(&x->fault, "out-of-memory", "fatal", "not enough memory for the answer");
}

bool rehearsal_ask_http(struct rehearsal *r, const struct http_request *q, struct effect *e, struct fault *f)
{
  lua_State *L = r->L;
  rehearsal_begin(r, "http");
  lua_newtable(L);
  rehearsal_set(L, "method", q->method, strlen(q->method));
  if (!push_url(L, q->url)) {
    fault_set(f, "http-url", "misuse", "not an http or https URL: %.200s", q->url);
    return false;
  }
  push_headers(L, q);
  if (!push_body(L, q)) {
    fault_set(f, "out-of-memory", "fatal", "not enough memory for the request");
    return false;
  }
  rehearsal_ask(r, 1, e);
  return !rehearsal_fault(r, f, NULL);
}

static void ask(struct rehearsal *r, struct http_exchange *x, const struct http_request *q)
{
  if (rehearsal_ask_http(r, q, &x->effect, &x->fault))
    read_answer(r, x, q->max_body ? q->max_body : BUF_LIMIT);
}

static void note(struct rehearsal *r, const struct http_exchange *x, const struct http_request *q)
{
  const char *where = strstr(q->url, "://");
  where = where ? where + 3 : q->url;
  int len = (int)strcspn(where, "?");
  if (x->fault.code)
    rehearsal_note(r, "http %s %.*s -> %s", q->method, len, where, x->fault.code);
  else
    rehearsal_note(r, "http %s %.*s -> %d", q->method, len, where, x->status);
}

struct http_exchange *rehearsal_http(struct world_http *h, const struct http_request *q, effect_done *done,
                                     void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(http, h);
  rehearsal_reach(r, POINT_HTTP, false);
  struct http_exchange *x = rehearsal_effect(r, sizeof *x, done, arg, release);
  if (!x)
    return NULL;
  buf_init(&x->headers, 1 << 20);
  buf_init(&x->body, BUF_LIMIT);
  ask(r, x, q);
  x->phase = phase_of(x->fault.code);
  note(r, x, q);
  rehearsal_reach(r, POINT_HTTP, true);
  return x;
}
