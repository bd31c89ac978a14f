/* rehearsal_store.c - the store of runs: the one in a file, kept in memory, and its writes counted
 * as points where Davit may die.
 *
 * The memory belongs to the world: what a run that died has written is there for the next one. Each
 * opening has a connection of its own, which remembers the leases taken through it; those of the
 * dead are never used again. */
#include "rehearsal_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct door {
  struct store base;
  struct rehearsal *r;
  struct store *inner;
};

static struct rehearsal *world_of(struct store *s)
{
  return ((struct door *)s)->r;
}

static struct store *inner(struct store *s)
{
  return ((struct door *)s)->inner;
}

/* ---- what goes wrong ------------------------------------------------------------------------------ */

void rehearsal_refuse_write(struct rehearsal *r)
{
  r->store_is_full = true;
}

/* Once: then there is room again. */
static bool is_full(struct rehearsal *r, struct fault *fault)
{
  bool full = r->store_is_full;
  if (full)
    fault_set(fault, "journal-full", "fatal", "the journal cannot be written: no space left on device");
  r->store_is_full = false;
  return full;
}

enum { LEASES = 8, LEASE_NAME = 200 };

struct held {
  size_t count;
  struct store_claim claims[LEASES];
  char names[LEASES][LEASE_NAME];
};

static bool note_lease(void *arg, const struct store_lease *l)
{
  struct held *h = arg;
  if (!*l->run || l->left <= 0 || h->count == LEASES)
    return true;
  snprintf(h->names[h->count], LEASE_NAME, "%s", l->name);
  h->claims[h->count] = (struct store_claim){.name = h->names[h->count], .run = "a-thief", .host = "elsewhere", .pid = 1,
                                             .seconds = 30, .instead_of = l->token};
  h->count++;
  return true;
}

static bool ignore_lease(void *arg, const struct store_lease *l)
{
  (void)arg, (void)l;
  return true;
}

/* They are all taken by somebody who never comes back. */
void rehearsal_steal_leases(struct rehearsal *r)
{
  struct fault ignored;
  struct held held = {0};
  struct store *s = r->runs;
  long long token;
  if (!s || !s->ops->leases(s, NULL, note_lease, &held, &ignored))
    return;
  for (size_t i = 0; i < held.count; i++)
    s->ops->take(s, &held.claims[i], &token, ignore_lease, NULL, &ignored);
}

/* ---- writes: points ------------------------------------------------------------------------------- */

static bool append(struct store *s, const struct store_event *const *events, size_t n, struct fault *fault)
{
  struct rehearsal *r = world_of(s);
  const struct store_event *last = events[n - 1];  // before it stands what was observed on the way to it
  rehearsal_before(r, POINT_JOURNAL, "%s %s", last->kind, last->path);
  bool ok = !is_full(r, fault) && inner(s)->ops->append(inner(s), events, n, fault);
  for (size_t i = 0; i < n; i++)
    rehearsal_note(r, "journal %s %s%s", events[i]->kind, events[i]->path, ok ? "" : " -> refused");
  rehearsal_after(r, POINT_JOURNAL);
  return ok;
}

static bool take(struct store *s, const struct store_claim *claim, long long *token, store_each_lease *each,
                 void *arg, struct fault *fault)
{
  struct rehearsal *r = world_of(s);
  rehearsal_before(r, POINT_LEASE, "take %s", claim->name);
  bool ok = inner(s)->ops->take(inner(s), claim, token, each, arg, fault);
  rehearsal_note(r, "lease take %s -> %s", claim->name, ok && *token ? "taken" : "refused");
  rehearsal_after(r, POINT_LEASE);
  return ok;
}

static bool release(struct store *s, const char *name, struct fault *fault)
{
  struct rehearsal *r = world_of(s);
  rehearsal_before(r, POINT_LEASE, "release %s", name);
  bool ok = inner(s)->ops->release(inner(s), name, fault);
  rehearsal_note(r, "lease release %s", name);
  rehearsal_after(r, POINT_LEASE);
  return ok;
}

/* ---- everything else as it is ------------------------------------------------------------------- */

static bool events(struct store *s, const struct store_filter *f, store_each_event *each, void *arg,
                   struct fault *fault)
{
  return inner(s)->ops->events(inner(s), f, each, arg, fault);
}

static bool runs(struct store *s, const struct store_runs_filter *f, store_each_run *each, void *arg,
                 struct fault *fault)
{
  return inner(s)->ops->runs(inner(s), f, each, arg, fault);
}

static bool renew(struct store *s, double *left, store_each_lease *each, void *arg, struct fault *fault)
{
  return inner(s)->ops->renew(inner(s), left, each, arg, fault);
}

static bool ask(struct store *s, const char *name, const char *request, bool *asked, struct fault *fault)
{
  return inner(s)->ops->ask(inner(s), name, request, asked, fault);
}

static bool leases(struct store *s, const char *name, store_each_lease *each, void *arg, struct fault *fault)
{
  return inner(s)->ops->leases(inner(s), name, each, arg, fault);
}

static bool forget(struct store *s, const char *run, struct fault *fault)
{
  return inner(s)->ops->forget(inner(s), run, fault);
}

static void leave(struct store *s)
{
  inner(s)->ops->free(inner(s));
  free(s);
}

static const struct store_ops ops = {
  .append = append, .events = events, .runs = runs, .take = take, .renew = renew, .release = release,
  .ask = ask, .leases = leases, .forget = forget, .free = leave};

/* ---- the member --------------------------------------------------------------------------------------- */

static double lease_now(void *arg)
{
  struct rehearsal *r = arg;
  return r->clock.monotonic(&r->clock);
}

static double wall(void *arg)
{
  struct rehearsal *r = arg;
  return r->now;
}

static struct store *connect_inner(struct rehearsal *r, struct fault *fault)
{
  char name[64];
  snprintf(name, sizeof name, ":memory:/davit-rehearsal-%p", (void *)r);
  return store_sqlite_new(name, &r->store_clock, fault);
}

void rehearsal_store_warm(struct rehearsal *r)
{
  struct fault ignored;
  struct store *s = r->runs && !r->idle ? connect_inner(r, &ignored) : NULL;
  if (!s)
    return;  // whoever needs one will be told why
  store_sqlite_warm(s);
  r->idle = s;
}

static struct store *connection(struct rehearsal *r, struct fault *fault)
{
  struct store *s = r->idle;
  r->idle = NULL;
  return s ? s : connect_inner(r, fault);
}

/* One connection stays, and with it the memory. Whatever the place is, it is this one. */
static struct store *open_door(struct world_store *w, const char *place, struct fault *fault)
{
  struct rehearsal *r = REHEARSAL_OF(store, w);
  (void)place;
  if (!r->runs && !(r->runs = connect_inner(r, fault)))
    return NULL;
  struct door *d = malloc(sizeof *d);
  if (!d) {
    fault_set(fault, "out-of-memory", "fatal", "not enough memory");
    return NULL;
  }
  *d = (struct door){{&ops}, r, connection(r, fault)};
  if (d->inner)
    return &d->base;
  free(d);
  return NULL;
}

void rehearsal_store_open(struct rehearsal *r)
{
  r->store.open = open_door;
  r->store_clock = (struct store_clock){lease_now, wall, r, "rehearsal"};
}

void rehearsal_store_close(struct rehearsal *r)
{
  if (r->idle)
    r->idle->ops->free(r->idle);
  if (r->runs)
    r->runs->ops->free(r->runs);
}
