/* store_postgres_lease.c - leases as rows of davit.lease; see store.h for what they promise.
 *
 * All times are the server's (clock_timestamp(), which goes on within a transaction). A row is
 * changed in place for ever, so its token can only grow; a free lease's run is null.
 *
 * Every store has a random name, the holder of its rows. It makes each statement harmless when it
 * is repeated because its reply was lost: a take finds its own row, a renewal that has raised a
 * token already learns the new one. */
#include "store_postgres.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a lease is read as; see read_lease. */
#define COLUMNS \
  "name, run, host, pid, token, extract(epoch from since)::float8," \
  " case when run is null then 0 else extract(epoch from expires - clock_timestamp()) end::float8," \
  " request, holder"
enum { NAME, RUN, HOST, PID, TOKEN, SINCE, LEFT, REQUEST, HOLDER };

static struct pg_store *of(struct store *base)
{
  return (struct pg_store *)base;
}

/* ---- what this store holds ------------------------------------------------------------------- */

static void free_held(struct pg_held *h)
{
  free(h->name);
  free(h->run);
  free(h);
}

static struct pg_held *new_held(const struct store_claim *c)
{
  struct pg_held *h = calloc(1, sizeof *h);
  if (!h)
    return NULL;
  *h = (struct pg_held){.name = copy_str(c->name), .run = copy_str(c->run), .seconds = c->seconds};
  if (h->name && h->run)
    return h;
  free_held(h);
  return NULL;
}

static bool is_about(const struct pg_held *h, const char *name, const char *run)
{
  return strcmp(h->name, name) == 0 && (!run || strcmp(h->run, run) == 0);
}

/* Drops those of the name; only the run's when one is given. */
static void drop(struct pg_store *p, const char *name, const char *run)
{
  for (struct pg_held **at = &p->held; *at;) {
    struct pg_held *h = *at;
    if (is_about(h, name, run)) {
      *at = h->next;
      free_held(h);
    } else {
      at = &h->next;
    }
  }
}

void pg_forget_held(struct pg_store *p)
{
  while (p->held) {
    struct pg_held *h = p->held;
    p->held = h->next;
    free_held(h);
  }
}

/* In place of what the run held under this name. */
static void remember(struct pg_store *p, struct pg_held *new)
{
  drop(p, new->name, new->run);
  new->next = p->held;
  p->held = new;
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct store_lease read_lease(const PGresult *r, int row)
{
  return (struct store_lease){
    .name = pg_text(r, row, NAME),
    .run = PQgetvalue(r, row, RUN),
    .host = PQgetvalue(r, row, HOST),
    .pid = (long)pg_integer(r, row, PID),
    .token = pg_integer(r, row, TOKEN),
    .since = pg_double(r, row, SINCE),
    .left = pg_double(r, row, LEFT),
    .request = pg_text(r, row, REQUEST),
  };
}

static void tell_all(const PGresult *r, store_each_lease *each, void *arg)
{
  bool more = true;
  for (int row = 0; more && row < PQntuples(r); row++) {
    struct store_lease l = read_lease(r, row);
    more = each(arg, &l);
  }
}

bool pg_leases(struct store *base, const char *name, store_each_lease *each, void *arg,
               struct fault *f)
{
  static const char select[] = "select " COLUMNS " from davit.lease"
                               " where $1::text is null or name = $1 order by name";
  const char *params[] = {name};
  const struct pg_transaction t = {.what = "read leases from", .queries = {{select, params, 1}}, .n = 1};
  struct pg_reply reply;
  if (!pg_run(&of(base)->session, &t, &reply, f))
    return false;
  tell_all(reply.results[0], each, arg);
  pg_reply_clear(&reply);
  return true;
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* The row is locked even when the condition fails, so that the second query sees why. */
static const char take[] =
  "insert into davit.lease as l (name, run, host, pid, holder, token, since, expires)"
  " values ($1, $2, $3, $4, $5, 1, clock_timestamp(), clock_timestamp() + $6::float8 * interval '1 s')"
  " on conflict (name) do update set run = $2, host = $3, pid = $4::bigint, holder = $5::uuid,"
  "  token = l.token + case when l.holder = $5::uuid and l.run = $2 and l.expires > clock_timestamp()"
  "   then 0 else 1 end,"
  "  since = case when l.holder = $5::uuid and l.run = $2 then l.since else clock_timestamp() end,"
  "  request = case when l.holder = $5::uuid and l.run = $2 then l.request end,"
  "  expires = clock_timestamp() + $6::float8 * interval '1 s'"
  " where l.run is null or l.expires <= clock_timestamp() or l.token = $7::bigint"
  "  or (l.holder = $5::uuid and l.run = $2)"
  " returning l.token";
static const char look[] = "select " COLUMNS " from davit.lease where name = $1";

static bool run_take(struct pg_store *p, const struct store_claim *c, struct pg_reply *reply,
                     struct fault *f)
{
  char pid[24], seconds[32], instead_of[24];
  snprintf(pid, sizeof pid, "%ld", c->pid);
  snprintf(seconds, sizeof seconds, "%.17g", c->seconds);
  snprintf(instead_of, sizeof instead_of, "%lld", c->instead_of);
  const char *params[] = {c->name, c->run, c->host, pid, p->holder, seconds, instead_of};
  const struct pg_transaction t = {
    .what = "take a lease in", .queries = {{take, params, 7}, {look, params, 1}}, .n = 2};
  return pg_run(&p->session, &t, reply, f);
}

bool pg_take(struct store *base, const struct store_claim *c, long long *token,
             store_each_lease *each, void *arg, struct fault *f)
{
  struct pg_store *p = of(base);
  struct pg_reply reply;
  struct pg_held *h = new_held(c);
  *token = 0;
  if (!h)
    return pg_out_of_memory(f);
  if (!run_take(p, c, &reply, f)) {
    free_held(h);
    return false;
  }
  if (PQntuples(reply.results[0])) {
    *token = h->token = pg_integer(reply.results[0], 0, 0);
    remember(p, h);
  } else {
    tell_all(reply.results[1], each, arg);
    free_held(h);
  }
  pg_reply_clear(&reply);
  return true;
}

/* ---- renewing -------------------------------------------------------------------------------- */

/* Only what has used up a quarter of its time is renewed: a holder looks for requests every second,
 * and most of its looks are one cheap query then, without a write. A row that is not ours any more
 * is not changed; the look after the renewal sees all as they are then. */
static const char renew[] =
  "update davit.lease l set expires = clock_timestamp() + m.seconds * interval '1 s',"
  "  token = l.token + case when l.expires > clock_timestamp() then 0 else 1 end"
  " from unnest($1::text[], $2::text[], $3::float8[]) as m (name, run, seconds)"
  " where l.name = m.name and l.run = m.run and l.holder = $4"
  "  and l.expires < clock_timestamp() + 0.75 * m.seconds * interval '1 s'";
static const char look_all[] = "select " COLUMNS " from davit.lease where name = any($1::text[])";

static int find_row(const PGresult *r, const char *name)
{
  for (int row = 0; row < PQntuples(r); row++)
    if (strcmp(PQgetvalue(r, row, NAME), name) == 0)
      return row;
  return -1;
}

static bool is_ours(const struct pg_store *p, const struct pg_held *h, const PGresult *r, int row)
{
  return row >= 0 && strcmp(PQgetvalue(r, row, HOLDER), p->holder) == 0 &&
         strcmp(PQgetvalue(r, row, RUN), h->run) == 0;
}

struct renewal {
  const struct pg_store *store;
  const PGresult *rows;
  double left;
  store_each_lease *each;
  void *arg;
};

static void note_loss(struct renewal *n, struct pg_held *h, int row)
{
  struct store_lease l = {.name = h->name, .host = ""};
  h->lost = true;
  if (row >= 0)
    l = read_lease(n->rows, row);
  if (l.run && !*l.run)
    l.run = NULL;
  l.request = NULL;
  n->each(n->arg, &l);
}

static void note(struct renewal *n, struct pg_held *h)
{
  int row = find_row(n->rows, h->name);
  if (!is_ours(n->store, h, n->rows, row)) {
    note_loss(n, h, row);
    return;
  }
  struct store_lease l = read_lease(n->rows, row);
  h->token = l.token;
  n->left = fmin(n->left, l.left);
  if (l.request)
    n->each(n->arg, &l);
}

static void add_held(const struct pg_held *h, struct buf *names, struct buf *runs, struct buf *seconds)
{
  if (h->lost)
    return;
  pg_array_add(names, h->name);
  pg_array_add(runs, h->run);
  pg_array_add_double(seconds, h->seconds);
}

static bool is_due(const struct pg_store *p, const PGresult *rows)
{
  for (const struct pg_held *h = p->held; h; h = h->next) {
    int row = h->lost ? -1 : find_row(rows, h->name);
    if (is_ours(p, h, rows, row) && pg_double(rows, row, LEFT) < 0.75 * h->seconds)
      return true;
  }
  return false;
}

/* Looks, and if one is due, renews and looks again. */
static bool look_and_renew(struct pg_store *p, const char *const params[4], struct pg_reply *reply, struct fault *f)
{
  const struct pg_transaction looking = {
    .what = "renew leases in", .queries = {{look_all, params, 1}}, .n = 1};
  const struct pg_transaction renewing = {
    .what = "renew leases in", .queries = {{renew, params, 4}, {look_all, params, 1}}, .n = 2};
  if (!pg_run(&p->session, &looking, reply, f))
    return false;
  if (!is_due(p, reply->results[0]))
    return true;
  pg_reply_clear(reply);
  return pg_run(&p->session, &renewing, reply, f);
}

static bool run_renew(struct pg_store *p, struct pg_reply *reply, struct fault *f)
{
  struct buf names, runs, seconds;
  buf_init(&names, BUF_LIMIT);
  buf_init(&runs, BUF_LIMIT);
  buf_init(&seconds, BUF_LIMIT);
  for (const struct pg_held *h = p->held; h; h = h->next)
    add_held(h, &names, &runs, &seconds);
  const char *params[] = {pg_array_end(&names), pg_array_end(&runs), pg_array_end(&seconds), p->holder};
  bool ok = buf_ok(&names) && buf_ok(&runs) && buf_ok(&seconds) ? look_and_renew(p, params, reply, f)
                                                                : pg_out_of_memory(f);
  buf_free(&names);
  buf_free(&runs);
  buf_free(&seconds);
  return ok;
}

static bool holds_any(const struct pg_store *p)
{
  const struct pg_held *h = p->held;
  while (h && h->lost)
    h = h->next;
  return h;
}

bool pg_renew(struct store *base, double *left, store_each_lease *each, void *arg, struct fault *f)
{
  struct pg_store *p = of(base);
  struct pg_reply reply;
  *left = INFINITY;
  if (!holds_any(p))
    return true;
  if (!run_renew(p, &reply, f))
    return false;
  const PGresult *rows = reply.results[1] ? reply.results[1] : reply.results[0];
  struct renewal n = {p, rows, INFINITY, each, arg};
  for (struct pg_held *h = p->held; h; h = h->next)
    if (!h->lost)
      note(&n, h);
  *left = n.left;
  pg_reply_clear(&reply);
  return true;
}

/* ---- giving back, asking ---------------------------------------------------------------------- */

bool pg_release(struct store *base, const char *name, struct fault *f)
{
  static const char release[] =
    "update davit.lease set run = null, host = null, pid = null, holder = null, request = null,"
    " expires = clock_timestamp() where name = $1 and holder = $2";
  struct pg_store *p = of(base);
  const char *params[] = {name, p->holder};
  const struct pg_transaction t = {
    .what = "give a lease back in", .queries = {{release, params, 2}}, .n = 1};
  struct pg_reply reply;
  if (!pg_run(&p->session, &t, &reply, f))
    return false;
  pg_reply_clear(&reply);
  drop(p, name, NULL);
  return true;
}

bool pg_ask(struct store *base, const char *name, const char *request, bool *asked, struct fault *f)
{
  static const char ask[] = "update davit.lease set request = $2 where name = $1"
                            " and run is not null and expires > clock_timestamp()";
  const char *params[] = {name, request};
  const struct pg_transaction t = {
    .what = "leave a request in", .queries = {{ask, params, 2}}, .n = 1};
  struct pg_reply reply;
  *asked = false;
  if (!pg_run(&of(base)->session, &t, &reply, f))
    return false;
  *asked = strcmp(PQcmdTuples(reply.results[0]), "1") == 0;
  pg_reply_clear(&reply);
  return true;
}

/* ---- losing ---------------------------------------------------------------------------------- */

static const struct pg_held *find_held(const struct pg_store *p, const char *name, const char *run)
{
  const struct pg_held *h = p->held;
  while (h && !is_about(h, name, run))
    h = h->next;
  return h;
}

struct loss {
  const struct pg_store *store;
  const char *run;
  struct fault *fault;
  bool found;
};

static void explain(const struct loss *loss, const struct store_lease *l, const struct pg_held *h)
{
  struct fault *f = loss->fault;
  bool ours = !h->lost && l->token == h->token && *l->run;
  if (ours)
    fault_set(f, "lease-lost", "fatal", "the lease '%s' of run %s expired %.1f s ago", h->name, h->run,
              -l->left);
  else if (*l->run)
    fault_set(f, "lease-lost", "fatal", "the lease '%s' of run %s was taken over by run %s (%s, process %ld)",
              h->name, h->run, l->run, l->host, l->pid);
  else
    fault_set(f, "lease-lost", "fatal", "the lease '%s' of run %s was taken over, and given back since",
              h->name, h->run);
  fault_hint(f, "nothing was written; resume this run when nobody else works on it");
}

static bool look_for_loss(void *arg, const struct store_lease *l)
{
  struct loss *loss = arg;
  const struct pg_held *h = find_held(loss->store, l->name, loss->run);
  if (!h || (!h->lost && l->token == h->token && *l->run && l->left > 0))
    return true;
  loss->found = true;
  explain(loss, l, h);
  return false;
}

/* Asks who has it now: for the message only, the refusal stands. */
bool pg_lease_lost(struct pg_store *p, const char *run, struct fault *f)
{
  struct loss loss = {p, run, f, false};
  struct fault ignored;
  if (!pg_leases(&p->base, NULL, look_for_loss, &loss, &ignored) || !loss.found) {
    fault_set(f, "lease-lost", "fatal", "a lease of run %s is not its own any more: it was taken over, or it expired", run);
    fault_hint(f, "nothing was written; resume this run when nobody else works on it");
  }
  return false;
}
