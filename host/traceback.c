/* traceback.c - the calls under way as a text; see traceback.h. */
#include "traceback.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

enum { FIRST = 10, LAST = 11 };  /* calls that are told where there are more */

/* The number of the innermost calls that are told, and of those that are left out after them. */
struct extent {
  int count, skipped;
};

static struct extent extent_of(lua_State *L, int level)
{
  lua_Debug call;
  int count = 0;
  while (lua_getstack(L, level + count, &call))
    count++;
  return (struct extent){count, count > FIRST + LAST ? count - FIRST - LAST : 0};
}

static int next_level(const struct extent *e, int i)
{
  return i + 1 == FIRST && e->skipped ? FIRST + e->skipped : i + 1;
}

/* ---- names ---------------------------------------------------------------------------------- */

static const char names_key = 0;  /* its address: where the registry has the table of names */

enum { MODULES = 1 };  /* a key of that table: how many modules there were when it was made */

static lua_Integer count_fields(lua_State *L, int table)
{
  lua_Integer n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
    n++;
  return n;
}

/* With a module's table on top: gives its functions their names in the table at `names`. */
static void name_fields(lua_State *L, int names, const char *module)
{
  bool global = strcmp(module, LUA_GNAME) == 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TFUNCTION)
      continue;
    lua_pushvalue(L, -1);
    lua_pushfstring(L, "%s%s%s", global ? "" : module, global ? "" : ".", lua_tostring(L, -3));
    lua_rawset(L, names);
  }
}

/* Its keys do not keep functions alive. */
static void new_names(lua_State *L, int loaded)
{
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  int names = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, loaded); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TTABLE)
      name_fields(L, names, lua_tostring(L, -2));
}

/* Pushes the table: the name of each function that is a field of a loaded module. It is made anew when there are
 * other modules. */
static void push_names(lua_State *L)
{
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  int loaded = lua_gettop(L);
  lua_Integer modules = count_fields(L, loaded);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key) == LUA_TTABLE) {
    lua_rawgeti(L, -1, MODULES);
    bool fresh = lua_tointeger(L, -1) == modules;
    lua_pop(L, 1);
    if (fresh) {
      lua_remove(L, loaded);
      return;
    }
  }
  new_names(L, loaded);
  lua_pushinteger(L, modules);
  lua_rawseti(L, -2, MODULES);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
  lua_replace(L, loaded);
  lua_settop(L, loaded);
}

/* ---- the text ------------------------------------------------------------------------------- */

static void add_name(lua_State *L, luaL_Buffer *b, lua_Debug *call, int names)
{
  lua_getinfo(L, "f", call);
  if (lua_rawget(L, names) == LUA_TSTRING)
    lua_pushfstring(L, "function '%s'", lua_tostring(L, -1));
  else if (*call->namewhat)
    lua_pushfstring(L, "%s '%s'", call->namewhat, call->name);
  else if (*call->what == 'm')
    lua_pushliteral(L, "main chunk");
  else if (*call->what == 'C')
    lua_pushliteral(L, "?");
  else
    lua_pushfstring(L, "function <%s:%d>", call->short_src, call->linedefined);
  lua_remove(L, -2);
  luaL_addvalue(b);
}

static void add_call(lua_State *L, luaL_Buffer *b, lua_Debug *call, int names)
{
  lua_getinfo(L, "Slnt", call);
  if (call->currentline > 0)
    lua_pushfstring(L, "\n\t%s:%d: in ", call->short_src, call->currentline);
  else
    lua_pushfstring(L, "\n\t%s: in ", call->short_src);
  luaL_addvalue(b);
  add_name(L, b, call, names);
  if (call->istailcall)
    luaL_addstring(b, "\n\t(...tail calls...)");
}

static void add_skipped(lua_State *L, luaL_Buffer *b, int skipped)
{
  lua_pushfstring(L, "\n\t...\t(skipping %d levels)", skipped);
  luaL_addvalue(b);
}

void traceback_push(lua_State *L, int level)
{
  struct extent e = extent_of(L, level);
  luaL_Buffer b;
  lua_Debug call;
  luaL_checkstack(L, 12, "traceback");
  push_names(L);
  int names = lua_gettop(L);
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "stack traceback:");
  for (int i = 0; i < e.count && lua_getstack(L, level + i, &call); i = next_level(&e, i)) {
    if (i == FIRST + e.skipped && e.skipped)
      add_skipped(L, &b, e.skipped);
    add_call(L, &b, &call, names);
  }
  luaL_pushresult(&b);
  lua_remove(L, names);
}
