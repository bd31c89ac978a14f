/* local.c - the module "local.core": leads every origin of the real world to loopback.
 *
 * The mapping stands below the secret check: recipes, bindings and errors name the real
 * origins. In a world that is not the real one there is nothing to lead elsewhere. */
#include "failure.h"
#include "host.h"
#include "opt.h"
#include "real.h"
#include <lauxlib.h>

struct options {
  lua_Integer http_port, https_port;
  const char *dns, *ca_file;
  int hosts;
};

static const struct opt_field fields[] = {
  {"http_port", OPT_INTEGER, offsetof(struct options, http_port), true},
  {"https_port", OPT_INTEGER, offsetof(struct options, https_port), true},
  {"dns", OPT_STRING, offsetof(struct options, dns), true},
  {"ca_file", OPT_STRING, offsetof(struct options, ca_file), true},
  {"hosts", OPT_TABLE, offsetof(struct options, hosts), true},
  {0},
};

/* connect{ http_port=, https_port=, dns="127.0.0.1:port", ca_file=, hosts={patterns} } */
static int connect_local(lua_State *L)
{
  struct options o = {0};
  lua_settop(L, 1);
  opt_read(L, 1, "local.connect", fields, &o);
  int n = (int)lua_rawlen(L, o.hosts);
  char **hosts = lua_newuserdatauv(L, sizeof *hosts * (size_t)(n + 1), 0);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, o.hosts, i + 1);
    hosts[i] = (char *)luaL_checkstring(L, -1);  // anchored by the table
    lua_pop(L, 1);
  }
  hosts[n] = NULL;
  struct real_config c = {.local = true, .hosts = hosts, .http_port = (int)o.http_port,
                          .https_port = (int)o.https_port, .dns_server = (char *)o.dns,
                          .ca_file = (char *)o.ca_file};
  struct real *real = host_of(L)->real;
  if (real && !real_configure(real, &c))
    return failure_memory(L);
  return 0;
}

int local_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"connect", connect_local}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
