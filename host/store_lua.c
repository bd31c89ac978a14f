/* store_lua.c - the module "store.core": sessions on a store of runs; lua/run.lua is its user.
 *
 * What is written passes the mask first: a store never holds a secret. In the real world a session
 * has a thread; in any other a call is done when it returns, and what the thread would do
 * between calls (renewing leases) is done before one, when it is due.
 *
 * A session is also a fence: while it holds leases, no effect starts unless they are valid. */
#include "buf_lua.h"
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "fence.h"
#include "field.h"
#include "host.h"
#include "json_mask.h"
#include "mask.h"
#include "opt.h"
#include "real.h"
#include "secret.h"
#include "sql_url.h"
#include "store_holder.h"
#include "store_notices.h"
#include "store_thread.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SESSION "davit.store"

struct session {
  struct fence fence;
  struct store_notices notices;
  struct store_thread *thread;  /* the real world's */
  struct store_keeper *keeper;  /* any other's; neither: closed */
  struct store_clock clock;     /* likewise */
};

static struct session *check_session(lua_State *L)
{
  struct session *s = luaL_checkudata(L, 1, SESSION);
  if (!s->thread && !s->keeper)
    failure_misuse(L, "store: the session is closed");
  return s;
}

/* ---- without a thread ------------------------------------------------------------------------ */

static double world_now(void *clock)
{
  return ((struct world_clock *)clock)->monotonic(clock);
}

static double world_wall(void *clock)
{
  return ((struct world_clock *)clock)->now(clock);
}

/* Renews when it is due; false: the leases are not valid now. */
static bool keep_leases(struct session *s, struct fault *fault)
{
  struct store_keeper *k = s->keeper;
  bool renewed = world_now(s->clock.arg) < store_keeper_due(k) || store_keeper_renew(k, fault);
  const struct fault *lost = store_keeper_lost(k);
  if (lost)
    *fault = *lost;
  return !lost && (renewed || world_now(s->clock.arg) < store_keeper_until(k));
}

static bool pass(struct fence *fence, struct fault *fault)
{
  struct session *s = (struct session *)fence;
  if (s->keeper)
    return keep_leases(s, fault);
  return store_thread_valid(s->thread) || store_thread_renew_now(s->thread, fault);
}

/* ---- opening, closing -------------------------------------------------------------------------- */

static void close_session(lua_State *L, struct session *s)
{
  fence_remove(L, &s->fence);
  store_thread_free(s->thread);
  store_keeper_free(s->keeper);
  s->thread = NULL;
  s->keeper = NULL;
  store_notices_free(&s->notices);
}

static int session_close(lua_State *L)  /* close and __close */
{
  struct session *s = luaL_checkudata(L, 1, SESSION);
  store_notices_end(&s->notices);
  close_session(L, s);
  return 0;
}

static int session_gc(lua_State *L)  /* whoever waits for a notice may be gone already */
{
  close_session(L, luaL_checkudata(L, 1, SESSION));
  return 0;
}

/* Gives the store a thread, or a keeper alone; owns it in any case. */
static bool set_up(lua_State *L, struct session *s, struct store *store)
{
  struct real *real = host_of(L)->real;
  if (real)
    s->thread = store_thread_new(store, store_clock_system(), &real->loop, store_notices_add, &s->notices);
  else
    s->keeper = store_keeper_new(store, &s->clock, store_notices_add, &s->notices);
  return s->thread || s->keeper;
}

/* store.open(place) -> session; place: a file, or a postgresql:// URL, which may hold secrets */
static int open_session(lua_State *L)
{
  struct destination to = {.kind = TO_SQL, .place = "store.open: the place"};
  struct fault f;
  size_t len;
  lua_settop(L, 1);
  if (lua_type(L, 1) != LUA_TSTRING && !secret_test(L, 1))
    return failure_misuse(L, "store.open: the place must be a file or a postgresql:// URL, not a %s",
                          luaL_typename(L, 1));
  sched_check_effects(L);
  const char *place = secret_resolve_found(L, 1, &to, sql_url_host, &len);
  struct world *world = host_of(L)->world;
  struct session *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct session){.fence = {.pass = pass},
                        .clock = {.now = world_now, .wall = world_wall, .arg = world->clock}};
  luaL_setmetatable(L, SESSION);
  struct store *store = world->store->open(world->store, place, &f);
  if (!store)
    return failure_raise(L, &f, NULL);
  if (!set_up(L, s, store))
    return failure_memory(L);
  fence_add(L, &s->fence);
  return 1;
}

/* ---- calls --------------------------------------------------------------------------------------- */

static struct store_job *job_at(lua_State *L, lua_KContext box)
{
  struct store_job *j = (struct store_job *)effect_at(L, (int)box);
  if (j->fault.code)
    failure_raise(L, &j->fault, NULL);
  return j;
}

static void destroy_job(struct effect *e)
{
  store_job_free((struct store_job *)e);
}

static int call_now(lua_State *L, struct session *s, const struct store_request *r, lua_KFunction k)
{
  struct fault ignored;  /* what a lost lease forbids, the store refuses itself */
  sched_check_effects(L);
  struct effect **box = effect_box_unfenced(L);
  struct store_job *j = store_job_new(r);
  if (!j)
    return failure_memory(L);
  j->effect.destroy = destroy_job;
  *box = &j->effect;
  keep_leases(s, &ignored);
  store_job_run(j, s->keeper);
  return k(L, LUA_OK, lua_gettop(L));
}

/* Does what is asked, then continues with k(L, …, box): job_at() has what came of it. */
static int call(lua_State *L, struct session *s, const struct store_request *r, lua_KFunction k)
{
  if (s->keeper)
    return call_now(L, s, r, k);
  struct task *task = task_current(L);
  struct effect **box = effect_box_unfenced(L);
  *box = (struct effect *)store_thread_start(s->thread, r, task_wake, task);
  return effect_wait(L, lua_gettop(L), k);
}

static int nothing(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  job_at(L, box);
  return 0;
}

/* Pushes the text as it may be stored. */
static const char *push_masked(lua_State *L, const char *text)
{
  struct buf *b = buf_push(L, BUF_LIMIT);
  mask_text(host_of(L)->mask, text, strlen(text), b);
  if (!buf_ok(b))
    failure_memory(L);
  return buf_str(b);
}

/* The same for JSON, which stays JSON. */
static const char *push_masked_json(lua_State *L, const char *text)
{
  struct buf *b = buf_push(L, BUF_LIMIT);
  json_mask(host_of(L)->mask, text, strlen(text), false, b);
  if (!buf_ok(b))
    failure_memory(L);
  return buf_str(b);
}

static const char *push_name(lua_State *L, int idx, const char *what)
{
  return push_masked(L, opt_string(L, idx, what, "the name", NULL));
}

/* Pushes the list of the job's rows, each pushed by `push`. */
static int push_rows(lua_State *L, const struct store_job *j, void (*push)(lua_State *, const union store_row *))
{
  luaL_checkstack(L, 8, "rows");
  lua_createtable(L, (int)j->row_count, 0);
  for (size_t i = 0; i < j->row_count; i++) {
    push(L, &j->rows[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ---- events ---------------------------------------------------------------------------------------- */

static const struct opt_field event_fields[] = {
  {"run",    OPT_STRING, offsetof(struct store_event, run),    true},
  {"at",     OPT_NUMBER, offsetof(struct store_event, at),     true},
  {"kind",   OPT_STRING, offsetof(struct store_event, kind),   true},
  {"path",   OPT_STRING, offsetof(struct store_event, path),   true},
  {"data",   OPT_STRING, offsetof(struct store_event, data),   true},
  {"status", OPT_STRING, offsetof(struct store_event, status), false},
  {0},
};

/* Pushes an array of the events in the list at 2, and what they refer to. */
static struct store_event *push_events(lua_State *L, size_t n)
{
  struct store_event *events = lua_newuserdatauv(L, (n + 1) * sizeof *events, 0);
  for (size_t i = 0; i < n; i++) {
    luaL_checkstack(L, 8, "store:append");
    events[i] = (struct store_event){0};
    lua_geti(L, 2, (lua_Integer)i + 1);
    opt_read(L, -1, "store:append", event_fields, &events[i]);
    events[i].path = push_masked(L, events[i].path);
    events[i].data = push_masked_json(L, events[i].data);
  }
  return events;
}

/* session:append{ {run=, at=, kind=, path=, data=, status=}, … }: returns when they are durable */
static int append(lua_State *L)
{
  struct session *s = check_session(L);
  lua_settop(L, 2);
  if (!lua_istable(L, 2))
    return failure_misuse(L, "store:append: expected a list of events, not a %s", luaL_typename(L, 2));
  size_t n = lua_rawlen(L, 2);
  struct store_request r = {.call = STORE_APPEND, .events = push_events(L, n), .count = n};
  return n ? call(L, s, &r, nothing) : 0;
}

static void push_event(lua_State *L, const union store_row *row)
{
  const struct store_event *e = &row->event;
  lua_createtable(L, 0, 6);
  field_integer(L, "seq", e->seq);
  field_number(L, "at", e->at);
  field_text(L, "run", e->run);
  field_text(L, "kind", e->kind);
  field_text(L, "path", e->path);
  field_text(L, "data", e->data);
}

static int got_events(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  return push_rows(L, job_at(L, box), push_event);
}

/* session:events{run=, kind=, after=} -> { {seq=, at=, run=, kind=, path=, data=}, … } */
static int events(lua_State *L)
{
  static const struct opt_field fields[] = {
    {"run",   OPT_STRING,  offsetof(struct store_filter, run),   false},
    {"kind",  OPT_STRING,  offsetof(struct store_filter, kind),  false},
    {"after", OPT_INTEGER, offsetof(struct store_filter, after), false},
    {0},
  };
  struct session *s = check_session(L);
  struct store_request r = {.call = STORE_EVENTS};
  opt_read(L, 2, "store:events", fields, &r.filter);
  return call(L, s, &r, got_events);
}

/* ---- runs ------------------------------------------------------------------------------------------- */

static void push_run(lua_State *L, const union store_row *row)
{
  const struct store_run *r = &row->run;
  lua_createtable(L, 0, 7);
  field_text(L, "run", r->run);
  field_text(L, "status", r->status);
  field_text(L, "first", r->first);
  field_number(L, "started", r->started);
  field_number(L, "changed", r->changed);
  field_integer(L, "events", r->events);
  field_integer(L, "bytes", r->bytes);
}

static int got_runs(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  return push_rows(L, job_at(L, box), push_run);
}

struct runs_options {
  const char *run, *status;
  double changed_before;
  lua_Integer limit;
};

/* session:runs{run=, status=, changed_before=, limit=} -> { {run=, status=, first=, …}, … } */
static int runs(lua_State *L)
{
  static const struct opt_field fields[] = {
    {"run",            OPT_STRING,  offsetof(struct runs_options, run),            false},
    {"status",         OPT_STRING,  offsetof(struct runs_options, status),         false},
    {"changed_before", OPT_NUMBER,  offsetof(struct runs_options, changed_before), false},
    {"limit",          OPT_INTEGER, offsetof(struct runs_options, limit),          false},
    {0},
  };
  struct session *s = check_session(L);
  struct runs_options o = {0};
  opt_read(L, 2, "store:runs", fields, &o);
  struct store_request r = {.call = STORE_RUNS, .runs = {o.run, o.status, o.changed_before, (long)o.limit}};
  return call(L, s, &r, got_runs);
}

/* session:forget(run) */
static int forget(lua_State *L)
{
  struct session *s = check_session(L);
  struct store_request r = {.call = STORE_FORGET, .name = opt_string(L, 2, "store:forget", "the run", NULL)};
  return call(L, s, &r, nothing);
}

/* ---- leases ------------------------------------------------------------------------------------------ */

/* Who this process is: outside of the real world nothing of the machine may be seen. */
static void read_self(lua_State *L, char *host, size_t size, long *pid)
{
  *pid = 1;
  if (host_of(L)->real) {
    store_holder_host(host, size);
    *pid = (long)getpid();
  } else {
    strncpy(host, "rehearsal", size);
  }
}

static void push_lease(lua_State *L, const union store_row *row)
{
  const struct store_lease *l = &row->lease;
  char self[256];
  long pid;
  read_self(L, self, sizeof self, &pid);
  bool here = l->host && strcmp(l->host, self) == 0;
  lua_createtable(L, 0, 10);
  field_text(L, "name", l->name);
  field_text(L, "run", l->run);
  field_text(L, "host", l->host);
  field_integer(L, "pid", l->pid);
  field_integer(L, "token", l->token);
  field_number(L, "since", l->since);
  field_number(L, "left", l->left);
  field_text(L, "request", l->request);
  field_boolean(L, "here", here);
  field_boolean(L, "alive", here && host_of(L)->real && store_holder_lives(l->pid, l->since));
}

static int took(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  const struct store_job *j = job_at(L, box);
  if (j->token) {
    lua_pushinteger(L, j->token);
    return 1;
  }
  lua_pushnil(L);
  if (j->row_count == 0)
    return 1;
  push_lease(L, &j->rows[0]);
  return 2;
}

struct take_options {
  const char *name, *run;
  double seconds;
  lua_Integer instead_of;
};

/* session:take{name=, run=, seconds=, instead_of=} -> token; nil and who holds it */
static int take(lua_State *L)
{
  static const struct opt_field fields[] = {
    {"name",       OPT_STRING,  offsetof(struct take_options, name),       true},
    {"run",        OPT_STRING,  offsetof(struct take_options, run),        true},
    {"seconds",    OPT_NUMBER,  offsetof(struct take_options, seconds),    true},
    {"instead_of", OPT_INTEGER, offsetof(struct take_options, instead_of), false},
    {0},
  };
  struct session *s = check_session(L);
  struct take_options o = {0};
  char host[256];
  long pid;
  opt_read(L, 2, "store:take", fields, &o);
  if (!(o.seconds > 0))
    return failure_misuse(L, "store:take: option 'seconds' must be above 0");
  read_self(L, host, sizeof host, &pid);
  struct store_request r = {.call = STORE_TAKE,
                            .claim = {.name = push_masked(L, o.name), .run = o.run, .host = host, .pid = pid,
                                      .seconds = o.seconds, .instead_of = o.instead_of}};
  return call(L, s, &r, took);
}

/* session:release(name) */
static int release(lua_State *L)
{
  struct session *s = check_session(L);
  struct store_request r = {.call = STORE_RELEASE, .name = push_name(L, 2, "store:release")};
  return call(L, s, &r, nothing);
}

static int asked(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  lua_pushboolean(L, job_at(L, box)->asked);
  return 1;
}

/* session:ask(name, request) -> whether somebody holds it */
static int ask(lua_State *L)
{
  struct session *s = check_session(L);
  const char *request = opt_string(L, 3, "store:ask", "the request", NULL);
  struct store_request r = {.call = STORE_ASK, .name = push_name(L, 2, "store:ask"),
                            .request = push_masked_json(L, request)};
  return call(L, s, &r, asked);
}

static int got_leases(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  return push_rows(L, job_at(L, box), push_lease);
}

/* session:leases(name or nil) -> list of leases */
static int leases(lua_State *L)
{
  struct session *s = check_session(L);
  struct store_request r = {.call = STORE_LEASES};
  if (!lua_isnoneornil(L, 2))
    r.name = push_name(L, 2, "store:leases");
  return call(L, s, &r, got_leases);
}

/* ---- notices ------------------------------------------------------------------------------------------ */

static int give_notice(lua_State *L)  /* its argument is a to-be-freed notice, whatever happens here */
{
  const struct store_notice *n = lua_touserdata(L, 1);
  lua_createtable(L, 0, 4);
  field_text(L, "name", n->name);
  field_text(L, "request", n->request);
  if (!n->request) {
    field_boolean(L, "lost", true);
    field_text(L, "run", n->run);
  }
  return 1;
}

static int push_notice(lua_State *L, struct session *s)
{
  luaL_checkstack(L, 4, "store:watch");
  lua_pushcfunction(L, give_notice);
  struct store_notice *n = store_notices_take(&s->notices);
  if (!n)
    return lua_pushnil(L), 1;
  lua_pushlightuserdata(L, n);
  int status = lua_pcall(L, 1, 1, 0);
  free(n);
  return status == LUA_OK ? 1 : lua_error(L);
}

static int watched(lua_State *L, int status, lua_KContext box)
{
  (void)status, (void)box;
  return push_notice(L, luaL_checkudata(L, 1, SESSION));
}

/* session:watch() -> {name=, request=} or {name=, lost=true, run=}; nil once the session is closed.
 * Waiting for a notice does not keep a run alive in which nothing else is under way. */
static int watch(lua_State *L)
{
  struct session *s = check_session(L);
  lua_settop(L, 1);
  if (s->notices.first)
    return push_notice(L, s);
  if (s->notices.watch)
    return failure_misuse(L, "store:watch: another task waits already");
  struct task *task = task_current(L);
  struct effect **box = effect_box_unfenced(L);
  *box = (struct effect *)store_notices_watch(&s->notices, task_wake, task);
  return effect_wait(L, lua_gettop(L), watched);
}

int store_open(lua_State *L)
{
  static const luaL_Reg methods[] = {
    {"append", append}, {"ask", ask},         {"close", session_close}, {"events", events}, {"forget", forget},
    {"leases", leases}, {"release", release}, {"runs", runs},           {"take", take},     {"watch", watch},
    {NULL, NULL}};
  static const luaL_Reg functions[] = {{"open", open_session}, {NULL, NULL}};
  class_new(L, SESSION, methods, session_close);
  class_event(L, SESSION, "__gc", session_gc);
  luaL_newlib(L, functions);
  return 1;
}
