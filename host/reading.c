/* reading.c - a world for looking, put together; refusals, HTTP, WebSockets and the store. See reading.h. */
#include "reading_world.h"
#include "refusal.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- refusals -------------------------------------------------------------------------- */

void reading_fault(struct reading *r, struct fault *f, const char *format, va_list ap)
{
  char what[400];
  vsnprintf(what, sizeof what, format, ap);
  fault_set(f, "plan-effect", "misuse", "a plan changes nothing, and this would %s", what);
  fault_hint(f, "do it in a run.step: a plan names it and goes on");
  if (!*r->refused)
    memcpy(r->refused, f->message, sizeof r->refused);
}

void *reading_refuse(struct reading *r, size_t size, effect_done *done, void *arg, const char *format, ...)
{
  struct fault f;
  va_list ap;
  va_start(ap, format);
  reading_fault(r, &f, format, ap);
  va_end(ap);
  return refusal_new(r->loop, size, done, arg, &f);
}

const char *reading_refused(const struct reading *r)
{
  return *r->refused ? r->refused : NULL;
}

/* ---- HTTP and WebSockets --------------------------------------------------------------- */

/* Names of methods are compared as they are: "get" is none that a server need take for GET. */
static bool only_asks(const char *method)
{
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

static struct http_exchange *start_exchange(struct world_http *w, const struct http_request *q, effect_done *done,
                                            void *arg)
{
  struct reading *r = READING_OF(http, w);
  int len;
  if (only_asks(q->method))
    return r->under->http->start(r->under->http, q, done, arg);
  const char *place = http_place(q->url, &len);
  return reading_refuse(r, sizeof(struct http_exchange), done, arg, "send a %.20s to %.*s", q->method, len, place);
}

static struct websocket_connect *connect_websocket(struct world_websocket *w, const struct websocket_request *q,
                                                   effect_done *done, void *arg)
{
  int len;
  const char *place = http_place(q->url, &len);
  return reading_refuse(READING_OF(websocket, w), sizeof(struct websocket_connect), done, arg,
                        "open a WebSocket to %.*s", len, place);
}

/* ---- the store ------------------------------------------------------------------------- */

static void refuse_now(struct reading *r, struct fault *f, const char *format, ...)
{
  va_list ap;
  va_start(ap, format);
  reading_fault(r, f, format, ap);
  va_end(ap);
}

/* A place may hold a password, and is not named. */
static struct store *open_store(struct world_store *w, const char *place, struct fault *f)
{
  (void)place;
  refuse_now(READING_OF(store, w), f, "open a store of runs");
  return NULL;
}

/* ---- all of it ------------------------------------------------------------------------- */

bool reading_allow_command(struct reading *r, const char *const *words)
{
  size_t count = 0, size = 0;
  for (; words[count]; count++)
    size += strlen(words[count]) + 1;
  struct allowed_command *c = count ? malloc(sizeof *c + size) : NULL;
  if (!c)
    return false;
  *c = (struct allowed_command){.next = r->commands, .count = count};
  char *to = c->words;
  for (size_t i = 0; i < count; i++)
    to = stpcpy(to, words[i]) + 1;
  r->commands = c;
  return true;
}

struct reading *reading_new(struct world *under, uv_loop_t *loop)
{
  struct reading *r = calloc(1, sizeof *r);
  if (!r)
    return NULL;
  r->under = under;
  r->loop = loop;
  r->world = *under;
  r->http = (struct world_http){start_exchange, under->http->resume};
  r->websocket.connect = connect_websocket;
  r->store.open = open_store;
  reading_sql_open(r);
  reading_process_open(r);
  reading_files_open(r);
  r->world.http = &r->http;
  r->world.websocket = &r->websocket;
  r->world.store = &r->store;
  return r;
}

void reading_free(struct reading *r)
{
  while (r && r->folders) {
    struct allowed_folder *f = r->folders;
    r->folders = f->next;
    free(f);
  }
  while (r && r->commands) {
    struct allowed_command *c = r->commands;
    r->commands = c->next;
    free(c);
  }
  free(r);
}

struct world *reading_world(struct reading *r)
{
  return &r->world;
}

struct world *reading_under(struct reading *r)
{
  return r->under;
}
