/* nameserver_lua.c - the module "nameserver": a DNS server whose answers a Lua function gives. */
#include "class.h"
#include "failure.h"
#include "host.h"
#include "nameserver.h"
#include "opt.h"
#include "real.h"
#include "task.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define NAMESERVER "davit.nameserver"

struct options {
  const char *address;
  lua_Integer port;
};

static const struct opt_field fields[] = {
  {"address", OPT_STRING, offsetof(struct options, address), false},
  {"port", OPT_INTEGER, offsetof(struct options, port), false},
  {0},
};

/* One call of serve: an effect without an end, so that its box stops the watching. */
struct service {
  struct effect effect;
  struct handle *handle;
};

struct handle {
  struct nameserver *ns;    /* NULL: closed */
  struct service *service;  /* the call of serve that runs, or NULL */
};

static struct handle *check_handle(lua_State *L)
{
  return luaL_checkudata(L, 1, NAMESERVER);
}

/* ---- replies ------------------------------------------------------------------------------ */

struct answer {
  const char *name, *type, *data;
  lua_Integer ttl;
};

static const struct opt_field answer_fields[] = {
  {"type", OPT_STRING, offsetof(struct answer, type), true},
  {"data", OPT_STRING, offsetof(struct answer, data), true},
  {"ttl", OPT_INTEGER, offsetof(struct answer, ttl), false},
  {0},
};

struct response {
  const char *rcode;
  lua_Integer ttl;
  int answers, authority;
};

static const struct opt_field response_fields[] = {
  {"rcode", OPT_STRING, offsetof(struct response, rcode), false},
  {"ttl", OPT_INTEGER, offsetof(struct response, ttl), false},
  {"answers", OPT_TABLE, offsetof(struct response, answers), false},
  {"authority", OPT_TABLE, offsetof(struct response, authority), false},
  {0},
};

static const struct opt_field authority_fields[] = {
  {"name", OPT_STRING, offsetof(struct answer, name), true},
  {"type", OPT_STRING, offsetof(struct answer, type), true},
  {"data", OPT_STRING, offsetof(struct answer, data), true},
  {"ttl", OPT_INTEGER, offsetof(struct answer, ttl), false},
  {0},
};

/* Adds the record on top: an answer, or one of the authority section, which has a name. */
static void add_record(lua_State *L, struct nameserver_reply *reply, lua_Integer ttl, bool authority)
{
  struct answer a = {.ttl = ttl};
  const char *what = authority ? "nameserver: authority" : "nameserver: answer";
  opt_read(L, -1, what, authority ? authority_fields : answer_fields, &a);
  if (a.ttl < 0 || a.ttl > INT32_MAX)
    failure_misuse(L, "%s: option 'ttl' is seconds, 0 to %d", what, INT32_MAX);
  unsigned seconds = (unsigned)a.ttl;
  if (!(authority ? nameserver_add_authority(reply, a.name, a.type, a.data, seconds)
                  : nameserver_add(reply, a.type, a.data, seconds)))
    failure_misuse(L, "%s: '%.100s' is no data of the type %.10s", what, a.data, a.type);
}

static void add_records(lua_State *L, struct nameserver_reply *reply, int list, lua_Integer ttl, bool authority)
{
  size_t n = list ? lua_rawlen(L, list) : 0;
  for (size_t i = 1; i <= n; i++) {
    lua_rawgeti(L, list, (lua_Integer)i);
    add_record(L, reply, ttl, authority);
    lua_pop(L, 1);
  }
}

/* Writes the handler's result, on top, as the reply. */
static void write_reply(lua_State *L, const struct nameserver_query *q, struct nameserver_reply *reply)
{
  struct response r = {.rcode = "NOERROR", .ttl = 60};
  opt_read(L, -1, "nameserver: reply", response_fields, &r);
  int rcode = nameserver_rcode(r.rcode);
  if (rcode < 0)
    failure_misuse(L, "nameserver: reply: '%.20s' is no rcode (expected NOERROR, FORMERR, SERVFAIL, "
                      "NXDOMAIN, NOTIMP, REFUSED, …)", r.rcode);
  nameserver_begin(reply, q, rcode);
  add_records(L, reply, r.answers, r.ttl, false);
  add_records(L, reply, r.authority, r.ttl, true);
}

/* ---- serve ---------------------------------------------------------------------------------- */

enum { HANDLE = 1, HANDLER, BOX, QUERY };

static int next_query(lua_State *L, int status, lua_KContext ctx);

static int handled(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  struct handle *h = check_handle(L);
  const struct nameserver_query *q = lua_touserdata(L, QUERY);
  struct nameserver_reply reply;
  if (!lua_isnil(L, -1)) {
    write_reply(L, q, &reply);
    if (h->ns)
      nameserver_send(h->ns, q, &reply);
  }
  lua_settop(L, QUERY);
  return 0;
}

static int after_handler(lua_State *L, int status, lua_KContext ctx)
{
  handled(L, status, ctx);
  return next_query(L, status, ctx);
}

/* Answers what waits, then waits for more. Returns when the server was closed. */
static int next_query(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  struct handle *h = check_handle(L);
  struct nameserver_query *q = lua_touserdata(L, QUERY);
  while (h->ns && nameserver_take(h->ns, q)) {
    lua_pushvalue(L, HANDLER);
    lua_pushstring(L, q->name);
    lua_pushstring(L, q->type);
    lua_callk(L, 2, 1, ctx, after_handler);
    handled(L, LUA_OK, ctx);
  }
  return h->ns ? task_wait(L, next_query, ctx) : 0;
}

static void stop_service(struct effect *e)
{
  struct service *s = (struct service *)e;
  if (s->handle->ns)
    nameserver_watch(s->handle->ns, NULL, NULL);
  s->handle->service = NULL;
  free(s);
}

/* nameserver:serve(handler): runs until the task is cancelled or the server closed. */
static int serve(lua_State *L)
{
  struct handle *h = check_handle(L);
  lua_settop(L, HANDLER);
  if (!lua_isfunction(L, HANDLER))
    return failure_misuse(L, "nameserver:serve: expected a function, not a %s", luaL_typename(L, 2));
  if (!h->ns)
    return failure_misuse(L, "nameserver:serve: it is closed");
  if (h->service)
    return failure_misuse(L, "nameserver:serve: it is being served already");
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  struct service *s = calloc(1, sizeof *s);
  if (!s)
    return failure_memory(L);
  *s = (struct service){.effect = {.destroy = stop_service, .done = task_wake, .arg = task}, .handle = h};
  *box = &s->effect;
  h->service = s;
  nameserver_watch(h->ns, task_wake, task);
  lua_newuserdatauv(L, sizeof(struct nameserver_query), 0);
  return next_query(L, LUA_OK, 0);
}

/* ---- the object ------------------------------------------------------------------------------ */

static int handle_close(lua_State *L)  /* nameserver:close(), __close and __gc */
{
  struct handle *h = check_handle(L);
  struct nameserver *ns = h->ns;
  h->ns = NULL;
  nameserver_free(ns);
  if (h->service)
    h->service->effect.done(h->service->effect.arg);
  return 0;
}

/* The field `port`, else a method. */
static int index_of(lua_State *L)
{
  if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "port") == 0) {
    lua_getiuservalue(L, 1, 1);
    return 1;
  }
  lua_settop(L, 2);
  lua_gettable(L, lua_upvalueindex(1));
  return 1;
}

static int listen_on(lua_State *L)
{
  struct options o = {.address = "127.0.0.1"};
  struct fault fault;
  lua_settop(L, 1);
  opt_read(L, 1, "nameserver.listen", fields, &o);
  if (o.port < 0 || o.port > 65535)
    return failure_misuse(L, "nameserver.listen: option 'port' must be 0 to 65535");
  task_current(L);
  if (!host_of(L)->real)
    return failure_misuse(L, "nameserver.listen: this world has no sockets to listen on");
  struct handle *h = lua_newuserdatauv(L, sizeof *h, 1);
  *h = (struct handle){0};
  luaL_setmetatable(L, NAMESERVER);
  h->ns = nameserver_new(&host_of(L)->real->loop, o.address, (int)o.port, &fault);
  if (!h->ns)
    return failure_raise(L, &fault, o.address);
  lua_pushinteger(L, nameserver_port(h->ns));
  lua_setiuservalue(L, -2, 1);
  return 1;
}

int nameserver_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", handle_close}, {"serve", serve}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"listen", listen_on}, {NULL, NULL}};
  class_new(L, NAMESERVER, NULL, handle_close);
  class_index(L, NAMESERVER, methods, index_of);
  luaL_newlib(L, functions);
  return 1;
}
