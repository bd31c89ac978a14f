/* announce.c - makes a secret known to whatever masks; see announce.h.
 *
 * The runner is told on standard error, which no program reads as data, and where that goes elsewhere on standard
 * output. What it is told besides the value says runner_value.h. */
#include "announce.h"
#include "failure.h"
#include "host.h"
#include "mask.h"
#include "mask_forms.h"
#include "output.h"
#include "runner_value.h"
#include <lauxlib.h>
#include <string.h>
#include <strings.h>

/* ---- what was said already ------------------------------------------------------------------ */

static const char WARNED_KEY = 0;  /* its address is the place of the names in the registry */

/* True the first time for each name. */
static bool is_news(lua_State *L, const char *name)
{
  luaL_checkstack(L, 4, "secret");
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &WARNED_KEY) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &WARNED_KEY);
  }
  bool news = lua_getfield(L, -1, name) == LUA_TNIL;
  lua_pushboolean(L, true);
  lua_setfield(L, -3, name);
  lua_pop(L, 2);
  return news;
}

/* ---- the runner ----------------------------------------------------------------------- */

static const char NOT_ALONE[] =
  "davit: GitHub's runner cannot be told of secrets, as another program reads this pipe: what later steps print of "
  "them is not masked; leave standard error to the runner ('davit … | tee log', without 2>&1)\n";
static const char NOT_HERE[] =
  "davit: GitHub's runner cannot be told of secrets, as standard error leads elsewhere: what later steps print of them "
  "is not masked; leave standard error to the runner ('davit … > log', without 2>&1)\n";

struct telling {
  const struct host *host;
  const char *name;
  struct text value;
  bool whole, trimmed;  /* told in this way */
  bool refused;         /* no stream may carry it */
};

/* The mask knows the value by now, and takes it for the same without white space around it. */
static bool is_new(struct telling *g, struct text t)
{
  bool whole = text_equal(t, g->value), *told = whole ? &g->whole : &g->trimmed;
  if (!whole && !text_equal(t, text_trim(g->value)))
    return !mask_knows(g->host->mask, t.data, t.len);
  bool first = !*told;
  *told = true;
  return first;
}

/* What is told is a value to the mask, too, so that it is told once whichever secret it stands in. */
static bool tell(void *arg, struct text t)
{
  struct telling *g = arg;
  const struct host *h = g->host;
  if (!is_new(g, t))
    return true;
  if (mask_add(h->mask, g->name, t.data, t.len) == MASK_NO_MEMORY)
    return false;
  if (!output_add_mask(h->err, t.data, t.len) && !output_add_mask(h->out, t.data, t.len))
    g->refused = true;
  return true;
}

static void tell_runner(lua_State *L, const char *name, const char *value, size_t len)
{
  struct telling g = {.host = host_of(L), .name = name, .value = {value, len}};
  if (!g.host->err || !output_is_disarmed(g.host->err))
    return;
  if (!runner_value(g.value, tell, &g))
    failure_memory(L);
  if (g.refused && is_news(L, "")) {
    const char *why = output_is_watched(g.host->err) ? NOT_ALONE : NOT_HERE;
    output_write(g.host->err, why, strlen(why));
  }
}

/* ---- warnings ---------------------------------------------------------------------------- */

static void warn(lua_State *L, const char *name, const char *what)
{
  if (!host_of(L)->err || !is_news(L, name))
    return;
  const char *line = lua_pushfstring(L, "davit: secret %s %s\n", name, what);
  output_write(host_of(L)->err, line, strlen(line));
  lua_pop(L, 1);
}

static const char *why_refused(const char *value, size_t len)
{
  size_t trimmed = text_trim((struct text){value, len}).len;
  if (len >= MASK_MIN && trimmed == 0)
    return "is blank and is not masked: is its source empty?";
  if (trimmed < MASK_MIN)
    return "has fewer than 4 bytes and is not masked: what prints it shows it; give it a longer value";
  return "is too long and is not masked: what prints it shows it";
}

/* A program's or a service's vocabulary: as a secret it is guessed at once, and hides what is none. */
static bool is_ordinary(const char *value, size_t len)
{
  static const char *const words[] = {
    "true", "false", "null", "none", "test", "main", "master", "root", "admin", "user",
    "password", "secret", "token", "default", "production", "preview", "staging", "development", "localhost",
    "postgres", NULL};
  for (int i = 0; words[i]; i++)
    if (strlen(words[i]) == len && strncasecmp(words[i], value, len) == 0)
      return true;
  return false;
}

bool announce_value(lua_State *L, const char *name, const char *value, size_t len)
{
  struct mask *mask = host_of(L)->mask;
  bool known = mask_knows(mask, value, len);
  enum mask_added added = mask_add(mask, name, value, len);
  if (added == MASK_NO_MEMORY)
    failure_memory(L);
  if (added == MASK_ADDED && !known)
    tell_runner(L, name, value, len);
  return added == MASK_ADDED;
}

void announce_secret(lua_State *L, const char *name, const char *value, size_t len)
{
  if (!announce_value(L, name, value, len))
    warn(L, name, why_refused(value, len));
  else if (is_ordinary(value, len))
    warn(L, name, "is an ordinary word: it is masked wherever it stands, also where it is no secret");
}
