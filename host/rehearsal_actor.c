/* rehearsal_actor.c - a Davit in a rehearsal; see rehearsal_actor.h. */
#include "rehearsal_actor.h"
#include "mask.h"
#include "output.h"
#include "task.h"
#include <lauxlib.h>
#include <stdlib.h>

/* A recipe that wants all memory gets an error, as every recipe on this machine would. */
static void *allocate(void *arg, void *block, size_t old, size_t size)
{
  struct actor *a = arg;
  size_t had = block ? old : 0;
  if (size > had && a->used - had + size > a->limit) {
    a->starved = true;
    return NULL;
  }
  void *moved = NULL;
  if (size == 0)
    free(block);
  else
    moved = realloc(block, size);
  if (moved || size == 0)
    a->used += size - had;
  return moved;
}

static bool open_streams(struct host *h, int fd)
{
  h->mask = mask_new();
  h->out = h->mask ? output_new(fd, h->mask) : NULL;
  h->err = h->out ? output_new(fd, h->mask) : NULL;
  if (h->err)
    output_join(h->err, h->out);
  return h->err != NULL;
}

bool actor_open(struct actor *a, struct world *world, int fd, size_t limit)
{
  *a = (struct actor){.host = {.world = world, .cleanup_seconds = 30, .alloc = allocate, .alloc_arg = a},
                      .limit = limit};
  if (open_streams(&a->host, fd))
    a->L = host_open(&a->host);
  if (a->L)
    return true;
  actor_close(a);
  return false;
}

void actor_close(struct actor *a)
{
  if (a->L)
    host_close(a->L);
  output_free(a->host.out);
  output_free(a->host.err);
  mask_free(a->host.mask);
  *a = (struct actor){0};
}

static int ask_person(lua_State *L)
{
  struct actor *a = lua_touserdata(L, lua_upvalueindex(1));
  lua_pushstring(L, a->person(a->person_arg));
  return 1;
}

static int call_driver(lua_State *L)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "rehearsal.driver");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, lua_tostring(L, 1));
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  return sched_run(L, 2);
}

const char *actor_call(struct actor *a, const char *function, const char *argument, const char **error)
{
  lua_State *L = a->L;
  lua_settop(L, 0);
  lua_pushcfunction(L, call_driver);
  lua_pushstring(L, function);
  lua_pushstring(L, argument);
  lua_pushlightuserdata(L, a);
  lua_pushcclosure(L, ask_person, 1);
  bool ok = lua_pcall(L, 3, 1, 0) == LUA_OK;
  output_flush(a->host.out);
  output_flush(a->host.err);
  const char *text = luaL_tolstring(L, -1, NULL);
  *error = ok ? NULL : text;
  return ok ? text : NULL;
}
