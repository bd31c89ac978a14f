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
 * which does the same when Davit has ended, however that happened.
 *
 * Invariants: 1. only own children that were not yet waited for are killed, so that a
 *                process that got a reused pid is never hit.
 *             2. every descriptor above 2 is close-on-exec: children get 0, 1 and 2 only.
 *             3. the guard and its keepers have one thread and block in one place. */
#include "guard.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
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

/* Returns when nothing is left below this process. The list of children may miss some while
 * others end, so it is read again after every ending, and after a pause without one. */
static void kill_descendants(void)
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
  struct guard_request request;
  char **argv, **env;
  int fds[GUARD_DESCRIPTORS];
  volatile int error;  /* why exec failed, written by the child: they share memory */
};

static void unblock_signals(void)
{
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void default_signals(void)
{
  for (int i = 1; i < NSIG; i++)
    signal(i, SIG_DFL);
  unblock_signals();
}

static const char *search_path(char **env)
{
  for (; *env; env++)
    if (strncmp(*env, "PATH=", 5) == 0)
      return *env + 5;
  return "/usr/bin:/bin";
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

/* A session of its own: no terminal but its own, and a group that signals can be sent to. */
static void become_child(const struct plan *p)
{
  setsid();
  default_signals();
  if (p->request.terminal && ioctl(p->fds[GUARD_STDOUT], TIOCSCTTY, 0) != 0)
    return;
  if (!limit_memory(p->request.memory))
    return;
  if (fchdir(p->fds[GUARD_FOLDER]) != 0)
    return;
  for (int fd = 0; fd <= 2; fd++)
    if (dup2(p->fds[GUARD_STDIN + fd], fd) < 0)
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

static void close_all(int *fds)
{
  for (int i = 0; i < GUARD_DESCRIPTORS; i++)
    close(fds[i]);
}

static void report(int control, enum guard_event event, int value, uint64_t peak)
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
  const struct guard_request *r = &p->request;
  struct stat file;
  p->argv = calloc((size_t)r->argc + r->envc + 2, sizeof *p->argv);
  if (!p->argv || fstat(p->fds[GUARD_STRINGS], &file) != 0)
    return false;
  char *text = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, p->fds[GUARD_STRINGS], 0);
  if (text == MAP_FAILED)
    return false;
  p->env = p->argv + r->argc + 1;
  const char *end = text + file.st_size;
  text = split(text, end, p->argv, r->argc);
  errno = EINVAL;
  return text && split(text, end, p->env, r->envc);
}

/* Collects who has ended; true while the child has not. */
static bool collect(pid_t child, bool alive, int control)
{
  struct rusage used;
  int status;
  for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &used)) > 0;) {
    if (!alive || pid != child)
      continue;
    report(control, GUARD_EXITED, status, (uint64_t)used.ru_maxrss * 1024);
    alive = false;
  }
  return alive;
}

static bool ends_programs(int signal)
{
  return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

/* Follows one order; false: the control socket has ended. */
static bool obey(int control, pid_t child, bool alive)
{
  int order;
  ssize_t n = recv(control, &order, sizeof order, MSG_DONTWAIT);
  if (n != sizeof order)
    return n < 0 && (errno == EINTR || errno == EAGAIN);
  if (order == GUARD_LEAVE)
    _exit(0);
  if (alive)
    kill(-child, order);
  if (alive && ends_programs(order))
    kill(-child, SIGCONT);
  return true;
}

static void keep(pid_t child, int control, int endings)
{
  struct pollfd fds[] = {{.fd = control, .events = POLLIN}, {.fd = endings, .events = POLLIN}};
  bool alive = true, wanted = true;
  while (wanted) {
    poll(fds, 2, -1);
    if (fds[1].revents) {
      struct signalfd_siginfo info;
      (void)!read(endings, &info, sizeof info);
      alive = collect(child, alive, control);
    }
    if (fds[0].revents)
      wanted = obey(control, child, alive);
  }
  if (alive)
    kill(-child, SIGKILL);
}

static _Noreturn void run_keeper(struct plan *p)
{
  sigset_t ending = only(SIGCHLD);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_BLOCK, &ending, NULL);
  int endings = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
  int control = fcntl(p->fds[GUARD_CONTROL], F_DUPFD_CLOEXEC, 3);
  pid_t child = endings < 0 || control < 0 ? -1 : read_strings(p) ? launch(p) : -1;
  int error = child < 0 ? errno : p->error;
  close_all(p->fds);
  if (error) {
    report(control, GUARD_FAILED, error, 0);
    _exit(0);
  }
  report(control, GUARD_STARTED, child, 0);
  keep(child, control, endings);
  kill_descendants();
  _exit(0);
}

/* ---- the guard --------------------------------------------------------------------- */

/* Takes the descriptors out of the message; false: some are missing. */
static bool take_descriptors(struct msghdr *m, int *fds)
{
  struct cmsghdr *c = CMSG_FIRSTHDR(m);
  if (!c || c->cmsg_type != SCM_RIGHTS)
    return false;
  int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof *fds);
  memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof *fds);
  if (n == GUARD_DESCRIPTORS)
    return true;
  while (n > 0)
    close(fds[--n]);
  return false;
}

/* Waits for a request. *complete: it came with its descriptors. False: Davit has ended. */
static bool receive(int socket, struct guard_request *r, int *fds, bool *complete)
{
  union {
    char bytes[CMSG_SPACE(sizeof(int) * GUARD_DESCRIPTORS)];
    struct cmsghdr align;
  } control;
  struct iovec part = {r, sizeof *r};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
  *complete = n == sizeof *r && take_descriptors(&m, fds);
  return n > 0 || (n < 0 && errno == EINTR);
}

/* Apart from the terminal, from Davit's standard streams, which somebody may be reading to
 * their end, and from every descriptor that Davit was started with. */
static int stand_apart(int socket)
{
  static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
    signal(ignored[i], SIG_IGN);
  unblock_signals();
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "davit-guard");
  socket = fcntl(socket, F_DUPFD_CLOEXEC, 4);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; fd++)
    dup2(null, fd);
  dup3(socket, 3, O_CLOEXEC);
  closefrom(4);
  return chdir("/") == 0 ? 3 : -1;
}

/* The keepers come from _Fork: handlers that libraries left for fork() know other descriptors
 * by the numbers that are used here. */
static _Noreturn void run_guard(int socket)
{
  struct plan p = {0};
  bool complete;
  socket = stand_apart(socket);
  while (receive(socket, &p.request, p.fds, &complete)) {
    if (!complete)
      continue;
    pid_t pid = _Fork();
    if (pid == 0) {
      close(socket);
      run_keeper(&p);
    }
    if (pid < 0)
      report(p.fds[GUARD_CONTROL], GUARD_FAILED, errno, 0);
    close_all(p.fds);
  }
  kill_descendants();
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
