/* main.c - davit: one real world, one Lua state, and the command line in Lua.
 *
 * The guard of the children is forked before anything else exists. A first SIGINT,
 * SIGTERM or SIGHUP asks the run to stop at its next wait; a second one ends the
 * process at once, with the exit code of an interrupted, resumable run. While the loop does
 * not turn, because Lua never waits, a signal of the same kind ends the process by itself. */
#include "guard.h"
#include "host.h"
#include "mask.h"
#include "output.h"
#include "real.h"
#include "task.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_INTERRUPTED = 10 };

struct davit {
  struct real real;
  struct host host;
  uv_signal_t signals[3], again[3];  /* the first and the second of each of `stops` */
  bool interrupted;
};

/* ---- signals --------------------------------------------------------------------- */

static const struct {
  int number;
  const char *reason;
} stops[] = {
  {SIGINT, "interrupted by SIGINT"}, {SIGTERM, "interrupted by SIGTERM"}, {SIGHUP, "interrupted by SIGHUP"}};

enum { STOPS = sizeof stops / sizeof *stops };

static void on_signal(uv_signal_t *handle, int number)
{
  struct davit *d = handle->data;
  if (d->interrupted)
    _exit(EXIT_INTERRUPTED);
  d->interrupted = true;
  for (int i = 0; i < STOPS; i++) {
    uv_signal_start(&d->again[i], on_signal, stops[i].number);
    if (stops[i].number == number)
      sched_interrupt(d->host.sched, stops[i].reason);
  }
}

static void watch_signal(struct davit *d, uv_signal_t *handle)
{
  handle->data = d;
  uv_signal_init(&d->real.loop, handle);
  uv_unref((uv_handle_t *)handle);
}

static void watch_signals(struct davit *d)
{
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < STOPS; i++) {
    watch_signal(d, &d->signals[i]);
    watch_signal(d, &d->again[i]);
    uv_signal_start_oneshot(&d->signals[i], on_signal, stops[i].number);
  }
}

static void unwatch_signals(struct davit *d)
{
  for (int i = 0; i < STOPS; i++) {
    uv_close((uv_handle_t *)&d->signals[i], NULL);
    uv_close((uv_handle_t *)&d->again[i], NULL);
  }
}

/* ---- one run ---------------------------------------------------------------------- */

/* require("cli").main(arguments) as the first task -> exit code */
static int run_cli(lua_State *L)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_pushvalue(L, 1);
  return sched_run(L, 1);
}

static void push_arguments(lua_State *L, int argc, char **argv)
{
  lua_createtable(L, argc, 0);
  for (int i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
}

static int run(struct davit *d, int argc, char **argv)
{
  lua_State *L = host_open(&d->host);
  if (!L) {
    fputs("davit: not enough memory\n", stderr);
    return EXIT_FAILED;
  }
  lua_pushcfunction(L, run_cli);
  push_arguments(L, argc, argv);
  int code = EXIT_FAILED;
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    code = (int)lua_tointeger(L, -1);
  } else {
    const char *text = luaL_tolstring(L, -1, NULL);
    output_write(d->host.err, "davit: ", 7);
    output_write(d->host.err, text, strlen(text));
    output_write(d->host.err, "\n", 1);
  }
  output_flush(d->host.out);
  output_flush(d->host.err);
  host_close(L);
  return code;
}

static bool open_streams(struct host *h)
{
  h->mask = mask_new();
  h->out = h->mask ? output_new(STDOUT_FILENO, h->mask) : NULL;
  h->err = h->out ? output_new(STDERR_FILENO, h->mask) : NULL;
  return h->err != NULL;
}

static void close_streams(struct host *h)
{
  output_free(h->out);
  output_free(h->err);
  mask_free(h->mask);
}

int main(int argc, char **argv)
{
  struct davit d = {0};
  int guard = guard_start();
  if (!real_init(&d.real, guard) || !open_streams(&d.host)) {
    fputs("davit: not enough memory\n", stderr);
    return EXIT_FAILED;
  }
  d.host.world = &d.real.world;
  d.host.real = &d.real;
  d.host.cleanup_seconds = getenv("CI") ? 7 : 30;
  watch_signals(&d);
  int code = run(&d, argc, argv);
  unwatch_signals(&d);
  close_streams(&d.host);
  real_free(&d.real);
  return code;
}
