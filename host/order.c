/* order.c - pairs and next in a fixed order, so that a run repeats exactly.
 *
 * Lua's own order of string keys differs in every process. Here numbers come
 * first, then strings, each ascending (bytes), then false and true. Keys of other
 * types have no order: one such key is fine, two are an error. */
#include "order.h"
#include "failure.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct key {
  int type, index;  /* index: position in the unsorted list, from 1 */
  lua_Number number;
  lua_Integer integer;  /* the same, exactly; of integers */
  const char *text;
  size_t len;
};

static int rank(int type)
{
  return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : type == LUA_TBOOLEAN ? 2 : 3;
}

static int compare_text(const struct key *a, const struct key *b)
{
  int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
  return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int compare(const void *pa, const void *pb)
{
  const struct key *a = pa, *b = pb;
  if (a->type != b->type)
    return rank(a->type) - rank(b->type);
  if (a->type == LUA_TSTRING)
    return compare_text(a, b);
  return (a->number > b->number) - (a->number < b->number);
}

static struct key describe(lua_State *L, int index)
{
  struct key k = {.type = lua_type(L, -1), .index = index};
  if (k.type == LUA_TSTRING) {
    k.text = lua_tolstring(L, -1, &k.len);
  } else if (k.type == LUA_TNUMBER) {
    k.number = lua_tonumber(L, -1);
    k.integer = lua_tointeger(L, -1);
  } else {
    k.number = lua_toboolean(L, -1);
  }
  return k;
}

/* Few keys of plain types, as nearly every table has: no memory but the list's own. */
enum { FEW = 24 };

/* Reads the keys of the table at idx; -1: too many, or one of another type than text and integers. */
static int collect_few(lua_State *L, int idx, struct key *keys)
{
  int n = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pop(L, 1);
    if (n == FEW || !(lua_isinteger(L, -1) || lua_type(L, -1) == LUA_TSTRING)) {
      lua_pop(L, 1);
      return -1;
    }
    keys[n] = describe(L, n + 1);
    n++;
  }
  return n;
}

static void sort_few(struct key *keys, int n)
{
  for (int i = 1; i < n; i++) {
    struct key k = keys[i];
    int at = i;
    for (; at > 0 && compare(&keys[at - 1], &k) > 0; at--)
      keys[at] = keys[at - 1];
    keys[at] = k;
  }
}

static bool order_few(lua_State *L, int idx)
{
  struct key keys[FEW];
  int n = collect_few(L, idx, keys);
  if (n < 0)
    return false;
  sort_few(keys, n);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    if (keys[i].type == LUA_TSTRING)
      lua_pushlstring(L, keys[i].text, keys[i].len);
    else
      lua_pushinteger(L, keys[i].integer);
    lua_rawseti(L, -2, i + 1);
  }
  return true;
}

/* Pushes the keys as they come; returns how many. */
static int collect(lua_State *L, int idx)
{
  int n = 0, orderless = 0;
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pop(L, 1);
    if (rank(lua_type(L, -1)) == 3 && ++orderless > 1)
      failure_misuse(L, "pairs: keys of type %s have no fixed order; keep them in a list",
                     luaL_typename(L, -1));
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, ++n);
  }
  return n;
}

static void order_many(lua_State *L, int idx)
{
  int n = collect(L, idx);
  struct key *keys = lua_newuserdatauv(L, (size_t)(n ? n : 1) * sizeof *keys, 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -2, i);
    keys[i - 1] = describe(L, i);
    lua_pop(L, 1);
  }
  qsort(keys, (size_t)n, sizeof *keys, compare);
  lua_createtable(L, n, 0);  // unsorted keys sorted
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -3, keys[i - 1].index);
    lua_rawseti(L, -2, i);
  }
  lua_insert(L, -3);
  lua_pop(L, 2);
}

void order_keys(lua_State *L, int idx)
{
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, "keys");
  if (!order_few(L, idx))
    order_many(L, idx);
}

/* ---- pairs ------------------------------------------------------------------- */

/* Upvalues: the keys, the position. Keys that went away meanwhile are passed over. */
static int step(lua_State *L)
{
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
  while (lua_rawgeti(L, lua_upvalueindex(1), ++i) != LUA_TNIL) {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, 1) != LUA_TNIL) {
      lua_pushinteger(L, i);
      lua_copy(L, -1, lua_upvalueindex(2));
      lua_pop(L, 1);
      return 2;
    }
    lua_pop(L, 2);
  }
  return 1;
}

static int pairs_called(lua_State *L, int status, lua_KContext ctx)
{
  (void)L, (void)status, (void)ctx;
  return 3;
}

static int pairs(lua_State *L)
{
  lua_settop(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 3, 0, pairs_called);
    return 3;
  }
  if (!lua_istable(L, 1))
    return failure_misuse(L, "pairs: expected a table, not a %s", luaL_typename(L, 1));
  order_keys(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, step, 2);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* ---- next: linear in the size of the table; next(t) alone asks "is it empty" --- */

static int is_after(lua_State *L, int a, int b)
{
  lua_pushvalue(L, a);
  struct key ka = describe(L, 0);
  lua_pushvalue(L, b);
  struct key kb = describe(L, 0);
  lua_pop(L, 2);
  return compare(&ka, &kb) > 0;
}

static int next(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushnil(L);  // table after best
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    lua_pop(L, 1);
    if ((lua_isnil(L, 2) || is_after(L, 4, 2)) && (lua_isnil(L, 3) || is_after(L, 3, 4)))
      lua_copy(L, 4, 3);
  }
  if (lua_isnil(L, 3))
    return 1;
  lua_settop(L, 3);
  lua_pushvalue(L, 3);
  lua_rawget(L, 1);
  return 2;
}

int order_open(lua_State *L)
{
  lua_pushcfunction(L, pairs);
  lua_setglobal(L, "pairs");
  lua_pushcfunction(L, next);
  lua_setglobal(L, "next");
  return 0;
}
