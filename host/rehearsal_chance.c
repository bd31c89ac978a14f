/* rehearsal_chance.c - what a machine has of its own: randomness, here from a seed, and an
 * environment, here a list. Nothing of the real machine gets into a rehearsal. */
#include "rehearsal_world.h"
#include <stdlib.h>
#include <string.h>

void rehearsal_seed(struct rehearsal *r, unsigned long long seed)
{
  r->seed = seed * 2654435769ull + 88172645463325252ull;
}

/* xorshift: every run with the same seed draws the same numbers. */
bool rehearsal_random(struct world_random *w, void *bytes, size_t n)
{
  struct rehearsal *r = REHEARSAL_OF(random, w);
  unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++) {
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    p[i] = (unsigned char)(r->seed >> 32);
  }
  return true;
}

static const char *get(struct world_environ *e, const char *name)
{
  const struct rehearsal *r = REHEARSAL_OF(environ, e);
  size_t len = strlen(name);
  for (char **v = r->variables; *v; v++)
    if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
      return *v + len + 1;
  return NULL;
}

static const char *stand_in(struct world_environ *e, const char *name)
{
  const char *value = get(e, name);
  return value ? value : "a-value-of-the-rehearsal";
}

/* A stand-in is no secret. */
static bool hide(struct world_environ *e, const char *name)
{
  (void)e, (void)name;
  return true;
}

static bool is_terminal(struct world_environ *e, int fd)
{
  (void)e, (void)fd;
  return false;
}

bool rehearsal_environ_open(struct rehearsal *r, const char *const *variables)
{
  size_t n = 0;
  while (variables && variables[n])
    n++;
  r->environ = (struct world_environ){get, get, hide, stand_in, is_terminal, NULL};
  r->variables = calloc(n + 1, sizeof *r->variables);
  for (size_t i = 0; r->variables && i < n; i++)
    if (!(r->variables[i] = strdup(variables[i])))
      return false;
  return r->variables != NULL;
}

void rehearsal_environ_close(struct rehearsal *r)
{
  for (char **v = r->variables; v && *v; v++)
    free(*v);
  free(r->variables);
}
