/* dns_lua.c - the module "dns": dns.lookup{...} raises when a name is not there, dns.find{...}
 * gives nil. */
#include "dns.h"
#include "host.h"
#include "opt.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>

struct options {
  const char *name, *type, *server;
  double timeout;
};

static const struct options defaults = {.type = "A", .timeout = 5};

static const struct opt_field fields[] = {
  {"name", OPT_STRING, offsetof(struct options, name), true},
  {"type", OPT_STRING, offsetof(struct options, type), false},
  {"server", OPT_STRING, offsetof(struct options, server), false},
  {"timeout", OPT_NUMBER, offsetof(struct options, timeout), false},
  {0},
};

static void check_options(lua_State *L, const char *what, const struct options *o)
{
  static const char *const types[] = {"A", "AAAA", "CNAME", "TXT", NULL};
  int i = 0;
  while (types[i] && strcmp(types[i], o->type) != 0)
    i++;
  if (!types[i])
    failure_misuse(L, "%s: option 'type' must be A, AAAA, CNAME or TXT, not '%.20s'", what, o->type);
  if (o->timeout <= 0 || o->timeout > 3600)
    failure_misuse(L, "%s: option 'timeout' is seconds above 0, at most 3600", what);
}

static void push_answers(lua_State *L, const struct dns_lookup *l)
{
  lua_createtable(L, (int)l->count, 0);
  for (size_t i = 0; i < l->count; i++) {
    const struct dns_answer *a = &l->answers[i];
    lua_createtable(L, 0, 3);
    lua_pushstring(L, a->type);
    lua_setfield(L, -2, "type");
    lua_pushstring(L, a->data);
    lua_setfield(L, -2, "data");
    lua_pushinteger(L, a->ttl);
    lua_setfield(L, -2, "ttl");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static int lookup_done(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  const struct dns_lookup *l = (struct dns_lookup *)effect_at(L, (int)box);
  if (l->fault.code) {
    lua_getfield(L, 1, "name");
    return failure_raise(L, &l->fault, lua_tostring(L, -1));
  }
  push_answers(L, l);
  return 1;
}

static int find_done(lua_State *L, int status, lua_KContext box)
{
  const struct dns_lookup *l = (struct dns_lookup *)effect_at(L, (int)box);
  const char *code = l->fault.code;
  if (!code || (strcmp(code, "dns-not-found") != 0 && strcmp(code, "dns-no-data") != 0))
    return lookup_done(L, status, box);
  lua_pushnil(L);
  return 1;
}

static int start(lua_State *L, const char *what, lua_KFunction done)
{
  struct options o = defaults;
  lua_settop(L, 1);
  opt_read(L, 1, what, fields, &o);
  check_options(L, what, &o);
  struct task *task = task_current(L);
  struct dns_question q = {.name = o.name, .type = o.type, .server = o.server, .timeout = o.timeout};
  struct effect **box = effect_box(L);
  struct world_dns *dns = host_of(L)->world->dns;
  *box = (struct effect *)dns->start(dns, &q, task_wake, task);
  return effect_wait(L, lua_gettop(L), done);
}

static int lookup(lua_State *L)
{
  return start(L, "dns.lookup", lookup_done);
}

static int find(lua_State *L)
{
  return start(L, "dns.find", find_done);
}

int dns_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"find", find}, {"lookup", lookup}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
