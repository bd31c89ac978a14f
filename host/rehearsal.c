/* rehearsal.c - puts the rehearsal's world together, and opens the models in a state of their own. */
#include "rehearsal_world.h"
#include "mask.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assemble(struct rehearsal *r, const struct rehearsal_options *o)
{
  r->start = r->now = o->start;
  r->origin = o->seed;
  rehearsal_seed(r, o->seed);
  buf_init(&r->log, BUF_LIMIT);
  rehearsal_clock_open(&r->clock);
  rehearsal_sql_open(&r->sql);
  rehearsal_process_open(&r->process);
  rehearsal_store_open(r);
  rehearsal_http_open(&r->http);
  r->websocket.connect = rehearsal_websocket;
  r->dns.start = rehearsal_dns;
  r->files = (struct world_files){rehearsal_file, rehearsal_name_beside, .alone = true};
  r->archive = (struct world_archive){rehearsal_pack, rehearsal_unpack};
  r->random.fill = rehearsal_random;
  r->world = (struct world){.clock = &r->clock, .http = &r->http, .websocket = &r->websocket, .sql = &r->sql, .dns = &r->dns,
                            .process = &r->process, .random = &r->random, .files = &r->files, .archive = &r->archive,
                            .environ = &r->environ, .store = &r->store};
}

/* models(settings, disk) -> their functions, at index 1 */
static bool load(struct rehearsal *r, const struct rehearsal_options *o)
{
  r->host = (struct host){.world = &r->world, .mask = mask_new()};
  r->L = r->host.mask ? host_open(&r->host) : NULL;
  if (!r->L)
    return false;
  bool loaded = luaL_loadbufferx(r->L, o->models, strlen(o->models), "=models", "t") == LUA_OK;
  if (loaded) {
    lua_pushstring(r->L, o->settings);
    rehearsal_push_disk(r->L);
    loaded = lua_pcall(r->L, 2, 1, 0) == LUA_OK && lua_istable(r->L, 1);
  }
  if (!loaded)
    fprintf(stderr, "davit: the models of the rehearsal do not load: %s\n", luaL_tolstring(r->L, -1, NULL));
  return loaded;
}

struct rehearsal *rehearsal_new(const struct rehearsal_options *o)
{
  struct rehearsal *r = calloc(1, sizeof *r);
  if (!r)
    return NULL;
  assemble(r, o);
  if (rehearsal_environ_open(r, o->environ) && load(r, o))
    return r;
  rehearsal_free(r);
  return NULL;
}

void rehearsal_free(struct rehearsal *r)
{
  if (!r)
    return;
  if (r->L)
    host_close(r->L);
  mask_free(r->host.mask);
  rehearsal_store_close(r);
  rehearsal_environ_close(r);
  buf_free(&r->log);
  free(r);
}

struct world *rehearsal_world(struct rehearsal *r)
{
  return &r->world;
}

lua_State *rehearsal_models(struct rehearsal *r)
{
  lua_settop(r->L, 1);
  return r->L;
}

double rehearsal_elapsed(const struct rehearsal *r)
{
  return r->now - r->start;
}

const struct buf *rehearsal_log(const struct rehearsal *r)
{
  return &r->log;
}
