/* budget_lua.c - the module "http.budget.core": ledgers of budget.h for lua/http/budget.lua.
 *
 * Only the real world has a file that other processes share, and not with --local, where no service is
 * asked. Everywhere else a ledger is in memory. */
#include "budget.h"
#include "class.h"
#include "digest.h"
#include "failure.h"
#include "host.h"
#include "real.h"
#include "secret.h"
#include <lauxlib.h>
#include <string.h>

#define LEDGER "davit.budget"

static struct budget_ledger *check_ledger(lua_State *L)
{
  struct budget_ledger **box = luaL_checkudata(L, 1, LEDGER);
  luaL_argcheck(L, *box, 1, "the ledger is closed");
  return *box;
}

static int close_ledger(lua_State *L)  /* close, __close and __gc */
{
  struct budget_ledger **box = luaL_checkudata(L, 1, LEDGER);
  budget_close(*box);
  *box = NULL;
  return 0;
}

/* core.open(path or nil) -> ledger */
static int open_ledger(lua_State *L)
{
  const struct real *real = host_of(L)->real;
  const char *path = luaL_optstring(L, 1, NULL);
  struct budget_ledger **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, LEDGER);
  *box = budget_open(real && !real->config.local ? path : NULL);
  return *box ? 1 : failure_memory(L);
}

/* ledger:shared() -> whether other processes see it */
static int is_shared(lua_State *L)
{
  lua_pushboolean(L, budget_shared(check_ledger(L)));
  return 1;
}

/* ---- keys -------------------------------------------------------------------------------- */

enum { HALF = BUDGET_KEY / 2 };

/* core.fingerprint(credential) -> digits that are the same for the same credential, keyed by itself: they
 * tell nothing of it. They are one half of a key, the other is the caller's. */
static int fingerprint(lua_State *L)
{
  char hex[SHA256_HEX + 1];
  size_t len;
  if (secret_test(L, 1)) {
    secret_fingerprint(L, 1, 1);
    return 1;
  }
  const char *text = luaL_checklstring(L, 1, &len);
  if (!hmac_sha256_hex(text, len, text, len, hex))
    return failure_memory(L);
  lua_pushlstring(L, hex, HALF);
  return 1;
}

static const char *check_key(lua_State *L, int idx)
{
  size_t len;
  const char *text = luaL_checklstring(L, idx, &len);
  luaL_argcheck(L, len == BUDGET_KEY, idx, "not a key");
  return text;
}

/* ---- asking -------------------------------------------------------------------------------- */

static double number_at(lua_State *L, int table, int i)
{
  lua_rawgeti(L, table, i);
  double n = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return n;
}

/* { key, { limit, window, cost }, … } at idx */
static void read_claim(lua_State *L, int idx, struct budget_claim *c)
{
  luaL_checktype(L, idx, LUA_TTABLE);
  lua_rawgeti(L, idx, 1);
  c->key = check_key(L, -1);
  lua_pop(L, 1);  // the table keeps it
  size_t n = lua_rawlen(L, idx) - 1;
  luaL_argcheck(L, n <= BUDGET_LIMITS, idx, "too many limits");
  c->count = n;
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, idx, (lua_Integer)i + 2);
    int limit = lua_gettop(L);
    c->limits[i] = (struct budget_limit){.limit = (unsigned)number_at(L, limit, 1),
                                         .window = number_at(L, limit, 2),
                                         .cost = (unsigned)number_at(L, limit, 3)};
    lua_pop(L, 1);
  }
}

/* ledger:take(now, claim, claim or nil) -> 0, ticket; or seconds, reason, number of the claim, number of
 * the limit in it; or nil when another process holds the file */
static int take(lua_State *L)
{
  static const char *const reasons[] = {"granted", "held", "spent", "limit", "paced"};
  struct budget_claim claims[2];
  struct budget_verdict v;
  struct budget_ledger *l = check_ledger(L);
  double now = luaL_checknumber(L, 2);
  size_t n = lua_isnoneornil(L, 4) ? 1 : 2;
  for (size_t i = 0; i < n; i++)
    read_claim(L, 3 + (int)i, &claims[i]);
  if (!budget_take(l, claims, n, now, &v))
    return 0;
  lua_pushnumber(L, v.wait);
  if (v.reason == BUDGET_GRANTED) {
    lua_pushinteger(L, v.ticket);
    return 2;
  }
  lua_pushstring(L, reasons[v.reason]);
  lua_pushinteger(L, v.claim + 1);
  lua_pushinteger(L, v.limit + 1);
  return 4;
}

static double field(lua_State *L, int idx, const char *name)
{
  lua_getfield(L, idx, name);
  double n = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return n > 0 ? n : 0;
}

static unsigned count_of(double n)
{
  return n < 1e9 ? (unsigned)n : 1000000000;
}

/* ledger:tell(now, key, ticket, { remaining=, quota=, reset=, hold= }) -> true; nil as above */
static int tell(lua_State *L)
{
  struct budget_ledger *l = check_ledger(L);
  double now = luaL_checknumber(L, 2);
  const char *name = check_key(L, 3);
  uint32_t ticket = (uint32_t)luaL_checkinteger(L, 4);
  luaL_checktype(L, 5, LUA_TTABLE);
  struct budget_news news = {.counted = lua_getfield(L, 5, "remaining") != LUA_TNIL,
                             .remaining = count_of(field(L, 5, "remaining")),
                             .quota = count_of(field(L, 5, "quota")),
                             .reset = field(L, 5, "reset"),
                             .hold = field(L, 5, "hold")};
  if (!budget_tell(l, name, ticket, &news, now))
    return 0;
  lua_pushboolean(L, true);
  return 1;
}

int budget_lua_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", close_ledger}, {"shared", is_shared}, {"take", take},
                                     {"tell", tell},          {NULL, NULL}};
  static const luaL_Reg functions[] = {{"fingerprint", fingerprint}, {"open", open_ledger}, {NULL, NULL}};
  class_new(L, LEDGER, methods, close_ledger);
  luaL_newlib(L, functions);
  return 1;
}
