/* server_lua.c - the module "server.core": listening, accepting a request, answering it.
 * lua/server.lua is the public half: it gives every request a task of its own. */
#include "authority_lua.h"
#include "class.h"
#include "failure.h"
#include "field.h"
#include "headers.h"
#include "host.h"
#include "opt.h"
#include "order.h"
#include "real.h"
#include "server.h"
#include "task.h"
#include "websocket_lua.h"
#include <lauxlib.h>
#include <string.h>
#include <strings.h>

#define SERVER "davit.server"
#define REQUEST "davit.server.request"
#define STREAM "davit.server.stream"

struct options {
  const char *address, *path;
  lua_Integer port, max_body;
  int tls;
};

static const struct options defaults = {.address = "127.0.0.1", .max_body = 16 << 20};

static const struct opt_field fields[] = {
  {"address", OPT_STRING, offsetof(struct options, address), false},
  {"port", OPT_INTEGER, offsetof(struct options, port), false},
  {"path", OPT_STRING, offsetof(struct options, path), false},
  {"tls", OPT_ANY, offsetof(struct options, tls), false},
  {"max_body", OPT_INTEGER, offsetof(struct options, max_body), false},
  {0},
};

static struct server **check_server(lua_State *L)
{
  return luaL_checkudata(L, 1, SERVER);
}

/* ---- listening ------------------------------------------------------------------------ */

static int server_close(lua_State *L)  /* server:close(), __close and __gc */
{
  struct server **box = check_server(L);
  struct server *s = *box;
  *box = NULL;
  server_free(s);
  return 0;
}

static int port(lua_State *L)
{
  struct server **box = check_server(L);
  if (!*box)
    return 0;
  lua_pushinteger(L, server_port(*box));
  return 1;
}

/* listen{ address =, port =, path =, tls =, max_body = } -> server; it keeps its authority alive. */
static int listen_on(lua_State *L)
{
  struct options o = defaults;
  struct fault fault;
  lua_settop(L, 1);
  opt_read(L, 1, "server.listen", fields, &o);
  if (o.port < 0 || o.port > 65535)
    return failure_misuse(L, "server.listen: option 'port' must be 0 to 65535");
  if (o.max_body < 0 || o.max_body > BUF_LIMIT)
    return failure_misuse(L, "server.listen: option 'max_body' is a number of bytes, at most %d", BUF_LIMIT);
  struct authority *authority = o.tls ? authority_test(L, o.tls) : NULL;
  if (o.tls && !authority)
    return failure_misuse(L, "server.listen: option 'tls' must be an authority, not a %s",
                          luaL_typename(L, o.tls));
  task_current(L);
  if (!host_of(L)->real)
    return failure_misuse(L, "server.listen: this world has no sockets to listen on");
  struct server_options so = {.address = o.address, .port = (int)o.port, .path = o.path,
                              .authority = authority, .max_body = (size_t)o.max_body};
  struct server **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  luaL_setmetatable(L, SERVER);
  if (o.tls) {
    lua_pushvalue(L, o.tls);
    lua_setiuservalue(L, -2, 1);
  }
  *box = server_new(&host_of(L)->real->loop, &so, &fault);
  return *box ? 1 : failure_raise(L, &fault, o.path ? o.path : o.address);
}

/* ---- accepting -------------------------------------------------------------------------- */

static struct server_request **new_request(lua_State *L)
{
  struct server_request **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, REQUEST);
  return box;
}

/* "/path?query" into path and query. A proxy's client sends "http://host/path?query": its host
 * counts for more than the header; returns where it stands, or NULL. */
static const char *set_target(lua_State *L, const char *target)
{
  const char *host = NULL, *scheme = strstr(target, "://");
  if (scheme && *target != '/' && strcspn(target, "/?") > (size_t)(scheme - target)) {
    host = scheme + 3;
    target = host + strcspn(host, "/?");
  }
  size_t path = strcspn(target, "?");
  field_bytes(L, "path", path ? target : "/", path ? path : 1);
  field_bytes(L, "query", target + path + (target[path] == '?'), strlen(target + path) - (target[path] == '?'));
  return host;
}

/* Sets `host` in lower case and without its port. */
static void set_host(lua_State *L, const char *host)
{
  luaL_Buffer b;
  size_t n = strcspn(host, "/?:");
  if (*host == '[')
    n = strcspn(host, "]") + (strchr(host, ']') != NULL);
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < n; i++)
    luaL_addchar(&b, (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32 : host[i]));
  luaL_pushresult(&b);
  lua_setfield(L, -2, "host");
}

/* Pushes what a handler sees of the request. */
static void push_fields(lua_State *L, const struct server_request *r, bool tls)
{
  lua_createtable(L, 0, 8);
  field_bytes(L, "method", r->method, strlen(r->method));
  field_bytes(L, "scheme", tls ? "https" : "http", tls ? 5 : 4);
  field_bytes(L, "address", r->address, strlen(r->address));
  field_bytes(L, "body", buf_str(&r->body), r->body.len);
  const char *host = set_target(L, r->target);
  if (host && strncasecmp(r->target, "https://", 8) == 0)  // a proxy's client, that speaks for TLS to us
    field_bytes(L, "scheme", "https", 5);
  headers_push(L, buf_str(&r->headers));
  lua_getfield(L, -1, "host");
  const char *header = lua_tostring(L, -1);
  lua_insert(L, -3);  // the header's text stays until it was read
  lua_setfield(L, -2, "headers");
  set_host(L, host ? host : header ? header : "");
  lua_remove(L, -2);
}

static bool is_tls(lua_State *L)
{
  bool tls = lua_getiuservalue(L, 1, 1) != LUA_TNIL;
  lua_pop(L, 1);
  return tls;
}

/* The request's box is on top and filled: adds its fields. */
static int accepted(lua_State *L, const struct server_request *r)
{
  luaL_checkstack(L, 12, "request");
  push_fields(L, r, is_tls(L));
  return 2;
}

static int accept_done(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  struct server_accept *a = (struct server_accept *)effect_at(L, (int)box);
  if (!a->request)
    return 0;
  struct server_request **request = new_request(L);
  *request = a->request;
  a->request = NULL;
  return accepted(L, *request);
}

/* server:accept() -> request, { method =, path =, … }; nothing when the server was closed. */
static int accept_next(lua_State *L)
{
  struct server **box = check_server(L);
  lua_settop(L, 1);
  struct task *task = task_current(L);
  if (!*box)
    return 0;
  if (server_accepting(*box))
    return failure_misuse(L, "server:accept: another task is accepting already");
  struct server_request **request = new_request(L);
  *request = server_take(*box);
  if (*request)
    return accepted(L, *request);
  struct effect **effect = effect_box(L);
  struct server_accept *a = server_accept(*box, task_wake, task);
  *effect = a ? &a->effect : NULL;
  return effect_wait(L, lua_gettop(L), accept_done);
}

/* ---- answering ----------------------------------------------------------------------------- */

static void refuse_value(lua_State *L, const char *name)
{
  failure_misuse(L, "server: header '%.80s' must be a text of one line, or a list of such texts", name);
}

/* Appends "name: value" for the value on top to the list at `lines`. */
static void add_line(lua_State *L, int lines, const char *name)
{
  size_t len;
  const char *value = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
  if (!value || strlen(value) != len || strpbrk(value, "\r\n"))
    refuse_value(L, name);
  lua_pushfstring(L, "%s: %s", name, value);
  lua_rawseti(L, lines, (lua_Integer)lua_rawlen(L, lines) + 1);
}

static void add_header(lua_State *L, int lines, const char *name)
{
  if (!lua_istable(L, -1)) {
    add_line(L, lines, name);
    return;
  }
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
    add_line(L, lines, name);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Pushes the headers as C strings ended by NULL, and what anchors them. */
static const char *const *read_headers(lua_State *L, int headers)
{
  lua_newtable(L);
  int lines = lua_gettop(L);
  if (!lua_isnoneornil(L, headers)) {
    if (!lua_istable(L, headers))
      failure_misuse(L, "server: headers must be a table, not a %s", luaL_typename(L, headers));
    order_keys(L, headers);
    for (lua_Integer i = 1; lua_rawgeti(L, lines + 1, i) != LUA_TNIL; i++) {
      if (lua_type(L, -1) != LUA_TSTRING)
        failure_misuse(L, "server: headers are a table name = value");
      lua_pushvalue(L, -1);
      lua_rawget(L, headers);
      add_header(L, lines, lua_tostring(L, -2));
      lua_pop(L, 2);
    }
    lua_settop(L, lines);
  }
  size_t n = lua_rawlen(L, lines);
  const char **list = lua_newuserdatauv(L, sizeof *list * (n + 1), 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, lines, (lua_Integer)i + 1);
    list[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[n] = NULL;
  return list;
}

/* How many bytes of the body are sent: all, or what an answer that breaks off names. */
static size_t read_cut(lua_State *L, int cut, size_t len)
{
  if (lua_isnil(L, cut))
    return len;
  if (!lua_isinteger(L, cut) || lua_tointeger(L, cut) < 0)
    failure_misuse(L, "server: 'cut' is the number of bytes after which the answer breaks off");
  return (size_t)lua_tointeger(L, cut);
}

static int read_status(lua_State *L, int status)
{
  if (!lua_isinteger(L, status) || lua_tointeger(L, status) < 200 || lua_tointeger(L, status) > 599)
    failure_misuse(L, "server: the status must be an integer from 200 to 599, not %s", luaL_tolstring(L, status, NULL));
  return (int)lua_tointeger(L, status);
}

/* request:respond(status, body, headers, cut) */
static int respond(lua_State *L)
{
  struct server_request **box = luaL_checkudata(L, 1, REQUEST);
  struct fault fault;
  size_t len = 0;
  lua_settop(L, 5);
  int status = read_status(L, 2);
  if (!lua_isnil(L, 3) && lua_type(L, 3) != LUA_TSTRING)
    return failure_misuse(L, "server: the body must be a string, not a %s", luaL_typename(L, 3));
  const char *body = lua_isnil(L, 3) ? "" : lua_tolstring(L, 3, &len);
  size_t sent = read_cut(L, 5, len);
  const char *const *headers = read_headers(L, 4);
  if (!*box)
    return failure_misuse(L, "server: the request was answered already");
  if (!server_answer_cut(*box, status, headers, body, len, sent, &fault))
    return failure_raise(L, &fault, NULL);
  *box = NULL;
  return 0;
}

/* ---- answers that stream -------------------------------------------------------------------- */

static struct server_stream **check_stream(lua_State *L)
{
  struct server_stream **box = luaL_checkudata(L, 1, STREAM);
  if (!*box)
    failure_misuse(L, "server: the answer was ended already");
  return box;
}

/* request:stream(status, headers) -> what its body is written to */
static int stream(lua_State *L)
{
  struct server_request **request = luaL_checkudata(L, 1, REQUEST);
  struct fault fault;
  lua_settop(L, 3);
  int status = read_status(L, 2);
  const char *const *headers = read_headers(L, 3);
  if (!*request)
    return failure_misuse(L, "server: the request was answered already");
  struct server_stream **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, STREAM);
  *box = server_stream(*request, status, headers, &fault);
  if (!*box)
    return failure_raise(L, &fault, NULL);
  *request = NULL;
  return 1;
}

static int has_room(lua_State *L, int status, lua_KContext box)
{
  (void)status, (void)box;
  lua_pushboolean(L, server_stream_alive(*check_stream(L)));
  return 1;
}

/* stream:write(text) -> whether the client is still there */
static int stream_write(lua_State *L)
{
  struct server_stream **box = check_stream(L);
  size_t len;
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "server: a piece of a body is a string, not a %s", luaL_typename(L, 2));
  const char *text = lua_tolstring(L, 2, &len);
  struct task *task = task_current(L);
  if (!server_stream_write(*box, text, len))
    return luaL_error(L, "not enough memory");
  if (!server_stream_full(*box))
    return has_room(L, LUA_OK, 0);
  struct effect **effect = effect_box(L);
  struct server_room *room = server_stream_room(*box, task_wake, task);
  *effect = room ? &room->effect : NULL;
  return effect_wait(L, lua_gettop(L), has_room);
}

static int end_stream(lua_State *L, bool whole)
{
  struct server_stream **box = luaL_checkudata(L, 1, STREAM);
  struct server_stream *s = *box;
  *box = NULL;
  server_stream_end(s, whole);
  return 0;
}

static int stream_finish(lua_State *L)  /* stream:finish() */
{
  return end_stream(L, true);
}

static int stream_break(lua_State *L)  /* __close and __gc: whoever finishes says so */
{
  return end_stream(L, false);
}

/* ---- WebSockets ---------------------------------------------------------------------------- */

struct upgrade_options {
  int protocols, headers;
  struct websocket_settings settings;
};

static const struct opt_field upgrade_fields[] = {
  {"protocols", OPT_TABLE, offsetof(struct upgrade_options, protocols), false},
  {"headers", OPT_TABLE, offsetof(struct upgrade_options, headers), false},
  WEBSOCKET_FIELDS(struct upgrade_options),
  {0},
};

/* Pushes the list of names as C strings ended by NULL, anchored by the table. */
static const char *const *read_protocols(lua_State *L, int list)
{
  size_t n = list ? lua_rawlen(L, list) : 0;
  const char **names = lua_newuserdatauv(L, sizeof *names * (n + 1), 0);
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, list, (lua_Integer)i + 1) != LUA_TSTRING)
      failure_misuse(L, "server: option 'protocols' is a list of names");
    names[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  names[n] = NULL;
  return names;
}

/* The handle stands below the box. */
static int upgraded(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  struct server_upgrade *u = (struct server_upgrade *)effect_at(L, (int)box);
  if (u->fault.code)
    return failure_raise(L, &u->fault, NULL);
  *(struct websocket **)lua_touserdata(L, (int)box - 1) = u->socket;
  u->socket = NULL;
  lua_pushvalue(L, (int)box - 1);
  return 1;
}

/* request:upgrade{ protocols =, headers =, … } -> a WebSocket; raises "server-upgrade" when the request
 * asks for none, and can still be answered then. */
static int upgrade(lua_State *L)
{
  struct server_request **request = luaL_checkudata(L, 1, REQUEST);
  struct upgrade_options o = {.settings = WEBSOCKET_DEFAULTS};
  struct fault fault;
  lua_settop(L, 2);
  opt_read(L, 2, "server: websocket", upgrade_fields, &o);
  struct server_upgrade_options so = {.limits = websocket_check_settings(L, "server: websocket", &o.settings)};
  struct task *task = task_current(L);
  so.protocols = read_protocols(L, o.protocols);
  lua_pushnil(L);
  so.headers = read_headers(L, o.headers ? o.headers : lua_gettop(L));
  if (!*request)
    return failure_misuse(L, "server: the request was answered already");
  websocket_push(L, NULL, o.settings.close_timeout);
  struct effect **box = effect_box(L);
  struct server_upgrade *u = server_upgrade(*request, &so, task_wake, task, &fault);
  if (!u)
    return failure_raise(L, &fault, NULL);
  *box = &u->effect;
  *request = NULL;
  return effect_wait(L, lua_gettop(L), upgraded);
}

static int drop(lua_State *L)  /* request:drop(), __close and __gc */
{
  struct server_request **box = luaL_checkudata(L, 1, REQUEST);
  struct server_request *r = *box;
  *box = NULL;
  server_drop(r);
  return 0;
}

/* ---- the module -------------------------------------------------------------------------------- */

int server_open(lua_State *L)
{
  static const luaL_Reg server[] = {
    {"accept", accept_next}, {"close", server_close}, {"port", port}, {NULL, NULL}};
  static const luaL_Reg request[] = {{"drop", drop}, {"respond", respond}, {"stream", stream}, {"upgrade", upgrade},
                                     {NULL, NULL}};
  static const luaL_Reg streaming[] = {{"write", stream_write}, {"finish", stream_finish}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"listen", listen_on}, {NULL, NULL}};
  class_new(L, SERVER, server, server_close);
  class_new(L, REQUEST, request, drop);
  class_new(L, STREAM, streaming, stream_break);
  luaL_newlib(L, functions);
  return 1;
}
