/* output.c - the standard streams behind the mask, and print and io on them; see output.h.
 *
 * A stream that can no longer be written, or for which memory was too short to mask,
 * drops what comes: nothing leaves unmasked, and a deployment does not stop because
 * its reader went away. A reader that only stalls is waited for, until the run is asked to
 * stop: a checkpoint must not depend on somebody who paged halfway down. So every write is
 * small enough to fit where there is room at all.
 *
 * Two streams that lead to the same file are masked as one, in the order in which they are written:
 * whoever reads it would join a secret of which each had a half.
 *
 * Under GitHub everything that goes to the runner is text from who knows where, an error with
 * the last lines of a program for one: only output_command() and output_add_mask() can write a
 * workflow command. */
#include "output.h"
#include "buf.h"
#include "class.h"
#include "failure.h"
#include "host.h"
#include "input.h"
#include "mask.h"
#include "runner.h"
#include "task.h"
#include "terminal.h"
#include "workflow.h"
#include "write_all.h"
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM "davit.stream"

enum {
  CHUNK = 64 * 1024,
  LOOK_MS = 100,   /* between two looks whether the run is to stop */
  STALL_MS = 500   /* how long a stalled reader is waited for then */
};

/* What stands between those who write and one file. */
struct channel {
  struct mask_stream *stream;
  struct buf masked;   /* what is about to be written */
  struct buf harmless; /* the same without workflow commands */
  struct workflow_filter workflow;
  bool disarmed;       /* what is written here may come to GitHub's runner */
  bool watched;        /* and it does */
  bool begun, open;    /* something was written; its last line has not ended */
  int users;           /* streams that lead here */
};

struct output {
  int fd;
  struct channel *to;
  bool private;       /* no value may go here: data for a program, or a pipe that the runner does not read */
  int error;          /* errno of the write that failed */
  const volatile sig_atomic_t *stopping;  /* not 0: the run is to stop; or NULL */
};

static struct channel *new_channel(struct mask *mask)
{
  struct channel *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  *c = (struct channel){.stream = mask_stream_new(mask), .users = 1};
  buf_init(&c->masked, BUF_LIMIT);
  buf_init(&c->harmless, BUF_LIMIT);
  if (c->stream)
    return c;
  free(c);
  return NULL;
}

static void release_channel(struct channel *c)
{
  if (--c->users > 0)
    return;
  mask_stream_free(c->stream);
  buf_free(&c->masked);
  buf_free(&c->harmless);
  free(c);
}

struct output *output_new(int fd, struct mask *mask)
{
  struct output *o = calloc(1, sizeof *o);
  if (!o)
    return NULL;
  *o = (struct output){.fd = fd, .to = new_channel(mask)};
  if (o->to)
    return o;
  free(o);
  return NULL;
}

void output_free(struct output *o)
{
  if (!o)
    return;
  release_channel(o->to);
  free(o);
}

static bool same_file(int a, int b)
{
  struct stat one, other;
  return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

void output_join(struct output *o, struct output *with)
{
  if (o->to == with->to || !same_file(o->fd, with->fd))
    return;
  release_channel(o->to);
  o->to = with->to;
  o->to->users++;
}

void output_disarm(struct output *o)
{
  struct stat file;
  o->to->disarmed = true;
  o->to->watched = fstat(o->fd, &file) != 0 || S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode) || isatty(o->fd);
  o->private = o->private || !runner_reads(o->fd);
}

bool output_is_disarmed(const struct output *o)
{
  return o->to->disarmed;
}

bool output_is_watched(const struct output *o)
{
  return o->to->watched && !o->error;
}

void output_keep(struct output *o)
{
  o->private = true;
}

int output_error(const struct output *o)
{
  return o->error;
}

void output_heed(struct output *o, const volatile sig_atomic_t *stopping)
{
  o->stopping = stopping;
}

/* ---- writing --------------------------------------------------------------------------- */

/* False: nobody reads, and the run is to stop. */
static bool wait_writable(const struct output *o)
{
  struct pollfd p = {.fd = o->fd, .events = POLLOUT};
  for (int stalled = 0; stalled < STALL_MS;) {
    if (poll(&p, 1, LOOK_MS) > 0)
      return true;
    if (o->stopping && *o->stopping)
      stalled += LOOK_MS;
  }
  errno = ETIMEDOUT;
  return false;
}

/* A pipe or terminal with room takes PIPE_BUF bytes at once. */
static bool write_patiently(const struct output *o, const char *data, size_t len)
{
  while (len > 0) {
    size_t n = len < PIPE_BUF ? len : PIPE_BUF;
    if (!wait_writable(o) || !write_all(o->fd, data, n))
      return false;
    data += n;
    len -= n;
  }
  return true;
}

static void write_bytes(struct output *o, struct buf *b)
{
  if (!o->error && !buf_ok(b))
    o->error = ENOMEM;
  if (!o->error && !write_patiently(o, buf_str(b), b->len))
    o->error = terminal_is_gone(o->fd, errno) ? EPIPE : errno;
  if (b->len > 0) {
    o->to->begun = true;
    o->to->open = buf_str(b)[b->len - 1] != '\n';
  }
  buf_drop(b, b->len);
}

static void write_masked(struct output *o)
{
  struct channel *c = o->to;
  if (!c->watched || !buf_ok(&c->masked)) {
    write_bytes(o, &c->masked);
    return;
  }
  workflow_filter(&c->workflow, buf_str(&c->masked), c->masked.len, &c->harmless);
  buf_drop(&c->masked, c->masked.len);
  write_bytes(o, &c->harmless);
}

void output_write(struct output *o, const char *data, size_t len)
{
  while (!o->error && len > 0) {
    size_t n = len < CHUNK ? len : CHUNK;
    mask_feed(o->to->stream, data, n, &o->to->masked);
    write_masked(o);
    data += n;
    len -= n;
  }
}

void output_flush(struct output *o)
{
  mask_finish(o->to->stream, &o->to->masked);
  write_masked(o);
}

void output_line(struct output *o, const char *line, size_t len)
{
  output_flush(o);
  if (o->to->open)
    buf_add_char(&o->to->masked, '\n');
  buf_add(&o->to->masked, line, len);
  write_masked(o);
}

/* ---- workflow commands ------------------------------------------------------------------- */

/* A command stands on a line of its own, whatever stood before: what another program of the same step
 * wrote last is not known, and it may not have ended its line. */
static void write_command(struct output *o)
{
  struct channel *c = o->to;
  if (!c->begun || c->open)
    buf_add_char(&c->harmless, '\n');
  buf_add(&c->harmless, buf_str(&c->masked), c->masked.len);
  c->harmless.failed |= c->masked.failed;
  write_bytes(o, &c->harmless);
  buf_wipe(&c->masked);
  buf_wipe(&c->harmless);
  c->workflow = (struct workflow_filter){.state = WORKFLOW_START};
}

void output_command(struct output *o, const char *line, size_t len)
{
  struct channel *c = o->to;
  if (!c->watched)
    return;
  output_flush(o);
  mask_feed(c->stream, line, len, &c->masked);
  mask_finish(c->stream, &c->masked);
  write_command(o);
}

bool output_add_mask(struct output *o, const char *value, size_t len)
{
  struct channel *c = o->to;
  if (!c->watched || o->private || o->error)
    return false;
  output_flush(o);
  buf_add_str(&c->masked, "::add-mask::");
  workflow_escape(value, len, &c->masked);
  buf_add_char(&c->masked, '\n');
  write_command(o);
  return true;
}

/* ---- Lua: print, io.write, io.stdout:write, io.stderr:write ---------------------------------- */

static struct output *output_at(lua_State *L, int fd)
{
  sched_check_effects(L);
  return fd == STDOUT_FILENO ? host_of(L)->out : host_of(L)->err;
}

/* print(...): what tostring makes of each, between tabs; a secret shows as its name. */
static int print(lua_State *L)
{
  int n = lua_gettop(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    if (i > 1)
      luaL_addchar(&b, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  output_write(output_at(L, STDOUT_FILENO), text, len);
  return 0;
}

/* Writes the arguments from index `first` on; nothing is written unless all can be. */
static void write_arguments(lua_State *L, int fd, int first, const char *what)
{
  for (int i = first; i <= lua_gettop(L); i++)
    if (lua_type(L, i) != LUA_TSTRING && lua_type(L, i) != LUA_TNUMBER)
      failure_misuse(L, "%s: argument %d must be a string or a number, not %s", what,
                     i - first + 1, luaL_tolstring(L, i, NULL));
  for (int i = first; i <= lua_gettop(L); i++) {
    size_t len;
    const char *text = lua_tolstring(L, i, &len);
    output_write(output_at(L, fd), text, len);
  }
}

/* io.write(...) -> io.stdout, its upvalue */
static int io_write(lua_State *L)
{
  write_arguments(L, STDOUT_FILENO, 1, "io.write");
  lua_pushvalue(L, lua_upvalueindex(1));
  return 1;
}

static int stream_write(lua_State *L)
{
  const int *fd = luaL_testudata(L, 1, STREAM);
  if (!fd)
    return failure_misuse(L, "write: expected io.stdout or io.stderr, not a %s; call it with ':'",
                          luaL_typename(L, 1));
  write_arguments(L, *fd, 2, *fd == STDOUT_FILENO ? "io.stdout:write" : "io.stderr:write");
  lua_settop(L, 1);
  return 1;
}

/* Sets a stream as a field of the table on top. */
static void add_stream(lua_State *L, const char *name, int fd)
{
  int *stream = lua_newuserdatauv(L, sizeof *stream, 0);
  *stream = fd;
  luaL_setmetatable(L, STREAM);
  lua_setfield(L, -2, name);
}

static void open_io(lua_State *L)
{
  lua_newtable(L);
  add_stream(L, "stdout", STDOUT_FILENO);
  add_stream(L, "stderr", STDERR_FILENO);
  lua_getfield(L, -1, "stdout");
  lua_pushcclosure(L, io_write, 1);
  lua_setfield(L, -2, "write");
  input_open(L);
}

int output_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"write", stream_write}, {NULL, NULL}};
  class_new(L, STREAM, methods, NULL);
  open_io(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "io");
  lua_pop(L, 1);
  lua_setglobal(L, "io");
  lua_pushcfunction(L, print);
  lua_setglobal(L, "print");
  return 0;
}
