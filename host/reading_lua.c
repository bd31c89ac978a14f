/* reading_lua.c - the module "reading.core": puts a world for looking (reading.h) over this instance's own while a
 * plan is made. lua/run/reading.lua says what is allowed in it. */
#include "class.h"
#include "failure.h"
#include "host.h"
#include "reading.h"
#include "real.h"
#include <lauxlib.h>

#define NET "davit.reading"

struct net {
  struct reading *reading;
  bool over;  /* the host has its own world again */
};

static struct net *check_net(lua_State *L)
{
  return luaL_checkudata(L, 1, NET);
}

/* net:close(), and __close: the world is as it was. What began meanwhile may still hold the other one, which therefore
 * lives as long as the Lua state. */
static int net_close(lua_State *L)
{
  struct net *n = check_net(L);
  if (!n->over && n->reading)
    host_of(L)->world = reading_under(n->reading);
  n->over = true;
  return 0;
}

static int net_free(lua_State *L)
{
  struct net *n = check_net(L);
  net_close(L);
  reading_free(n->reading);
  n->reading = NULL;
  return 0;
}

/* net:allow_folder(path): what is below it may be written */
static int allow_folder(lua_State *L)
{
  struct net *n = check_net(L);
  if (!reading_allow_folder(n->reading, luaL_checkstring(L, 2)))
    return failure_misuse(L, "reading: '%s' is no folder", lua_tostring(L, 2));
  return 0;
}

/* net:allow_command{word, …}: children may be started whose argv begins so */
static int allow_command(lua_State *L)
{
  struct net *n = check_net(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  int count = (int)lua_rawlen(L, 2);
  const char **words = lua_newuserdatauv(L, sizeof *words * (size_t)(count + 1), 0);
  for (int i = 0; i < count; i++) {
    if (lua_rawgeti(L, 2, i + 1) != LUA_TSTRING)
      return failure_misuse(L, "reading: a command is a list of texts");
    words[i] = lua_tostring(L, -1);  // anchored by the table
    lua_pop(L, 1);
  }
  words[count] = NULL;
  if (!reading_allow_command(n->reading, words))
    return failure_misuse(L, "reading: a command has at least one word");
  return 0;
}

/* net:refused() -> what was refused first, or nil */
static int refused(lua_State *L)
{
  lua_pushstring(L, reading_refused(check_net(L)->reading));
  return 1;
}

/* reading.begin() -> net: from here on this instance can only look, until it is closed */
static int begin(lua_State *L)
{
  struct host *host = host_of(L);
  if (!host->real)
    return failure_misuse(L, "a plan is made in the real world only");
  struct net *n = lua_newuserdatauv(L, sizeof *n, 0);
  *n = (struct net){0};
  luaL_setmetatable(L, NET);
  n->reading = reading_new(host->world, &host->real->loop);
  if (!n->reading)
    return failure_memory(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, n->reading);
  host->world = reading_world(n->reading);
  return 1;
}

int reading_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", net_close}, {"allow_folder", allow_folder},
                                     {"allow_command", allow_command}, {"refused", refused}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"begin", begin}, {NULL, NULL}};
  class_new(L, NET, methods, net_free);
  class_event(L, NET, "__close", net_close);
  luaL_newlib(L, functions);
  return 1;
}
