/* tcp_listen_lua.c - the half of "tcp.core" for those who come: a socket that listens, and a relay
 * that joins two connections without another look from Lua. */
#include "class.h"
#include "failure.h"
#include "opt.h"
#include "relay.h"
#include "task.h"
#include "tcp.h"
#include "tcp_listen.h"
#include "tcp_lua.h"
#include <lauxlib.h>
#include <unistd.h>

#define LISTENER "davit.tcp.listener"
#define RELAY    "davit.tcp.relay"

/* ---- listening ------------------------------------------------------------------------------------ */

struct listener {
  struct tcp_listener *tcp;  /* NULL: closed */
};

static struct listener *check_listener(lua_State *L)
{
  return luaL_checkudata(L, 1, LISTENER);
}

static int listener_close(lua_State *L)  /* listener:close(), __close and __gc */
{
  struct listener *l = check_listener(L);
  struct tcp_listener *tcp = l->tcp;
  l->tcp = NULL;
  tcp_listener_free(tcp);
  return 0;
}

struct options {
  const char *address;
  lua_Integer port;
};

static const struct opt_field fields[] = {
  {"address", OPT_STRING, offsetof(struct options, address), true},
  {"port",    OPT_INTEGER, offsetof(struct options, port),   true},
  {0},
};

/* tcp.listen{address=, port=} -> listener */
static int listen_at(lua_State *L)
{
  struct options o = {0};
  struct fault fault;
  lua_settop(L, 1);
  opt_read(L, 1, "tcp.listen", fields, &o);
  if (o.port < 1 || o.port > 65535)
    return failure_misuse(L, "tcp.listen: option 'port' must be 1 to 65535");
  struct uv_loop_s *loop = tcp_loop(L, "tcp.listen");
  struct listener *l = lua_newuserdatauv(L, sizeof *l, 0);
  *l = (struct listener){0};
  luaL_setmetatable(L, LISTENER);
  l->tcp = tcp_listen(loop, o.address, (int)o.port, &fault);
  return l->tcp ? 1 : failure_raise(L, &fault, o.address);
}

static int accepted(lua_State *L, int status, lua_KContext box);

static int wait_for_one(lua_State *L, struct tcp_listener *l)
{
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  *box = tcp_listener_wait(l, task_wake, task);
  return effect_wait(L, lua_gettop(L), accepted);
}

/* Another task may have taken it meanwhile. `box` is 0 before the first wait. */
static int accepted(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  struct fault fault;
  if (box)
    lua_closeslot(L, (int)box);
  lua_settop(L, 1);
  struct tcp_listener *l = check_listener(L)->tcp;
  if (!l) {
    lua_pushnil(L);
    return 1;
  }
  if (!tcp_listener_ready(l))
    return wait_for_one(L, l);
  struct tcp **tcp = tcp_push(L);
  *tcp = tcp_listener_take(l, &fault);
  return *tcp ? 1 : failure_raise(L, &fault, NULL);
}

/* listener:accept() -> connection, once somebody comes; nil when it is closed */
static int accept_one(lua_State *L)
{
  return accepted(L, LUA_OK, 0);
}

/* ---- joining -------------------------------------------------------------------------------------- */

struct joined {
  struct relay *relay;  /* NULL: closed */
};

static struct joined *check_joined(lua_State *L)
{
  return luaL_checkudata(L, 1, RELAY);
}

static int joined_close(lua_State *L)  /* relay:close(), __close and __gc */
{
  struct joined *j = check_joined(L);
  struct relay *r = j->relay;
  j->relay = NULL;
  relay_free(r);
  return 0;
}

static struct relay_side side_of(struct tcp *t, struct fault *f)
{
  struct relay_side side = {.fd = tcp_detach(t, f)};
  side.data = tcp_peek(t, &side.len);
  return side;
}

static struct relay *join(struct uv_loop_s *loop, struct tcp *a, struct tcp *b, struct fault *f)
{
  struct relay_side one = side_of(a, f);
  if (one.fd < 0)
    return NULL;
  struct relay_side other = side_of(b, f);
  if (other.fd >= 0)
    return relay_new(loop, one, other, f);
  close(one.fd);
  return NULL;
}

/* tcp.relay(a, b) -> relay; both connections are its own from now on */
static int relay_both(lua_State *L)
{
  struct fault fault;
  lua_settop(L, 2);
  struct tcp **a = tcp_check(L, 1, "tcp.relay"), **b = tcp_check(L, 2, "tcp.relay");
  if (a == b)
    return failure_misuse(L, "tcp.relay: expected two connections, not one twice");
  if (!tcp_ready(*a, TCP_SENT) || !tcp_ready(*b, TCP_SENT))
    return failure_misuse(L, "tcp.relay: a connection is still sending");
  struct uv_loop_s *loop = tcp_loop(L, "tcp.relay");
  struct joined *j = lua_newuserdatauv(L, sizeof *j, 0);
  *j = (struct joined){0};
  luaL_setmetatable(L, RELAY);
  j->relay = join(loop, *a, *b, &fault);
  tcp_free(*a);
  tcp_free(*b);
  *a = *b = NULL;
  return j->relay ? 1 : failure_raise(L, &fault, NULL);
}

static int waited(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  const struct relay *r = check_joined(L)->relay;
  lua_pushinteger(L, r ? (lua_Integer)relay_passed(r, 0) : 0);
  lua_pushinteger(L, r ? (lua_Integer)relay_passed(r, 1) : 0);
  return 2;
}

/* relay:wait() -> bytes from a to b, bytes from b to a, once both have ended */
static int wait_ended(lua_State *L)
{
  lua_settop(L, 1);
  struct relay *r = check_joined(L)->relay;
  if (!r || relay_ended(r))
    return waited(L, LUA_OK, 0);
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  *box = relay_wait(r, task_wake, task);
  return effect_wait(L, lua_gettop(L), waited);
}

/* relay:idle() -> seconds since bytes passed; nil when it is closed */
static int idle(lua_State *L)
{
  const struct relay *r = check_joined(L)->relay;
  if (r)
    lua_pushnumber(L, relay_idle(r));
  else
    lua_pushnil(L);
  return 1;
}

void tcp_listen_open(lua_State *L)
{
  static const luaL_Reg listener[] = {{"accept", accept_one}, {"close", listener_close}, {NULL, NULL}};
  static const luaL_Reg relay[] = {{"close", joined_close}, {"idle", idle}, {"wait", wait_ended}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"listen", listen_at}, {"relay", relay_both}, {NULL, NULL}};
  class_new(L, LISTENER, listener, listener_close);
  class_new(L, RELAY, relay, joined_close);
  luaL_setfuncs(L, functions, 0);
}
