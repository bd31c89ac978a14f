/* mask_pipe_lua.c - the module "mask.pipe", for the verb "davit mask" alone: it registers secrets
 * from the environment and from a descriptor, and filters the standard input. No value becomes a
 * Lua string. Outside of the real world there is nothing to filter.
 *
 * A descriptor that the caller gave us has survived the start of this program, so it is not
 * marked to be closed then; all of our own are. */
#include "announce.h"
#include "buf.h"
#include "class.h"
#include "failure.h"
#include "host.h"
#include "interrupt.h"
#include "locked.h"
#include "mask.h"
#include "mask_forms.h"
#include "mask_pipe.h"
#include "task.h"
#include "world.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOURCE "mask.pipe.source"

enum { SOURCE_MAX = 64 << 20, PATIENCE_MS = 10000 };

/* Registers a value; returns what became of it: "added", "short", "long". */
static const char *take(lua_State *L, const char *name, const char *value, size_t len)
{
  if (announce_value(L, name, value, len))
    return "added";
  return len > MASK_MAX ? "long" : "short";
}

/* mask.pipe.env(name) -> "added", "short", "long", "empty", "missing" */
static int env(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  const char *name = luaL_checkstring(L, 1), *value = e->get(e, name);
  locked_close_dumps();
  lua_pushstring(L, !value ? "missing" : !*value ? "empty" : take(L, name, value, strlen(value)));
  return 1;
}

/* ---- a descriptor ------------------------------------------------------------------------- */

static int source_close(lua_State *L)  /* __close and __gc */
{
  buf_wipe(luaL_checkudata(L, 1, SOURCE));
  return 0;
}

static struct buf *push_source(lua_State *L)
{
  struct buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b, SOURCE_MAX);
  luaL_setmetatable(L, SOURCE);
  lua_toclose(L, -1);
  return b;
}

/* Returns 0, or the errno of what failed: ENODATA when nothing came for ten seconds. */
static int read_all(int fd, struct buf *text)
{
  char chunk[4096];
  ssize_t n;
  do {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready = poll(&p, 1, PATIENCE_MS);
    if (ready == 0)
      return ENODATA;
    n = ready > 0 ? read(fd, chunk, sizeof chunk) : -1;
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return errno;
    buf_add(text, chunk, n > 0 ? (size_t)n : 0);
  } while (n != 0 && buf_ok(text));
  wipe(chunk, sizeof chunk);
  return buf_ok(text) ? 0 : EFBIG;
}

static bool is_the_callers(int fd)
{
  int flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);
  return flags >= 0 && !(flags & FD_CLOEXEC) && (mode & O_ACCMODE) != O_WRONLY;
}

static int cannot(lua_State *L, const char *why)
{
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* Registers what stands between the NULs; a list of what became of each that is not empty. */
static void take_each(lua_State *L, const struct buf *text, int fd)
{
  const char *at = buf_str(text), *end = at + text->len;
  lua_newtable(L);
  for (lua_Integer n = 0; at < end; at++) {
    const char *stop = memchr(at, '\0', (size_t)(end - at));
    char name[64];
    stop = stop ? stop : end;
    if (stop > at) {
      snprintf(name, sizeof name, "secret %lld of descriptor %d", (long long)++n, fd);
      lua_pushstring(L, take(L, name, at, (size_t)(stop - at)));
      lua_rawseti(L, -2, n);
    }
    at = stop;
  }
}

/* mask.pipe.descriptor(fd) -> list as of env(), one of each secret there; nil and why it cannot be read */
static int descriptor(lua_State *L)
{
  int fd = (int)luaL_checkinteger(L, 1);
  if (!is_the_callers(fd))
    return cannot(L, "it is not open for reading");
  struct buf *text = push_source(L);
  locked_close_dumps();
  int error = read_all(fd, text);
  if (error)
    return cannot(L, error == ENODATA ? "nothing came for ten seconds, and no end" : strerror(error));
  take_each(L, text, fd);
  return 1;
}

/* ---- the filter ------------------------------------------------------------------------------ */

/* mask.pipe.run() -> "ended", "stopped", "reader gone"; or "unreadable", "unwritable" and why */
static int run(lua_State *L)
{
  static const char *const words[] = {"ended", "stopped", "unreadable", "unwritable", "memory"};
  struct host *h = host_of(L);
  if (!h->real)
    return failure_misuse(L, "mask.pipe: there is no standard input to filter in a rehearsal");
  enum mask_pipe_end end = mask_pipe(h->mask, STDIN_FILENO, STDOUT_FILENO, &sched_interrupt(h->sched)->signal);
  if (end == MASK_PIPE_NO_MEMORY)
    return failure_memory(L);
  lua_pushstring(L, end == MASK_PIPE_UNWRITABLE && errno == EPIPE ? "reader gone" : words[end]);
  lua_pushstring(L, strerror(errno));
  return 2;
}

int mask_pipe_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"descriptor", descriptor}, {"env", env}, {"run", run}, {NULL, NULL}};
  class_new(L, SOURCE, NULL, source_close);
  luaL_newlib(L, functions);
  return 1;
}
