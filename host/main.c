/* main.c - davit: one real world, one Lua state, and the command line in Lua.
 *
 * The guard of the children is forked before anything else exists. A first SIGINT,
 * SIGTERM or SIGHUP asks the run to stop at its next wait; a second one ends the
 * process at once, with the exit code of an interrupted, resumable run. The second is
 * counted in the handler itself: a C function that never returns would not let the loop
 * see it. Once the command line has ended, no signal changes the exit code. */
#include "guard.h"
#include "host.h"
#include "interrupt.h"
#include "mask.h"
#include "output.h"
#include "real.h"
#include "task.h"
#include <fcntl.h>
#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_INTERRUPTED = 10, DESCRIPTORS_MIN = 32, DESCRIPTORS_MAX = 65536 };

struct davit {
  struct real real;
  struct host host;
  uv_async_t stop;         /* woken by the handler */
  struct timespec first;   /* when the first signal came */
  pthread_t thread;        /* the one that runs Lua */
  volatile sig_atomic_t number, seen;
  volatile sig_atomic_t over, code;  /* the command line has ended, with this exit code */
};

/* ---- signals --------------------------------------------------------------------- */

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};

enum { STOPS = sizeof stops / sizeof *stops };

static struct davit *watching;  /* a handler knows nothing but what is global */

/* Some senders signal the process and its group: twice at once is meant once. */
static bool is_an_echo(const struct davit *d)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double seconds = (double)(now.tv_sec - d->first.tv_sec) + (double)(now.tv_nsec - d->first.tv_nsec) / 1e9;
  return seconds < 0.05;
}

static void ask_to_stop(struct davit *d)
{
  if (d->over)
    return;
  if (d->host.sched)
    interrupt_signal(sched_interrupt(d->host.sched), d->number);
  uv_async_send(&d->stop);
}

/* In a signal's context: nothing but what is safe there. A library's thread passes it on: Lua
 * is touched by its own thread alone. */
static void on_signal(int number)
{
  struct davit *d = watching;
  if (!pthread_equal(pthread_self(), d->thread)) {
    pthread_kill(d->thread, number);
  } else if (!d->seen) {
    d->seen = 1;
    d->number = number;
    clock_gettime(CLOCK_MONOTONIC, &d->first);
    ask_to_stop(d);
  } else if (!is_an_echo(d)) {
    _exit(d->over ? d->code : EXIT_INTERRUPTED);
  }
}

static void on_stop(uv_async_t *handle)
{
  struct davit *d = handle->data;
  interrupt_stop(d->host.sched, d->number);
}

/* nohup: the caller wants this to outlive the terminal. */
static bool is_kept_out(int number)
{
  struct sigaction now;
  return number == SIGHUP && sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void watch_signals(struct davit *d)
{
  watching = d;
  d->thread = pthread_self();
  d->stop.data = d;
  uv_async_init(&d->real.loop, &d->stop, on_stop);
  uv_unref((uv_handle_t *)&d->stop);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails, as on a full disk
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigfillset(&action.sa_mask);
  for (int i = 0; i < STOPS; i++)
    if (!is_kept_out(stops[i]))
      sigaction(stops[i], &action, NULL);
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

/* Results that could not be written are no success; a reader that went away wanted no more. */
static int settle_output(struct host *h, int code)
{
  output_flush(h->out);
  int error = output_error(h->out);
  if (error && error != EPIPE) {
    char line[160];
    int n = snprintf(line, sizeof line, "davit: cannot write to standard output: %s\n", strerror(error));
    output_line(h->err, line, (size_t)n);
    code = code ? code : EXIT_FAILED;
  }
  output_flush(h->err);
  return code;
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
  d->code = code ? code : EXIT_FAILED;  // as long as its last words are not written
  d->over = 1;
  d->code = settle_output(&d->host, code);
  host_close(L);
  return d->code;
}

/* A descriptor that the caller closed would be given to the next file that is opened, the
 * journal perhaps, and what is printed would go there. Results that are written to a closed standard output
 * are lost: it cannot be written, and that is said like that of a full disk. */
static void fill_closed_streams(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0)
      open("/dev/null", fd == STDERR_FILENO ? O_RDWR : O_RDONLY);  // takes the lowest that is free: this one
}

static bool open_streams(struct davit *d)
{
  struct host *h = &d->host;
  const char *github = getenv("GITHUB_ACTIONS");
  h->mask = mask_new();
  h->out = h->mask ? output_new(STDOUT_FILENO, h->mask) : NULL;
  h->err = h->out ? output_new(STDERR_FILENO, h->mask) : NULL;
  if (!h->err)
    return false;
  output_join(h->err, h->out);
  output_heed(h->out, &d->seen);
  output_heed(h->err, &d->seen);
  if (github && strcmp(github, "true") == 0) {
    output_disarm(h->out);
    output_disarm(h->err);
  }
  return true;
}

static void close_streams(struct host *h)
{
  output_free(h->out);
  output_free(h->err);
  mask_free(h->mask);
}

/* Said before anything is begun: libuv aborts where a descriptor is missing at its start. */
static bool has_descriptors(void)
{
  struct rlimit allowed;
  if (getrlimit(RLIMIT_NOFILE, &allowed) != 0 || allowed.rlim_cur >= DESCRIPTORS_MIN)
    return true;
  fprintf(stderr, "davit: cannot start with %llu file descriptors; it needs %d: see 'ulimit -n'\n",
          (unsigned long long)allowed.rlim_cur, DESCRIPTORS_MIN);
  return false;
}

/* For ourselves alone: a connection, a child or a file costs one to four, and nothing here waits
 * with select(), for whose sake the limit is low. Children get what we were given. */
static void raise_descriptors(void)
{
  struct rlimit allowed;
  if (getrlimit(RLIMIT_NOFILE, &allowed) != 0 || allowed.rlim_cur >= DESCRIPTORS_MAX)
    return;
  allowed.rlim_cur = allowed.rlim_max < DESCRIPTORS_MAX ? allowed.rlim_max : DESCRIPTORS_MAX;
  setrlimit(RLIMIT_NOFILE, &allowed);
}

/* Memory that was freed is kept for what comes next: a body of a megabyte otherwise costs more in pages that
 * come and go than in bytes. Larger pieces than that are the system's again at once. */
static void keep_memory(void)
{
  enum { OWN_MAPPING = 4 << 20, KEPT = 32 << 20 };
  mallopt(M_MMAP_THRESHOLD, OWN_MAPPING);
  mallopt(M_TRIM_THRESHOLD, KEPT);
}

int main(int argc, char **argv)
{
  struct davit d = {0};
  keep_memory();
  if (!has_descriptors())
    return EXIT_FAILED;
  fill_closed_streams();
  int guard = guard_start();
  raise_descriptors();
  if (!real_init(&d.real, guard) || !open_streams(&d)) {
    fputs("davit: not enough memory\n", stderr);
    return EXIT_FAILED;
  }
  d.host.world = &d.real.world;
  d.host.real = &d.real;
  const char *ci = getenv("CI");
  d.host.cleanup_seconds = ci && *ci ? 7 : 30;
  watch_signals(&d);
  int code = run(&d, argc, argv);
  uv_close((uv_handle_t *)&d.stop, NULL);  // the handlers stay: they look at `over`
  close_streams(&d.host);
  real_free(&d.real);
  exit(code);  // not by returning: the handlers look at `d`, and a signal may come until the very end
}
