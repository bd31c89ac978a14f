/* rehearsal_models.c - asks the models, and reads what every answer may have. */
#include "rehearsal_world.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rehearsal_begin(struct rehearsal *r, const char *function)
{
  lua_settop(r->L, 1);
  lua_getfield(r->L, 1, function);
}

void rehearsal_ask(struct rehearsal *r, int nargs, struct effect *e)
{
  lua_pushnumber(r->L, r->now);
  if (lua_pcall(r->L, nargs + 1, 1, 0) != LUA_OK || !lua_istable(r->L, ANSWER)) {
    fprintf(stderr, "davit: a model of the rehearsal failed: %s\n", luaL_tolstring(r->L, -1, NULL));
    abort();
  }
  if (e && lua_getfield(r->L, ANSWER, "delay") == LUA_TNUMBER)
    rehearsal_pending(e)->due += lua_tonumber(r->L, -1);
  lua_settop(r->L, ANSWER);
}

/* Codes and classes of faults live for ever, a model's strings do not. */
static const char *constant(const char *text)
{
  static const char *const known[] = {
    "http-refused", "http-timeout", "http-connect-timeout", "http-lost", "http-tls", "http-certificate",
    "http-too-large", "http-url", "http-first-byte-timeout", "dns-not-found", "dns-no-data",
    "dns-failed", "dns-timeout", "sql-connect", "sql-error", "sql-lost", "sql-timeout", "process-not-found",
    "process-failed", "file-not-found", "file-denied", "file-exists", "file-full", "file-too-large",
    "file-outside", "file-failed", "file-elsewhere", "pending", "transient", "unknown", "misuse", NULL};
  for (int i = 0; text && known[i]; i++)
    if (strcmp(known[i], text) == 0)
      return known[i];
  return "fatal";
}

static const char *field(lua_State *L, int i)
{
  lua_rawgeti(L, ANSWER + 1, i);
  return lua_tostring(L, -1);
}

bool rehearsal_fault(struct rehearsal *r, struct fault *f, char *sqlstate)
{
  lua_State *L = r->L;
  bool failed = lua_getfield(L, ANSWER, "fault") == LUA_TTABLE;
  if (failed) {
    const char *code = field(L, 1), *class = field(L, 2), *message = field(L, 3), *state = field(L, 4);
    fault_set(f, constant(code), constant(class), "%s", message ? message : "");
    if (sqlstate && state)
      snprintf(sqlstate, 6, "%s", state);
  }
  lua_settop(L, ANSWER);
  return failed;
}

void rehearsal_set(lua_State *L, const char *key, const char *value, size_t len)
{
  lua_pushlstring(L, value, len);
  lua_setfield(L, -2, key);
}
