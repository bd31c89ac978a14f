/* dotenv_lua.c - the module "dotenv.core": the lines of .env files as Lua values. Files of secrets are
 * read elsewhere (secret_lua.c): what is read here is text that Lua holds already. */
#include "class.h"
#include "dotenv.h"
#include "failure.h"
#include "opt.h"
#include <lauxlib.h>

#define READER "davit.dotenv.reader"

static int reader_close(lua_State *L)  /* __close and __gc */
{
  dotenv_free(luaL_checkudata(L, 1, READER));
  return 0;
}

static struct dotenv *push_reader(lua_State *L, const char *text, size_t len)
{
  struct dotenv *d = lua_newuserdatauv(L, sizeof *d, 0);
  dotenv_init(d, text, len);
  luaL_setmetatable(L, READER);
  lua_toclose(L, -1);
  return d;
}

static int refuse(lua_State *L, const char *name, int line, const char *why)
{
  struct fault f;
  fault_set(&f, "dotenv-invalid", "fatal", "%.200s:%d: %s", name, line, why);
  return failure_raise(L, &f, name);
}

/* dotenv.decode(text, {name=}) -> { NAME = value }; raises "dotenv-invalid" */
static int decode(lua_State *L)
{
  static const struct opt_field fields[] = {{"name", OPT_STRING, 0, false}, {0}};
  const char *name = "dotenv", *why;
  size_t len;
  const char *text = opt_string(L, 1, "dotenv.decode", "text", &len);
  if (!lua_isnoneornil(L, 2))
    opt_read(L, 2, "dotenv.decode", fields, &name);
  lua_settop(L, 2);
  struct dotenv *d = push_reader(L, text, len);
  lua_newtable(L);
  while (dotenv_next(d, &why)) {
    lua_pushstring(L, buf_str(&d->name));
    lua_pushlstring(L, buf_str(&d->value), d->value.len);
    lua_rawset(L, -3);
  }
  return why ? refuse(L, name, d->line, why) : 1;
}

int dotenv_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"decode", decode}, {NULL, NULL}};
  class_new(L, READER, NULL, reader_close);
  luaL_newlib(L, functions);
  return 1;
}
