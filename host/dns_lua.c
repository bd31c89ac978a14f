/* dns_lua.c - the module "dns.core": dns.lookup{...} raises when a name is not there, dns.find{...}
 * gives nil. lua/dns.lua is the public half. */
#include "buf_lua.h"
#include "dns.h"
#include "dns_record.h"
#include "field.h"
#include "host.h"
#include "opt.h"
#include "task.h"
#include "world.h"
#include <arpa/inet.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct options {
  const char *name, *type;
  int server;
  double timeout;
};

static const struct options defaults = {.type = "A", .timeout = 5};

static const struct opt_field fields[] = {
  {"name", OPT_STRING, offsetof(struct options, name), true},
  {"type", OPT_STRING, offsetof(struct options, type), false},
  {"server", OPT_ANY, offsetof(struct options, server), false},
  {"timeout", OPT_NUMBER, offsetof(struct options, timeout), false},
  {0},
};

/* ---- the question ------------------------------------------------------------------------ */

static void check_type(lua_State *L, const char *what, const char *type)
{
  if (dns_type_named(type))
    return;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const struct dns_type *t = dns_types; t->name; t++) {
    luaL_addstring(&b, t == dns_types ? "" : t[1].name ? ", " : " or ");
    luaL_addstring(&b, t->name);
  }
  luaL_pushresult(&b);
  failure_misuse(L, "%s: option 'type' must be %s, not '%.20s'", what, lua_tostring(L, -1), type);
}

static bool is_address_6(const char *name)
{
  unsigned char bytes[16];
  return inet_pton(AF_INET6, name, bytes) == 1;
}

static bool is_name_byte(unsigned char c)
{
  return c > ' ' && c < 0x7f && c != ':';
}

/* A resolver would say of a URL that there is no such name, which reads like one that is not there yet. */
static void check_name(lua_State *L, const char *name)
{
  const char *c = name;
  while (is_name_byte((unsigned char)*c))
    c++;
  if ((*name && !*c) || is_address_6(name))
    return;
  struct fault f;
  fault_set(&f, "dns-name", "misuse", "not a domain name: '%.255s'", name);
  if (*c == ':')
    fault_hint(&f, "the name alone, without scheme, port and path: url.parse takes a URL apart");
  else if ((unsigned char)*c >= 0x80)
    fault_hint(&f, "write it as it is registered, xn--…");
  failure_raise(L, &f, name);
}

static void check_options(lua_State *L, const char *what, const struct options *o)
{
  check_name(L, o->name);
  check_type(L, what, o->type);
  if (o->timeout <= 0 || o->timeout > 3600)
    failure_misuse(L, "%s: option 'timeout' is seconds above 0, at most 3600", what);
}

/* Between two places in "192.0.2.1:53" or "[2001:db8::1]:53". */
static bool is_port_wrong(const char *at, const char *end)
{
  const char *colon = memrchr(at, ':', (size_t)(end - at));
  bool bare_v6 = colon && memchr(at, ':', (size_t)(colon - at)) && colon[-1] != ']';
  if (!colon || bare_v6)
    return false;
  unsigned long port = strtoul(colon + 1, NULL, 10);
  return end - colon > 6 || port == 0 || port > 65535;
}

/* c-ares would take a port's last 16 bits. */
static const char *check_ports(lua_State *L, const char *what, const char *servers)
{
  for (const char *at = servers; at;) {
    const char *end = at + strcspn(at, ",");
    if (end == at)
      failure_misuse(L, "%s: option 'server' holds an empty address", what);
    if (is_port_wrong(at, end))
      failure_misuse(L, "%s: option 'server': a port is 1 to 65535, not as in %.*s", what, (int)(end - at), at);
    at = *end ? end + 1 : NULL;
  }
  return servers;
}

/* Pushes the servers, joined by commas; NULL: none are given. */
static const char *read_servers(lua_State *L, const char *what, int server)
{
  if (!server || lua_type(L, server) == LUA_TSTRING)
    return server ? check_ports(L, what, lua_tostring(L, server)) : NULL;
  size_t n = lua_istable(L, server) ? lua_rawlen(L, server) : 0;
  if (n == 0 || n > 16)
    failure_misuse(L, "%s: option 'server' is an address or a list of 1 to 16", what);
  struct buf *list = buf_push(L, 4096);
  for (size_t i = 1; i <= n; i++) {
    if (lua_rawgeti(L, server, (lua_Integer)i) != LUA_TSTRING)
      failure_misuse(L, "%s: option 'server' is an address or a list of them", what);
    buf_printf(list, i == 1 ? "%s" : ",%s", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  if (!buf_ok(list))
    failure_misuse(L, "%s: option 'server' is longer than any list of addresses", what);
  return check_ports(L, what, buf_str(list));
}

/* ---- the answers -------------------------------------------------------------------------- */

static bool is_number(enum dns_kind kind)
{
  return kind == DNS_U8 || kind == DNS_U16 || kind == DNS_U32;
}

/* Sets the fields of a record that has more than its text. */
static void set_fields(lua_State *L, const struct dns_answer *a)
{
  const struct dns_type *type = dns_type_named(a->type);
  const char *text = a->data;
  for (const struct dns_field *f = type ? type->fields : NULL; f && f->name; f++) {
    const char *from = text;
    size_t n = dns_record_field(f, &text);
    lua_pushlstring(L, from, n);
    if (is_number(f->kind)) {
      lua_pushinteger(L, lua_tointeger(L, -1));
      lua_remove(L, -2);
    }
    lua_setfield(L, -2, f->name);
  }
}

static void push_answers(lua_State *L, const struct dns_lookup *l)
{
  lua_createtable(L, (int)l->count, 0);
  for (size_t i = 0; i < l->count; i++) {
    const struct dns_answer *a = &l->answers[i];
    lua_createtable(L, 0, 4);
    field_text(L, "type", a->type);
    field_text(L, "data", a->data);
    field_integer(L, "ttl", a->ttl);
    set_fields(L, a);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* ---- errors ------------------------------------------------------------------------------- */

/* Pushes the names of the servers that know better. */
static void push_referral(lua_State *L, const struct dns_lookup *l)
{
  lua_newtable(L);
  for (size_t i = 0; i < l->count; i++)
    if (strcmp(l->answers[i].type, "NS") == 0) {
      lua_pushstring(L, l->answers[i].data);
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

/* Raises the fault with what callers may want to judge by; the options are at index 1. */
static int raise(lua_State *L, const struct dns_lookup *l)
{
  lua_getfield(L, 1, "name");
  failure_push(L, &l->fault, lua_tostring(L, -1));
  field_words(L, "rcode", l->rcode);
  field_words(L, "server", l->server);
  field_number(L, "seconds", l->seconds);
  if (l->negative_ttl >= 0) {
    field_integer(L, "negative_ttl", l->negative_ttl);
  }
  if (strcmp(l->fault.code, "dns-referral") == 0) {
    push_referral(L, l);
    lua_setfield(L, -2, "referral");
  }
  return lua_error(L);
}

/* ---- asking ------------------------------------------------------------------------------- */

static int lookup_done(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  const struct dns_lookup *l = (struct dns_lookup *)effect_at(L, (int)box);
  if (l->fault.code)
    return raise(L, l);
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
  char reverse[80];
  lua_settop(L, 1);
  opt_read(L, 1, what, fields, &o);
  check_options(L, what, &o);
  struct task *task = task_current(L);
  struct dns_question q = {.name = o.name, .type = o.type, .timeout = o.timeout};
  q.server = read_servers(L, what, o.server);
  if (strcmp(o.type, "PTR") == 0 && dns_reverse_name(o.name, reverse, sizeof reverse))
    q.name = reverse;
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

/* check(what, options): raises what a look-up would, without one. */
static int check(lua_State *L)
{
  struct options o = defaults;
  const char *what = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  opt_read(L, 2, what, fields, &o);
  check_options(L, what, &o);
  read_servers(L, what, o.server);
  return 0;
}

int dns_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"check", check}, {"find", find}, {"lookup", lookup}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
