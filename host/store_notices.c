/* store_notices.c - a queue of notices with one waiter; see store_notices.h. */
#include "store_notices.h"
#include <stdlib.h>

static void wake(struct store_notices *ns)
{
  struct store_watch *w = ns->watch;
  if (!w)
    return;
  ns->watch = NULL;
  w->notices = NULL;
  effect_finish(&w->effect);
}

void store_notices_add(void *notices, struct store_notice *n)
{
  struct store_notices *ns = notices;
  if (ns->first)
    ns->last->next = n;
  else
    ns->first = n;
  ns->last = n;
  wake(ns);
}

struct store_notice *store_notices_take(struct store_notices *ns)
{
  struct store_notice *n = ns->first;
  if (n)
    ns->first = n->next;
  return n;
}

static void destroy(struct effect *e)
{
  struct store_watch *w = (struct store_watch *)e;
  if (w->notices)
    w->notices->watch = NULL;
  free(w);
}

struct store_watch *store_notices_watch(struct store_notices *ns, effect_done *done, void *arg)
{
  struct store_watch *w = calloc(1, sizeof *w);
  if (!w)
    return NULL;
  *w = (struct store_watch){.effect = {.destroy = destroy, .done = done, .arg = arg}, .notices = ns};
  ns->watch = w;
  return w;
}

void store_notices_end(struct store_notices *ns)
{
  wake(ns);
}

void store_notices_free(struct store_notices *ns)
{
  if (ns->watch)
    ns->watch->notices = NULL;
  for (struct store_notice *n; (n = store_notices_take(ns));)
    free(n);
  *ns = (struct store_notices){0};
}
