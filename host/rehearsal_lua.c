/* rehearsal_lua.c - the module "rehearsal.core": an exploration as a stream of packets.
 *
 * core.start{ root=, settings=, environ={ "NAME=value" }, seed=, jobs=, replay=, plan=, faults=, effects=,
 *             log=, uses=, every=, limit= } -> exploration
 * exploration:next() -> a packet's text; false: none yet, ask again; nil: the end
 * core.play: see rehearsal_play.c
 * Closing one that goes on kills its process, and with it all that this has forked. */
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "host.h"
#include "opt.h"
#include "real.h"
#include "rehearsal_explore.h"
#include "rehearsal_play.h"
#include "task.h"
#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPLORATION "davit.exploration"

/* Watches the socket for the loop; freed by the loop once its handle is closed. */
struct line {
  uv_poll_t poll;
  struct waiting *waiting;
};

/* A wait for the next packet. */
struct waiting {
  struct effect effect;
  struct line *line;
};

struct exploration {
  pid_t pid;  /* 0: it has ended and was waited for */
  int fd;     /* -1 likewise */
  struct line *line;
};

/* ---- ending --------------------------------------------------------------------------------------- */

static void free_line(uv_handle_t *handle)
{
  free(handle->data);
}

static int wait_for(struct exploration *x)
{
  int status = 0;
  while (x->pid && waitpid(x->pid, &status, 0) < 0 && errno == EINTR)
    ;
  x->pid = 0;
  return status;
}

static int close_exploration(lua_State *L)  /* close, __close and __gc */
{
  struct exploration *x = luaL_checkudata(L, 1, EXPLORATION);
  if (x->pid)
    kill(x->pid, SIGKILL);
  wait_for(x);
  if (x->line && x->line->waiting)
    x->line->waiting->line = NULL;
  if (x->line)
    uv_close((uv_handle_t *)&x->line->poll, free_line);
  if (x->fd >= 0)
    close(x->fd);
  x->line = NULL;
  x->fd = -1;
  return 0;
}

/* ---- starting --------------------------------------------------------------------------------------- */

struct options {
  const char *root, *settings, *replay, *plan;
  int environ;
  lua_Integer seed, jobs, every, limit;
  bool log, faults, effects, uses;
};

static const struct opt_field fields[] = {
  {"root", OPT_STRING, offsetof(struct options, root), true},
  {"settings", OPT_STRING, offsetof(struct options, settings), true},
  {"environ", OPT_TABLE, offsetof(struct options, environ), true},
  {"seed", OPT_INTEGER, offsetof(struct options, seed), true},
  {"jobs", OPT_INTEGER, offsetof(struct options, jobs), true},
  {"replay", OPT_STRING, offsetof(struct options, replay), false},
  {"plan", OPT_STRING, offsetof(struct options, plan), false},
  {"faults", OPT_BOOLEAN, offsetof(struct options, faults), false},
  {"effects", OPT_BOOLEAN, offsetof(struct options, effects), false},
  {"log", OPT_BOOLEAN, offsetof(struct options, log), false},
  {"uses", OPT_BOOLEAN, offsetof(struct options, uses), false},
  {"every", OPT_INTEGER, offsetof(struct options, every), false},
  {"limit", OPT_INTEGER, offsetof(struct options, limit), false},
  {0},
};

/* Pushes what keeps the list, ended by NULL; its texts belong to the table at idx. */
static const char **push_list(lua_State *L, int idx)
{
  size_t n = lua_rawlen(L, idx);
  const char **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, idx, (lua_Integer)i + 1);
    list[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  list[n] = NULL;
  return list;
}

static bool watch_line(struct exploration *x, uv_loop_t *loop)
{
  struct line *line = calloc(1, sizeof *line);
  if (!line || uv_poll_init(loop, &line->poll, x->fd) != 0) {
    free(line);
    return false;
  }
  line->poll.data = line;
  x->line = line;
  return true;
}

static int start(lua_State *L)
{
  struct options o = {.every = 1, .limit = 30};
  struct real *real = host_of(L)->real;
  lua_settop(L, 1);
  opt_read(L, 1, "rehearsal.start", fields, &o);
  if (o.every < 1 || o.limit < 1)
    return failure_misuse(L, "rehearsal.start: options 'every' and 'limit' are at least 1");
  if (!real)
    return failure_misuse(L, "rehearsal.start: a rehearsal cannot be held inside a rehearsal");
  struct rehearsal_sweep sweep = {.root = o.root, .settings = o.settings, .environ = push_list(L, o.environ),
                                  .seed = (unsigned long long)o.seed, .jobs = (int)o.jobs, .replay = o.replay, .plan = o.plan, .faults = o.faults, .effects = o.effects,
                                  .log = o.log, .uses = o.uses, .every = (unsigned)o.every, .limit = (unsigned)o.limit};
  if (sweep.jobs < 1)
    sweep.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
  struct exploration *x = lua_newuserdatauv(L, sizeof *x, 0);
  *x = (struct exploration){.fd = -1};
  luaL_setmetatable(L, EXPLORATION);
  pid_t pid = rehearsal_explore(&sweep, &x->fd);
  if (pid < 0) {
    x->fd = -1;
    return luaL_error(L, "the rehearsal could not start a process: %s", strerror(errno));
  }
  x->pid = pid;
  return watch_line(x, &real->loop) ? 1 : failure_memory(L);
}

/* ---- packets --------------------------------------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
  struct line *line = poll->data;
  (void)status, (void)events;
  uv_poll_stop(poll);
  if (line->waiting)
    effect_finish(&line->waiting->effect);
}

static void stop_waiting(struct effect *e)
{
  struct waiting *w = (struct waiting *)e;
  if (w->line) {
    w->line->waiting = NULL;
    uv_poll_stop(&w->line->poll);
  }
  free(w);
}

static struct waiting *wait_readable(struct line *line, struct task *task)
{
  struct waiting *w = calloc(1, sizeof *w);
  if (!w)
    return NULL;
  *w = (struct waiting){{.destroy = stop_waiting, .done = task_wake, .arg = task}, line};
  line->waiting = w;
  uv_poll_start(&line->poll, UV_READABLE | UV_DISCONNECT, on_readable);
  return w;
}

static int ended(lua_State *L, struct exploration *x)
{
  int status = wait_for(x);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return luaL_error(L, "the rehearsal took too long to get ready, or to replay");
  if (WIFSIGNALED(status))
    return luaL_error(L, "the rehearsal's process was killed by signal %d", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return luaL_error(L, "the rehearsal's process ended with exit code %d", WEXITSTATUS(status));
  lua_pushnil(L);
  return 1;
}

static int came(lua_State *L, int status, lua_KContext box)
{
  (void)status, (void)box;
  lua_pushboolean(L, false);
  return 1;
}

static int next(lua_State *L)
{
  struct exploration *x = luaL_checkudata(L, 1, EXPLORATION);
  lua_settop(L, 1);
  if (!x->pid)
    return luaL_error(L, "the rehearsal has ended");
  luaL_Buffer b;
  char *room = luaL_buffinitsize(L, &b, REHEARSAL_PACKET);
  ssize_t n = recv(x->fd, room, REHEARSAL_PACKET, MSG_DONTWAIT);
  int error = errno;
  luaL_pushresultsize(&b, n > 0 ? (size_t)n : 0);
  if (n > 0)
    return 1;
  if (n == 0 || (error != EAGAIN && error != EINTR))
    return ended(L, x);
  struct task *task = task_current(L);
  struct effect **box = effect_box_unfenced(L);
  *box = (struct effect *)wait_readable(x->line, task);
  return effect_wait(L, lua_gettop(L), came);
}

int rehearsal_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", close_exploration}, {"next", next}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"play", rehearsal_play}, {"start", start}, {NULL, NULL}};
  class_new(L, EXPLORATION, methods, close_exploration);
  luaL_newlib(L, functions);
  return 1;
}
