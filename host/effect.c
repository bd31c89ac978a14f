/* effect.c - boxes for what is under way, and waiting for it; see effect.h. */
#include "effect.h"
#include "class.h"
#include "failure.h"
#include "fence.h"
#include "task.h"
#include <lauxlib.h>

#define BOX "davit.effect"

void effect_finish(struct effect *e)
{
  e->finished = true;
  e->done(e->arg);
}

void effect_free(struct effect *e)
{
  if (e)
    e->destroy(e);
}

/* ---- boxes -------------------------------------------------------------------- */

/* A box remembers the continuation of the call that waits for it. */
struct box {
  struct effect *effect;
  lua_KFunction k;
};

static struct box *check_box(lua_State *L, int idx)
{
  return luaL_checkudata(L, idx, BOX);
}

struct effect **effect_box(lua_State *L)
{
  fence_check(L);
  return effect_box_unfenced(L);
}

struct effect **effect_box_unfenced(lua_State *L)
{
  struct box *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (struct box){0};
  luaL_setmetatable(L, BOX);
  lua_toclose(L, -1);
  return &b->effect;
}

struct effect *effect_at(lua_State *L, int idx)
{
  return check_box(L, idx)->effect;
}

static int box_close(lua_State *L)  /* __close and __gc */
{
  struct box *b = check_box(L, 1);
  struct effect *e = b->effect;
  b->effect = NULL;
  effect_free(e);
  return 0;
}

/* ---- waiting -------------------------------------------------------------------- */

/* A task may be woken for another reason: only the effect knows that it has ended. */
static int look(lua_State *L, int status, lua_KContext box)
{
  struct box *b = check_box(L, (int)box);
  if (b->effect->finished)
    return b->k(L, status, box);
  return task_wait(L, look, box);
}

int effect_wait(lua_State *L, int box, lua_KFunction k)
{
  struct box *b = check_box(L, box);
  if (!b->effect)
    return failure_memory(L);
  b->k = k;
  return task_wait(L, look, box);
}

int effect_open(lua_State *L)
{
  class_new(L, BOX, NULL, box_close);
  return 0;
}
