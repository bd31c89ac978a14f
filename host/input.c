/* input.c - io.read and io.lines: the standard input, read by a thread of the pool.
 *
 * A read there waits for the descriptor and for a pipe that tells it to give up, so
 * that a cancelled task, or the end of the state, never waits for somebody to type.
 * The descriptor keeps its mode: making it non-blocking would change the terminal of
 * the shell that started us. Where the world is not the real one, the read runs
 * at once, inside the call.
 *
 * Ownership: the Lua state owns the input through a box in the registry; while a read
 * is in the pool the input outlives the box, and goes when the read has ended. A call
 * of io.read owns its reading (an effect), which can begin several times.
 * Invariants: 1. at most one read is in the pool, and at most one reading waits for it.
 *             2. bytes that were read stay in the buffer until a call takes them. */
#include "input.h"
#include "buf.h"
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "host.h"
#include "output.h"
#include "pool.h"
#include "real.h"
#include "task.h"
#include "terminal.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT "davit.input"

enum { CHUNK = 64 * 1024, INPUT_MAX = 64 << 20, NUMERAL_MAX = 200 };

struct input {
  uv_loop_t *loop;          /* NULL: no pool */
  uv_work_t work;
  struct reading *waiting;
  struct buf buffer;
  int give_up[2];           /* a pipe: a byte in it ends the read in the pool */
  bool running, orphaned;   /* a read is in the pool; the state has gone meanwhile */
  bool ended;
  int error;                /* errno of a failed read */
  size_t got;               /* the read in the pool, or its outcome */
  char chunk[CHUNK];
};

/* One call of io.read, waiting for bytes. */
struct reading {
  struct effect effect;
  struct input *input;
};

/* ---- in the pool ----------------------------------------------------------------------- */

/* True when there are bytes, or the end; false when told to give up. */
static bool wait_readable(const struct input *in)
{
  struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                       {.fd = in->give_up[0], .events = POLLIN}};
  while (poll(p, 2, -1) < 0 && errno == EINTR)
    ;
  return p[1].revents == 0;
}

static void read_chunk(struct input *in)
{
  in->got = 0;
  while (wait_readable(in)) {
    ssize_t n = read(STDIN_FILENO, in->chunk, CHUNK);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    in->got = n > 0 ? (size_t)n : 0;
    in->error = n < 0 && !terminal_is_gone(STDIN_FILENO, errno) ? errno : 0;
    in->ended = n <= 0;
    return;
  }
}

static void work(uv_work_t *w)
{
  read_chunk(w->data);
}

/* ---- the input ---------------------------------------------------------------------------- */

static void free_input(struct input *in)
{
  close(in->give_up[0]);
  close(in->give_up[1]);
  buf_free(&in->buffer);
  free(in);
}

static struct input *new_input(uv_loop_t *loop)
{
  struct input *in = calloc(1, sizeof *in);
  if (!in || pipe2(in->give_up, O_CLOEXEC | O_NONBLOCK) != 0) {
    free(in);
    return NULL;
  }
  in->loop = loop;
  in->work.data = in;
  buf_init(&in->buffer, INPUT_MAX);
  return in;
}

static void start_read(struct input *in);

static void take_chunk(struct input *in)
{
  char byte;
  in->running = false;
  while (read(in->give_up[0], &byte, 1) > 0)
    ;
  if (in->orphaned) {
    free_input(in);
    return;
  }
  bool empty = in->got == 0 && !in->ended;
  buf_add(&in->buffer, in->chunk, in->got);
  in->got = 0;
  if (in->waiting && empty)
    start_read(in);  // told to give up for a reading that has gone, and another came
  else if (in->waiting)
    effect_finish(&in->waiting->effect);
}

static void work_done(uv_work_t *w, int status)
{
  take_chunk(w->data);
}

static void start_read(struct input *in)
{
  in->running = true;
  if (in->loop && pool_queue(in->loop, &in->work, work, work_done) == 0)
    return;
  read_chunk(in);
  take_chunk(in);
}

static void tell_to_give_up(struct input *in)
{
  while (in->running && write(in->give_up[1], "", 1) < 0 && errno == EINTR)
    ;
}

static int input_gc(lua_State *L)
{
  struct input **box = luaL_checkudata(L, 1, INPUT);
  struct input *in = *box;
  *box = NULL;
  if (in && in->running) {
    in->orphaned = true;
    tell_to_give_up(in);
  } else if (in) {
    free_input(in);
  }
  return 0;
}

static const char INPUT_KEY = 0;  /* its address is the box's place in the registry */

static struct input *input_of(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &INPUT_KEY);
  struct input **box = luaL_checkudata(L, -1, INPUT);
  lua_pop(L, 1);
  if (!*box)
    *box = new_input(host_of(L)->real ? &host_of(L)->real->loop : NULL);
  if (!*box)
    failure_memory(L);
  return *box;
}

/* ---- readings ------------------------------------------------------------------------------- */

static void reading_destroy(struct effect *e)
{
  struct reading *r = (struct reading *)e;
  if (r->input->waiting == r) {
    r->input->waiting = NULL;
    tell_to_give_up(r->input);
  }
  free(r);
}

static struct reading *new_reading(lua_State *L, struct input *in)
{
  struct reading *r = calloc(1, sizeof *r);
  if (r) {
    r->effect = (struct effect){
      .destroy = reading_destroy, .done = task_wake, .arg = task_current(L)};
    r->input = in;
    in->waiting = r;
  }
  return r;
}

/* Asks for more bytes; the effect has finished when there are some, or the end. */
static void reading_begin(struct reading *r)
{
  r->effect.finished = false;
  if (!r->input->running)
    start_read(r->input);
}

/* ---- formats: each takes its result from the buffer, or needs more ------------------------------ */

enum taken { NEEDS_MORE, TAKEN, NOTHING };

/* Pushes the first `len` bytes and drops `drop`. */
static enum taken take(lua_State *L, struct input *in, size_t len, size_t drop)
{
  lua_pushlstring(L, buf_str(&in->buffer), len);
  buf_drop(&in->buffer, drop);
  return TAKEN;
}

static enum taken take_line(lua_State *L, struct input *in, bool keep_end)
{
  const char *data = buf_str(&in->buffer), *end = memchr(data, '\n', in->buffer.len);
  if (end)
    return take(L, in, (size_t)(end - data) + keep_end, (size_t)(end - data) + 1);
  if (!in->ended)
    return NEEDS_MORE;
  return in->buffer.len ? take(L, in, in->buffer.len, in->buffer.len) : NOTHING;
}

static enum taken take_all(lua_State *L, struct input *in)
{
  return in->ended ? take(L, in, in->buffer.len, in->buffer.len) : NEEDS_MORE;
}

static enum taken take_bytes(lua_State *L, struct input *in, size_t n)
{
  if (!in->ended && (in->buffer.len < n || in->buffer.len == 0))
    return NEEDS_MORE;
  if (in->buffer.len == 0)
    return NOTHING;
  n = n < in->buffer.len ? n : in->buffer.len;
  return take(L, in, n, n);
}

static size_t skip_digits(const char *s, bool hex)
{
  size_t n = 0;
  while (hex ? isxdigit((unsigned char)s[n]) : isdigit((unsigned char)s[n]))
    n++;
  return n;
}

/* The length of the longest text at s that may begin a numeral of Lua; s ends in NUL. */
static size_t numeral_length(const char *s)
{
  const char *at = s + (*s == '+' || *s == '-');
  bool hex = at[0] == '0' && (at[1] | 32) == 'x';
  at += hex ? 2 : 0;
  at += skip_digits(at, hex);
  if (*at == '.')
    at += 1 + skip_digits(at + 1, hex);
  if (*at && (*at | 32) == (hex ? 'p' : 'e')) {
    at++;
    at += *at == '+' || *at == '-';
    at += skip_digits(at, false);
  }
  return (size_t)(at - s);
}

static enum taken take_number(lua_State *L, struct input *in)
{
  size_t blanks = 0;
  while (blanks < in->buffer.len && isspace((unsigned char)in->buffer.data[blanks]))
    blanks++;
  buf_drop(&in->buffer, blanks);
  size_t n = numeral_length(buf_str(&in->buffer));
  if (n == in->buffer.len && !in->ended && n < NUMERAL_MAX)
    return NEEDS_MORE;
  char numeral[NUMERAL_MAX + 1] = "";
  if (n <= NUMERAL_MAX)
    memcpy(numeral, buf_str(&in->buffer), n);
  buf_drop(&in->buffer, n);
  return lua_stringtonumber(L, numeral) ? TAKEN : NOTHING;
}

static enum taken take_format(lua_State *L, struct input *in, int format)
{
  if (lua_type(L, format) == LUA_TNUMBER)
    return take_bytes(L, in, (size_t)lua_tointeger(L, format));
  switch (*lua_tostring(L, format)) {
  case 'l': return take_line(L, in, false);
  case 'L': return take_line(L, in, true);
  case 'n': return take_number(L, in);
  default: return take_all(L, in);
  }
}

/* ---- Lua: io.read(formats…), io.lines() ------------------------------------------------------------ */

/* Normalises "*l" to "l", as Lua does. */
static void check_format(lua_State *L, int idx)
{
  if (lua_type(L, idx) == LUA_TNUMBER) {
    int is;
    lua_Integer n = lua_tointegerx(L, idx, &is);
    if (!is || n < 0 || n > INPUT_MAX)
      failure_misuse(L, "io.read: a number of bytes is an integer from 0 to %d", INPUT_MAX);
    return;
  }
  const char *f = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";
  f += *f == '*';
  if (strlen(f) != 1 || !strchr("lLna", *f))
    failure_misuse(L, "io.read: format %d must be \"l\", \"L\", \"n\", \"a\" or a number of bytes",
                   idx);
  lua_pushstring(L, f);
  lua_replace(L, idx);
}

static void check_input(lua_State *L, const struct input *in)
{
  struct fault f;
  if (!buf_ok(&in->buffer)) {
    fault_set(&f, "input-too-large", "fatal",
              "reading standard input: more than %d MiB for one read", INPUT_MAX >> 20);
    failure_raise(L, &f, NULL);
  }
  if (in->error) {
    fault_set(&f, "input-failed", "fatal", "reading standard input: %s", strerror(in->error));
    failure_raise(L, &f, NULL);
  }
}

/* Stack: formats, the box at index `box`, results so far. */
static int read_on(lua_State *L, int status, lua_KContext box)
{
  struct input *in = input_of(L);
  check_input(L, in);
  while (lua_gettop(L) - (int)box < (int)box - 1) {
    enum taken t = take_format(L, in, lua_gettop(L) - (int)box + 1);
    if (t == NEEDS_MORE) {
      reading_begin((struct reading *)effect_at(L, (int)box));
      return effect_wait(L, (int)box, read_on);
    }
    if (t == NOTHING) {
      lua_pushnil(L);
      break;
    }
  }
  return lua_gettop(L) - (int)box;
}

/* A person may be about to answer: what was printed has to be there. Nobody else may make the streams let go of
 * what can still become a secret. */
static void flush_output(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  if (!e->is_terminal(e, STDIN_FILENO))
    return;
  output_flush(host_of(L)->out);
  output_flush(host_of(L)->err);
}

static int io_read(lua_State *L)
{
  if (lua_gettop(L) == 0)
    lua_pushliteral(L, "l");
  int formats = lua_gettop(L);
  luaL_checkstack(L, formats + 8, "io.read");
  for (int i = 1; i <= formats; i++)
    check_format(L, i);
  task_current(L);
  struct input *in = input_of(L);
  if (in->waiting)
    return failure_misuse(L, "io.read: another task is reading standard input");
  flush_output(L);
  struct effect **box = effect_box(L);
  struct reading *r = new_reading(L, in);
  if (!r)
    return failure_memory(L);
  *box = &r->effect;
  return read_on(L, LUA_OK, formats + 1);
}

static int next_line(lua_State *L)
{
  lua_settop(L, 0);
  return io_read(L);
}

static int io_lines(lua_State *L)
{
  if (lua_gettop(L) > 0)
    return failure_misuse(L, "io.lines takes no arguments: it reads standard input; for a file, "
                             "split what fs.read gives");
  lua_pushcfunction(L, next_line);
  return 1;
}

int input_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"lines", io_lines}, {"read", io_read}, {NULL, NULL}};
  class_new(L, INPUT, NULL, input_gc);
  struct input **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, INPUT);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &INPUT_KEY);
  luaL_setfuncs(L, functions, 0);
  return 0;
}
