/* store_keeper.c - renews leases and judges whether they are held; see store_keeper.h.
 *
 * Invariants: 1. k->until and k->due are INFINITY exactly when no lease is held that is not lost.
 *             2. k->loss has a code exactly while a lost lease has not been released. */
#include "store_keeper.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A request is looked for at least this often. */
enum { LOOK_SECONDS = 1 };

struct kept {
  struct kept *next;
  bool held, lost;  /* neither: it is being taken */
  double seconds;
  char *told;       /* the last request */
  char name[];
};

struct store_keeper {
  struct store *store;
  const struct store_clock *clock;
  store_tell *tell;
  void *arg;
  struct kept *leases;
  double due, until;
  struct fault loss;
};

static double now(const struct store_keeper *k)
{
  return k->clock->now(k->clock->arg);
}

/* ---- notices ------------------------------------------------------------------------------------ */

static char *put(char **at, const char *text)
{
  if (!text)
    return NULL;
  char *to = *at;
  *at = stpcpy(to, text) + 1;
  return to;
}

static size_t size_of(const char *text)
{
  return text ? strlen(text) + 1 : 0;
}

/* Without memory a notice is lost, but not what it is about: the fence looks for itself. */
static void notify(struct store_keeper *k, const char *name, const char *request, const char *run)
{
  struct store_notice *n = malloc(sizeof *n + size_of(name) + size_of(request) + size_of(run));
  if (!n)
    return;
  char *at = (char *)(n + 1);
  n->next = NULL;
  n->name = put(&at, name);
  n->request = put(&at, request);
  n->run = put(&at, run);
  k->tell(k->arg, n);
}

/* ---- what is kept ---------------------------------------------------------------------------------- */

static struct kept *find(struct store_keeper *k, const char *name)
{
  struct kept *l = k->leases;
  while (l && strcmp(l->name, name) != 0)
    l = l->next;
  return l;
}

static struct kept *find_or_add(struct store_keeper *k, const char *name)
{
  struct kept *l = find(k, name);
  if (l)
    return l;
  l = calloc(1, sizeof *l + strlen(name) + 1);
  if (!l)
    return NULL;
  strcpy(l->name, name);
  l->next = k->leases;
  k->leases = l;
  return l;
}

static void drop(struct store_keeper *k, struct kept *dropped)
{
  struct kept **at = &k->leases;
  while (*at != dropped)
    at = &(*at)->next;
  *at = dropped->next;
  free(dropped->told);
  free(dropped);
}

static double shortest(const struct store_keeper *k)
{
  double seconds = INFINITY;
  for (const struct kept *l = k->leases; l; l = l->next)
    if (l->held)
      seconds = fmin(seconds, l->seconds);
  return seconds;
}

/* Sets when to renew next after an attempt at `at`; without a lease there is nothing to do. */
static void plan(struct store_keeper *k, double at)
{
  double seconds = shortest(k);
  k->due = seconds == INFINITY ? INFINITY : at + fmin(LOOK_SECONDS, seconds / 3);
  if (seconds == INFINITY)
    k->until = INFINITY;
}

/* ---- losses ----------------------------------------------------------------------------------------- */

static void lose(struct store_keeper *k, struct kept *l, const struct store_lease *holder)
{
  const char *run = holder ? holder->run : NULL;
  l->lost = true;
  l->held = false;
  notify(k, l->name, NULL, run);
  if (k->loss.code)
    return;
  if (run)
    fault_set(&k->loss, "lease-lost", "fatal", "the lease '%s' was taken over by run %s (%s, process %ld)", l->name,
              run, holder->host, holder->pid);
  else if (holder)
    fault_set(&k->loss, "lease-lost", "fatal", "the lease '%s' was taken over, and given back since", l->name);
  else
    fault_set(&k->loss, "lease-lost", "fatal", "the lease '%s' expired: it could not be renewed in %g s", l->name,
              l->seconds);
  fault_hint(&k->loss, "this run does nothing more; resume it when nobody else works on it");
}

static void lose_all(struct store_keeper *k)
{
  for (struct kept *l = k->leases; l; l = l->next)
    if (l->held)
      lose(k, l, NULL);
}

/* A request is told once; a lost lease has none. */
static bool each(void *arg, const struct store_lease *lease)
{
  struct store_keeper *k = arg;
  struct kept *l = find(k, lease->name);
  if (!l || !l->held)
    return true;
  if (!lease->request) {
    lose(k, l, lease);
  } else if (!l->told || strcmp(l->told, lease->request) != 0) {
    free(l->told);
    l->told = strdup(lease->request);
    notify(k, l->name, lease->request, NULL);
  }
  return true;
}

/* ---- renewing ------------------------------------------------------------------------------------------ */

/* What was told to be lost stays lost, although the store may not know. */
bool store_keeper_renew(struct store_keeper *k, struct fault *fault)
{
  double at = now(k), left;
  if (k->due == INFINITY)
    return true;
  bool ok = k->store->ops->renew(k->store, &left, each, k, fault);
  if (ok)
    k->until = at + left;
  else if (now(k) >= k->until)
    lose_all(k);
  plan(k, ok ? at : now(k));
  return ok;
}

/* ---- taking, releasing ----------------------------------------------------------------------------------- */

static void clear_loss(struct store_keeper *k)
{
  for (const struct kept *l = k->leases; l; l = l->next)
    if (l->lost)
      return;
  k->loss.code = NULL;
}

static void took(struct store_keeper *k, struct kept *l, double seconds, double at)
{
  l->held = true;
  l->lost = false;
  l->seconds = seconds;
  free(l->told);
  l->told = NULL;
  k->until = fmin(k->until, at + seconds);
  k->due = fmin(k->due, at + fmin(LOOK_SECONDS, seconds / 3));
  clear_loss(k);
}

bool store_keeper_take(struct store_keeper *k, const struct store_claim *c, long long *token, store_each_lease *tell,
                       void *arg, struct fault *fault)
{
  struct kept *l = find_or_add(k, c->name);
  double at = now(k);
  *token = 0;
  if (!l) {
    fault_set(fault, "out-of-memory", "fatal", "not enough memory");
    return false;
  }
  bool ok = k->store->ops->take(k->store, c, token, tell, arg, fault);
  if (ok && *token)
    took(k, l, c->seconds, at);
  else if (!l->held && !l->lost)
    drop(k, l);
  return ok;
}

bool store_keeper_release(struct store_keeper *k, const char *name, struct fault *fault)
{
  struct kept *l = find(k, name);
  if (!k->store->ops->release(k->store, name, fault))
    return false;
  if (!l)
    return true;
  drop(k, l);
  clear_loss(k);
  plan(k, now(k));
  return true;
}

/* ---- the rest --------------------------------------------------------------------------------------------- */

struct store *store_keeper_store(struct store_keeper *k)
{
  return k->store;
}

double store_keeper_due(const struct store_keeper *k)
{
  return k->due;
}

double store_keeper_until(const struct store_keeper *k)
{
  return k->until;
}

const struct fault *store_keeper_lost(const struct store_keeper *k)
{
  return k->loss.code ? &k->loss : NULL;
}

struct store_keeper *store_keeper_new(struct store *s, const struct store_clock *clock, store_tell *tell, void *arg)
{
  struct store_keeper *k = calloc(1, sizeof *k);
  if (!k) {
    s->ops->free(s);
    return NULL;
  }
  *k = (struct store_keeper){.store = s, .clock = clock, .tell = tell, .arg = arg, .due = INFINITY,
                             .until = INFINITY};
  return k;
}

void store_keeper_free(struct store_keeper *k)
{
  if (!k)
    return;
  while (k->leases)
    drop(k, k->leases);
  k->store->ops->free(k->store);
  free(k);
}
