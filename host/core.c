/* core.c - the world's clock, randomness and environment, source texts, names, and whether there is a project,
 * for Davit's own Lua.
 *
 * The module is not part of the public API: lua/prelude.lua and the command line use it. */
#include "announce.h"
#include "failure.h"
#include "host.h"
#include "modules.h"
#include "opt.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which Lua texts this build holds: their hash. */
static const char build[] =
#include "lua/build.inc"
  ;

/* core.now() -> Unix seconds; core.monotonic() -> seconds that never go back */
static int now(lua_State *L)
{
  struct world_clock *c = host_of(L)->world->clock;
  lua_pushnumber(L, c->now(c));
  return 1;
}

static int monotonic(lua_State *L)
{
  struct world_clock *c = host_of(L)->world->clock;
  lua_pushnumber(L, c->monotonic(c));
  return 1;
}

/* core.random(n) -> n random bytes */
static int random_bytes(lua_State *L)
{
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0 && n <= 1 << 16, 1, "0 to 65536 bytes");
  struct world_random *r = host_of(L)->world->random;
  luaL_Buffer b;
  char *bytes = luaL_buffinitsize(L, &b, (size_t)n);
  if (!r->fill(r, bytes, (size_t)n))
    return luaL_error(L, "the system gave no random bytes");
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

/* core.nearest(word, {candidates}) -> the nearest candidate or nil */
static int nearest(lua_State *L)
{
  const char *word = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  int n = (int)lua_rawlen(L, 2);
  const char **list = lua_newuserdatauv(L, sizeof *list * (size_t)(n + 1), 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    list[i - 1] = lua_tostring(L, -1);  // anchored by the table
    lua_pop(L, 1);
  }
  list[n] = NULL;
  lua_pushstring(L, opt_nearest(word, list));
  return 1;
}

/* core.recipes() -> { name, … }; core.recipe(name) -> text, chunk name; nil when not shipped */
static int recipes(lua_State *L)
{
  int n = 0;
  lua_newtable(L);
  for (const struct builtin *b = builtin_recipes; b->name; b++) {
    lua_pushstring(L, b->name);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int recipe(lua_State *L)
{
  const struct builtin *b = builtin_find(builtin_recipes, luaL_checkstring(L, 1));
  if (!b)
    return 0;
  lua_pushlstring(L, b->bytes, b->size);
  lua_pushstring(L, b->chunk);
  return 2;
}

/* core.load_file(path) -> function, or nil and why. Reads at once: source is needed before
 * anything can wait (require, --help). A first line with #! is passed over. */
static int load_file(lua_State *L)
{
  if (luaL_loadfilex(L, luaL_checkstring(L, 1), "t") == LUA_OK)
    return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* core.is_terminal(fd) -> whether a person may be there */
static int is_terminal(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  lua_pushboolean(L, e->is_terminal(e, (int)luaL_checkinteger(L, 1)));
  return 1;
}

/* core.hide(name): from here on the variable is a secret */
static int hide(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  if (!e->hide(e, luaL_checkstring(L, 1)))
    return failure_memory(L);
  return 0;
}

/* core.getenv(name) -> the value of the variable, or nil */
static int get_variable(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  lua_pushstring(L, e->get(e, luaL_checkstring(L, 1)));
  return 1;
}

/* Cuts the last name off a folder's path; false: it was "/". */
static bool go_up(char *path)
{
  char *slash = strrchr(path, '/');
  if (!slash || path[strspn(path, "/")] == 0)
    return false;
  slash[slash == path] = 0;
  return true;
}

/* core.stands_above(name) -> whether something of that name stands in the working folder or above it, be it a link
 * that leads nowhere. Done at once: what starts fast cannot wait until the threads are there that look into files. */
static int stands_above(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  char *folder = getcwd(NULL, 0), path[PATH_MAX];
  bool found = false, more = folder != NULL;
  for (struct stat st; more && !found; more = go_up(folder)) {
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    found = n < (int)sizeof path && lstat(path, &st) == 0;
  }
  free(folder);
  lua_pushboolean(L, found);
  return 1;
}

/* core.announce(name, value): a value that Lua holds is a secret to whatever prints from here on */
static int announce(lua_State *L)
{
  size_t len;
  const char *value = luaL_checklstring(L, 2, &len);
  announce_secret(L, luaL_checkstring(L, 1), value, len);
  return 0;
}

/* core.announce_variable(name): the same for a variable, whose value never becomes a Lua string */
static int announce_variable(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  const char *name = luaL_checkstring(L, 1), *value = e->get(e, name);
  if (value && *value)
    announce_secret(L, name, value, strlen(value));
  return 0;
}

/* core.be_plain(): from here on children are asked for text without colours. */
static int be_plain(lua_State *L)
{
  host_of(L)->plain = true;
  return 0;
}

/* core.without_effects(f) -> what f returns; whatever has an effect raises inside. */
static int without_effects(lua_State *L)
{
  struct sched *s = sched_of(L);
  sched_forbid_effects(s, true);
  int status = lua_pcall(L, 0, LUA_MULTRET, 0);
  sched_forbid_effects(s, false);
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* core.copy(table) -> a table with the same fields */
static int copy(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_createtable(L, 0, 8);
  lua_pushnil(L);
  while (lua_next(L, 1)) {  // copy name value
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  return 1;
}

static int is_module(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushboolean(L, lua_getfield(L, -1, name) != LUA_TNIL || builtin_find(builtin_modules, name));
  return 1;
}

int core_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"announce", announce},   {"announce_variable", announce_variable},
    {"be_plain", be_plain},   {"copy", copy},             {"getenv", get_variable},
    {"hide", hide},           {"is_module", is_module}, {"is_terminal", is_terminal},
    {"load_file", load_file}, {"monotonic", monotonic}, {"nearest", nearest}, {"now", now},
    {"random", random_bytes}, {"recipe", recipe},       {"recipes", recipes},
    {"stands_above", stands_above}, {"without_effects", without_effects}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushliteral(L, DAVIT_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, build);
  lua_setfield(L, -2, "build");
  return 1;
}
