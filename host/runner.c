/* runner.c - whether GitHub's runner reads a stream of ours; see runner.h.
 *
 * The runner starts each step from a process called Runner.Worker, which reads its two streams. Both ends of a
 * pipe have one inode, so the links below /proc/PID/fd say who holds one. */
#include "runner.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKER "Runner.Worker"

enum { ANCESTORS_MAX = 64 };

/* Reads the name and the parent of a process; false: it is not to be seen. */
static bool look_at(long pid, char *name, size_t size, long *parent)
{
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  text[n > 0 ? n : 0] = 0;
  const char *open_mark = strchr(text, '('), *close_mark = strrchr(text, ')');  // a name may hold either
  if (!open_mark || !close_mark || sscanf(close_mark, ") %*c %ld", parent) != 1)
    return false;
  snprintf(name, size, "%.*s", (int)(close_mark - open_mark - 1), open_mark + 1);
  return true;
}

/* Whether a process holds an end of the pipe; also when it may not be asked. */
static bool holds(long pid, ino_t pipe)
{
  char folder[64], link[300], target[64], wanted[64];
  bool held = false;
  snprintf(folder, sizeof folder, "/proc/%ld/fd", pid);
  snprintf(wanted, sizeof wanted, "pipe:[%llu]", (unsigned long long)pipe);
  DIR *list = opendir(folder);
  if (!list)
    return true;
  for (struct dirent *entry; !held && (entry = readdir(list));) {
    snprintf(link, sizeof link, "%s/%.200s", folder, entry->d_name);
    ssize_t n = readlink(link, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    held = strcmp(target, wanted) == 0;
  }
  closedir(list);
  return held;
}

bool runner_reads(int fd)
{
  struct stat file;
  char name[64];
  long pid = getppid();
  bool seen = false;
  if (fstat(fd, &file) != 0 || !S_ISFIFO(file.st_mode))
    return true;
  for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
    long parent;
    if (!look_at(pid, name, sizeof name, &parent))
      break;
    bool worker = strcmp(name, WORKER) == 0;
    if (worker && holds(pid, file.st_ino))
      return true;
    seen = seen || worker;
    pid = parent;
  }
  return !seen;
}
