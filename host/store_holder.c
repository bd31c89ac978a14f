/* store_holder.c - asks the kernel for a process; see store_holder.h. */
#include "store_holder.h"
#include "store.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void store_holder_host(char *name, size_t size)
{
  if (gethostname(name, size) != 0 || !*name)
    snprintf(name, size, "unknown");
  name[size - 1] = 0;
}

/* Reads a process's state and when it started, in seconds since boot. The name, in parentheses, may
 * hold anything; the state comes behind it, the start 19 fields later. */
static bool read_stat(long pid, char *state, double *started)
{
  char path[64], line[1024];
  unsigned long long ticks = 0;
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *f = fopen(path, "re");
  size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
  if (f)
    fclose(f);
  line[n] = 0;
  const char *at = strrchr(line, ')');
  if (!at || sscanf(at + 1, " %c%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %llu", state, &ticks) != 2)
    return false;
  *started = (double)ticks / (double)sysconf(_SC_CLK_TCK);
  return true;
}

bool store_holder_began(long pid, double *seconds)
{
  char state;
  return read_stat(pid, &state, seconds) && state != 'Z' && state != 'X';
}

bool store_holder_lives(long pid, double since)
{
  const struct store_clock *c = store_clock_system();
  double started;
  if (!store_holder_began(pid, &started))
    return false;
  return c->wall(c->arg) - c->now(c->arg) + started <= since + 1;
}
