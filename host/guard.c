/* guard.c - starts children for Davit and leaves none behind; see guard.h.
 *
 *   davit ── guard ─┬─ keeper ── child ── its descendants
 *                   └─ keeper ── child
 *
 * Signals of a parent's death do not reach grandchildren, and a process group loses those
 * that leave it. So the guard and each keeper are subreapers: whoever loses its parent
 * below a keeper becomes the keeper's child, a double-forked daemon included. To end a
 * child, the keeper kills its own children until it has none: each killed level hands the
 * next one up. What a keeper leaves, or loses by being killed itself, falls to the guard,
 * which does the same when Davit has ended, however that happened. The guard has one thread
 * and blocks in one place. */
#include "guard_keeper.h"
#include "buf.h"
#include "locked.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POOL = 8 };  /* keepers that stay for the next child */

struct guard {
  int davit;
  int keepers[POOL];  /* sockets; -1: none */
  bool idle[POOL];
};

static void unblock_signals(void)
{
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- keepers ----------------------------------------------------------------------------------- */

static void dismiss(struct guard *g, int i)
{
  close(g->keepers[i]);
  g->keepers[i] = -1;
  g->idle[i] = false;
}

/* One that was killed while it was idle takes nothing. */
static bool give_to_idle(struct guard *g, const struct guard_order *order)
{
  for (int i = 0; i < POOL; i++) {
    if (!g->idle[i])
      continue;
    g->idle[i] = false;
    if (guard_send(g->keepers[i], order, MSG_DONTWAIT))
      return true;
    dismiss(g, i);
  }
  return false;
}

static int free_place(const struct guard *g)
{
  for (int i = 0; i < POOL; i++)
    if (g->keepers[i] < 0)
      return i;
  return -1;
}

/* Keeps no end of the others' sockets: they would not see the guard end. */
static _Noreturn void become_keeper(struct guard *g, const struct guard_order *order, int socket)
{
  close(g->davit);
  for (int i = 0; i < POOL; i++)
    if (g->keepers[i] >= 0)
      close(g->keepers[i]);
  guard_keep(order, socket);
}

/* The keepers come from _Fork: handlers that libraries left for fork() know other descriptors
 * by the numbers that are used here. */
static void hire(struct guard *g, const struct guard_order *order)
{
  int place = free_place(g), ends[2] = {-1, -1};
  if (place >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0)
    g->keepers[place] = ends[0];
  pid_t pid = _Fork();
  if (pid == 0)
    become_keeper(g, order, ends[1]);
  if (pid < 0)
    guard_report(order->fds[GUARD_CONTROL], GUARD_FAILED, errno, 0);
  if (ends[1] >= 0)
    close(ends[1]);
}

/* A keeper says that it is idle, or has ended. */
static void hear(struct guard *g, int i)
{
  char byte;
  if (recv(g->keepers[i], &byte, 1, MSG_DONTWAIT) == 1)
    g->idle[i] = true;
  else
    dismiss(g, i);
}

/* ---- the guard ----------------------------------------------------------------------------------- */

/* False: Davit has ended. */
static bool take_order(struct guard *g)
{
  struct guard_order order;
  bool complete;
  if (!guard_receive(g->davit, &order, &complete))
    return false;
  if (!complete)
    return true;
  if (!give_to_idle(g, &order))
    hire(g, &order);
  guard_close_all(&order);
  return true;
}

/* It is that of Davit, secrets included, and of no use here: children are given theirs. */
static void wipe_environment(void)
{
  for (char **e = environ; *e; e++)
    wipe(*e, strlen(*e));
}

/* Apart from the terminal, from Davit's standard streams, which somebody may be reading to
 * their end, and from every descriptor that Davit was started with. */
static int stand_apart(int socket)
{
  wipe_environment();
  static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
    signal(ignored[i], SIG_IGN);
  unblock_signals();
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "davit-guard");
  locked_close_proc();
  socket = fcntl(socket, F_DUPFD_CLOEXEC, 4);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; fd++)
    dup2(null, fd);
  dup3(socket, 3, O_CLOEXEC);
  closefrom(4);
  return chdir("/") == 0 ? 3 : -1;
}

static _Noreturn void run_guard(int socket)
{
  struct guard g = {.davit = stand_apart(socket)};
  struct pollfd fds[1 + POOL];
  for (int i = 0; i < POOL; i++)
    g.keepers[i] = -1;
  for (bool wanted = true; wanted;) {
    fds[0] = (struct pollfd){.fd = g.davit, .events = POLLIN};
    for (int i = 0; i < POOL; i++)
      fds[1 + i] = (struct pollfd){.fd = g.keepers[i], .events = POLLIN};
    if (poll(fds, 1 + POOL, -1) < 0)
      continue;
    for (int i = 0; i < POOL; i++)
      if (fds[1 + i].revents)
        hear(&g, i);
    if (fds[0].revents)
      wanted = take_order(&g);
  }
  guard_kill_descendants();
  _exit(0);
}

/* Until it ignores them, the guard blocks the signals that the terminal sends to us both. */
static pid_t fork_guard(const int *ends)
{
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    run_guard(ends[1]);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  return pid;
}

int guard_start(void)
{
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return -1;
  pid_t pid = fork_guard(ends);
  close(ends[1]);
  if (pid > 0)
    return ends[0];
  close(ends[0]);
  return -1;
}
