/* random_os.c - randomness from the operating system. */
#include "real.h"
#include <stdlib.h>
#include <sys/random.h>

static bool fill(struct world_random *r, void *bytes, size_t n)
{
  (void)r;
  for (unsigned char *p = bytes; n > 0;) {
    ssize_t got = getrandom(p, n, 0);
    if (got < 0)
      return false;
    p += got;
    n -= (size_t)got;
  }
  return true;
}

struct world_random *random_os_new(void)
{
  struct world_random *r = calloc(1, sizeof *r);
  if (r)
    r->fill = fill;
  return r;
}

void random_os_free(struct world_random *r)
{
  free(r);
}
