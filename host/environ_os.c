/* environ_os.c - the environment of the process, and which descriptors are a terminal's. */
#include "real.h"
#include <stdlib.h>
#include <unistd.h>

static const char *get(struct world_environ *e, const char *name)
{
  (void)e;
  return getenv(name);
}

static const char *stand_in(struct world_environ *e, const char *name)
{
  (void)e, (void)name;
  return NULL;
}

static bool is_terminal(struct world_environ *e, int fd)
{
  (void)e;
  return isatty(fd);
}

struct world_environ *environ_os_new(void)
{
  struct world_environ *e = malloc(sizeof *e);
  if (e)
    *e = (struct world_environ){get, stand_in, is_terminal};
  return e;
}

void environ_os_free(struct world_environ *e)
{
  free(e);
}
