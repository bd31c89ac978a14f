/* journal_lua.c - the module "journal.core"; lua/run.lua is its only user.
 *
 * What is written passes the mask first: a journal never holds a secret. In the real world an
 * append waits for the writer's thread; in any other it is durable at once. */
#include "buf_lua.h"
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "host.h"
#include "journal.h"
#include "journal_writer.h"
#include "mask.h"
#include "real.h"
#include "task.h"
#include <lauxlib.h>
#include <string.h>

#define JOURNAL "davit.journal"

struct handle {
  struct journal *journal;       /* NULL once closed */
  struct journal_writer *writer; /* NULL outside of the real world */
};

static struct handle *check_handle(lua_State *L)
{
  struct handle *h = luaL_checkudata(L, 1, JOURNAL);
  luaL_argcheck(L, h->journal, 1, "the journal is closed");
  return h;
}

/* journal.open(file) -> journal */
static int open_journal(lua_State *L)
{
  struct fault f;
  const char *file = luaL_checkstring(L, 1);
  struct real *real = host_of(L)->real;
  struct handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (struct handle){0};
  luaL_setmetatable(L, JOURNAL);
  h->journal = journal_new(file, &f);
  if (!h->journal)
    return failure_raise(L, &f, file);
  if (real && !(h->writer = journal_writer_new(h->journal, &real->loop)))
    return failure_memory(L);
  return 1;
}

static int close_journal(lua_State *L)  /* close, __close and __gc */
{
  struct handle *h = luaL_checkudata(L, 1, JOURNAL);
  journal_writer_free(h->writer);
  journal_free(h->journal);
  *h = (struct handle){0};
  return 0;
}

/* Pushes the masked text. */
static const char *push_masked(lua_State *L, const char *text)
{
  struct buf *b = buf_push(L, BUF_LIMIT);
  mask_text(host_of(L)->mask, text, strlen(text), b);
  if (!buf_ok(b))
    failure_memory(L);
  return buf_str(b);
}

static int appended(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  const struct journal_write *w = (struct journal_write *)effect_at(L, (int)box);
  return w->fault.code ? failure_raise(L, &w->fault, NULL) : 0;
}

static int append_later(lua_State *L, struct journal_writer *w, const struct journal_event *e)
{
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  *box = (struct effect *)journal_writer_append(w, e, task_wake, task);
  return effect_wait(L, lua_gettop(L), appended);
}

/* journal:append(run, at, kind, path, data): returns when the event is durable */
static int append(lua_State *L)
{
  struct fault f;
  struct journal_event e = {.run = luaL_checkstring(L, 2), .at = luaL_checknumber(L, 3),
                            .kind = luaL_checkstring(L, 4)};
  const struct handle *h = check_handle(L);
  const struct journal_event *list[] = {&e};
  e.path = push_masked(L, luaL_checkstring(L, 5));
  e.data = push_masked(L, luaL_checkstring(L, 6));
  if (h->writer)
    return append_later(L, h->writer, &e);
  return journal_append(h->journal, list, 1, &f) ? 0 : failure_raise(L, &f, NULL);
}

/* What a protected read needs: Lua's errors must not jump through SQLite. */
struct reading {
  lua_State *L;
  int n;
  bool failed;
};

static void set_text(lua_State *L, const char *name, const char *text)
{
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static int push_event(lua_State *L)  /* list, index, event -> */
{
  const struct journal_event *e = lua_touserdata(L, 3);
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, e->seq);
  lua_setfield(L, -2, "seq");
  lua_pushnumber(L, e->at);
  lua_setfield(L, -2, "at");
  set_text(L, "run", e->run);
  set_text(L, "kind", e->kind);
  set_text(L, "path", e->path);
  set_text(L, "data", e->data);
  lua_rawseti(L, 1, lua_tointeger(L, 2));
  return 0;
}

static bool read_one(void *arg, const struct journal_event *e)
{
  struct reading *r = arg;
  lua_pushcfunction(r->L, push_event);
  lua_pushvalue(r->L, -2);
  lua_pushinteger(r->L, ++r->n);
  lua_pushlightuserdata(r->L, (void *)e);
  r->failed = lua_pcall(r->L, 3, 0, 0) != LUA_OK;
  return !r->failed;
}

/* journal:events(run or nil, kind or nil) -> { {seq=, run=, at=, kind=, path=, data=}, … } */
static int events(lua_State *L)
{
  struct fault f;
  struct journal *j = check_handle(L)->journal;
  const char *run = luaL_optstring(L, 2, NULL), *kind = luaL_optstring(L, 3, NULL);
  struct reading r = {.L = L};
  luaL_checkstack(L, 12, "events");
  lua_newtable(L);
  bool ok = journal_read(j, run, kind, read_one, &r, &f);
  if (r.failed)
    return lua_error(L);
  return ok ? 1 : failure_raise(L, &f, NULL);
}

int journal_open(lua_State *L)
{
  static const luaL_Reg methods[] = {
    {"append", append}, {"close", close_journal}, {"events", events}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"open", open_journal}, {NULL, NULL}};
  class_new(L, JOURNAL, methods, close_journal);
  luaL_newlib(L, functions);
  return 1;
}
