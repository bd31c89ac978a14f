/* rehearsal_explore.c - the explorer's process; see rehearsal_explore.h.
 *
 * Invariants: 1. the undisturbed run never sees a point's children: it only forks and waits.
 *             2. a child ends with _exit, so that nothing of Davit's is closed twice.
 *             3. every child has an alarm and dies with its parent: none is left behind. */
#include "rehearsal_explore.h"
#include "digest.h"
#include "rehearsal.h"
#include "rehearsal_actor.h"
#include "rehearsal_arena.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ID_SIZE = 80, JOBS_MAX = 256, LOG_PIECE = 32 * 1024 };
#define LIMIT_BYTES ((size_t)512 << 20)
#define START 1.8e9  /* Unix seconds: no rehearsal depends on the day it is held */

struct child {
  pid_t pid;  /* 0: this place is free */
  char id[ID_SIZE];
};

struct explorer {
  const struct rehearsal_sweep *sweep;
  int fd;  /* where packets go */
  struct rehearsal *r;
  struct actor first, spare;  /* who runs, and who takes over */
  struct rehearsal_arena arenas[2];
  struct child children[JOBS_MAX];
  int running;
  unsigned long offered, next, schedules, merged;
  double explored;  /* the takeover of the last point, 0 before the first */
};

/* ---- packets ---------------------------------------------------------------------------------- */

/* Asks the models for a packet and sends it. */
static void say(struct explorer *x, const char *function, const char *const *arguments)
{
  lua_State *L = rehearsal_models(x->r);
  size_t len;
  lua_getfield(L, 1, function);
  int n = 0;
  for (; arguments[n]; n++)
    lua_pushstring(L, arguments[n]);
  if (lua_pcall(L, n, 1, 0) != LUA_OK) {
    fprintf(stderr, "davit: the judgement of the rehearsal failed: %s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  const char *text = lua_tolstring(L, -1, &len);
  while (text && send(x->fd, text, len, MSG_NOSIGNAL) < 0 && errno == EINTR)
    ;
}

#define SAY(x, function, ...) say(x, function, (const char *const[]){__VA_ARGS__, NULL})

static void send_log(struct explorer *x)
{
  const struct buf *log = rehearsal_log(x->r);
  char piece[LOG_PIECE + 1];
  for (size_t at = 0; at < log->len; at += LOG_PIECE) {
    snprintf(piece, sizeof piece, "%s", log->data + at);
    SAY(x, "log", piece);
  }
}

/* ---- children ---------------------------------------------------------------------------------- */

static void die_with_parent(pid_t parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1);
}

static const char *describe_death(const struct explorer *x, int status, char *text, size_t size)
{
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    snprintf(text, size, "it did not end within %u s", x->sweep->limit);
  else if (WIFSIGNALED(status))
    snprintf(text, size, "its process was killed by signal %d", WTERMSIG(status));
  else
    snprintf(text, size, "its process exited with code %d", WEXITSTATUS(status));
  return text;
}

static void bury(struct explorer *x, struct child *c, int status)
{
  char text[100];
  if (status != 0)
    SAY(x, "died", c->id, describe_death(x, status, text, sizeof text));
  c->pid = 0;
  x->running--;
}

/* Waits for one child. */
static void reap(struct explorer *x)
{
  int status;
  pid_t pid;
  do
    pid = waitpid(-1, &status, 0);
  while (pid < 0 && errno == EINTR);
  for (int i = 0; i < JOBS_MAX; i++)
    if (pid > 0 && x->children[i].pid == pid)
      bury(x, &x->children[i], status);
}

static struct child *free_place(struct explorer *x)
{
  for (int i = 0; i < JOBS_MAX; i++)
    if (x->children[i].pid == 0)
      return &x->children[i];
  return NULL;
}

/* ---- one schedule -------------------------------------------------------------------------------- */

enum { ENDINGS = 2 };
static const char *const endings[ENDINGS] = {"resume", "undo"};

static void name_schedule(char *id, const struct rehearsal_point *p, const char *ending)
{
  snprintf(id, ID_SIZE, "crash-%s:%s:%u:%s", p->after ? "after" : "before", rehearsal_kind_name(p->kind),
           p->index, ending);
}

/* For a process that ends soon: no garbage is collected while memory lasts. */
static void hurry(struct explorer *x)
{
  lua_State *states[] = {x->spare.L, rehearsal_models(x->r)};
  for (int i = 0; i < 2; i++)
    if (rehearsal_arena_open(&x->arenas[i], LIMIT_BYTES)) {
      lua_gc(states[i], LUA_GCSTOP);
      lua_setallocf(states[i], rehearsal_arena_alloc, &x->arenas[i]);
    }
}

/* Davit dies here, and another one takes over. Returns when that has ended. */
static void crash(struct explorer *x, const char *id, const char *ending)
{
  const char *error;
  rehearsal_watch(x->r, NULL, NULL);
  rehearsal_crash(x->r);
  const char *outcome = actor_call(&x->spare, ending, NULL, &error);
  if (x->spare.starved || x->arenas[0].starved)
    SAY(x, "died", id, "it wanted more than 512 MB of memory");
  else if (outcome)
    SAY(x, "judge", id, ending, outcome);
  else
    SAY(x, "died", id, error);
}

/* Where not all schedules are tried, resumed and undone ones come in turn, however many are left out. */
static bool is_due(struct explorer *x)
{
  unsigned long this = x->offered++, every = x->sweep->every;
  if (this != x->next)
    return false;
  bool keeps_turn = every % ENDINGS == 0;
  x->next += !keeps_turn ? every : this % ENDINGS == 0 ? every + 1 : every - 1;
  return true;
}

static void fork_schedule(struct explorer *x, const struct rehearsal_point *p, const char *ending)
{
  if (!is_due(x))
    return;
  pid_t self = getpid();
  if (x->running >= x->sweep->jobs)
    reap(x);
  struct child *c = free_place(x);
  name_schedule(c->id, p, ending);
  c->pid = fork();
  if (c->pid == 0) {
    die_with_parent(self);
    alarm(x->sweep->limit);
    rehearsal_keep_log(x->r, false);
    hurry(x);
    crash(x, c->id, ending);
    _exit(0);
  }
  x->schedules++;
  if (c->pid > 0) {
    x->running++;
  } else {
    c->pid = 0;
    SAY(x, "died", c->id, strerror(errno));
  }
}

/* Between one point and the next nothing happens to the world: a crash before an effect is the crash
 * after the last one, unless time has brought another takeover. */
static bool is_explored(struct explorer *x, const struct rehearsal_point *p)
{
  double takeover = rehearsal_takeover(x->r);
  bool explored = !p->after && takeover == x->explored;
  x->explored = takeover;
  return explored;
}

/* The undisturbed run has reached a point: its time limit begins anew. */
static void at_point(void *arg, const struct rehearsal_point *p)
{
  struct explorer *x = arg;
  if (is_explored(x, p)) {
    x->merged += ENDINGS;
    return;
  }
  alarm(0);
  rehearsal_store_warm(x->r);
  for (int i = 0; i < ENDINGS; i++)
    fork_schedule(x, p, endings[i]);
  alarm(x->sweep->limit);
}

/* ---- the undisturbed run --------------------------------------------------------------------------- */

static const char *run_undisturbed(struct explorer *x, rehearsal_watcher *watcher, const char **error)
{
  rehearsal_keep_log(x->r, true);
  rehearsal_watch(x->r, watcher, x);
  alarm(x->sweep->limit);
  const char *outcome = actor_call(&x->first, "start", NULL, error);
  alarm(0);
  if (x->first.starved)
    *error = "it wanted more than 512 MB of memory";
  return *error ? NULL : outcome;
}

static void hash_log(const struct explorer *x, char hex[SHA256_HEX + 1])
{
  const struct buf *log = rehearsal_log(x->r);
  if (!sha256_hex(buf_str(log), log->len, hex))
    hex[0] = 0;
}

/* "journal:17 http:40 …" */
static void count_points(const struct explorer *x, char *text, size_t size)
{
  size_t n = 0;
  for (int k = 0; k < POINT_KINDS; k++)
    n += (size_t)snprintf(text + n, size - n, "%s:%u ", rehearsal_kind_name(k), rehearsal_count(x->r, k));
}

static void ignore_point(void *arg, const struct rehearsal_point *p)
{
  (void)arg, (void)p;
}

/* In a child of its own, so that the world is fresh for the exploration: what all schedules are
 * compared with. Its hash and its result go to the explorer. */
static void run_reference(struct explorer *x, int to)
{
  char hex[SHA256_HEX + 1], points[40 * POINT_KINDS];
  const char *error;
  const char *outcome = run_undisturbed(x, ignore_point, &error);
  if (!outcome) {
    SAY(x, "died", "undisturbed", error);
    _exit(0);
  }
  count_points(x, points, sizeof points);
  SAY(x, "reference", outcome, points);
  hash_log(x, hex);
  if (x->sweep->log)
    send_log(x);
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
    die_with_parent(self);
    run_reference(x, ends[1]);
  }
  close(ends[1]);
  read_to_end(ends[0], result);
  close(ends[0]);
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (pid < 0 || status != 0)
    SAY(x, "died", "undisturbed",
        pid < 0 ? "no process could be forked" : describe_death(x, status, text, sizeof text));
  return result->len > SHA256_HEX && buf_ok(result);
}

/* ---- all schedules, or one ------------------------------------------------------------------------------ */

/* The same seed must give the same run, or a crash is explored in another run than was judged. */
static void check_repeats(struct explorer *x, const char *reference)
{
  char hex[SHA256_HEX + 1];
  hash_log(x, hex);
  if (strncmp(hex, reference, SHA256_HEX) != 0)
    SAY(x, "died", "undisturbed", "two runs with the same seed did different things");
}

static void explore_all(struct explorer *x, const char *reference)
{
  const char *error;
  if (run_undisturbed(x, at_point, &error))
    check_repeats(x, reference);
  else
    SAY(x, "died", "undisturbed", error);
  while (x->running > 0)
    reap(x);
}

static void at_replayed_point(void *arg, const struct rehearsal_point *p)
{
  struct explorer *x = arg;
  char id[ID_SIZE];
  for (int i = 0; i < ENDINGS; i++) {
    name_schedule(id, p, endings[i]);
    if (strcmp(id, x->sweep->replay) != 0)
      continue;
    x->schedules = 1;
    crash(x, id, endings[i]);
    send_log(x);
    SAY(x, "done", "1", "0");
    _exit(0);
  }
}

static void replay(struct explorer *x)
{
  const char *error;
  run_undisturbed(x, at_replayed_point, &error);
  SAY(x, "died", x->sweep->replay, error ? error : "the run never comes to this point");
}

/* ---- the process -------------------------------------------------------------------------------------- */

static bool prepare(struct explorer *x, struct actor *a, const char *function)
{
  int fd = x->sweep->replay ? STDERR_FILENO : STDIN_FILENO;  // which is /dev/null
  const char *error = "not enough memory";
  if (actor_open(a, rehearsal_world(x->r), fd, LIMIT_BYTES) &&
      actor_call(a, function, x->sweep->settings, &error))
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

static void explore(struct explorer *x)
{
  struct buf result;
  char schedules[32], merged[32];
  buf_init(&result, BUF_LIMIT);
  alarm(x->sweep->limit);
  if (set_the_scene(x) && prepare(x, &x->first, "prepare") && prepare(x, &x->spare, "prepare") &&
      make_reference(x, &result)) {
    rehearsal_arena_widen(x->spare.L);
    rehearsal_arena_widen(rehearsal_models(x->r));
    SAY(x, "expect", result.data + SHA256_HEX);
    if (x->sweep->replay)
      replay(x);
    else
      explore_all(x, result.data);
  }
  snprintf(schedules, sizeof schedules, "%lu", x->schedules);
  snprintf(merged, sizeof merged, "%lu", x->merged);
  SAY(x, "done", schedules, merged);
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
  struct explorer x = {.sweep = sweep, .fd = fd};
  sigset_t none;
  die_with_parent(davit);
  leave_davit(sweep);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  x.r = rehearsal_new(&(struct rehearsal_options){.models = "return require('rehearsal.world')(...)",
                                                  .settings = sweep->settings, .environ = sweep->environ,
                                                  .start = START, .seed = sweep->seed});
  if (!x.r)
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
