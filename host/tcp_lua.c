/* tcp_lua.c - the module "tcp.core": TCP connections for Davit's own Lua, in the real world only. What
 * listens and joins connections is tcp_listen_lua.c.
 *
 * One task may receive while others send. */
#include "tcp_lua.h"
#include "class.h"
#include "failure.h"
#include "host.h"
#include "opt.h"
#include "real.h"
#include "task.h"
#include "tcp.h"
#include <lauxlib.h>

#define TCP "davit.tcp"

struct handle {
  struct tcp *tcp;  /* NULL: closed */
};

static struct handle *check_handle(lua_State *L)
{
  return luaL_checkudata(L, 1, TCP);
}

static struct tcp *check_open(lua_State *L, const char *what)
{
  return *tcp_check(L, 1, what);
}

struct tcp **tcp_check(lua_State *L, int idx, const char *what)
{
  struct handle *h = luaL_checkudata(L, idx, TCP);
  if (!h->tcp)
    failure_misuse(L, "%s: the connection is closed", what);
  return &h->tcp;
}

struct tcp **tcp_push(lua_State *L)
{
  struct handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (struct handle){0};
  luaL_setmetatable(L, TCP);
  return &h->tcp;
}

struct uv_loop_s *tcp_loop(lua_State *L, const char *what)
{
  if (!host_of(L)->real)
    failure_misuse(L, "%s: this world has no sockets", what);
  return &host_of(L)->real->loop;
}

static void raise_fault(lua_State *L, const struct tcp *t)
{
  const struct fault *f = tcp_fault(t);
  if (f)
    failure_raise(L, f, NULL);
}

/* Waits until the event is ready, then goes on with k. */
static int await(lua_State *L, struct tcp *t, enum tcp_event event, lua_KFunction k)
{
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  *box = tcp_wait(t, event, task_wake, task);
  return effect_wait(L, lua_gettop(L), k);
}

/* ---- receiving and sending ----------------------------------------------------------------------- */

/* The bytes that have come; nil at the end, whoever made it. */
static int received(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  struct tcp *t = check_handle(L)->tcp;
  size_t len = 0;
  const char *data = t ? tcp_peek(t, &len) : NULL;
  if (len == 0) {
    if (t)
      raise_fault(L, t);
    lua_pushnil(L);
    return 1;
  }
  lua_pushlstring(L, data, len);
  tcp_drop(t);
  return 1;
}

static int receive(lua_State *L)
{
  lua_settop(L, 1);
  struct tcp *t = check_handle(L)->tcp;
  return !t || tcp_ready(t, TCP_RECEIVED) ? received(L, LUA_OK, 0) : await(L, t, TCP_RECEIVED, received);
}

static int peeked(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  size_t len;
  struct tcp *t = check_open(L, "tcp:peek");
  const char *data = tcp_peek(t, &len);
  if (len == 0)
    raise_fault(L, t);
  if (len == 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, data, len);
  return 1;
}

/* tcp:peek() -> the bytes that the next receive() gives, once there are any; nil at the end */
static int peek(lua_State *L)
{
  lua_settop(L, 1);
  struct tcp *t = check_open(L, "tcp:peek");
  return tcp_ready(t, TCP_RECEIVED) ? peeked(L, LUA_OK, 0) : await(L, t, TCP_RECEIVED, peeked);
}

/* tcp:peer() -> the address on the other side */
static int peer(lua_State *L)
{
  char address[TCP_ADDRESS];
  tcp_peer(check_open(L, "tcp:peer"), address);
  lua_pushstring(L, address);
  return 1;
}

static int sent(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  raise_fault(L, check_open(L, "tcp:send"));
  return 0;
}

/* tcp:send(bytes): returns when the system has them. */
static int send_bytes(lua_State *L)
{
  size_t len;
  lua_settop(L, 2);
  struct tcp *t = check_open(L, "tcp:send");
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "tcp:send: expected a string, not a %s", luaL_typename(L, 2));
  const char *data = lua_tolstring(L, 2, &len);
  if (!tcp_send(t, data, len))
    return failure_memory(L);
  return tcp_ready(t, TCP_SENT) ? sent(L, LUA_OK, 0) : await(L, t, TCP_SENT, sent);
}

/* ---- the connection -------------------------------------------------------------------------------- */

static int handle_close(lua_State *L)  /* tcp:close(), __close and __gc */
{
  struct handle *h = check_handle(L);
  struct tcp *t = h->tcp;
  h->tcp = NULL;
  tcp_free(t);
  return 0;
}

struct options {
  const char *address, *from;
  lua_Integer port;
};

static const struct opt_field fields[] = {
  {"address", OPT_STRING, offsetof(struct options, address), true},
  {"from",    OPT_STRING, offsetof(struct options, from),    false},
  {"port",    OPT_INTEGER, offsetof(struct options, port),   true},
  {0},
};

enum { OPTIONS = 1, HANDLE };

static int connected(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  struct handle *h = luaL_checkudata(L, HANDLE, TCP);
  raise_fault(L, h->tcp);
  lua_pushvalue(L, HANDLE);
  return 1;
}

/* tcp.connect{address=, port=, from=} -> connection; `from`: the address on our side */
static int connect_to(lua_State *L)
{
  struct options o = {0};
  struct fault fault;
  lua_settop(L, OPTIONS);
  opt_read(L, OPTIONS, "tcp.connect", fields, &o);
  if (o.port < 1 || o.port > 65535)
    return failure_misuse(L, "tcp.connect: option 'port' must be 1 to 65535");
  task_current(L);
  struct uv_loop_s *loop = tcp_loop(L, "tcp.connect");
  struct tcp **box = tcp_push(L);
  *box = tcp_new(loop, o.address, (int)o.port, o.from, &fault);
  if (!*box)
    return failure_raise(L, &fault, o.address);
  return await(L, *box, TCP_OPEN, connected);
}

int tcp_open(lua_State *L)
{
  static const luaL_Reg methods[] = {
    {"close", handle_close}, {"peek", peek}, {"peer", peer}, {"receive", receive}, {"send", send_bytes},
    {NULL, NULL}};
  static const luaL_Reg functions[] = {{"connect", connect_to}, {NULL, NULL}};
  class_new(L, TCP, methods, handle_close);
  luaL_newlib(L, functions);
  tcp_listen_open(L);
  return 1;
}
