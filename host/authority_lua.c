/* authority_lua.c - the module "authority": certificates for the local cloud's servers. */
#include "authority_lua.h"
#include "authority.h"
#include "class.h"
#include "failure.h"
#include "opt.h"
#include <lauxlib.h>
#include <string.h>

#define AUTHORITY "davit.authority"

struct options {
  const char *directory;
  double begins, ends;
};

enum { DAY = 24 * 3600 };
#define CENTURY (36500.0 * DAY)

static const struct options defaults = {.begins = -DAY, .ends = 365 * DAY};

static const struct opt_field fields[] = {
  {"directory", OPT_STRING, offsetof(struct options, directory), false},
  {"begins", OPT_NUMBER, offsetof(struct options, begins), false},
  {"ends", OPT_NUMBER, offsetof(struct options, ends), false},
  {0},
};

struct authority *authority_test(lua_State *L, int idx)
{
  struct authority **box = luaL_testudata(L, idx, AUTHORITY);
  return box ? *box : NULL;
}

static struct authority *check_authority(lua_State *L)
{
  struct authority **box = luaL_checkudata(L, 1, AUTHORITY);
  return *box;
}

static int authority_gc(lua_State *L)
{
  struct authority **box = luaL_checkudata(L, 1, AUTHORITY);
  authority_free(*box);
  *box = NULL;
  return 0;
}

/* authority.new{ directory =, begins =, ends = } */
static int new(lua_State *L)
{
  struct options o = defaults;
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  opt_read(L, 1, "authority.new", fields, &o);
  if (o.begins >= o.ends || o.begins < -CENTURY || o.ends > CENTURY)
    failure_misuse(L, "authority.new: certificates begin before they end, both within a century");
  struct authority **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, AUTHORITY);
  *box = authority_new(o.directory);
  if (!*box)
    return failure_memory(L);
  authority_set_validity(*box, o.begins, o.ends);
  return 1;
}

/* authority:pem() -> its certificate */
static int pem(lua_State *L)
{
  struct fault fault;
  const char *text = authority_pem(check_authority(L), &fault);
  if (!text)
    return failure_raise(L, &fault, NULL);
  lua_pushstring(L, text);
  return 1;
}

/* authority:refuse(host, refused) */
static int refuse(lua_State *L)
{
  struct authority *a = check_authority(L);
  lua_settop(L, 3);
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "authority:refuse: expected a host name, not a %s", luaL_typename(L, 2));
  if (!lua_isboolean(L, 3))
    return failure_misuse(L, "authority:refuse: expected true or false, not a %s", luaL_typename(L, 3));
  return authority_refuse(a, lua_tostring(L, 2), lua_toboolean(L, 3)) ? 0 : failure_memory(L);
}

/* Only such texts may stand in "DNS:…" and "IP:…", where commas and colons have a meaning. */
static bool is_plain(const char *text)
{
  return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*")] == 0;
}

static void add_names(lua_State *L, luaL_Buffer *b, int list, const char *kind)
{
  lua_Integer n = luaL_len(L, list);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, list, i);
    const char *text = lua_tostring(L, -1);
    if (!text || !is_plain(text))
      failure_misuse(L, "authority:issue: expected a list of names and one of IPv4 addresses");
    lua_pushfstring(L, "%s:%s,", kind, text);
    lua_remove(L, -2);
    luaL_addvalue(b);
  }
}

/* Pushes "DNS:…,IP:…". */
static const char *push_names(lua_State *L)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  add_names(L, &b, 2, "DNS");
  add_names(L, &b, 3, "IP");
  luaL_pushresult(&b);
  const char *all = lua_tostring(L, -1);
  if (!*all)
    failure_misuse(L, "authority:issue: expected at least one name or address");
  return lua_pushlstring(L, all, strlen(all) - 1);
}

/* authority:issue(names, addresses) -> certificate, key; as PEM */
static int issue(lua_State *L)
{
  struct authority *a = check_authority(L);
  struct authority_issued made;
  struct fault fault;
  lua_settop(L, 3);
  if (!lua_istable(L, 2) || !lua_istable(L, 3))
    return failure_misuse(L, "authority:issue: expected a list of names and one of IPv4 addresses");
  if (!authority_issue(a, push_names(L), &made, &fault))
    return failure_raise(L, &fault, NULL);
  lua_pushstring(L, made.certificate);
  lua_pushstring(L, made.key);
  authority_issued_free(&made);
  return 2;
}

int authority_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"issue", issue}, {"pem", pem}, {"refuse", refuse}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new}, {NULL, NULL}};
  class_new(L, AUTHORITY, methods, NULL);
  class_event(L, AUTHORITY, "__gc", authority_gc);
  luaL_newlib(L, functions);
  return 1;
}
