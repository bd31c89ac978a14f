/* process_memory.c - the kernel's count of processes that it killed for want of memory; see
 * process_memory.h.
 *
 * A process that the kernel kills dies of SIGKILL, as one does that anybody kills: only the
 * count tells them apart. Version 2 of control groups has it in memory.events, version 1 in
 * memory.oom_control, both as a line "oom_kill N", and so has /proc/vmstat for the machine. */
#include "process_memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 32 * 1024 };  /* /proc/vmstat has 5 KiB */

static bool find_count(const char *text, unsigned long long *kills)
{
  static const char name[] = "oom_kill ";
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, name, sizeof name - 1) == 0) {
      *kills = strtoull(line + sizeof name - 1, NULL, 10);
      return true;
    }
  }
  return false;
}

static bool read_count(int fd, unsigned long long *kills)
{
  char text[TEXT_MAX];
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  if (n <= 0)
    return false;
  text[n] = 0;
  return find_count(text, kills);
}

/* Takes the file when the count stands in it. */
static bool try_file(struct process_memory *m)
{
  unsigned long long kills;
  m->fd = open(m->file, O_RDONLY | O_CLOEXEC);
  if (m->fd >= 0 && read_count(m->fd, &kills))
    return true;
  process_memory_close(m);
  return false;
}

/* A line of /proc/self/cgroup: "0::/path" of version 2, "4:memory:/path" of version 1. A container
 * may be shown the path outside of it: then its group is what is mounted. */
static bool try_group(struct process_memory *m, const char *line, const char *mount)
{
  static const char *const places[] = {"", "/unified", "/memory", NULL};
  const char *path = strchr(line, '/');
  bool v2 = strncmp(line, "0::/", 4) == 0;
  if (!path || (!v2 && !strstr(line, ":memory:")))
    return false;
  for (int i = 0; places[i]; i++)
    for (int whole = 1; whole >= 0; whole--) {
      snprintf(m->file, sizeof m->file, "%s%s%s%s%s", mount, places[i], whole ? path : "",
               whole && !path[1] ? "" : "/", v2 ? "memory.events" : "memory.oom_control");
      if (try_file(m))
        return true;
    }
  return false;
}

void process_memory_open(struct process_memory *m, const char *groups, const char *mount, const char *machine)
{
  char line[256];
  bool found = false;
  *m = (struct process_memory){.fd = -1};
  FILE *list = fopen(groups, "re");
  while (!found && list && fgets(line, sizeof line, list)) {
    line[strcspn(line, "\n")] = 0;
    found = try_group(m, line, mount);
  }
  if (list)
    fclose(list);
  if (found)
    return;
  snprintf(m->file, sizeof m->file, "%s", machine);
  try_file(m);
}

void process_memory_close(struct process_memory *m)
{
  if (m->fd >= 0)
    close(m->fd);
  m->fd = -1;
}

unsigned long long process_memory_kills(const struct process_memory *m)
{
  unsigned long long kills = 0;
  if (m->fd >= 0)
    read_count(m->fd, &kills);
  return kills;
}

void process_memory_describe(const struct process_memory *m, unsigned long long before, unsigned long long now,
                             char *text, size_t size)
{
  text[0] = 0;
  if (now > before)
    snprintf(text, size, "the kernel's count of processes killed for want of memory rose from %llu to %llu (%s)",
             before, now, m->file);
}
