/* store_sqlite_lease.c - leases in the file: who holds what until when.
 *
 * A lease's time is that of the boot in which it was last renewed; in another boot the wall clock
 * decides. Each change is one transaction that holds the write lock, so that of two takers one
 * comes second and sees the first.
 *
 * s->held are the leases taken through this store. A lost one stays in the list, as what its run
 * still wants to write must be refused, until it is released. */
#include "store_sqlite.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct store_sqlite *of(struct store *s)
{
  return (struct store_sqlite *)s;
}

/* ---- the clock ------------------------------------------------------------------------------- */

static double now(const struct store_sqlite *s)
{
  return s->clock->now(s->clock->arg);
}

static double wall(const struct store_sqlite *s)
{
  return s->clock->wall(s->clock->arg);
}

/* ---- rows --------------------------------------------------------------------------------------- */

static const char *text(sqlite3_stmt *st, int column)
{
  return (const char *)sqlite3_column_text(st, column);
}

static struct store_lease read_lease(const struct store_sqlite *s, sqlite3_stmt *st)
{
  struct store_lease l = {.name = text(st, 0), .run = text(st, 1), .host = text(st, 2),
                          .pid = (long)sqlite3_column_int64(st, 3), .token = sqlite3_column_int64(st, 4),
                          .since = sqlite3_column_double(st, 5), .request = text(st, 9)};
  bool same_boot = strcmp(text(st, 6), s->boot) == 0;
  if (*l.run)
    l.left = same_boot ? sqlite3_column_double(st, 7) - now(s) : sqlite3_column_double(st, 8) - wall(s);
  return l;
}

/* Reads the row of a lease; its texts live until the statement is reset. *there: it has one. */
static sqlite3_stmt *find(struct store_sqlite *s, const char *name, struct store_lease *l, bool *there,
                          struct fault *f)
{
  sqlite3_stmt *st = store_sqlite_ready(s, SQL_LEASE, "t", name);
  int code = sqlite3_step(st);
  *l = (struct store_lease){0};
  *there = code == SQLITE_ROW;
  if (*there)
    *l = read_lease(s, st);
  if (*there || code == SQLITE_DONE)
    return st;
  store_sqlite_failed(s, "cannot read", f);
  sqlite3_reset(st);
  return NULL;
}

static bool is_held(const struct store_lease *l)
{
  return l->left > 0;
}

bool store_sqlite_leases(struct store *store, const char *name, store_each_lease *each, void *arg, struct fault *f)
{
  struct store_sqlite *s = of(store);
  sqlite3_stmt *st = name ? store_sqlite_ready(s, SQL_LEASE, "t", name) : store_sqlite_ready(s, SQL_LEASES, "");
  int code = SQLITE_ROW;
  for (bool more = true; more && (code = sqlite3_step(st)) == SQLITE_ROW;) {
    struct store_lease l = read_lease(s, st);
    more = each(arg, &l);
  }
  bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_sqlite_failed(s, "cannot read", f);
  sqlite3_reset(st);
  return ok;
}

/* ---- what is held through this store -------------------------------------------------------------- */

static void free_held(struct held *h)
{
  free(h->name);
  free(h->run);
  free(h);
}

static struct held *new_held(const struct store_claim *c)
{
  struct held *h = calloc(1, sizeof *h);
  if (!h)
    return NULL;
  h->seconds = c->seconds;
  h->name = strdup(c->name);
  h->run = strdup(c->run);
  if (h->name && h->run)
    return h;
  free_held(h);
  return NULL;
}

static struct held *find_held(struct store_sqlite *s, const char *name, const char *run)
{
  for (struct held *h = s->held; h; h = h->next)
    if (strcmp(h->name, name) == 0 && (!run || strcmp(h->run, run) == 0))
      return h;
  return NULL;
}

/* Frees those of the name, but for those of other runs when a run is given. */
static void drop_held(struct store_sqlite *s, const char *name, const char *run)
{
  for (struct held **at = &s->held; *at;) {
    struct held *h = *at;
    if (strcmp(h->name, name) == 0 && (!run || strcmp(h->run, run) == 0)) {
      *at = h->next;
      free_held(h);
    } else {
      at = &h->next;
    }
  }
}

void store_sqlite_forget_held(struct store_sqlite *s)
{
  for (struct held *h; (h = s->held);) {
    s->held = h->next;
    free_held(h);
  }
}

/* ---- the fence of appends ---------------------------------------------------------------------------- */

static bool lost(const struct held *h, const struct store_lease *l, struct fault *f)
{
  bool ours = !h->lost && l->token == h->token && l->run && *l->run;
  if (ours)
    fault_set(f, "lease-lost", "fatal", "the lease '%s' of run %s expired %.1f s ago", h->name, h->run, -l->left);
  else if (l->run && *l->run)
    fault_set(f, "lease-lost", "fatal", "the lease '%s' of run %s was taken over by run %s (%s, process %ld)",
              h->name, h->run, l->run, l->host, l->pid);
  else
    fault_set(f, "lease-lost", "fatal", "the lease '%s' of run %s was taken over, and given back since", h->name,
              h->run);
  fault_hint(f, "nothing was written; resume this run when nobody else works on it");
  return false;
}

static bool still_ours(struct store_sqlite *s, const struct held *h, struct fault *f)
{
  struct store_lease l;
  bool there;
  sqlite3_stmt *st = find(s, h->name, &l, &there, f);
  bool ok = st && ((!h->lost && l.token == h->token && is_held(&l)) || lost(h, &l, f));
  sqlite3_reset(st);
  return ok;
}

static bool writes_for(const struct held *h, const struct store_event *const *events, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(events[i]->run, h->run) == 0)
      return true;
  return false;
}

bool store_sqlite_guard(struct store_sqlite *s, const struct store_event *const *events, size_t n, struct fault *f)
{
  for (const struct held *h = s->held; h; h = h->next)
    if (writes_for(h, events, n) && !still_ours(s, h, f))
      return false;
  return true;
}

/* ---- taking -------------------------------------------------------------------------------------------- */

/* The token under which the claim may have the lease; 0: somebody holds it. */
static long long judge(const struct held *mine, const struct store_claim *c, const struct store_lease *l)
{
  if (mine && !mine->lost && mine->token == l->token)
    return is_held(l) ? l->token : l->token + 1;
  return !is_held(l) || (c->instead_of && c->instead_of == l->token) ? l->token + 1 : 0;
}

static bool write_claim(struct store_sqlite *s, const struct store_claim *c, long long token)
{
  return store_sqlite_run(s, SQL_TAKE, "tttiirtrr", c->name, c->run, c->host, (long long)c->pid, token, wall(s),
                          s->boot, now(s) + c->seconds, wall(s) + c->seconds);
}

static bool claim(struct store_sqlite *s, const struct store_claim *c, long long *token, store_each_lease *each,
                  void *arg, struct fault *f)
{
  struct store_lease l;
  bool there;
  sqlite3_stmt *st = find(s, c->name, &l, &there, f);
  if (!st)
    return false;
  *token = judge(find_held(s, c->name, c->run), c, &l);
  if (!*token)
    each(arg, &l);
  sqlite3_reset(st);
  return !*token || write_claim(s, c, *token) || store_sqlite_failed(s, "cannot write to", f);
}

bool store_sqlite_take(struct store *store, const struct store_claim *c, long long *token, store_each_lease *each,
                       void *arg, struct fault *f)
{
  struct store_sqlite *s = of(store);
  struct held *h = new_held(c);
  *token = 0;
  if (!h)
    fault_set(f, "out-of-memory", "fatal", "not enough memory");
  bool ok = h && store_sqlite_begin(s, f);
  ok = ok && store_sqlite_end(s, claim(s, c, token, each, arg, f), f);
  if (!ok || !*token) {
    if (h)
      free_held(h);
    return ok;
  }
  drop_held(s, c->name, c->run);
  h->token = *token;
  h->next = s->held;
  s->held = h;
  return true;
}

/* ---- keeping ---------------------------------------------------------------------------------------------- */

static void tell_lost(struct held *h, const struct store_lease *l, store_each_lease *each, void *arg)
{
  struct store_lease told = *l;
  h->lost = true;
  told.name = h->name;
  told.run = l->run && *l->run ? l->run : NULL;
  told.request = NULL;
  each(arg, &told);
}

/* Reads the row, tells what it says, writes the new expiry. */
static bool renew_one(struct store_sqlite *s, struct held *h, store_each_lease *each, void *arg, struct fault *f)
{
  struct store_lease l;
  bool there;
  sqlite3_stmt *st = find(s, h->name, &l, &there, f);
  if (!st)
    return false;
  bool ours = there && l.token == h->token && *l.run;
  if (!ours)
    tell_lost(h, &l, each, arg);
  else if (l.request)
    each(arg, &l);
  h->renewed = h->token + (is_held(&l) ? 0 : 1);
  sqlite3_reset(st);
  return !ours ||
         store_sqlite_run(s, SQL_RENEW, "titrr", h->name, h->renewed, s->boot, now(s) + h->seconds,
                          wall(s) + h->seconds) ||
         store_sqlite_failed(s, "cannot write to", f);
}

static bool renew_all(struct store_sqlite *s, store_each_lease *each, void *arg, struct fault *f)
{
  bool ok = true;
  for (struct held *h = s->held; h && ok; h = h->next)
    ok = h->lost || renew_one(s, h, each, arg, f);
  return ok;
}

/* The tokens that were raised count once they are written. */
static double settle(struct store_sqlite *s)
{
  double left = INFINITY;
  for (struct held *h = s->held; h; h = h->next)
    if (!h->lost) {
      h->token = h->renewed;
      left = fmin(left, h->seconds);
    }
  return left;
}

static bool holds_any(const struct store_sqlite *s)
{
  for (const struct held *h = s->held; h; h = h->next)
    if (!h->lost)
      return true;
  return false;
}

bool store_sqlite_renew(struct store *store, double *left, store_each_lease *each, void *arg, struct fault *f)
{
  struct store_sqlite *s = of(store);
  *left = INFINITY;
  if (!holds_any(s))
    return true;
  if (!store_sqlite_begin(s, f) || !store_sqlite_end(s, renew_all(s, each, arg, f), f))
    return false;
  *left = settle(s);
  return true;
}

/* ---- giving back, asking ------------------------------------------------------------------------------------- */

bool store_sqlite_release(struct store *store, const char *name, struct fault *f)
{
  struct store_sqlite *s = of(store);
  bool ok = true;
  for (struct held *h = s->held; h && ok; h = h->next)
    if (strcmp(h->name, name) == 0 && !h->lost)
      ok = store_sqlite_run(s, SQL_RELEASE, "ti", name, h->token) || store_sqlite_failed(s, "cannot write to", f);
  if (ok)
    drop_held(s, name, NULL);
  return ok;
}

bool store_sqlite_ask(struct store *store, const char *name, const char *request, bool *asked, struct fault *f)
{
  struct store_sqlite *s = of(store);
  bool ok = store_sqlite_run(s, SQL_ASK, "trrtt", s->boot, now(s), wall(s), name, request);
  *asked = ok && sqlite3_changes(s->db) > 0;
  return ok || store_sqlite_failed(s, "cannot write to", f);
}
