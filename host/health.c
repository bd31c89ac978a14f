/* health.c - the module "health.core": asks a URL until it is healthy, or says why not.
 *
 * The engine decides when to probe and when to stop; which answer belongs to which class
 * is a table that lua/health.lua hands over. A probe is one exchange on a fresh connection.
 *
 *   healthy    status and every expectation hold: done
 *   pending, transient, stale, throttled: look again
 *   failing    fatal when it is seen `fatal_after` times in a row
 *   fatal      stop at once
 *
 * Looks during `grace` come every `interval` seconds and do not count as attempts. After
 * it the pauses are backoff, 2 backoff, 4 backoff … up to `cap`. The last look is at the
 * deadline exactly. Invariant: no pause reaches beyond the deadline. */
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "host.h"
#include "http.h"
#include "json_span.h"
#include "opt.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PROBE "davit.health"

struct options {
  const char *url;
  double grace, interval, backoff, cap, deadline, timeout;
  lua_Integer attempts, fatal_after;
  int statuses, json, headers, classes;
};

static const struct options defaults = {.grace = 30, .interval = 1, .backoff = 5, .cap = 80,
                                        .deadline = 300, .timeout = 5, .attempts = 10,
                                        .fatal_after = 3};

static const struct opt_field fields[] = {
  {"url", OPT_STRING, offsetof(struct options, url), true},
  {"grace", OPT_NUMBER, offsetof(struct options, grace), false},
  {"interval", OPT_NUMBER, offsetof(struct options, interval), false},
  {"backoff", OPT_NUMBER, offsetof(struct options, backoff), false},
  {"cap", OPT_NUMBER, offsetof(struct options, cap), false},
  {"deadline", OPT_NUMBER, offsetof(struct options, deadline), false},
  {"timeout", OPT_NUMBER, offsetof(struct options, timeout), false},
  {"attempts", OPT_INTEGER, offsetof(struct options, attempts), false},
  {"fatal_after", OPT_INTEGER, offsetof(struct options, fatal_after), false},
  {"statuses", OPT_TABLE, offsetof(struct options, statuses), true},
  {"json", OPT_TABLE, offsetof(struct options, json), true},
  {"headers", OPT_TABLE, offsetof(struct options, headers), true},
  {"classes", OPT_TABLE, offsetof(struct options, classes), true},
  {0},
};

struct health {
  struct options o;
  struct timer timer;
  struct task *task;
  struct sched *sched;
  double started;
  lua_Integer looks, counted, failing;
  bool last;  /* the look at the deadline */
};

static struct health *health_at(lua_State *L, int idx)
{
  return luaL_checkudata(L, idx, PROBE);
}

static double elapsed(const struct health *h)
{
  return sched_now(h->sched) - h->started;
}

/* ---- what an answer means ----------------------------------------------------------------- */

struct verdict {
  const char *class;
  char reason[256];
};

/* Compares one header of "name: value\n…" lines. */
static bool header_is(const struct buf *headers, const char *name, const char *expected)
{
  size_t n = strlen(name);
  for (const char *p = buf_str(headers); *p; p += strcspn(p, "\n") + 1) {
    if (strncmp(p, name, n) == 0 && p[n] == ':') {
      const char *value = p + n + 1 + strspn(p + n + 1, " \t");
      size_t len = strcspn(value, "\n");
      return len == strlen(expected) && memcmp(value, expected, len) == 0;
    }
    if (!strchr(p, '\n'))
      break;
  }
  return false;
}

static bool json_is(const struct buf *body, const char *pointer, const char *expected, char *seen,
                    size_t size)
{
  size_t from, to;
  struct buf value;
  snprintf(seen, size, "nothing");
  if (!json_span(buf_str(body), body->len, pointer, &from, &to))
    return false;
  buf_init(&value, 4096);
  bool same = json_unescape(body->data + from, to - from, &value) &&
              strcmp(buf_str(&value), expected) == 0;
  snprintf(seen, size, "'%.60s'", buf_str(&value));
  buf_free(&value);
  return same;
}

/* Compares the expectations; a service that answers well but differs is stale. */
static bool expectations_hold(lua_State *L, const struct health *h, const struct http_exchange *x,
                              struct verdict *v)
{
  char seen[80];
  lua_pushnil(L);
  while (lua_next(L, h->o.json)) {
    const char *pointer = lua_tostring(L, -2), *expected = lua_tostring(L, -1);
    if (!json_is(&x->body, pointer, expected, seen, sizeof seen)) {
      snprintf(v->reason, sizeof v->reason, "%s is %s, not '%.60s'", pointer, seen, expected);
      lua_pop(L, 2);
      return false;
    }
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  while (lua_next(L, h->o.headers)) {
    const char *name = lua_tostring(L, -2), *expected = lua_tostring(L, -1);
    if (!header_is(&x->headers, name, expected)) {
      snprintf(v->reason, sizeof v->reason, "header %.60s is not '%.60s'", name, expected);
      lua_pop(L, 2);
      return false;
    }
    lua_pop(L, 1);
  }
  return true;
}

static bool status_expected(lua_State *L, const struct health *h, int status)
{
  lua_rawgeti(L, h->o.statuses, status);
  bool expected = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return expected;
}

/* classes[status], classes["4xx"], or the fault's code and then its own class. The strings
 * live in the classes table. */
static const char *class_of(lua_State *L, const struct health *h, const struct http_exchange *x)
{
  const char *class = NULL;
  char family[16];
  if (x->fault.code) {
    lua_getfield(L, h->o.classes, x->fault.code);
    class = lua_isstring(L, -1) ? lua_tostring(L, -1) : x->fault.class;
  } else if (lua_rawgeti(L, h->o.classes, x->status) == LUA_TSTRING) {
    class = lua_tostring(L, -1);
  } else {
    lua_pop(L, 1);
    snprintf(family, sizeof family, "%dxx", x->status / 100);
    lua_getfield(L, h->o.classes, family);
    class = lua_isstring(L, -1) ? lua_tostring(L, -1) : "fatal";
  }
  lua_pop(L, 1);
  return class;
}

/* "status 500" and how the answer begins: the page often says what is wrong. */
static void describe_answer(const struct http_exchange *x, char *reason, size_t size)
{
  const char *body = buf_str(&x->body);
  int n = snprintf(reason, size, "status %d", x->status);
  if (x->status < 400 || !*body || *body == '<')
    return;
  snprintf(reason + n, size - (size_t)n, ": %.100s", body);
  for (char *c = reason; *c; c++)
    if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
      *c = ' ';
}

static void judge(lua_State *L, const struct health *h, const struct http_exchange *x,
                  struct verdict *v)
{
  v->reason[0] = 0;
  if (x->fault.code)
    snprintf(v->reason, sizeof v->reason, "%.250s", x->fault.message);
  else
    describe_answer(x, v->reason, sizeof v->reason);
  if (x->fault.code || !status_expected(L, h, x->status))
    v->class = class_of(L, h, x);
  else
    v->class = expectations_hold(L, h, x, v) ? "healthy" : "stale";
}

/* ---- the timeline and the end ---------------------------------------------------------------- */

static void record(lua_State *L, int timeline, double at, const struct http_exchange *x,
                   const struct verdict *v)
{
  lua_createtable(L, 0, 5);
  lua_pushnumber(L, at);
  lua_setfield(L, -2, "at");
  lua_pushstring(L, v->class);
  lua_setfield(L, -2, "class");
  lua_pushstring(L, v->reason);
  lua_setfield(L, -2, "reason");
  if (!x->fault.code) {
    lua_pushinteger(L, x->status);
    lua_setfield(L, -2, "status");
  }
  lua_pushnumber(L, x->timing.total);
  lua_setfield(L, -2, "seconds");
  lua_rawseti(L, timeline, (lua_Integer)lua_rawlen(L, timeline) + 1);
}

static int succeed(lua_State *L, const struct health *h, int timeline)
{
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, h->looks);
  lua_setfield(L, -2, "attempts");
  lua_pushnumber(L, elapsed(h));
  lua_setfield(L, -2, "seconds");
  lua_pushvalue(L, timeline);
  lua_setfield(L, -2, "timeline");
  return 1;
}

/* Raises "not-healthy" with the timeline in the error. */
static int give_up(lua_State *L, const struct health *h, int timeline, const struct verdict *v)
{
  struct fault f;
  fault_set(&f, "not-healthy", strcmp(v->class, "failing") == 0 ? "fatal" : v->class,
            "%s is not healthy after %d look%s in %.1f s: %s (%s)", h->o.url, (int)h->looks,
            h->looks == 1 ? "" : "s", elapsed(h), v->reason, v->class);
  lua_getfield(L, h->o.classes, "hints");
  if (lua_istable(L, -1) && lua_getfield(L, -1, v->class) == LUA_TSTRING)
    fault_hint(&f, "%s", lua_tostring(L, -1));
  failure_push(L, &f, h->o.url);
  lua_pushvalue(L, timeline);
  lua_setfield(L, -2, "timeline");
  return lua_error(L);
}

/* ---- the loop: look, judge, pause ---------------------------------------------------------------- */

static int look(lua_State *L, struct health *h, int health);

static bool is_final(struct health *h, const struct verdict *v)
{
  h->failing = strcmp(v->class, "failing") == 0 ? h->failing + 1 : 0;
  return h->last || strcmp(v->class, "fatal") == 0 || h->failing >= h->o.fatal_after ||
         h->counted >= h->o.attempts;
}

/* Seconds until the next look; sets h->last when that is the one at the deadline. */
static double pause_after(struct health *h)
{
  double left = h->o.deadline - elapsed(h);
  double pause = h->counted == 0 ? h->o.interval : h->o.backoff * ldexp(1, (int)h->counted - 1);
  if (pause > h->o.cap)
    pause = h->o.cap;
  if (pause < left)
    return pause;
  h->last = true;
  return left > 0 ? left : 0;
}

static int paused(lua_State *L, int status, lua_KContext health)
{
  (void)status;
  struct health *h = health_at(L, (int)health);
  if (h->timer.slot)
    return task_wait(L, paused, health);
  return look(L, h, (int)health);
}

static int looked(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  int health = (int)box - 2, timeline = (int)box - 1;
  struct health *h = health_at(L, health);
  const struct http_exchange *x = (struct http_exchange *)effect_at(L, (int)box);
  struct verdict v;
  double at = elapsed(h);
  h->looks++;
  h->counted += at > h->o.grace;
  judge(L, h, x, &v);
  record(L, timeline, at, x, &v);
  if (strcmp(v.class, "healthy") == 0)
    return succeed(L, h, timeline);
  if (is_final(h, &v))
    return give_up(L, h, timeline, &v);
  lua_settop(L, timeline);  // closes the box
  struct sched *s = sched_of(L);
  if (!timer_start(sched_timers(s), &h->timer, sched_now(s) + pause_after(h)))
    return failure_memory(L);
  return task_wait(L, paused, health);
}

static int look(lua_State *L, struct health *h, int health)
{
  struct world_http *http = host_of(L)->world->http;
  double left = h->o.deadline - elapsed(h);
  double timeout = h->last || left > h->o.timeout ? h->o.timeout : left;
  struct http_request r = {.method = "GET", .url = h->o.url, .fresh = true,
                           .timeouts = {.connect = timeout, .total = timeout}, .max_body = 1 << 20};
  lua_settop(L, health + 1);
  struct effect **box = effect_box(L);
  *box = (struct effect *)http->start(http, &r, task_wake, h->task);
  return effect_wait(L, lua_gettop(L), looked);
}

/* The table at idx holds text by text. */
static void check_texts(lua_State *L, int idx, const char *what)
{
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      failure_misuse(L, "health.wait: expect.%s is a table text = text, found a %s = a %s", what,
                     luaL_typename(L, -2), luaL_typename(L, -1));
}

static void check(lua_State *L, const struct options *o)
{
  check_texts(L, o->json, "json");
  check_texts(L, o->headers, "headers");
  if (o->grace < 0 || o->interval <= 0 || o->backoff <= 0 || o->cap <= 0 || o->deadline <= 0 ||
      o->timeout <= 0)
    failure_misuse(L, "health.wait: times are seconds above 0 (grace may be 0)");
  if (o->attempts < 1 || o->fatal_after < 1)
    failure_misuse(L, "health.wait: attempts and fatal_after are at least 1");
}

static int health_close(lua_State *L)  /* __close and __gc */
{
  struct health *h = health_at(L, 1);
  timer_stop(sched_timers(sched_of(L)), &h->timer);
  return 0;
}

/* wait{...} -> { attempts=, seconds=, timeline={ {at=, class=, reason=, status=, seconds=}, … } } */
static int wait(lua_State *L)
{
  struct options o = defaults;
  lua_settop(L, 1);
  opt_read(L, 1, "health.wait", fields, &o);
  check(L, &o);
  struct task *task = task_current(L);
  struct health *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (struct health){.o = o, .task = task, .sched = sched_of(L),
                       .timer = {.fire = task_wake, .arg = task}};
  luaL_setmetatable(L, PROBE);
  lua_toclose(L, -1);
  h->started = sched_now(sched_of(L));
  int health = lua_gettop(L);
  lua_newtable(L);
  return look(L, h, health);
}

int health_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"wait", wait}, {NULL, NULL}};
  class_new(L, PROBE, NULL, health_close);
  luaL_newlib(L, functions);
  return 1;
}
