/* spawn.c - what a command costs: its time, its processor time and its memory.
 *
 *   spawn [-c CORE] [-n TIMES] [-o FILE] [-x] [-a] PROGRAM [ARGUMENT…]
 *
 * Runs the command so many times, one after the other, and prints a line of JSON for each:
 *   wall      seconds from before the exec to the program's end
 *   cpu       seconds of processor time of the program and of what it waited for, orphans included
 *   resident  bytes that the largest of these processes had in memory at its peak
 *   ended     when it ended, on the monotonic clock that all processes share
 * Standard output goes to FILE, else nowhere. An ending other than exit code 0 ends spawn with 1, unless
 * -x says that any exit code will do. With -a the processor time is that of all processes that the program
 * starts, those included for which nobody waits (a counter of the kernel's, which may be forbidden).
 *
 * The kernel counts the memory of the process that forks into the peak of the one that is forked, so
 * this program is small on purpose: below what any program with a C library takes. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct plan {
  int core, times;
  bool any_ending, all;
  const char *output;
  char **argv;
};

struct cost {
  double wall, cpu, ended;
  long resident;  /* kB */
  int status;
};

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void pin(int core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/* Its counter must be there before the program begins: waits until the other end of the pipe is closed. */
static void run_child(const struct plan *p, const int go[2])
{
  char byte;
  close(go[1]);
  if (read(go[0], &byte, 1) != 0)
    _exit(126);
  close(go[0]);
  int to = open(p->output ? p->output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int from = open("/dev/null", O_RDONLY);
  if (to < 0 || from < 0 || dup2(to, 1) < 0 || dup2(from, 0) < 0)
    _exit(126);
  close(to);
  close(from);
  execvp(p->argv[0], p->argv);
  _exit(127);
}

/* Waits for the program and for all it leaves behind: they are ours, for we are their subreaper. */
static void reap(pid_t child, double began, struct cost *c)
{
  struct rusage used;
  int status;
  for (pid_t pid; (pid = wait4(-1, &status, 0, &used)) > 0;) {
    c->cpu += seconds(used.ru_utime) + seconds(used.ru_stime);
    if (used.ru_maxrss > c->resident)
      c->resident = used.ru_maxrss;
    if (pid != child)
      continue;
    c->ended = now();
    c->wall = c->ended - began;
    c->status = status;
  }
}

/* Counts from the exec on. Negative: the kernel does not let us. */
static int open_counter(pid_t child)
{
  struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE, .size = sizeof a, .config = PERF_COUNT_SW_TASK_CLOCK};
  a.inherit = a.disabled = a.enable_on_exec = a.exclude_kernel = 1;
  return (int)syscall(SYS_perf_event_open, &a, child, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static bool read_counter(int counter, struct cost *c)
{
  unsigned long long nanoseconds;
  if (counter < 0 || read(counter, &nanoseconds, sizeof nanoseconds) != sizeof nanoseconds)
    return false;
  c->cpu = (double)nanoseconds / 1e9;
  close(counter);
  return true;
}

static bool measure(const struct plan *p, struct cost *c)
{
  int go[2];
  if (pipe(go) != 0)
    return false;
  pid_t child = fork();
  if (child == 0)
    run_child(p, go);
  if (child < 0)
    return false;
  int counter = p->all ? open_counter(child) : -1;
  close(go[0]);
  double began = now();
  close(go[1]);
  reap(child, began, c);
  if (p->all && !read_counter(counter, c)) {
    perror("spawn: -a");
    return false;
  }
  if (c->status == 0 || (p->any_ending && WIFEXITED(c->status) && WEXITSTATUS(c->status) < 126))
    return true;
  fprintf(stderr, "spawn: %s: %s %d\n", p->argv[0], WIFEXITED(c->status) ? "exit code" : "signal",
          WIFEXITED(c->status) ? WEXITSTATUS(c->status) : WTERMSIG(c->status));
  return false;
}

static bool read_arguments(int argc, char **argv, struct plan *p)
{
  *p = (struct plan){.core = -1, .times = 1};
  for (int option; (option = getopt(argc, argv, "+c:n:o:xa")) != -1;)
    if (option == 'c')
      p->core = atoi(optarg);
    else if (option == 'n')
      p->times = atoi(optarg);
    else if (option == 'o')
      p->output = optarg;
    else if (option == 'x')
      p->any_ending = true;
    else if (option == 'a')
      p->all = true;
    else
      return false;
  p->argv = argv + optind;
  return p->times > 0 && optind < argc;
}

int main(int argc, char **argv)
{
  struct plan p;
  if (!read_arguments(argc, argv, &p)) {
    fputs("spawn: [-c CORE] [-n TIMES] [-o FILE] [-x] [-a] PROGRAM [ARGUMENT…]\n", stderr);
    return 2;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (p.core >= 0)
    pin(p.core);
  for (int i = 0; i < p.times; i++) {
    struct cost c = {0};
    if (!measure(&p, &c))
      return 1;
    printf("{\"wall\":%.9f,\"cpu\":%.6f,\"resident\":%ld,\"ended\":%.9f}\n", c.wall, c.cpu,
           c.resident * 1024, c.ended);
  }
  return 0;
}
