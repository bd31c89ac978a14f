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
#include "host.h"
#include "mask.h"
#include "output.h"
#include "process_args.h"
#include "task.h"
#include "world.h"
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE_TYPE "davit.process"
#define WAITER_TYPE "davit.process.waiter"

/* The stack of core.run and core.start. */
enum { OPTIONS = 1, HANDLE, WAITER };

/* ---- the handle ------------------------------------------------------------------------- */

/* One of the child's outputs, behind the mask. */
struct sink {
  struct mask_stream *mask;
  struct buf kept;   /* bytes that nobody took, from `from` on */
  size_t from;
  double dropped;    /* bytes that went because of the limit */
  struct buf lines;  /* on their way to our stderr: the last one has not ended */
  bool line_open, ended;
};

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
  struct sink sinks[2];
  struct output *stream;  /* where lines go at once, or NULL */
  char *prefix, *program;
  size_t max;
  double begun, ended;
  bool discards;
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
  for (int i = 0; i < 2; i++) {
    mask_stream_free(h->sinks[i].mask);
    h->sinks[i].mask = NULL;
    buf_free(&h->sinks[i].kept);
    buf_free(&h->sinks[i].lines);
  }
  free(h->prefix);
  free(h->program);
  h->prefix = h->program = NULL;
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

enum { LINE_MAX_BYTES = 64 * 1024, SLACK = 64 * 1024 };

/* Writes the lines that have ended; a very long one is cut, and so is the last of all. */
static void write_lines(struct handle *h, struct sink *s)
{
  if (s->line_open && (s->ended || s->lines.len > LINE_MAX_BYTES)) {
    buf_add_char(&s->lines, '\n');
    s->line_open = false;
  }
  const char *last = s->lines.len ? memrchr(s->lines.data, '\n', s->lines.len) : NULL;
  size_t n = last ? (size_t)(last + 1 - s->lines.data) : 0;
  output_write(h->stream, buf_str(&s->lines), n);
  buf_drop(&s->lines, n);
}

static void stream_lines(struct handle *h, struct sink *s, const char *data, size_t len)
{
  for (const char *end = data + len; data < end;) {
    const char *newline = memchr(data, '\n', (size_t)(end - data));
    const char *stop = newline ? newline + 1 : end;
    if (!s->line_open && h->prefix)
      buf_add_str(&s->lines, h->prefix);
    buf_add(&s->lines, data, (size_t)(stop - data));
    s->line_open = !newline;
    data = stop;
  }
  write_lines(h, s);
}

/* Moving the rest to the front waits until it is worth it. */
static void limit_kept(struct handle *h, struct sink *s)
{
  size_t len = s->kept.len - s->from;
  if (len > h->max) {
    s->dropped += (double)(len - h->max);
    s->from += len - h->max;
  }
  if (s->from > h->max + SLACK) {
    buf_drop(&s->kept, s->from);
    s->from = 0;
  }
}

static void on_output(void *arg, int fd, const char *data, size_t len)
{
  struct handle *h = arg;
  struct sink *s = &h->sinks[fd - 1];
  size_t before = s->kept.len;
  s->ended = len == 0;
  if (s->ended)
    mask_finish(s->mask, &s->kept);
  else
    mask_feed(s->mask, data, len, &s->kept);
  if (h->stream)
    stream_lines(h, s, buf_str(&s->kept) + before, s->kept.len - before);
  limit_kept(h, s);
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
  h->discards = strcmp(o->output, "discard") == 0;
  h->stream = strcmp(o->output, "stream") == 0 ? host->err : NULL;
  h->max = (size_t)o->max_output;
  h->prefix = copy_str(o->prefix);
  bool ok = h->prefix || !o->prefix;
  for (int i = 0; i < 2; i++) {
    struct sink *s = &h->sinks[i];
    buf_init(&s->kept, BUF_LIMIT);
    buf_init(&s->lines, BUF_LIMIT);
    s->mask = mask_stream_new(host->mask);
    ok = ok && s->mask;
  }
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
    if (!buf_ok(&h->sinks[i].kept) || !buf_ok(&h->sinks[i].lines))
      failure_memory(L);
  if (h->child->fault.code)
    failure_raise(L, &h->child->fault, h->program);
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
  struct process_options p = {.started = wake_all, .output_arg = h};
  process_args_resolve(L, o, &p);
  p.output = h->discards ? NULL : on_output;
  struct world_process *world = host_of(L)->world->process;
  h->begun = sched_now(h->sched);
  h->program = copy_str(p.argv[0]);
  if (h->program)
    h->child = world->start(world, &p, on_finished, h);
  if (!h->child)
    failure_memory(L);
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
  open_sinks(L, h, &o);
  launch(L, h, &o);
  lua_settop(L, WAITER);
  return task_wait(L, started, 0);
}

static int start_run(lua_State *L)
{
  return start(L, "process.run");
}

static int start_beside(lua_State *L)
{
  return start(L, "process.start");
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
  struct sink *s = &h->sinks[0];
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
    lua_pushinteger(L, c->exit_code);
    lua_setfield(L, -2, "exit");
  }
  lua_pushboolean(L, c->core);
  lua_setfield(L, -2, "core");
  lua_pushboolean(L, c->held);
  lua_setfield(L, -2, "held");
}

static void set_output(lua_State *L, const char *name, const struct sink *s)
{
  lua_pushlstring(L, buf_str(&s->kept) + s->from, s->kept.len - s->from);
  lua_setfield(L, -2, name);
}

/* handle:result() -> how the child, which has finished, ended and what it wrote */
static int handle_result(lua_State *L)
{
  struct handle *h = check_handle(L);
  check_fault(L, h);
  lua_createtable(L, 0, 8);
  set_ending(L, h->child);
  set_output(L, "output", &h->sinks[0]);
  set_output(L, "errors", &h->sinks[1]);
  lua_pushinteger(L, (lua_Integer)(h->sinks[0].dropped + h->sinks[1].dropped));
  lua_setfield(L, -2, "dropped");
  lua_pushnumber(L, h->ended - h->begun);
  lua_setfield(L, -2, "seconds");
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
  lua_pushboolean(L, kill((pid_t)pid, 0) == 0 || errno == EPERM);
  return 1;
}

/* ---- the module ---------------------------------------------------------------------- */

int process_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"alive", alive}, {"run", start_run}, {"start", start_beside}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
    {"close", handle_close}, {"kill", handle_kill},       {"line", handle_line},
    {"pid", handle_pid},     {"result", handle_result},   {"running", handle_running},
    {"wait", handle_wait},   {NULL, NULL}};
  class_new(L, WAITER_TYPE, NULL, waiter_close);
  class_new(L, HANDLE_TYPE, methods, handle_close);
  luaL_newlib(L, functions);
  return 1;
}
