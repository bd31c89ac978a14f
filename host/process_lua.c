/* process_lua.c - the module "process.core": children from Lua; lua/process.lua is the public half.
 *
 * A handle is a child with what it wrote so far. The world's callbacks append to the
 * handle, masked, and wake every waiter, a task that stands in one of its methods; the
 * methods then look for what they wait for. What nobody reads is kept up to a limit, the
 * oldest bytes go first, so that a child never blocks on Davit.
 *
 * Ownership: the handle owns the child; closing or collecting it kills a child that still
 * runs, with its descendants. A waiter lives on the stack of the method that waits. */
#include "buf.h"
#include "class.h"
#include "failure.h"
#include "fence.h"
#include "field.h"
#include "host.h"
#include "process_args.h"
#include "process_recipient.h"
#include "process_sink.h"
#include "secret_source.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDLE_TYPE "davit.process"
#define WAITER_TYPE "davit.process.waiter"

enum { SECRET_OUTPUT_MAX = 1 << 20 };  /* bytes that a program may print as a secret */

/* The stack of core.run and core.start. */
enum { OPTIONS = 1, HANDLE, WAITER };

/* ---- the handle ------------------------------------------------------------------------- */

struct waiter {
  struct task *task;
  struct handle *handle;
  struct waiter *next, **link;
  struct timer timer;
  bool timed;
  bool abandons;  /* closing it kills the child, whose start was never seen */
};

struct handle {
  struct process_child *child;
  struct sched *sched;
  struct waiter *waiters;
  struct process_sink sinks[2];
  struct process_stream stream;
  struct process_recipient program;  /* a copy */
  char *prefix;
  double begun, ended;
  bool discards, takes_input;
  bool hides;            /* its standard output is a secret: it goes to `hidden` as it is */
  struct buf hidden;
};

static void wake_all(void *arg)
{
  struct handle *h = arg;
  for (struct waiter *w = h->waiters; w; w = w->next)
    task_wake(w->task);
}

static void close_handle(struct handle *h)
{
  if (h->child)
    effect_free(&h->child->effect);
  h->child = NULL;
  for (int i = 0; i < 2; i++)
    process_sink_close(&h->sinks[i]);
  free(h->prefix);
  process_recipient_free(&h->program);
  buf_wipe(&h->hidden);
  h->prefix = NULL;
  wake_all(h);
}

static int handle_close(lua_State *L)  /* __close, __gc and close() */
{
  close_handle(luaL_checkudata(L, 1, HANDLE_TYPE));
  return 0;
}

static struct handle *new_handle(lua_State *L)
{
  struct handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (struct handle){.sched = sched_of(L)};
  buf_init(&h->hidden, SECRET_OUTPUT_MAX);
  luaL_setmetatable(L, HANDLE_TYPE);
  return h;
}

static struct handle *check_handle(lua_State *L)
{
  struct handle *h = luaL_testudata(L, 1, HANDLE_TYPE);
  if (!h)
    failure_misuse(L, "process: methods are called with a colon, as in child:wait()");
  if (!h->child)
    failure_misuse(L, "process: this child was closed");
  return h;
}

/* ---- what the child wrote -------------------------------------------------------------- */

static void on_output(void *arg, int fd, const char *data, size_t len)
{
  struct handle *h = arg;
  if (h->hides && fd == STDOUT_FILENO)
    buf_add(&h->hidden, data, len);
  else
    process_sink_take(&h->sinks[fd - 1], &h->stream, data, len);
  wake_all(h);
}

static void on_finished(void *arg)
{
  struct handle *h = arg;
  h->ended = sched_now(h->sched);
  wake_all(h);
}

static void open_sinks(lua_State *L, struct handle *h, const struct process_args *o)
{
  struct host *host = host_of(L);
  struct world_environ *e = host->world->environ;
  bool streams = strcmp(o->output, "stream") == 0;
  h->discards = strcmp(o->output, "discard") == 0;
  h->takes_input = o->input_open;
  h->prefix = copy_str(o->prefix);
  h->stream = (struct process_stream){
    .output = streams ? host->err : NULL, .prefix = h->prefix, .max = (size_t)o->max_output,
    .live = streams && e->is_terminal(e, STDERR_FILENO)};
  bool ok = h->prefix || !o->prefix;
  for (int i = 0; i < 2; i++)
    ok = process_sink_open(&h->sinks[i], host->mask) && ok;
  if (!ok)
    failure_memory(L);
}

/* ---- waiting ------------------------------------------------------------------------------ */

static int waiter_close(lua_State *L)  /* __close and __gc */
{
  struct waiter *w = luaL_checkudata(L, 1, WAITER_TYPE);
  if (!w->link)
    return 0;
  timer_stop(sched_timers(w->handle->sched), &w->timer);
  *w->link = w->next;
  if (w->next)
    w->next->link = w->link;
  w->link = NULL;
  if (w->abandons)
    close_handle(w->handle);
  return 0;
}

/* Pushes a waiter of the running task, to be closed. */
static struct waiter *new_waiter(lua_State *L, struct handle *h)
{
  struct task *task = task_current(L);
  struct waiter *w = lua_newuserdatauv(L, sizeof *w, 0);
  *w = (struct waiter){.task = task, .handle = h, .next = h->waiters, .link = &h->waiters};
  w->timer = (struct timer){.fire = task_wake, .arg = task};
  if (w->next)
    w->next->link = &w->next;
  h->waiters = w;
  luaL_setmetatable(L, WAITER_TYPE);
  lua_toclose(L, -1);
  return w;
}

static void check_fault(lua_State *L, const struct handle *h)
{
  for (int i = 0; i < 2; i++)
    if (!process_sink_ok(&h->sinks[i]))
      failure_memory(L);
  if (h->child->fault.code)
    failure_raise(L, &h->child->fault, h->program.place.program);
}

/* ---- core.run{...}, core.start{...} -> a handle whose child has started -------------- */

static int started(lua_State *L, int status, lua_KContext ctx)
{
  struct handle *h = luaL_checkudata(L, HANDLE, HANDLE_TYPE);
  struct waiter *w = luaL_checkudata(L, WAITER, WAITER_TYPE);
  check_fault(L, h);
  if (!h->child->pid)
    return task_wait(L, started, ctx);
  w->abandons = false;
  lua_settop(L, WAITER);
  lua_pushvalue(L, HANDLE);
  return 1;
}

/* Everything that points into Lua has been copied when this returns. */
static void launch(lua_State *L, struct handle *h, const struct process_args *o)
{
  struct process_options p = {.changed = wake_all, .output_arg = h};
  struct process_recipient program;
  int env = process_args_resolve(L, o, &p, &program);
  p.output = h->discards ? NULL : on_output;
  struct world_process *world = host_of(L)->world->process;
  h->begun = sched_now(h->sched);
  if (process_recipient_copy(&h->program, &program))
    h->child = world->start(world, &p, on_finished, h);
  if (!h->child)
    failure_memory(L);
  lua_closeslot(L, env);
}

/* The handle and the waiter hold nothing until the child is started. */
static int start(lua_State *L, const char *what)
{
  struct process_args o;
  lua_settop(L, OPTIONS);
  struct handle *h = new_handle(L);
  struct waiter *w = new_waiter(L, h);
  process_args_read(L, what, &o);
  fence_check(L);
  w->abandons = true;
  h->hides = strcmp(what, "secret.command") == 0;
  open_sinks(L, h, &o);
  launch(L, h, &o);
  lua_settop(L, WAITER);
  return started(L, LUA_OK, 0);
}

static int start_run(lua_State *L)
{
  return start(L, "process.run");
}

static int start_beside(lua_State *L)
{
  return start(L, "process.start");
}

/* core.start_hidden{argv=, env=, cwd=}: what it prints is for handle:secret() alone */
static int start_hidden(lua_State *L)
{
  return start(L, "secret.command");
}

/* ---- handle:wait(seconds), handle:line() --------------------------------------------- */

static int waited(lua_State *L, int status, lua_KContext ctx)
{
  struct handle *h = check_handle(L);
  struct waiter *w = luaL_checkudata(L, 2, WAITER_TYPE);
  bool finished = h->child->effect.finished;
  if (!finished && !(w->timed && !w->timer.slot))
    return task_wait(L, waited, ctx);
  if (finished)
    check_fault(L, h);
  lua_pushboolean(L, finished);
  return 1;
}

/* handle:wait([seconds]) -> true; false: it has not ended within that time */
static int handle_wait(lua_State *L)
{
  struct handle *h = check_handle(L);
  double seconds = luaL_optnumber(L, 2, INFINITY);
  lua_settop(L, 1);
  struct waiter *w = new_waiter(L, h);
  w->timed = isfinite(seconds);
  if (w->timed && !timer_start(sched_timers(h->sched), &w->timer, sched_now(h->sched) + seconds))
    return failure_memory(L);
  return waited(L, LUA_OK, 0);
}

/* Pushes the next line of the child's output without its end; nil when none will follow;
 * false: none is there yet. */
static bool push_line(lua_State *L, struct handle *h)
{
  struct process_sink *s = &h->sinks[0];
  const char *at = buf_str(&s->kept) + s->from;
  size_t left = s->kept.len - s->from;
  const char *newline = memchr(at, '\n', left);
  if (newline) {
    lua_pushlstring(L, at, (size_t)(newline - at));
    s->from += (size_t)(newline + 1 - at);
  } else if (!s->ended && !h->child->effect.finished) {
    return false;
  } else if (left) {
    lua_pushlstring(L, at, left);
    s->from = s->kept.len;
  } else {
    check_fault(L, h);
    lua_pushnil(L);
  }
  return true;
}

static int line_came(lua_State *L, int status, lua_KContext ctx)
{
  if (push_line(L, check_handle(L)))
    return 1;
  return task_wait(L, line_came, ctx);
}

/* handle:line() -> the next line of standard output, or nil at its end */
static int handle_line(lua_State *L)
{
  struct handle *h = check_handle(L);
  if (h->discards)
    return failure_misuse(L, "process: the output of this child is discarded, it has no lines");
  lua_settop(L, 1);
  new_waiter(L, h);
  return line_came(L, LUA_OK, 0);
}

/* ---- handle:write(text), handle:close_input() ----------------------------------------- */

static int raise_deaf(lua_State *L, const struct handle *h)
{
  struct fault f = {0};
  fault_set(&f, "process-input", "fatal", "'%.200s' takes no more input: %s", h->program.place.program,
            h->child->effect.finished ? "it has ended" : "it was closed");
  return failure_raise(L, &f, h->program.place.program);
}

/* One text at a time is on its way, so that a child that does not read costs no memory. */
static int writing(lua_State *L, int status, lua_KContext given)
{
  struct handle *h = check_handle(L);
  struct world_process *world = host_of(L)->world->process;
  struct destination to = process_destination(&h->program, "input");
  if (h->child->deaf || h->child->effect.finished)
    return raise_deaf(L, h);
  if (h->child->unwritten)
    return task_wait(L, writing, given);
  if (given)
    return 0;
  size_t len;
  const char *text = secret_resolve(L, 2, &to, &len);
  if (!world->write(h->child, text, len))
    return failure_memory(L);
  lua_settop(L, 3);
  return writing(L, status, true);
}

static struct handle *check_input(lua_State *L, const char *what)
{
  struct handle *h = check_handle(L);
  if (!h->takes_input)
    failure_misuse(L, "%s: this child was started without input = true", what);
  return h;
}

/* handle:write(text): returns when the child has taken it */
static int handle_write(lua_State *L)
{
  struct handle *h = check_input(L, "child:write");
  if (lua_type(L, 2) != LUA_TSTRING && !secret_test(L, 2))
    return failure_misuse(L, "child:write: expected a text or a secret, not a %s", luaL_typename(L, 2));
  lua_settop(L, 2);
  fence_check(L);
  new_waiter(L, h);
  return writing(L, LUA_OK, false);
}

static int handle_close_input(lua_State *L)
{
  struct handle *h = check_input(L, "child:close_input");
  host_of(L)->world->process->close_input(h->child);
  return 0;
}

/* ---- the rest of a handle ------------------------------------------------------------ */

static int signal_number(const char *name)
{
  if (strncmp(name, "SIG", 3) == 0)
    name += 3;
  for (int i = 1; i < NSIG; i++) {
    const char *known = sigabbrev_np(i);
    if (known && strcmp(known, name) == 0)
      return i;
  }
  return 0;
}

/* handle:kill([name]): a signal, "TERM" when none is named, to the child's process group */
static int handle_kill(lua_State *L)
{
  struct handle *h = check_handle(L);
  if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "child:kill: expected the name of a signal, not a %s",
                          luaL_typename(L, 2));
  const char *name = luaL_optstring(L, 2, "TERM");
  int number = signal_number(name);
  if (!number)
    return failure_misuse(L, "child:kill: there is no signal '%s' (HUP, INT, TERM, KILL, …)", name);
  host_of(L)->world->process->kill(h->child, number);
  return 0;
}

static int handle_pid(lua_State *L)
{
  lua_pushinteger(L, check_handle(L)->child->pid);
  return 1;
}

static int handle_running(lua_State *L)
{
  struct handle *h = luaL_checkudata(L, 1, HANDLE_TYPE);
  lua_pushboolean(L, h->child && !h->child->effect.finished);
  return 1;
}

static void set_ending(lua_State *L, const struct process_child *c)
{
  if (c->signal) {
    const char *name = sigabbrev_np(c->signal);
    lua_pushfstring(L, name ? "SIG%s" : "%s%d", name ? name : "signal ", c->signal);
    lua_setfield(L, -2, "signal");
  } else {
    field_integer(L, "exit", c->exit_code);
  }
  field_boolean(L, "core", c->core);
  field_boolean(L, "held", c->held);
}

static void set_output(lua_State *L, const char *name, const struct process_sink *s)
{
  field_bytes(L, name, buf_str(&s->kept) + s->from, s->kept.len - s->from);
}

/* handle:result() -> how the child, which has finished, ended and what it wrote */
static int handle_result(lua_State *L)
{
  struct handle *h = check_handle(L);
  check_fault(L, h);
  lua_createtable(L, 0, 10);
  set_ending(L, h->child);
  set_output(L, "output", &h->sinks[0]);
  set_output(L, "errors", &h->sinks[1]);
  field_integer(L, "dropped", (lua_Integer)(h->sinks[0].dropped + h->sinks[1].dropped));
  field_number(L, "seconds", h->ended - h->begun);
  field_integer(L, "peak", (lua_Integer)h->child->peak);
  field_words(L, "oom", h->child->oom);
  return 1;
}

/* handle:secret(name, places) -> what it printed, without the end of the last line; nil: nothing */
static int handle_secret(lua_State *L)
{
  struct handle *h = check_handle(L);
  const char *name = secret_check_name(L, 2, "secret.command");
  const char **places = secret_check_places(L, 3, "secret.command");
  size_t len = h->hidden.len;
  if (!buf_ok(&h->hidden))
    return failure_misuse(L, "secret.command: '%s' printed more than %d bytes", h->program.place.program,
                          SECRET_OUTPUT_MAX);
  len -= len && h->hidden.data[len - 1] == '\n';
  len -= len && len < h->hidden.len && h->hidden.data[len - 1] == '\r';
  if (len == 0)
    return 0;
  secret_push(L, name, buf_str(&h->hidden), len, places);
  return 1;
}

/* core.alive(pid): does any process, ours or not, have this number now? */
static int alive(lua_State *L)
{
  int is = 0;
  lua_Integer pid = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &is) : 0;
  if (!is || pid <= 0 || pid > INT_MAX)
    return failure_misuse(L, "process.alive: expected the number of a process, not %s",
                          luaL_tolstring(L, 1, NULL));
  struct world_process *world = host_of(L)->world->process;
  lua_pushboolean(L, world->alive(world, (int)pid));
  return 1;
}

/* ---- the module ---------------------------------------------------------------------- */

int process_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"alive", alive}, {"run", start_run}, {"start", start_beside}, {"start_hidden", start_hidden}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
    {"close", handle_close}, {"close_input", handle_close_input}, {"kill", handle_kill},
    {"line", handle_line},   {"pid", handle_pid},                 {"result", handle_result},
    {"running", handle_running}, {"secret", handle_secret},       {"wait", handle_wait},
    {"write", handle_write},
    {NULL, NULL}};
  class_new(L, WAITER_TYPE, NULL, waiter_close);
  class_new(L, HANDLE_TYPE, methods, handle_close);
  luaL_newlib(L, functions);
  return 1;
}
