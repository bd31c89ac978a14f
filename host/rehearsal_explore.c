/* rehearsal_explore.c - the explorer's process; see rehearsal_explorer.h.
 *
 * Invariant: the undisturbed run never sees a point's children: it only forks and waits. */
#include "rehearsal_explorer.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START 1.8e9  /* Unix seconds: no rehearsal depends on the day it is held */

/* ---- the undisturbed run --------------------------------------------------------------------------- */

static const char *run_undisturbed(struct explorer *x, rehearsal_watcher *watcher, const char **error)
{
  rehearsal_keep_log(x->r, true);
  rehearsal_watch(x->r, watcher, x);
  rehearsal_count_anew(x->r);
  alarm(x->sweep->limit);
  const char *outcome = actor_call(&x->davits[0], "start", NULL, error);
  alarm(0);
  if (x->davits[0].starved)
    *error = "it wanted more than 512 MB of memory";
  return *error ? NULL : outcome;
}

/* "journal:17 http:40 …" */
static void count_points(const struct explorer *x, char *text, size_t size)
{
  size_t n = 0;
  for (int k = 0; k < POINT_KINDS; k++)
    n += (size_t)snprintf(text + n, size - n, "%s:%u ", rehearsal_kind_name(k), rehearsal_count(x->r, k));
}

static void tell_point(void *arg, const struct rehearsal_point *p)
{
  char number[16];
  snprintf(number, sizeof number, "%u", p->index);
  if (!p->after)
    SAY((struct explorer *)arg, "point", rehearsal_kind_name(p->kind), number, p->about);
}

/* In a child of its own, so that the world is fresh for the exploration: what all schedules are
 * compared with. Its hash and its result go to the explorer. */
static void run_reference(struct explorer *x, int to)
{
  char hex[SHA256_HEX + 1], points[40 * POINT_KINDS], elapsed[32];
  const char *error;
  const char *outcome = run_undisturbed(x, tell_point, &error);
  if (!outcome) {
    SAY(x, "died", "undisturbed", error);
    _exit(0);
  }
  count_points(x, points, sizeof points);
  alarm(x->sweep->limit);  // for those who judge it: a project's invariants are among them
  snprintf(elapsed, sizeof elapsed, "%.3f", rehearsal_elapsed(x->r));
  explorer_hash_log(x, hex);
  SAY(x, "reference", outcome, points, elapsed, hex);
  if (x->sweep->log)
    explorer_send_log(x, "undisturbed");
  lua_State *L = rehearsal_models(x->r);  // who says something uses its stack
  lua_getfield(L, 1, "result");
  lua_call(L, 0, 1);
  size_t len;
  const char *result = lua_tolstring(L, -1, &len);
  _exit(write_all(to, hex, SHA256_HEX) && write_all(to, result, len) ? 0 : 1);
}

static void read_to_end(int fd, struct buf *b)
{
  char chunk[4096];
  ssize_t n;
  while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0)
      buf_add(b, chunk, (size_t)n);
}

/* Makes the reference; false: there is none, and it was said why. */
static bool make_reference(struct explorer *x, struct buf *result)
{
  int ends[2], status = 0;
  char text[100];
  pid_t self = getpid();
  alarm(0);  // its own child has one
  if (pipe2(ends, O_CLOEXEC) != 0)
    return false;
  pid_t pid = fork();
  if (pid == 0) {
    explorer_die_with_parent(self);
    run_reference(x, ends[1]);
  }
  close(ends[1]);
  read_to_end(ends[0], result);
  close(ends[0]);
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (pid < 0 || status != 0)
    SAY(x, "died", "undisturbed",
        pid < 0 ? "no process could be forked" : explorer_describe_death(x, status, text, sizeof text));
  return result->len > SHA256_HEX && buf_ok(result);
}

/* ---- all schedules, or one ------------------------------------------------------------------------------ */

/* The same seed must give the same run, or a crash is explored in another run than was judged. */
static void check_repeats(struct explorer *x, const char *reference)
{
  char hex[SHA256_HEX + 1];
  explorer_hash_log(x, hex);
  if (strncmp(hex, reference, SHA256_HEX) != 0)
    SAY(x, "died", "undisturbed", "two runs with the same seed did different things");
}

static void explore_all(struct explorer *x, const char *reference)
{
  const char *error = NULL;
  const char *outcome = run_undisturbed(x, explorer_at_point, &error);
  if (*x->id)
    explorer_end_disturbed(x, "start", outcome, error);
  if (outcome)
    check_repeats(x, reference);
  else
    SAY(x, "died", "undisturbed", error);
  explorer_reap_all(x);
}

static void replay(struct explorer *x)
{
  const char *error = NULL;
  const char *outcome = run_undisturbed(x, explorer_at_point, &error);
  if (*x->id)
    explorer_end_disturbed(x, "start", outcome, error);
  SAY(x, "died", x->sweep->replay, error ? error : "the run never comes to this point");
}

/* ---- the process -------------------------------------------------------------------------------------- */

static bool prepare(struct explorer *x, struct actor *a, const char *function)
{
  int fd = x->sweep->replay ? STDERR_FILENO : STDIN_FILENO;  // which is /dev/null
  const char *error = "not enough memory";
  struct world *world = x->permit ? permit_world(x->permit) : rehearsal_world(x->r);
  bool open = actor_open(a, world, fd, LIMIT_BYTES);
  a->person = explorer_person;
  a->person_arg = x;
  if (open && actor_call(a, function, x->sweep->settings, &error))
    return true;
  SAY(x, "died", "undisturbed", error);
  return false;
}

/* What was there before, then the inventory that an undone run has to come back to. */
static bool set_the_scene(struct explorer *x)
{
  struct actor earlier;
  bool ok = prepare(x, &earlier, "set_the_scene");
  if (ok)
    actor_close(&earlier);
  lua_State *L = rehearsal_models(x->r);
  lua_getfield(L, 1, "before");
  lua_call(L, 0, 0);
  return ok;
}

static bool prepare_all(struct explorer *x)
{
  for (int i = 0; i < DAVITS; i++)
    if (!prepare(x, &x->davits[i], "prepare"))
      return false;
  ASK(x, "prepared", "");
  return true;
}

/* A judge that only listens. */
static bool tell_use(void *arg, const char *kind, const char *what, struct fault *f)
{
  (void)f;
  ASK((struct explorer *)arg, "uses", kind, what);
  return true;
}

static bool watch_uses(struct explorer *x)
{
  if (x->sweep->uses)
    x->permit = permit_new(rehearsal_world(x->r), NULL, ".", tell_use, x);
  return x->permit || !x->sweep->uses;
}

static void explore(struct explorer *x)
{
  struct buf result;
  char merged[32];
  buf_init(&result, BUF_LIMIT);
  alarm(x->sweep->limit);
  if (set_the_scene(x) && prepare_all(x) && make_reference(x, &result)) {
    for (int i = 0; i < DAVITS; i++)
      rehearsal_arena_widen(x->davits[i].L);
    rehearsal_arena_widen(rehearsal_models(x->r));
    SAY(x, "expect", result.data + SHA256_HEX);
    x->patience = atof(ASK(x, "patience", ""));
    if (x->sweep->replay)
      replay(x);
    else
      explore_all(x, result.data);
  }
  snprintf(merged, sizeof merged, "%lu", x->merged);
  SAY(x, "done", merged);
}

/* Signals are Davit's: they end this process by themselves. */
static void leave_davit(const struct rehearsal_sweep *sweep)
{
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGPIPE, SIGCHLD};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    signal(numbers[i], SIG_DFL);
  int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || chdir(sweep->root) != 0)
    _exit(1);
  setenv("TZ", "UTC0", 1);
  tzset();
}

static void be_the_explorer(const struct rehearsal_sweep *sweep, int fd, pid_t davit)
{
  struct explorer x = {.sweep = sweep, .fd = fd, .jobs = sweep->jobs};
  sigset_t none;
  explorer_die_with_parent(davit);
  leave_davit(sweep);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  x.r = rehearsal_new(&(struct rehearsal_options){.models = "return require('rehearsal.world')(...)",
                                                  .settings = sweep->settings, .environ = sweep->environ,
                                                  .start = START, .seed = sweep->seed});
  if (!x.r || !watch_uses(&x))
    _exit(1);
  explore(&x);
  _exit(0);
}

pid_t rehearsal_explore(const struct rehearsal_sweep *sweep, int *fd)
{
  int ends[2];
  sigset_t all, before;
  pid_t davit = getpid();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return -1;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);  // no handler of Davit's may run in the child
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    be_the_explorer(sweep, ends[1], davit);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  if (pid < 0)
    close(ends[0]);
  *fd = ends[0];
  return pid;
}
