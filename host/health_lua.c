/* health_lua.c - the module "health.core": one call that waits for many targets.
 *
 * core.wait{ specs = { spec, … }, targets = { url, number of its spec, name or false, … },
 *            rules = { row, … }, need = n, concurrency = n, rate = n }
 *   -> { good =, seconds =, probes =, targets = { result, … } }
 * lua/health.lua makes specs, which nobody else holds, of what a recipe writes. A spec's `hook`
 * is called with each look, on the task; it may wait, and returns another class, or nil.
 * core.pattern_wrong(pattern) -> what is wrong with it, or nil. */
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "fence.h"
#include "field.h"
#include "headers.h"
#include "http_recipient.h"
#include "http_route_lua.h"
#include "health_spec.h"
#include "host.h"
#include "opt.h"
#include "secret.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WAITING_CALL "davit.health"

enum { ARGUMENTS = 1, ANCHOR, CALL };  /* the stack of a wait */

struct call {
  struct health_engine engine;
  lua_State *L;      /* while it runs */
  struct task *task;
  struct world_http *http;
  struct health_target *asked;  /* its look is with the hook */
  struct health_look look;
  bool rests;        /* the collector, until it is closed */
};

/* ---- the engine's world ------------------------------------------------------------------------- */

static void wake(void *arg)
{
  task_wake(((struct call *)arg)->task);
}

/* Pushes the bytes of a line; they are wiped when the caller shortens the stack. */
static const char *resolve_header(lua_State *L, int idx, const char *name, const struct destination *where,
                                  size_t *len)
{
  char place[80];
  struct destination to = *where;
  snprintf(place, sizeof place, "header '%.60s'", name);
  to.place = place;
  to.header = name;
  return secret_resolve(L, idx, &to, len);
}

/* Pushes the list of the header lines, whose names stand in the list `names`, and what they point to. */
static const char *const *resolve_headers(lua_State *L, int list, int names, const struct destination *to)
{
  size_t n = lua_rawlen(L, list), len;
  luaL_checkstack(L, (int)n * 5 + 20, "headers");
  const char **lines = lua_newuserdatauv(L, (n + 1) * sizeof *lines, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    lua_rawgeti(L, names, (lua_Integer)i + 1);
    lines[i] = resolve_header(L, lua_gettop(L) - 1, lua_tostring(L, -1), to, &len);
    if (memchr(lines[i], '\n', len) || memchr(lines[i], '\r', len) || memchr(lines[i], 0, len))
      failure_misuse(L, "health.wait: a header holds a line break or NUL");
  }
  lines[n] = NULL;
  return lines;
}

/* Their own Host header, "name: value", if there is one in the list. */
static void find_host(lua_State *L, int list, const char *url, struct destination *to)
{
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, list); i++) {
    lua_rawgeti(L, list, i);
    const char *line = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strncasecmp(line, "host: ", 6) == 0) {
      http_recipient_named(L, url, line + 6, to);
      return;
    }
    lua_pop(L, 1);
  }
}

static void fill_in_secrets(lua_State *L, const struct health_target *t, struct http_request *r)
{
  lua_getfield(L, ARGUMENTS, "specs");
  lua_rawgeti(L, -1, t->spec->owner);
  int spec = lua_gettop(L);
  struct destination to = http_recipient(L, t->url, r->method, &r->route);
  to.place = "body";
  lua_getfield(L, spec, "headers");
  lua_getfield(L, spec, "header_names");
  int headers = lua_gettop(L) - 1;
  find_host(L, headers, t->url, &to);
  r->headers = resolve_headers(L, headers, headers + 1, &to);
  if (lua_getfield(L, spec, "body") != LUA_TNIL)
    r->body = secret_resolve(L, lua_gettop(L), &to, &r->body_len);
}

static struct http_exchange *start(void *arg, const struct health_target *t, struct http_request *r,
                                   effect_done *done, void *done_arg)
{
  struct call *c = arg;
  lua_State *L = c->L;
  int top = lua_gettop(L);
  fence_check(L);
  if (t->spec->secret)
    fill_in_secrets(L, t, r);
  struct http_exchange *x = c->http->start(c->http, r, done, done_arg);
  lua_settop(L, top);
  return x;
}

/* ---- what was seen, as tables ----------------------------------------------------------------------- */

/* Of single precision: no more digits than are true. */
static double rounded(float value)
{
  return round((double)value * 1e6) / 1e6;
}

static void push_timing(lua_State *L, const struct health_kept *k)
{
  const float times[] = {k->dns, k->connect, k->tls, k->first_byte, k->total};
  static const char *const names[] = {"dns", "connect", "tls", "first_byte", "total"};
  lua_createtable(L, 0, 5);
  for (int i = 0; i < 5; i++)
    if (times[i] > 0)
      field_number(L, names[i], rounded(times[i]));
}

static void push_kept(lua_State *L, const struct health_kept *k)
{
  lua_createtable(L, 0, 8);
  field_number(L, "at", k->at);
  field_words(L, "class", health_class_name((enum health_class)k->class));
  field_words(L, "reason", k->reason);
  field_words(L, "row", k->rule ? k->rule->name : NULL);
  field_words(L, "colo", k->colo);
  if (k->status)
    field_integer(L, "status", k->status);
  if (k->retry_after > 0)
    field_number(L, "retry_after", rounded(k->retry_after));
  if (k->shared) {
    field_boolean(L, "shared", true);
    return;
  }
  field_number(L, "seconds", rounded(k->total));
  push_timing(L, k);
  lua_setfield(L, -2, "timing");
}

static void push_timeline(lua_State *L, const struct health_timeline *t)
{
  int n = health_timeline_length(t);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    push_kept(L, health_timeline_at(t, i));
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_counts(lua_State *L, const struct health_timeline *t)
{
  lua_newtable(L);
  for (int c = 0; c < HEALTH_CLASSES; c++)
    if (t->counts[c])
      field_integer(L, health_class_name((enum health_class)c), t->counts[c]);
}

static void push_last(lua_State *L, const struct health_target *t)
{
  const struct health_timeline *line = &t->timeline;
  const struct health_kept *last = health_timeline_at(line, health_timeline_length(line) - 1);
  field_words(L, "class", health_class_name((enum health_class)last->class));
  field_words(L, "reason", last->reason);
  field_words(L, "row", last->rule ? last->rule->name : NULL);
  field_words(L, "hint", last->rule ? last->rule->hint : NULL);
  field_words(L, "colo", last->colo);
  if (last->status)
    field_integer(L, "status", last->status);
}

static void push_result(lua_State *L, const struct health_target *t)
{
  lua_createtable(L, 0, 14);
  field_words(L, "url", t->url);
  field_words(L, "name", t->name);
  field_words(L, "verdict", health_verdict_name(t->verdict));
  field_words(L, "address", t->address);
  field_integer(L, "attempts", t->looks);
  field_integer(L, "probes", t->probes);
  field_number(L, "seconds", t->ended);
  if (t->first_ok >= 0)
    field_number(L, "first_ok", t->first_ok);
  if (t->timeline.count)
    push_last(L, t);
  if (t->timeline.count > health_timeline_length(&t->timeline))
    field_integer(L, "left_out", t->timeline.count - health_timeline_length(&t->timeline));
  push_counts(L, &t->timeline);
  lua_setfield(L, -2, "counts");
  push_timeline(L, &t->timeline);
  lua_setfield(L, -2, "timeline");
}

/* The collector rests meanwhile (call_close wakes it, unless it rested before): all that is made here is kept, and
 * going through it again and again costs as much as the probes of many targets. */
static int finish(lua_State *L, struct call *c)
{
  const struct health_engine *e = &c->engine;
  c->rests = lua_gc(L, LUA_GCISRUNNING);
  lua_gc(L, LUA_GCSTOP);
  lua_createtable(L, 0, 4);
  field_boolean(L, "good", health_good(e));
  field_number(L, "seconds", health_now(e) - e->started);
  field_integer(L, "probes", e->probes);
  lua_createtable(L, e->count, 0);
  for (int i = 0; i < e->count; i++) {
    push_result(L, &e->targets[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "targets");
  return 1;
}

/* ---- looks that are shown ---------------------------------------------------------------------------- */

enum { SHOWN = 64 << 10 };  /* bytes of a body that a hook sees */

static void push_look(lua_State *L, const struct health_target *t, const struct health_look *l)
{
  const struct http_exchange *x = t->exchange;
  struct health_kept k = {.rule = l->rule, .reason = (char *)l->reason, .at = l->at,
                          .retry_after = (float)l->retry_after, .dns = (float)l->timing.dns,
                          .connect = (float)l->timing.connect, .tls = (float)l->timing.tls,
                          .first_byte = (float)l->timing.first_byte, .total = (float)l->timing.total,
                          .status = (short)l->status, .class = (unsigned char)l->class};
  memcpy(k.colo, l->colo, sizeof k.colo);
  push_kept(L, &k);
  field_words(L, "url", t->url);
  field_words(L, "name", t->name);
  field_words(L, "code", x->fault.code);
  field_words(L, "address", x->address);
  field_words(L, "protocol", x->protocol);
  lua_pushlstring(L, buf_str(&x->body), x->body.len < SHOWN ? x->body.len : SHOWN);
  lua_setfield(L, -2, "body");
  headers_push(L, buf_str(&x->headers));
  lua_setfield(L, -2, "headers");
}

static void push_hook(lua_State *L, const struct health_target *t)
{
  lua_getfield(L, ARGUMENTS, "specs");
  lua_rawgeti(L, -1, t->spec->owner);
  lua_getfield(L, -1, "hook");
  lua_insert(L, -3);
  lua_pop(L, 2);
}

/* The hook's answer is on top. It may take health away, and not give it. */
static void reclassify(lua_State *L, struct call *c)
{
  const char *name = lua_tostring(L, -1);
  enum health_class class = c->look.class;
  if (!lua_isnil(L, -1) && !(name && health_class_find(name, &class)))
    failure_misuse(L, "health.wait: classify returned '%.60s', which is no class", name ? name : luaL_typename(L, -1));
  if (class == HEALTHY && c->look.class != HEALTHY)
    failure_misuse(L, "health.wait: classify cannot make a %s look healthy; what is expected says what is healthy",
                   health_class_name(c->look.class));
  if (c->look.class == HEALTHY && class != HEALTHY)
    snprintf(c->look.reason + strlen(c->look.reason), sizeof c->look.reason - strlen(c->look.reason),
             "; classify calls it %s", health_class_name(class));
  c->look.class = class;
  health_take(c->asked, &c->look);
  c->asked = NULL;
  lua_settop(L, CALL);
}

/* ---- the wait ---------------------------------------------------------------------------------------------- */

static int drive(lua_State *L, int status, lua_KContext ctx);

static int called(lua_State *L, int status, lua_KContext ctx)
{
  struct call *c = luaL_checkudata(L, CALL, WAITING_CALL);
  (void)status;
  c->L = L;
  reclassify(L, c);
  return drive(L, LUA_OK, ctx);
}

/* Does what is due, shows looks one by one, and waits for more. */
static int drive(lua_State *L, int status, lua_KContext ctx)
{
  struct call *c = luaL_checkudata(L, CALL, WAITING_CALL);
  (void)status;
  c->L = L;
  bool over = health_turn(&c->engine);
  while (!over && !c->engine.memory && (c->asked = health_asks(&c->engine, &c->look))) {
    push_hook(L, c->asked);
    push_look(L, c->asked, &c->look);
    lua_callk(L, 1, 1, ctx, called);
    reclassify(L, c);
    over = health_turn(&c->engine);
  }
  if (c->engine.memory)
    return failure_memory(L);
  if (over)
    return finish(L, c);
  return task_wait(L, drive, ctx);
}

static int call_close(lua_State *L)  /* __close and __gc */
{
  struct call *c = luaL_checkudata(L, 1, WAITING_CALL);
  health_end(&c->engine);
  if (c->rests)
    lua_gc(L, LUA_GCRESTART);
  c->rests = false;
  return 0;
}

/* ---- reading the call --------------------------------------------------------------------------------------- */

struct options {
  int specs, targets, rules;
  lua_Integer need, concurrency;
  double rate;
};

static const struct opt_field fields[] = {
  {"specs", OPT_TABLE, offsetof(struct options, specs), true},
  {"targets", OPT_TABLE, offsetof(struct options, targets), true},
  {"rules", OPT_TABLE, offsetof(struct options, rules), true},
  {"need", OPT_INTEGER, offsetof(struct options, need), true},
  {"concurrency", OPT_INTEGER, offsetof(struct options, concurrency), true},
  {"rate", OPT_NUMBER, offsetof(struct options, rate), true},
  {0},
};

static const struct health_spec *read_specs(lua_State *L, int list, size_t *count)
{
  size_t n = lua_rawlen(L, list);
  struct health_spec *specs = lua_newuserdatauv(L, n * sizeof *specs + 1, 0);
  lua_rawseti(L, ANCHOR, (lua_Integer)lua_rawlen(L, ANCHOR) + 1);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    health_spec_read(L, lua_gettop(L), ANCHOR, &specs[i]);
    specs[i].owner = (int)i + 1;
    lua_pop(L, 1);
  }
  *count = n;
  return specs;
}

/* The list's strings stay where they are, in the arguments. */
static void read_targets(lua_State *L, int list, const struct health_spec *specs, size_t spec_count,
                         struct health_engine *e)
{
  e->count = (int)(lua_rawlen(L, list) / 3);
  struct health_target *targets = lua_newuserdatauv(L, (size_t)e->count * sizeof *targets + 1, 0);
  memset(targets, 0, (size_t)e->count * sizeof *targets);
  lua_rawseti(L, ANCHOR, (lua_Integer)lua_rawlen(L, ANCHOR) + 1);
  for (int i = 0; i < e->count; i++) {
    lua_rawgeti(L, list, 3 * i + 1);
    lua_rawgeti(L, list, 3 * i + 2);
    lua_rawgeti(L, list, 3 * i + 3);
    lua_Integer spec = luaL_checkinteger(L, -2);
    luaL_argcheck(L, spec >= 1 && (size_t)spec <= spec_count, ARGUMENTS, "no such spec");
    targets[i].url = lua_type(L, -3) == LUA_TSTRING ? lua_tostring(L, -3) : "";
    targets[i].name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    targets[i].spec = &specs[spec - 1];
    lua_pop(L, 3);
  }
  e->targets = targets;
}

/* Pushes the call, closed and collectable; the engine is not begun. */
static struct call *new_call(lua_State *L, struct task *task)
{
  struct host *host = host_of(L);
  struct call *c = lua_newuserdatauv(L, sizeof *c, 1);
  *c = (struct call){.task = task, .L = L, .http = host->world->http};
  c->engine.world = (struct health_world){.clock = host->world->clock, .timers = sched_timers(sched_of(L)),
                                          .mask = host->mask, .start = start, .wake = wake, .arg = c};
  luaL_setmetatable(L, WAITING_CALL);
  lua_pushvalue(L, ANCHOR);  // what its targets are in lives as long, also when a wait is never gone on with
  lua_setiuservalue(L, -2, 1);
  lua_toclose(L, -1);
  return c;
}

static int wait(lua_State *L)
{
  struct options o = {0};
  size_t spec_count;
  struct health_engine e = {0};
  lua_settop(L, ARGUMENTS);
  lua_newtable(L);
  struct task *task = task_current(L);
  struct call *c = new_call(L, task);
  e.world = c->engine.world;
  opt_read(L, ARGUMENTS, "health.wait", fields, &o);
  const struct health_spec *specs = read_specs(L, o.specs, &spec_count);
  e.rules = health_rules_read(L, o.rules, ANCHOR, &e.rule_count);
  read_targets(L, o.targets, specs, spec_count, &e);
  e.need = (int)o.need;
  e.concurrency = (int)o.concurrency;
  e.rate = o.rate;
  lua_settop(L, CALL);
  c->engine = e;
  if (!health_begin(&c->engine))
    return failure_memory(L);
  return drive(L, LUA_OK, 0);
}

static int pattern_wrong(lua_State *L)
{
  const char *wrong = health_pattern_wrong(luaL_checkstring(L, 1));
  lua_pushstring(L, wrong);
  return 1;
}

int health_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"pattern_wrong", pattern_wrong}, {"wait", wait}, {NULL, NULL}};
  class_new(L, WAITING_CALL, NULL, call_close);
  luaL_newlib(L, functions);
  return 1;
}
