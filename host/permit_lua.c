/* permit_lua.c - the module "permit.core": holds this instance to a manifest (lua/run/manifest.lua).
 *
 * core.hold{ root =, file =, KIND = patterns, … } -> hold: from here on every effect is refused, with the fault
 *   "manifest-refused", whose name (permit.h) no pattern of its kind matches. `file`: as the fault calls the manifest
 * hold:refused() -> what was refused first, as the fault had it, or nil
 * core.matches(pattern, name) -> boolean
 * core.command(argv, root) -> how a command is called that is started in the project's folder */
#include "buf_lua.h"
#include "class.h"
#include "failure.h"
#include "host.h"
#include "permit.h"
#include "permit_name.h"
#include "real.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define HOLD "davit.hold"

static const char *const kinds[] = {"commands", "databases", "lookups", "reads", "requests", "secrets", "writes", NULL};

enum { KINDS = sizeof kinds / sizeof *kinds - 1 };

/* The patterns of each kind, ended by NULL. */
struct hold {
  struct permit *permit;
  char *file;
  char **patterns[KINDS];
  char refused[512];
};

/* ---- judging ---------------------------------------------------------------------------------- */

static bool is_listed(const struct hold *h, const char *kind, const char *what)
{
  int k = 0;
  while (strcmp(kinds[k], kind) != 0)
    k++;
  for (char **p = h->patterns[k]; p && *p; p++)
    if (permit_matches(*p, what))
      return true;
  return false;
}

static bool judge(void *arg, const char *kind, const char *what, struct fault *f)
{
  struct hold *h = arg;
  if (is_listed(h, kind, what))
    return true;
  fault_set(f, "manifest-refused", "fatal", "'%.400s' is not among the %s of %s", what, kind, h->file);
  fault_hint(f, "if the recipe should, let 'davit rehearse RECIPE --manifest' write the manifest anew and have it reviewed");
  if (!*h->refused)
    memcpy(h->refused, f->message, sizeof h->refused);
  return false;
}

/* ---- holding ------------------------------------------------------------------------------------ */

static int hold_free(lua_State *L)  /* __gc: at the end of the instance */
{
  struct hold *h = luaL_checkudata(L, 1, HOLD);
  if (h->permit)
    host_of(L)->world = permit_under(h->permit);
  permit_free(h->permit);
  for (int k = 0; k < KINDS; k++) {
    for (char **p = h->patterns[k]; p && *p; p++)
      free(*p);
    free(h->patterns[k]);
  }
  free(h->file);
  *h = (struct hold){0};
  return 0;
}

static int refused(lua_State *L)
{
  const struct hold *h = luaL_checkudata(L, 1, HOLD);
  lua_pushstring(L, *h->refused ? h->refused : NULL);
  return 1;
}

/* The list of texts on top, which it pops. */
static void read_patterns(lua_State *L, struct hold *h, int kind)
{
  lua_Integer n = lua_istable(L, -1) ? (lua_Integer)lua_rawlen(L, -1) : 0;
  h->patterns[kind] = calloc((size_t)n + 1, sizeof(char *));
  for (lua_Integer i = 0; h->patterns[kind] && i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    h->patterns[kind][i] = strdup(luaL_checkstring(L, -1));
    if (!h->patterns[kind][i])
      failure_memory(L);
    lua_pop(L, 1);
  }
  if (!h->patterns[kind])
    failure_memory(L);
  lua_pop(L, 1);
}

static const char *text_of(lua_State *L, const char *field)
{
  lua_getfield(L, 1, field);
  return luaL_checkstring(L, -1);
}

static int hold(lua_State *L)
{
  struct host *host = host_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!host->real)
    return failure_misuse(L, "a run is held to a manifest in the real world only");
  struct hold *h = lua_newuserdatauv(L, sizeof *h, 0);
  int at = lua_gettop(L);
  *h = (struct hold){0};
  luaL_setmetatable(L, HOLD);
  for (int k = 0; k < KINDS; k++) {
    lua_getfield(L, 1, kinds[k]);
    read_patterns(L, h, k);
  }
  h->file = strdup(text_of(L, "file"));
  h->permit = h->file ? permit_new(host->world, &host->real->loop, text_of(L, "root"), judge, h) : NULL;
  if (!h->permit)
    return failure_memory(L);
  lua_pushvalue(L, at);
  lua_rawsetp(L, LUA_REGISTRYINDEX, h);  // as long as the instance
  host->world = permit_world(h->permit);
  lua_settop(L, at);
  return 1;
}

static int matches(lua_State *L)
{
  lua_pushboolean(L, permit_matches(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
  return 1;
}

/* Pushes what keeps the list at idx, ended by NULL; its texts belong to the table. */
static const char **push_words(lua_State *L, int idx)
{
  luaL_checktype(L, idx, LUA_TTABLE);
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
  const char **words = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *words, 0);
  for (lua_Integer i = 0; i < n; i++) {
    lua_rawgeti(L, idx, i + 1);
    words[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  words[n] = NULL;
  return words;
}

static int command(lua_State *L)
{
  struct permit_folders f = {0};
  const char *const *words = push_words(L, 1), *root = luaL_checkstring(L, 2);
  if (!words[0])
    return failure_misuse(L, "permit.command: a command has at least one word");
  struct buf *name = buf_push(L, BUF_LIMIT);
  if (permit_folders_find(&f, root))
    permit_name_command(name, &f, words, root);
  permit_folders_free(&f);
  lua_pushlstring(L, buf_str(name), name->len);
  lua_closeslot(L, -2);
  return 1;
}

int permit_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"refused", refused}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"command", command}, {"hold", hold}, {"matches", matches}, {NULL, NULL}};
  class_new(L, HOLD, methods, hold_free);
  luaL_newlib(L, functions);
  return 1;
}
