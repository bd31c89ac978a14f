/* environ_os.c - the environment of the process, and which descriptors are a terminal's.
 *
 * A variable that is hidden moves into the vault: where the system put it, every reader of
 * /proc/self/environ would find it, recipes among them. Its place in the list stays, empty: other threads may be
 * reading the list. */
#include "buf.h"
#include "locked.h"
#include "real.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hidden {
  struct hidden *next;
  char *name, *value;  /* the value in the vault; NULL: it is not set */
};

struct environ_os {
  struct world_environ base;
  struct arena vault;
  struct hidden *hidden;
};

static struct hidden *find(const struct environ_os *o, const char *name)
{
  struct hidden *h = o->hidden;
  while (h && strcmp(h->name, name) != 0)
    h = h->next;
  return h;
}

static const char *get(struct world_environ *e, const char *name)
{
  return find((struct environ_os *)e, name) ? NULL : getenv(name);
}

static const char *get_secret(struct world_environ *e, const char *name)
{
  const struct hidden *h = find((struct environ_os *)e, name);
  return h ? h->value : getenv(name);
}

static void free_hidden(struct hidden *h)
{
  free(h->name);
  free(h);
}

/* False: out of memory. */
static bool keep(struct environ_os *o, struct hidden *h, const char *name, const char *value)
{
  size_t size = value ? strlen(value) + 1 : 0;
  *h = (struct hidden){.next = o->hidden, .name = copy_str(name),
                       .value = value ? arena_alloc(&o->vault, size) : NULL};
  if (h->value)
    memcpy(h->value, value, size);
  return h->name && !h->value == !value;
}

static bool hide(struct world_environ *e, const char *name)
{
  struct environ_os *o = (struct environ_os *)e;
  char *value = getenv(name);
  struct hidden *h = find(o, name) ? NULL : malloc(sizeof *h);
  if (!h)
    return find(o, name) != NULL;
  if (!keep(o, h, name, value)) {
    free_hidden(h);
    return false;
  }
  o->hidden = h;
  if (value)
    wipe(value, strlen(value));
  return true;
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
  struct environ_os *o = malloc(sizeof *o);
  if (!o)
    return NULL;
  *o = (struct environ_os){.base = {get, get_secret, hide, stand_in, is_terminal, NULL}, .vault = {.forgets = true}};
  return &o->base;
}

void environ_os_free(struct world_environ *e)
{
  struct environ_os *o = (struct environ_os *)e;
  if (!o)
    return;
  while (o->hidden) {
    struct hidden *h = o->hidden;
    o->hidden = h->next;
    free_hidden(h);
  }
  arena_close(&o->vault);
  free(o);
}
