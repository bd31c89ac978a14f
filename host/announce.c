/* announce.c - makes a secret known to whatever masks; see announce.h.
 *
 * GitHub's runner masks what other programs of the job print, line by line, by the values it was told and by
 * encodings of its own making. It has no least length: a line "{" of a value would black out every brace of the
 * log and empty every output that holds one, so such a value is told by its lines that are long enough. */
#include "announce.h"
#include "failure.h"
#include "host.h"
#include "mask.h"
#include "mask_forms.h"
#include "output.h"
#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
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

static const char NOT_TOLD[] =
  "davit: GitHub's runner cannot be told of secrets, as another program reads this pipe: what later steps print of "
  "them is not masked; leave standard error to the runner ('davit … | tee log', without 2>&1)\n";

/* Standard output serves where standard error goes elsewhere. */
static void tell(lua_State *L, const char *value, size_t len)
{
  const struct host *h = host_of(L);
  if (!h->err || output_add_mask(h->err, value, len) || output_add_mask(h->out, value, len))
    return;
  if (output_is_watched(h->err) && is_news(L, ""))
    output_write(h->err, NOT_TOLD, strlen(NOT_TOLD));
}

/* The length of the line at the start of the text, which ends at '\r' or '\n' as in the runner. */
static size_t line_length(const char *text, size_t len)
{
  size_t n = 0;
  while (n < len && text[n] != '\n' && text[n] != '\r')
    n++;
  return n;
}

static bool is_blank(const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (!isspace((unsigned char)text[i]))
      return false;
  return true;
}

static bool is_armour(const char *line, size_t len)
{
  return len >= 10 && memcmp(line, "-----", 5) == 0 && memcmp(line + len - 5, "-----", 5) == 0;
}

/* A runner that was told this value would mask a line of it alone that is no secret. */
static bool has_short_line(const char *value, size_t len)
{
  for (size_t at = 0, n; at < len; at += n + 1) {
    n = line_length(value + at, len - at);
    if (n > 0 && (n < MASK_MIN || is_blank(value + at, n)))
      return true;
  }
  return false;
}

/* A runner of some versions masks a value only where it stands whole in one line. */
static void tell_lines(lua_State *L, const char *value, size_t len)
{
  for (size_t at = 0, n; at < len; at += n + 1) {
    n = line_length(value + at, len - at);
    if (n >= MASK_FULL && !is_blank(value + at, n) && !is_armour(value + at, n))
      tell(L, value + at, n);
  }
}

static void tell_runner(lua_State *L, const char *value, size_t len)
{
  bool lines = line_length(value, len) < len;
  if (!lines || !has_short_line(value, len))
    tell(L, value, len);
  if (lines)
    tell_lines(L, value, len);
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

static size_t trimmed_length(const char *value, size_t len)
{
  while (len > 0 && isspace((unsigned char)value[len - 1]))
    len--;
  while (len > 0 && isspace((unsigned char)*value))
    value++, len--;
  return len;
}

static const char *why_refused(const char *value, size_t len)
{
  size_t trimmed = trimmed_length(value, len);
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
    tell_runner(L, value, len);
  return added == MASK_ADDED;
}

void announce_secret(lua_State *L, const char *name, const char *value, size_t len)
{
  if (!announce_value(L, name, value, len))
    warn(L, name, why_refused(value, len));
  else if (is_ordinary(value, len))
    warn(L, name, "is an ordinary word: it is masked wherever it stands, also where it is no secret");
}
