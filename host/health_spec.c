/* health_spec.c - what lua/health.lua hands over, read into what the engine takes.
 *
 * That module has checked what a recipe wrote, and filled in the defaults; here types are
 * checked again, because a wrong one would be memory that is not there. */
#include "health_spec.h"
#include "failure.h"
#include "http_route_lua.h"
#include "opt.h"
#include "secret.h"
#include <lauxlib.h>
#include <string.h>

/* ---- keeping things ------------------------------------------------------------------------ */

/* Takes the value on top off the stack and keeps it. */
static void keep(lua_State *L, int anchor)
{
  lua_rawseti(L, anchor, (lua_Integer)lua_rawlen(L, anchor) + 1);
}

static void *keep_room(lua_State *L, int anchor, size_t size)
{
  void *room = lua_newuserdatauv(L, size ? size : 1, 0);
  memset(room, 0, size);
  keep(L, anchor);
  return room;
}

/* The text in a field of the table at idx, kept; NULL: there is none. */
static const char *text_field(lua_State *L, int idx, int anchor, const char *field)
{
  int type = lua_getfield(L, idx, field);
  const char *text = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (type != LUA_TNIL && !text)
    failure_misuse(L, "health.wait: '%s' must be a string, not a %s", field, luaL_typename(L, -1));
  keep(L, anchor);
  return text;
}

static bool flag_field(lua_State *L, int idx, const char *field)
{
  lua_getfield(L, idx, field);
  bool on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

/* A list of texts, ended by NULL; NULL: the field is absent. */
static const char *const *texts_field(lua_State *L, int idx, int anchor, const char *field)
{
  if (lua_getfield(L, idx, field) != LUA_TTABLE) {
    lua_pop(L, 1);
    return NULL;
  }
  size_t n = lua_rawlen(L, -1);
  const char **list = keep_room(L, anchor, (n + 1) * sizeof *list);
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
      failure_misuse(L, "health.wait: '%s' is a list of strings", field);
    list[i] = lua_tostring(L, -1);
    keep(L, anchor);
  }
  lua_pop(L, 1);
  return list;
}

/* { from, to, from, to, … }; false: the field is absent. */
static bool statuses_field(lua_State *L, int idx, const char *field, struct health_statuses *s)
{
  bool there = lua_getfield(L, idx, field) == LUA_TTABLE;
  for (lua_Integer i = 1; there && i < (lua_Integer)lua_rawlen(L, -1); i += 2) {
    lua_rawgeti(L, -1, i);
    lua_rawgeti(L, -2, i + 1);
    for (lua_Integer n = luaL_checkinteger(L, -2), to = luaL_checkinteger(L, -1); n <= to; n++)
      if (n >= 0 && n < 600)
        s->bits[n / 8] |= (unsigned char)(1 << n % 8);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  return there;
}

static int which(lua_State *L, int idx, const char *field, const char *const *words)
{
  lua_getfield(L, idx, field);
  const char *word = lua_tostring(L, -1);
  for (int i = 0; word && words[i]; i++)
    if (strcmp(words[i], word) == 0) {
      lua_pop(L, 1);
      return i;
    }
  return failure_misuse(L, "health.wait: '%s' cannot be '%s'", field, word ? word : luaL_typename(L, -1));
}

/* ---- rules ------------------------------------------------------------------------------------- */

/* { class, times = n, seconds = n } */
static struct health_cell cell_field(lua_State *L, int idx, const char *field)
{
  struct health_cell c = {.class = FATAL};
  if (lua_getfield(L, idx, field) != LUA_TTABLE)
    failure_misuse(L, "health.classes: '%s' must be a class, or { class, times =, seconds = }", field);
  lua_rawgeti(L, -1, 1);
  const char *name = lua_tostring(L, -1);
  if (!name || !health_class_find(name, &c.class) || c.class == HEALTHY)
    failure_misuse(L, "health.classes: '%s' is no class", name ? name : luaL_typename(L, -1));
  lua_getfield(L, -2, "times");
  c.times = (int)luaL_optinteger(L, -1, 0);
  lua_getfield(L, -3, "seconds");
  c.seconds = luaL_optnumber(L, -1, 0);
  lua_pop(L, 4);
  return c;
}

static void read_rule(lua_State *L, int anchor, struct health_rule *r, struct health_statuses *statuses)
{
  int idx = lua_gettop(L);
  r->name = text_field(L, idx, anchor, "name");
  r->codes = texts_field(L, idx, anchor, "codes");
  r->details = texts_field(L, idx, anchor, "details");
  r->statuses = statuses_field(L, idx, "statuses", statuses) ? statuses : NULL;
  r->says = texts_field(L, idx, anchor, "says");
  r->header = text_field(L, idx, anchor, "header");
  r->holds = text_field(L, idx, anchor, "holds");
  r->hint = text_field(L, idx, anchor, "hint");
  r->slow = flag_field(L, idx, "slow");
  r->quick = flag_field(L, idx, "quick");
  r->grace = cell_field(L, idx, "grace");
  r->after = cell_field(L, idx, "after");
  if (!r->name)
    failure_misuse(L, "health.classes: a row needs a name");
}

const struct health_rule *health_rules_read(lua_State *L, int idx, int anchor, size_t *count)
{
  size_t n = lua_rawlen(L, idx);
  if (n == 0)
    failure_misuse(L, "health.classes: at least one row is needed");
  struct health_rule *rules = keep_room(L, anchor, n * sizeof *rules);
  struct health_statuses *statuses = keep_room(L, anchor, n * sizeof *statuses);
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, idx, (lua_Integer)i + 1) != LUA_TTABLE)
      failure_misuse(L, "health.classes: every row is a table");
    read_rule(L, anchor, &rules[i], &statuses[i]);
    lua_pop(L, 1);
  }
  *count = n;
  return rules;
}

/* ---- expectations ---------------------------------------------------------------------------------- */

static void read_proof(lua_State *L, int anchor, struct health_proof *p)
{
  static const char *const places[] = {"header", "json", "body", NULL};
  static const char *const ways[] = {"equals", "contains", "matches", "there", NULL};
  int idx = lua_gettop(L);
  p->where = (enum health_where)which(L, idx, "where", places);
  p->how = (enum health_how)which(L, idx, "how", ways);
  p->name = text_field(L, idx, anchor, "name");
  p->value = text_field(L, idx, anchor, "value");
  p->wanted = text_field(L, idx, anchor, "wanted");
  p->scalar = flag_field(L, idx, "scalar");
  p->loose = flag_field(L, idx, "loose");
  p->negative = flag_field(L, idx, "negative");
  p->version = flag_field(L, idx, "version");
  if (!p->name || (!p->value && p->how != IS_THERE))
    failure_misuse(L, "health.wait: an expectation needs a name and a value");
  const char *wrong = p->how == MATCHES ? health_pattern_wrong(p->value) : NULL;
  if (wrong)
    failure_misuse(L, "health.wait: the pattern '%.80s' %s", p->value, wrong);
}

static void read_proofs(lua_State *L, int idx, int anchor, struct health_expect *e)
{
  size_t n = lua_rawlen(L, idx);
  struct health_proof *proofs = keep_room(L, anchor, n * sizeof *proofs);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, idx, (lua_Integer)i + 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    read_proof(L, anchor, &proofs[i]);
    lua_pop(L, 1);
  }
  e->proofs = proofs;
  e->count = n;
}

/* ---- specs ----------------------------------------------------------------------------------------- */

struct raw {
  struct health_spec spec;
  const char *jitter;
  lua_Integer family, seed, samples, rise, attempts, keep, max_body;
  int headers, header_names, body, statuses, proofs, fatal_after, hook;
};

#define OF(member) offsetof(struct raw, member)

static const struct opt_field fields[] = {
  {"method", OPT_STRING, OF(spec.method), true},
  {"headers", OPT_TABLE, OF(headers), true},
  {"header_names", OPT_TABLE, OF(header_names), true},  /* of each of them; health_lua.c reads it */
  {"body", OPT_TEXT, OF(body), false},
  {"statuses", OPT_TABLE, OF(statuses), true},
  {"proofs", OPT_TABLE, OF(proofs), true},
  {"latency", OPT_NUMBER, OF(spec.expect.latency), true},
  {"connect_to", OPT_STRING, OF(spec.route.connect_to), false},
  {"unix", OPT_STRING, OF(spec.route.unix_socket), false},
  {"proxy", OPT_STRING, OF(spec.route.proxy), false},
  {"ca", OPT_STRING, OF(spec.route.ca_file), false},
  {"certificate", OPT_STRING, OF(spec.route.certificate), false},
  {"key", OPT_STRING, OF(spec.route.key), false},
  {"family", OPT_INTEGER, OF(family), true},
  {"fresh", OPT_BOOLEAN, OF(spec.fresh), true},
  {"max_body", OPT_INTEGER, OF(max_body), true},
  {"connect_timeout", OPT_NUMBER, OF(spec.timeouts.connect), true},
  {"tls_timeout", OPT_NUMBER, OF(spec.timeouts.tls), true},
  {"first_byte_timeout", OPT_NUMBER, OF(spec.timeouts.first_byte), true},
  {"timeout", OPT_NUMBER, OF(spec.timeouts.total), true},
  {"delay", OPT_NUMBER, OF(spec.pacing.delay), true},
  {"grace", OPT_NUMBER, OF(spec.pacing.grace), true},
  {"deadline", OPT_NUMBER, OF(spec.pacing.deadline), true},
  {"interval", OPT_NUMBER, OF(spec.pacing.interval), true},
  {"initial", OPT_NUMBER, OF(spec.pacing.initial), true},
  {"multiplier", OPT_NUMBER, OF(spec.pacing.multiplier), true},
  {"max", OPT_NUMBER, OF(spec.pacing.max), true},
  {"jitter", OPT_STRING, OF(jitter), true},
  {"slow", OPT_NUMBER, OF(spec.pacing.slow), true},
  {"quick", OPT_NUMBER, OF(spec.pacing.quick), true},
  {"edge", OPT_NUMBER, OF(spec.pacing.edge), true},
  {"soak", OPT_NUMBER, OF(spec.pacing.soak), true},
  {"seed", OPT_INTEGER, OF(seed), true},
  {"established", OPT_BOOLEAN, OF(spec.established), true},
  {"samples", OPT_INTEGER, OF(samples), true},
  {"rise", OPT_INTEGER, OF(rise), true},
  {"fall_for", OPT_NUMBER, OF(spec.fall_for), true},
  {"stable_for", OPT_NUMBER, OF(spec.stable_for), true},
  {"attempts", OPT_INTEGER, OF(attempts), true},
  {"fatal_after", OPT_TABLE, OF(fatal_after), true},
  {"keep", OPT_INTEGER, OF(keep), true},
  {"hook", OPT_FUNCTION, OF(hook), false},
  {0},
};

static enum health_jitter jitter_of(lua_State *L, const char *name)
{
  static const char *const names[] = {
    [JITTER_NONE] = "none", [JITTER_FULL] = "full", [JITTER_EQUAL] = "equal",
    [JITTER_DECORRELATED] = "decorrelated"};
  for (int i = 0; i <= JITTER_DECORRELATED; i++)
    if (strcmp(names[i], name) == 0)
      return (enum health_jitter)i;
  return (enum health_jitter)failure_misuse(
    L, "health.wait: jitter is full, equal, decorrelated or none, not '%.60s'", name);
}

/* { class = { times, fixed } } */
static void read_limits(lua_State *L, int idx, struct health_spec *s)
{
  for (int c = PENDING; c < HEALTH_CLASSES; c++) {
    if (lua_getfield(L, idx, health_class_name((enum health_class)c)) == LUA_TTABLE) {
      lua_rawgeti(L, -1, 1);
      lua_rawgeti(L, -2, 2);
      s->fatal_after[c] = (int)luaL_checkinteger(L, -2);
      s->fixed_after[c] = lua_toboolean(L, -1);
      lua_pop(L, 2);
    }
    lua_pop(L, 1);
  }
}

/* Lines that hold a secret are resolved at each probe (health_lua.c); else they are texts. */
static bool holds_secret(lua_State *L, int list)
{
  bool found = false;
  for (size_t i = lua_rawlen(L, list); i > 0 && !found; i--) {
    lua_rawgeti(L, list, (lua_Integer)i);
    found = secret_test(L, -1);
    lua_pop(L, 1);
  }
  return found;
}

static void read_request(lua_State *L, int idx, int anchor, const struct raw *raw, struct health_spec *s)
{
  s->route.family = (int)raw->family;
  http_route_check(L, "health.wait", &s->route);
  s->max_body = (size_t)raw->max_body;
  s->secret = holds_secret(L, raw->headers) || (raw->body && secret_test(L, raw->body));
  if (s->secret)
    return;
  s->headers = texts_field(L, idx, anchor, "headers");
  if (raw->body)
    s->body = lua_tolstring(L, raw->body, &s->body_len);
}

void health_spec_read(lua_State *L, int idx, int anchor, struct health_spec *s)
{
  struct raw raw = {0};
  int top = lua_gettop(L);
  opt_read(L, idx, "health.wait", fields, &raw);
  *s = raw.spec;
  read_request(L, idx, anchor, &raw, s);
  statuses_field(L, idx, "statuses", &s->expect.statuses);
  read_proofs(L, raw.proofs, anchor, &s->expect);
  s->pacing.jitter = jitter_of(L, raw.jitter);
  s->seed = (uint64_t)raw.seed;
  s->samples = (int)raw.samples;
  s->rise = (int)raw.rise;
  s->attempts = (int)raw.attempts;
  s->keep = (int)raw.keep;
  s->asks = raw.hook != 0;
  read_limits(L, raw.fatal_after, s);
  lua_settop(L, top);
}
