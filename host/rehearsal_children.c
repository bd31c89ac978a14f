/* rehearsal_children.c - a process for each schedule; see rehearsal_explorer.h.
 *
 * Invariants: 1. a child ends with _exit, so that nothing of Davit's is closed twice.
 *             2. every child has an alarm and dies with its parent: none is left behind.
 *             3. a child forks one process at a time: with its parent, which waits, there are no more at
 *                work than the sweep allows. */
#include "rehearsal_explorer.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void explorer_die_with_parent(pid_t parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1);
}

const char *explorer_describe_death(const struct explorer *x, int status, char *text, size_t size)
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
    SAY(x, "died", c->id, explorer_describe_death(x, status, text, sizeof text));
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

void explorer_reap_all(struct explorer *x)
{
  while (x->running > 0)
    reap(x);
}

static struct child *free_place(struct explorer *x)
{
  for (int i = 0; i < JOBS_MAX; i++)
    if (x->children[i].pid == 0)
      return &x->children[i];
  return NULL;
}

static void begin_child(struct explorer *x, const char *id, pid_t parent)
{
  explorer_die_with_parent(parent);
  alarm(x->sweep->limit);
  snprintf(x->id, sizeof x->id, "%s", id);
  memset(x->children, 0, sizeof x->children);
  x->running = 0;
  x->jobs = 1;
}

bool explorer_fork(struct explorer *x, const char *id)
{
  pid_t self = getpid();
  if (x->running >= x->jobs)
    reap(x);
  struct child *c = free_place(x);
  snprintf(c->id, sizeof c->id, "%s", id);
  c->pid = fork();
  if (c->pid == 0) {
    begin_child(x, id, self);
    return true;
  }
  if (c->pid > 0) {
    x->running++;
  } else {
    c->pid = 0;
    SAY(x, "died", id, strerror(errno));
  }
  return false;
}
