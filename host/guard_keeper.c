/* guard_keeper.c - the process that owns one child with all its descendants; see guard_keeper.h.
 *
 * A keeper below which nothing is left serves the next child: a fork, and the faults and lazy
 * bindings that follow one, cost as much as half of what a small program does. One that leaves
 * something behind ends, and the guard adopts that.
 *
 * Invariants: 1. only own children that were not yet waited for are killed, so that a
 *                process that got a reused pid is never hit.
 *             2. every descriptor above 2 is close-on-exec: children get 0, 1, 2 and what their
 *                request brings for them.
 *             3. a keeper has one thread and blocks in one place.
 *             4. between two children it has no child, and keeps nothing of the last one. */
#include "guard_keeper.h"
#include "process_fault.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- killing ---------------------------------------------------------------------- */

static sigset_t only(int signal)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

static void kill_children(void)
{
  FILE *list = fopen("/proc/thread-self/children", "re");
  int pid;
  if (!list)
    return;
  while (fscanf(list, "%d", &pid) == 1)
    kill(pid, SIGKILL);
  fclose(list);
}

/* The list of children may miss some while others end, so it is read again after every ending,
 * and after a pause without one. */
void guard_kill_descendants(void)
{
  sigset_t ending = only(SIGCHLD);
  struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_BLOCK, &ending, NULL);
  for (;;) {
    pid_t pid;
    kill_children();
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
      continue;
    if (pid < 0)
      return;
    sigtimedwait(&ending, NULL, &pause);
  }
}

/* ---- the child, between fork and exec --------------------------------------------- */

struct plan {
  struct guard_order order;
  sigset_t ignored;
  char **argv, **env;
  char *strings;       /* what they point into, a mapping */
  size_t strings_len;
  volatile int error;  /* why exec failed, written by the child: they share memory */
};

/* Handlers end with the image; what is ignored would stay so. */
static sigset_t ignored_signals(void)
{
  sigset_t set;
  sigemptyset(&set);
  for (int i = 1; i < NSIG; i++) {
    struct sigaction now;
    if (sigaction(i, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
      sigaddset(&set, i);
  }
  return set;
}

static void default_signals(const sigset_t *ignored)
{
  sigset_t none;
  for (int i = 1; i < NSIG; i++)
    if (sigismember(ignored, i) == 1)
      signal(i, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *search_path(char **env)
{
  for (; *env; env++)
    if (strncmp(*env, "PATH=", 5) == 0)
      return *env + 5;
  return PROCESS_DEFAULT_PATH;
}

/* A file that is there and "not found" names an interpreter that is not. */
static void execute_file(const char *file, const struct plan *p)
{
  execve(file, p->argv, p->env);
  if (errno == ENOENT && access(file, F_OK) == 0)
    errno = ENOEXEC;
}

/* Returns with errno set. execvpe would search our PATH, not the child's. */
static void execute(const struct plan *p)
{
  const char *name = p->argv[0];
  bool denied = false;
  if (strchr(name, '/')) {
    execute_file(name, p);
    return;
  }
  for (const char *dir = search_path(p->env); dir; dir = strchr(dir, ':')) {
    char file[PATH_MAX];
    dir += *dir == ':';
    int len = (int)strcspn(dir, ":");
    if (snprintf(file, sizeof file, "%.*s/%s", len, len ? dir : ".", name) >= PATH_MAX)
      continue;
    execute_file(file, p);
    if (errno == EACCES)
      denied = true;
    else if (errno != ENOENT && errno != ENOTDIR)
      return;
  }
  errno = denied ? EACCES : ENOENT;
}

static bool limit_memory(uint64_t bytes)
{
  struct rlimit limit = {bytes, bytes};
  return !bytes || setrlimit(RLIMIT_DATA, &limit) == 0;
}

enum { ASIDE = 64 };  /* above every number that a child may be given a descriptor under */

/* All are moved aside first: one may have the number that another is to get. */
static bool give_extra(const struct guard_order *order)
{
  int aside[GUARD_EXTRA];
  const int *fds = order->fds + GUARD_DESCRIPTORS;
  for (uint32_t i = 0; i < order->request.extra; i++)
    if ((aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ASIDE)) < 0)
      return false;
  for (uint32_t i = 0; i < order->request.extra; i++)
    if (dup2(aside[i], order->request.numbers[i]) < 0)
      return false;
  return true;
}

/* A session of its own: no terminal but its own, and a group that signals can be sent to. */
static void become_child(const struct plan *p)
{
  setsid();
  default_signals(&p->ignored);
  if (p->order.request.terminal && ioctl(p->order.fds[GUARD_STDOUT], TIOCSCTTY, 0) != 0)
    return;
  if (!limit_memory(p->order.request.memory))
    return;
  if (fchdir(p->order.fds[GUARD_FOLDER]) != 0)
    return;
  for (int fd = 0; fd <= 2; fd++)
    if (dup2(p->order.fds[GUARD_STDIN + fd], fd) < 0)
      return;
  if (!give_extra(&p->order))
    return;
  execute(p);
}

/* vfork, because the child's failure is then a variable, and no page is copied. */
static __attribute__((noinline)) pid_t launch(struct plan *p)
{
  pid_t pid = vfork();
  if (pid == 0) {
    become_child(p);
    p->error = errno;
    _exit(127);
  }
  return pid;
}

/* ---- the keeper of one child ------------------------------------------------------- */

void guard_close_all(struct guard_order *order)
{
  for (int i = 0; i < GUARD_DESCRIPTORS + GUARD_EXTRA; i++)
    if (order->fds[i] >= 0)
      close(order->fds[i]);
}

void guard_report(int control, enum guard_event event, int value, uint64_t peak)
{
  struct guard_report r = {event, value, peak};
  send(control, &r, sizeof r, MSG_NOSIGNAL);
}

/* Points list at the next n strings; returns what follows them, NULL: there are fewer. */
static char *split(char *text, const char *end, char **list, uint32_t n)
{
  for (uint32_t i = 0; i < n; i++) {
    char *nul = text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;
    if (!nul)
      return NULL;
    list[i] = text;
    text = nul + 1;
  }
  list[n] = NULL;
  return text;
}

static bool read_strings(struct plan *p)
{
  const struct guard_request *r = &p->order.request;
  struct stat file;
  p->argv = calloc((size_t)r->argc + r->envc + 2, sizeof *p->argv);
  if (!p->argv || fstat(p->order.fds[GUARD_STRINGS], &file) != 0)
    return false;
  char *text = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, p->order.fds[GUARD_STRINGS], 0);
  if (text == MAP_FAILED)
    return false;
  p->strings = text;
  p->strings_len = (size_t)file.st_size;
  p->env = p->argv + r->argc + 1;
  const char *end = text + file.st_size;
  text = split(text, end, p->argv, r->argc);
  errno = EINVAL;
  return text && split(text, end, p->env, r->envc);
}

static void forget(struct plan *p)
{
  if (p->strings)
    munmap(p->strings, p->strings_len);
  free(p->argv);
  guard_close_all(&p->order);
  *p = (struct plan){0};
}

/* Collects who has ended; true while the child has not. */
static bool collect(pid_t child, bool alive, int control)
{
  struct rusage used;
  int status;
  for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &used)) > 0;) {
    if (!alive || pid != child)
      continue;
    guard_report(control, GUARD_EXITED, status, (uint64_t)used.ru_maxrss * 1024);
    alive = false;
  }
  return alive;
}

static bool ends_programs(int signal)
{
  return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

enum duty { KEEP, LEAVE, END };

/* Follows one order; the end of the control socket is one, too. */
static enum duty obey(int control, pid_t child, bool alive)
{
  int order;
  ssize_t n = recv(control, &order, sizeof order, MSG_DONTWAIT);
  if (n != sizeof order)
    return n < 0 && (errno == EINTR || errno == EAGAIN) ? KEEP : END;
  if (order == GUARD_LEAVE)
    return LEAVE;
  if (alive)
    kill(-child, order);
  if (alive && ends_programs(order))
    kill(-child, SIGCONT);
  return KEEP;
}

/* Until Davit has had enough: LEAVE or END. */
static enum duty keep(pid_t child, int control, int endings)
{
  struct pollfd fds[] = {{.fd = control, .events = POLLIN}, {.fd = endings, .events = POLLIN}};
  enum duty duty = KEEP;
  bool alive = true;
  while (duty == KEEP) {
    poll(fds, 2, -1);
    if (fds[1].revents) {
      struct signalfd_siginfo info;
      (void)!read(endings, &info, sizeof info);
      alive = collect(child, alive, control);
    }
    if (fds[0].revents)
      duty = obey(control, child, alive);
  }
  if (alive)
    kill(-child, SIGKILL);
  return duty;
}

/* Starts the child: its pid, or -1 with errno set. */
static pid_t begin(struct plan *p)
{
  pid_t child = read_strings(p) ? launch(p) : -1;
  int error = child < 0 ? errno : p->error;
  if (child > 0 && error)
    waitpid(child, NULL, 0);
  errno = error;
  return error ? -1 : child;
}

/* The life of one child; true when nothing of it is left here. */
static bool serve(const struct guard_order *order, const sigset_t *ignored, int endings)
{
  struct plan p = {.order = *order, .ignored = *ignored};
  int control = fcntl(p.order.fds[GUARD_CONTROL], F_DUPFD_CLOEXEC, 3);
  pid_t child = control < 0 ? -1 : begin(&p);
  int error = errno;
  forget(&p);
  if (child < 0) {
    guard_report(control, GUARD_FAILED, error, 0);
    close(control);
    return true;
  }
  guard_report(control, GUARD_STARTED, child, 0);
  enum duty duty = keep(child, control, endings);
  close(control);
  if (duty == END)
    guard_kill_descendants();
  return waitpid(-1, NULL, WNOHANG) < 0;
}

_Noreturn void guard_keep(const struct guard_order *first, int socket)
{
  struct guard_order order = *first;
  sigset_t ending = only(SIGCHLD), ignored;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGCHLD, SIG_DFL);
  ignored = ignored_signals();
  sigprocmask(SIG_BLOCK, &ending, NULL);
  int endings = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
  if (endings < 0)
    guard_report(order.fds[GUARD_CONTROL], GUARD_FAILED, errno, 0);
  bool complete = true;
  while (endings >= 0 && (!complete || serve(&order, &ignored, endings))) {
    if (socket < 0 || send(socket, "", 1, MSG_NOSIGNAL) != 1 || !guard_receive(socket, &order, &complete))
      break;
  }
  _exit(0);
}
