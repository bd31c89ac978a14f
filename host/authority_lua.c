/* authority_lua.c - the module "authority": certificates for the local cloud's servers. */
#include "authority_lua.h"
#include "authority.h"
#include "class.h"
#include "failure.h"
#include "opt.h"
#include <lauxlib.h>

#define AUTHORITY "davit.authority"

struct options {
  const char *directory;
};

static const struct opt_field fields[] = {
  {"directory", OPT_STRING, offsetof(struct options, directory), false},
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

/* authority.new{ directory = } */
static int new(lua_State *L)
{
  struct options o = {0};
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  opt_read(L, 1, "authority.new", fields, &o);
  struct authority **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, AUTHORITY);
  *box = authority_new(o.directory);
  return *box ? 1 : failure_memory(L);
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

int authority_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"pem", pem}, {"refuse", refuse}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new}, {NULL, NULL}};
  class_new(L, AUTHORITY, methods, NULL);
  class_event(L, AUTHORITY, "__gc", authority_gc);
  luaL_newlib(L, functions);
  return 1;
}
