/* websocket_lua.c - the module "websocket", and the handle of an open WebSocket: messages out and in.
 *
 * A handle may be used by several tasks, one that receives and others that send. */
#include "websocket_lua.h"
#include "buf_lua.h"
#include "class.h"
#include "failure.h"
#include "fence.h"
#include "field.h"
#include "header_lines.h"
#include "http_recipient.h"
#include "http_route_lua.h"
#include "host.h"
#include "opt.h"
#include "secret.h"
#include "task.h"
#include "utf8.h"
#include "world.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WEBSOCKET "davit.websocket"
#define MESSAGE "davit.websocket.message"

struct handle {
  struct websocket *ws;       /* NULL: given back */
  struct websocket_end end;   /* how it ended, once it was given back */
  double close_timeout;
  char protocol[64];
};

static struct handle *check_handle(lua_State *L)
{
  return luaL_checkudata(L, 1, WEBSOCKET);
}

enum { WHERE = 1, BEYOND, NAMED };  /* the handle's user values: of the destination of secrets */

struct websocket **websocket_push(lua_State *L, const struct destination *to, double close_timeout)
{
  struct handle *h = lua_newuserdatauv(L, sizeof *h, 3);
  *h = (struct handle){.close_timeout = close_timeout};
  luaL_setmetatable(L, WEBSOCKET);
  lua_pushstring(L, to ? to->what : NULL);
  lua_setiuservalue(L, -2, WHERE);
  lua_pushstring(L, to ? to->beyond : NULL);
  lua_setiuservalue(L, -2, BEYOND);
  lua_pushstring(L, to ? to->named : NULL);
  lua_setiuservalue(L, -2, NAMED);
  return &h->ws;
}

static const struct websocket_end *end_of(const struct handle *h)
{
  return h->ws ? &h->ws->end : &h->end;
}

/* ---- settings ------------------------------------------------------------------------------ */

struct websocket_limits websocket_check_settings(lua_State *L, const char *what, const struct websocket_settings *s)
{
  if (s->max_message < 1 || s->max_message > BUF_LIMIT || s->max_queued < 1)
    failure_misuse(L, "%s: max_message and max_queued are numbers of bytes, max_message at most %d", what, BUF_LIMIT);
  if (s->ping < 0 || s->ping > 86400)
    failure_misuse(L, "%s: option 'ping' is seconds, at most 86400; 0 asks never", what);
  if (s->close_timeout <= 0 || s->close_timeout > 3600)
    failure_misuse(L, "%s: option 'close_timeout' is seconds above 0, at most 3600", what);
  return (struct websocket_limits){.max_message = (size_t)s->max_message, .max_queued = (size_t)s->max_queued,
                                   .ping = s->ping};
}

/* ---- ends ------------------------------------------------------------------------------------- */

/* Raises how it ended: uncleanly, or cleanly while somebody still wants to send. */
static int raise_end(lua_State *L, const struct websocket_end *e)
{
  struct fault fault = e->fault;
  if (!fault.code)
    fault_set(&fault, "websocket-closed", "fatal", "the WebSocket is closed (%u %s)", e->code, e->reason);
  lua_getiuservalue(L, 1, WHERE);
  failure_push(L, &fault, lua_tostring(L, -1));
  field_integer(L, "close_code", e->code);
  return lua_error(L);
}

/* nil, code, reason; or raises. */
static int push_end(lua_State *L, const struct websocket_end *e)
{
  if (e->fault.code)
    return raise_end(L, e);
  lua_pushnil(L);
  lua_pushinteger(L, e->code);
  lua_pushstring(L, e->reason);
  return 3;
}

/* ---- receiving --------------------------------------------------------------------------------- */

static int message_close(lua_State *L)  /* __close and __gc */
{
  struct websocket_message **box = luaL_checkudata(L, 1, MESSAGE);
  free(*box);
  *box = NULL;
  return 0;
}

static int received(lua_State *L, int status, lua_KContext box);

/* Gives the next message in the box at index 2, or waits for it; another task may have taken the one that came. */
static int take_message(lua_State *L)
{
  struct handle *h = check_handle(L);
  struct task *task = task_current(L);
  struct websocket_message **message = lua_touserdata(L, 2);
  *message = h->ws ? h->ws->kind->take(h->ws) : NULL;
  if (*message) {
    lua_pushlstring(L, (*message)->data, (*message)->len);
    lua_pushstring(L, (*message)->binary ? "binary" : "text");
    return 2;
  }
  if (!h->ws || h->ws->end.ended)
    return push_end(L, end_of(h));
  struct effect **box = effect_box(L);
  *box = h->ws->kind->wait(h->ws, WEBSOCKET_RECEIVED, task_wake, task);
  return effect_wait(L, lua_gettop(L), received);
}

static int received(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  lua_closeslot(L, (int)box);
  lua_settop(L, 2);
  return take_message(L);
}

static int receive(lua_State *L)
{
  check_handle(L);
  task_current(L);
  lua_settop(L, 1);
  struct websocket_message **message = lua_newuserdatauv(L, sizeof *message, 0);
  *message = NULL;
  luaL_setmetatable(L, MESSAGE);
  lua_toclose(L, -1);
  return take_message(L);
}

/* ws:messages() -> for message, kind in … */
static int messages(lua_State *L)
{
  check_handle(L);
  lua_pushcfunction(L, receive);
  lua_pushvalue(L, 1);
  return 2;
}

/* ---- sending -------------------------------------------------------------------------------------- */

static int sent(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  const struct websocket_end *e = end_of(check_handle(L));
  return e->ended && e->fault.code ? raise_end(L, e) : 0;
}

static bool read_kind(lua_State *L)
{
  static const char *const kinds[] = {"text", "binary", NULL};
  const char *kind = lua_isnil(L, 3) ? "text" : lua_tostring(L, 3);
  for (int i = 0; kind && kinds[i]; i++)
    if (strcmp(kinds[i], kind) == 0)
      return i == 1;
  return failure_misuse(L, "ws:send: the kind is \"text\" or \"binary\"");
}

/* Pushes the message's bytes; a secret in it may go where the URL leads. */
static const char *read_message(lua_State *L, size_t *len)
{
  if (lua_type(L, 2) != LUA_TSTRING && !secret_test(L, 2))
    failure_misuse(L, "ws:send: the message must be a string, not a %s", luaL_typename(L, 2));
  lua_getiuservalue(L, 1, WHERE);
  lua_getiuservalue(L, 1, BEYOND);
  lua_getiuservalue(L, 1, NAMED);
  const char *url = lua_tostring(L, -3);
  struct destination to = {.kind = TO_HTTP, .what = url ? url : "", .beyond = lua_tostring(L, -2),
                           .named = lua_tostring(L, -1), .place = "message"};
  return secret_resolve(L, 2, &to, len);
}

/* ws:send(message, kind): returns when it is on its way. */
static int send_message(lua_State *L)
{
  struct handle *h = check_handle(L);
  size_t len;
  lua_settop(L, 3);
  struct task *task = task_current(L);
  bool binary = read_kind(L);
  const char *data = read_message(L, &len);
  if (!binary && !utf8_valid(data, len))
    return failure_misuse(L, "ws:send: a text must be UTF-8; send what is not as \"binary\"");
  fence_check(L);
  if (!h->ws || h->ws->end.ended)
    return raise_end(L, end_of(h));
  if (!h->ws->kind->send(h->ws, binary, data, len))
    return failure_memory(L);
  if (h->ws->kind->ready(h->ws, WEBSOCKET_DRAINED))
    return sent(L, LUA_OK, 0);
  struct effect **box = effect_box(L);
  *box = h->ws->kind->wait(h->ws, WEBSOCKET_DRAINED, task_wake, task);
  return effect_wait(L, lua_gettop(L), sent);
}

/* ---- closing ----------------------------------------------------------------------------------------- */

static int closed(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  const struct websocket_end *e = end_of(check_handle(L));
  if (e->fault.code)
    return raise_end(L, e);
  lua_pushinteger(L, e->code);
  lua_pushstring(L, e->reason);
  return 2;
}

static unsigned read_code(lua_State *L)
{
  lua_Integer code = luaL_optinteger(L, 2, CLOSE_NORMAL);
  if (code != CLOSE_NORMAL && code != CLOSE_GOING_AWAY && code != CLOSE_TOO_LARGE && code != 1003 && code != 1008 &&
      code != 1011 && (code < 3000 || code > 4999))
    failure_misuse(L, "ws:close: the code is 1000, 1001, 1003, 1008, 1009, 1011 or 3000 to 4999");
  return (unsigned)code;
}

/* ws:close(code, reason) -> the code and reason that the peer answered. */
static int close_socket(lua_State *L)
{
  struct handle *h = check_handle(L);
  size_t len;
  lua_settop(L, 3);
  unsigned code = read_code(L);
  const char *reason = luaL_optlstring(L, 3, "", &len);
  if (len > CLOSE_REASON || strlen(reason) != len || !utf8_valid(reason, len))
    return failure_misuse(L, "ws:close: the reason is UTF-8 text of at most %d bytes", CLOSE_REASON);
  struct task *task = task_current(L);
  if (!h->ws || h->ws->end.ended)
    return closed(L, LUA_OK, 0);
  h->ws->kind->close(h->ws, code, reason, h->close_timeout);
  if (h->ws->kind->ready(h->ws, WEBSOCKET_ENDED))
    return closed(L, LUA_OK, 0);
  struct effect **box = effect_box_unfenced(L);
  *box = h->ws->kind->wait(h->ws, WEBSOCKET_ENDED, task_wake, task);
  return effect_wait(L, lua_gettop(L), closed);
}

/* Drops it without waiting; how it ended stays. */
static int handle_close(lua_State *L)  /* __close and __gc */
{
  struct handle *h = check_handle(L);
  struct websocket *ws = h->ws;
  if (!ws)
    return 0;
  h->end = ws->end;
  if (!h->end.ended)
    h->end = (struct websocket_end){.ended = true, .clean = true, .code = CLOSE_GOING_AWAY};
  memcpy(h->protocol, ws->protocol, sizeof h->protocol);
  h->ws = NULL;
  websocket_free(ws);
  return 0;
}

/* ---- the handle ------------------------------------------------------------------------------------------ */

/* code and reason once it has ended, protocol when one was agreed upon; else a method. */
static int index_of(lua_State *L)
{
  struct handle *h = check_handle(L);
  const struct websocket_end *e = end_of(h);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  const char *protocol = h->ws ? h->ws->protocol : h->protocol;
  if (strcmp(key, "code") == 0)
    e->ended ? lua_pushinteger(L, e->code) : lua_pushnil(L);
  else if (strcmp(key, "reason") == 0)
    e->ended ? (void)lua_pushstring(L, e->reason) : lua_pushnil(L);
  else if (strcmp(key, "protocol") == 0)
    *protocol ? (void)lua_pushstring(L, protocol) : lua_pushnil(L);
  else
    lua_getfield(L, lua_upvalueindex(1), key);
  return 1;
}

/* ---- connecting ------------------------------------------------------------------------------------------- */

struct options {
  const char *url;
  int headers, protocols;
  double timeout;
  struct websocket_settings settings;
  const char *ca, *certificate, *key, *proxy, *connect_to, *unix_socket;
  lua_Integer family;
};

static const struct options defaults = {.timeout = 30, .settings = WEBSOCKET_DEFAULTS};

static const struct opt_field fields[] = {
  {"url", OPT_STRING, offsetof(struct options, url), true},
  {"headers", OPT_TABLE, offsetof(struct options, headers), false},
  {"protocols", OPT_TABLE, offsetof(struct options, protocols), false},
  {"timeout", OPT_NUMBER, offsetof(struct options, timeout), false},
  WEBSOCKET_FIELDS(struct options),
  {"ca", OPT_STRING, offsetof(struct options, ca), false},
  {"certificate", OPT_STRING, offsetof(struct options, certificate), false},
  {"key", OPT_STRING, offsetof(struct options, key), false},
  {"proxy", OPT_STRING, offsetof(struct options, proxy), false},
  {"connect_to", OPT_STRING, offsetof(struct options, connect_to), false},
  {"unix", OPT_STRING, offsetof(struct options, unix_socket), false},
  {"family", OPT_INTEGER, offsetof(struct options, family), false},
  {0},
};

/* Pushes "a, b"; NULL: there are none. */
static const char *read_protocols(lua_State *L, int list)
{
  size_t n = list ? lua_rawlen(L, list) : 0;
  if (n == 0)
    return NULL;
  struct buf *b = buf_push(L, 4096);
  for (size_t i = 1; i <= n; i++) {
    if (lua_rawgeti(L, list, (lua_Integer)i) != LUA_TSTRING)
      failure_misuse(L, "websocket.connect: option 'protocols' is a list of names");
    header_check_token(L, "websocket.connect", "protocol", lua_tostring(L, -1));
    buf_printf(b, i == 1 ? "%s" : ", %s", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  if (!buf_ok(b))
    failure_misuse(L, "websocket.connect: option 'protocols' is longer than 4 KiB");
  return buf_str(b);
}

/* Pushes the URL as http has it, on which bindings of secrets are checked. */
static const char *push_http_url(lua_State *L, const char *url)
{
  if (strncmp(url, "ws://", 5) != 0 && strncmp(url, "wss://", 6) != 0)
    failure_misuse(L, "websocket.connect: the URL begins with wss:// or ws://, unlike %.200s", url);
  if (url[strcspn(url, " \t\r\n#")])
    failure_misuse(L, "websocket.connect: a WebSocket's URL has no blanks and no fragment: %.200s", url);
  const char *authority = strchr(url, '/') + 2;
  if (memchr(authority, '@', strcspn(authority, "/?")))
    failure_misuse(L, "websocket.connect: a user in the URL is not sent: give headers = { authorization = … }");
  return lua_pushfstring(L, "http%s", url + 2);
}

static bool is_header(const char *line, const char *name)
{
  size_t n = strlen(name);
  return strncasecmp(line, name, n) == 0 && (name[n - 1] == '-' || line[n] == ':' || line[n] == ';');
}

/* The handshake's own headers, which nobody else may set. */
static void check_headers(lua_State *L, const char *const *headers)
{
  static const char *const ours[] = {"upgrade", "connection", "sec-websocket-", "content-length",
                                     "transfer-encoding", NULL};
  for (; *headers; headers++)
    for (int i = 0; ours[i]; i++)
      if (is_header(*headers, ours[i]))
        failure_misuse(L, "websocket.connect: the handshake sets '%s' itself (protocols has an option)", ours[i]);
}

/* Raises with what the errors of http have, too. */
static int raise_connect(lua_State *L, const struct websocket_connect *c)
{
  lua_getfield(L, 1, "url");
  failure_push(L, &c->fault, lua_tostring(L, -1));
  field_words(L, "phase", http_phase_name(c->phase));
  field_words(L, "detail", c->detail);
  field_words(L, "address", c->address);
  failure_set(L, "body", c->body, strlen(c->body) + 1 == sizeof c->body);
  if (c->status) {
    field_integer(L, "status", c->status);
  }
  return lua_error(L);
}

/* The handle stands below the box. */
static int connected(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  struct websocket_connect *c = (struct websocket_connect *)effect_at(L, (int)box);
  if (c->fault.code)
    return raise_connect(L, c);
  struct handle *h = luaL_checkudata(L, (int)box - 1, WEBSOCKET);
  h->ws = c->socket;
  c->socket = NULL;
  lua_pushvalue(L, (int)box - 1);
  return 1;
}

static struct http_route route_of(const struct options *o)
{
  return (struct http_route){.unix_socket = o->unix_socket, .connect_to = o->connect_to, .proxy = o->proxy,
                             .ca_file = o->ca, .certificate = o->certificate, .key = o->key,
                             .family = (int)o->family};
}

static int connect(lua_State *L)
{
  struct options o = defaults;
  lua_settop(L, 1);
  opt_read(L, 1, "websocket.connect", fields, &o);
  struct websocket_request r = {.url = o.url, .timeout = o.timeout, .route = route_of(&o)};
  r.limits = websocket_check_settings(L, "websocket.connect", &o.settings);
  if (o.timeout <= 0 || o.timeout > 3600)
    return failure_misuse(L, "websocket.connect: option 'timeout' is seconds above 0, at most 3600");
  if (o.family != 0 && o.family != 4 && o.family != 6)
    return failure_misuse(L, "websocket.connect: option 'family' is 4 or 6");
  http_route_check(L, "websocket.connect", &r.route);
  const char *http_url = push_http_url(L, o.url);
  struct task *task = task_current(L);
  struct destination to = http_recipient(L, http_url, "GET", &r.route);
  http_recipient_headers(L, http_url, o.headers, &to);
  r.headers = header_lines_read(L, o.headers, "websocket.connect", &to);
  check_headers(L, r.headers);
  r.protocols = read_protocols(L, o.protocols);
  websocket_push(L, &to, o.settings.close_timeout);
  struct effect **box = effect_box(L);
  struct world_websocket *world = host_of(L)->world->websocket;
  *box = (struct effect *)world->connect(world, &r, task_wake, task);
  return effect_wait(L, lua_gettop(L), connected);
}

/* ---- the module ----------------------------------------------------------------------------------------------- */

int websocket_open(lua_State *L)
{
  static const luaL_Reg methods[] = {
    {"close", close_socket}, {"messages", messages}, {"receive", receive}, {"send", send_message}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"connect", connect}, {NULL, NULL}};
  class_new(L, MESSAGE, NULL, message_close);
  class_new(L, WEBSOCKET, NULL, handle_close);
  class_index(L, WEBSOCKET, methods, index_of);
  luaL_newlib(L, functions);
  return 1;
}
