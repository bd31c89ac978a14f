/* store_clock.c - the machine's own clock for leases, and the id of its boot. */
#include "store.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_clock(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double since_boot(void *arg)
{
  (void)arg;
  return read_clock(CLOCK_BOOTTIME);
}

static double wall(void *arg)
{
  (void)arg;
  return read_clock(CLOCK_REALTIME);
}

const struct store_clock *store_clock_system(void)
{
  static const struct store_clock machine = {.now = since_boot, .wall = wall};
  return &machine;
}

/* Where the kernel does not tell, each process counts as a boot of its own: the wall clock then
 * judges the leases of the others. */
static size_t read_boot(char *id, size_t size)
{
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, id, size - 1);
  if (fd >= 0)
    close(fd);
  return n > 0 ? (size_t)n : (size_t)snprintf(id, size, "%ld at %.9f", (long)getpid(), read_clock(CLOCK_BOOTTIME));
}

void store_clock_boot(const struct store_clock *clock, char *id, size_t size)
{
  if (clock->boot)
    snprintf(id, size, "%s", clock->boot);
  else
    id[read_boot(id, size)] = 0;
  id[strcspn(id, "\n")] = 0;
}
