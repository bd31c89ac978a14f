/* rehearsal_play.c - rehearsal.core.play{ models=, text=, settings=, seed= } -> string
 *
 * Runs a Lua text as the first task of a state of its own, in a world whose models are another
 * text (rehearsal.h): hours of its time pass in milliseconds, and the same seed gives the same.
 * The caller waits, and so does its whole process. What the text returns must be a string, or
 * nothing; what it raises is raised here, as one line. */
#include "rehearsal_play.h"
#include "class.h"
#include "failure.h"
#include "host.h"
#include "mask.h"
#include "opt.h"
#include "output.h"
#include "rehearsal.h"
#include "task.h"
#include <lauxlib.h>
#include <string.h>

#define PLAY "davit.play"

struct options {
  const char *models, *text, *settings;
  lua_Integer seed;
};

static const struct opt_field fields[] = {
  {"models", OPT_STRING, offsetof(struct options, models), true},
  {"text", OPT_STRING, offsetof(struct options, text), true},
  {"settings", OPT_STRING, offsetof(struct options, settings), false},
  {"seed", OPT_INTEGER, offsetof(struct options, seed), false},
  {0},
};

/* All of one play; freed with its scope. */
struct play {
  struct rehearsal *rehearsal;
  struct host host;
  lua_State *L;
};

static int close_play(lua_State *L)  /* __close and __gc */
{
  struct play *p = luaL_checkudata(L, 1, PLAY);
  if (p->L)
    host_close(p->L);
  output_free(p->host.out);
  output_free(p->host.err);
  mask_free(p->host.mask);
  rehearsal_free(p->rehearsal);
  *p = (struct play){0};
  return 0;
}

static bool open_play(struct play *p, const struct options *o)
{
  static const char *const nothing[] = {NULL};
  p->rehearsal = rehearsal_new(&(struct rehearsal_options){
    .models = o->models, .settings = o->settings ? o->settings : "", .environ = nothing, .start = 1.8e9,
    .seed = (unsigned long long)o->seed});
  if (!p->rehearsal)
    return false;
  p->host = (struct host){.world = rehearsal_world(p->rehearsal), .mask = mask_new(), .cleanup_seconds = 5};
  if (!p->host.mask)
    return false;
  p->host.out = output_new(1, p->host.mask);
  p->host.err = output_new(2, p->host.mask);
  p->L = p->host.out && p->host.err ? host_open(&p->host) : NULL;
  return p->L != NULL;
}

static int carry_out(lua_State *L)
{
  if (luaL_loadbuffer(L, lua_tostring(L, 1), lua_rawlen(L, 1), "=play") != LUA_OK)
    return lua_error(L);
  int results = sched_run(L, 0);
  if (results == 0)
    lua_pushnil(L);
  return 1;
}

int rehearsal_play(lua_State *L)
{
  struct options o = {.seed = 1};
  lua_settop(L, 1);
  opt_read(L, 1, "rehearsal.play", fields, &o);
  class_new(L, PLAY, NULL, close_play);
  struct play *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (struct play){0};
  luaL_setmetatable(L, PLAY);
  lua_toclose(L, -1);
  if (!open_play(p, &o))
    return luaL_error(L, "the rehearsal's world could not be made");
  lua_pushcfunction(p->L, carry_out);
  lua_pushstring(p->L, o.text);
  bool ok = lua_pcall(p->L, 1, 1, 0) == LUA_OK;
  size_t len;
  const char *text = ok && lua_isnil(p->L, -1) ? NULL : luaL_tolstring(p->L, -1, &len);
  if (!text)
    return 0;
  lua_pushlstring(L, text, len);
  return ok ? 1 : luaL_error(L, "%s", lua_tostring(L, -1));
}
