/* fuzz.c - the driver of all targets; see fuzz.h. libFuzzer and AFL++ call it through entry.c,
 * tests/test_fuzz.c replays the corpus with it.
 *
 * What runs in Lua is counted by its lines: as coverage for libFuzzer, which sees C only, and
 * because the lines that a text costs must stay in proportion to its length. */
#include "fuzz.h"
#include "headers.h"
#include "host.h"
#include "mask.h"
#include "../mask_case.h"
#include "output.h"
#include "rehearsal.h"
#include "sealed.h"
#include "unpack.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  LINES_AT_LEAST = 200000, LINES_A_BYTE = 2000,
  CALLS = 1000,  /* in one world: the secrets that a target makes stay known to its mask */
};

typedef bool holds_for(const void *data, size_t len);

struct fuzz {
  holds_for *plain;  /* a target in C, which needs nothing of what follows; or NULL */
  const char *target;
  unsigned calls;
  struct rehearsal *world;
  struct host host;
  lua_State *L;  /* the target's function is at index 1 */
  int null;
};

/* ---- lines of Lua ------------------------------------------------------------------------ */

/* libFuzzer takes counters in a section of this name for its own. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[1 << 15];
static unsigned long lines;
static int line_before;

/* A step from line to line; in which file costs too much to ask, and the pair tells files apart. */
static void on_line(lua_State *L, lua_Debug *ar)
{
  lua_getinfo(L, "l", ar);
  counters[((unsigned)line_before * 257u + (unsigned)ar->currentline) % sizeof counters]++;
  line_before = ar->currentline;
  lines++;
}

/* ---- what targets call -------------------------------------------------------------------- */

/* One line of an answer, as curl hands it out; in memory of just its size, so that reading on is found. */
static void keep(struct buf *kept, const char *at, size_t n)
{
  while (n && (at[n - 1] == '\n' || at[n - 1] == '\r'))
    n--;
  if (n == 0 || memchr(at, 0, n))
    return;
  char *line = malloc(n);
  if (!line)
    abort();
  memcpy(line, at, n);
  headers_keep(kept, line, n);
  free(line);
}

/* fuzz.headers(text) -> the table of an answer whose lines these are */
static int headers(lua_State *L)
{
  size_t len;
  const char *at = luaL_checklstring(L, 1, &len), *end = at + len;
  struct buf kept;
  buf_init(&kept, 1 << 20);
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t n = stop ? (size_t)(stop + 1 - at) : (size_t)(end - at);
    keep(&kept, at, n);
    at += n;
  }
  headers_push(L, buf_str(&kept));
  buf_free(&kept);
  return 1;
}

/* fuzz.memory() -> bytes that Lua has */
static int memory(lua_State *L)
{
  lua_pushinteger(L, lua_gc(L, LUA_GCCOUNT) * 1024 + lua_gc(L, LUA_GCCOUNTB));
  return 1;
}

static int open_functions(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"headers", headers},    {"memory", memory},      {"seal", fuzz_seal},
    {"sealed", fuzz_sealed}, {"unpack", fuzz_unpack}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

/* ---- the target ------------------------------------------------------------------------------ */

static bool load(struct fuzz *f, const char *target)
{
  char path[256];
  snprintf(path, sizeof path, "tests/fuzz/%s.lua", target);
  luaL_requiref(f->L, "fuzz", open_functions, 0);
  lua_settop(f->L, 0);
  if (luaL_loadfile(f->L, path) == LUA_OK && lua_pcall(f->L, 0, 1, 0) == LUA_OK)
    return true;
  fprintf(stderr, "fuzz: %s\n", luaL_tolstring(f->L, -1, NULL));
  return false;
}

static holds_for *find_plain(const char *target)
{
  static const struct { const char *name; holds_for *holds; } targets[] = {{"mask", mask_case_holds}};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (strcmp(targets[i].name, target) == 0)
      return targets[i].holds;
  return NULL;
}

static void close_world(struct fuzz *f)
{
  if (f->L)
    host_close(f->L);
  output_free(f->host.out);
  output_free(f->host.err);
  mask_free(f->host.mask);
  if (f->world)
    rehearsal_free(f->world);
  close(f->null);
}

static bool open_world(struct fuzz *f)
{
  static const struct rehearsal_options world = {
    .models = "return require('core').load_file('tests/plain_models.lua')()", .start = 1e9};
  f->calls = 0;
  f->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  f->world = rehearsal_new(&world);
  f->host = (struct host){.mask = mask_new()};
  f->host.out = output_new(f->null, f->host.mask);
  f->host.err = output_new(f->null, f->host.mask);
  f->host.world = f->world ? rehearsal_world(f->world) : NULL;
  f->L = f->host.world && f->host.out && f->host.err ? host_open(&f->host) : NULL;
  return f->L && load(f, f->target);
}

struct fuzz *fuzz_new(const char *target)
{
  struct fuzz *f = calloc(1, sizeof *f);
  if (!f)
    return NULL;
  f->plain = find_plain(target);
  f->target = target;
  if (f->plain || open_world(f))
    return f;
  fuzz_free(f);
  return NULL;
}

static bool call(struct fuzz *f, const void *data, size_t len)
{
  lua_pushvalue(f->L, 1);
  lua_pushlstring(f->L, data ? data : "", len);
  lines = 0;
  line_before = 0;
  lua_sethook(f->L, on_line, LUA_MASKLINE, 0);
  bool holds = lua_pcall(f->L, 1, 0, 0) == LUA_OK;
  lua_sethook(f->L, NULL, 0, 0);
  if (!holds)
    fprintf(stderr, "fuzz: %s\n", luaL_tolstring(f->L, -1, NULL));
  return holds;
}

bool fuzz_one(struct fuzz *f, const void *data, size_t len)
{
  if (f->plain)
    return f->plain(data, len);
  if (f->calls++ == CALLS) {
    close_world(f);
    if (!open_world(f))
      return false;
  }
  bool holds = call(f, data, len);
  lua_settop(f->L, 1);
  if (lines <= LINES_AT_LEAST + LINES_A_BYTE * len)
    return holds;
  fprintf(stderr, "fuzz: %lu lines of Lua for %zu bytes\n", lines, len);
  return false;
}

void fuzz_free(struct fuzz *f)
{
  if (!f->plain)
    close_world(f);
  free(f);
}
