/* store_postgres.c - the store of runs in a database that many machines share; see store.h.
 *
 * Everything is durable when it is acknowledged: a transaction has ended for us when the server
 * says so, and synchronous_commit is left as the database has it (on). When that word is lost the
 * transaction is sent again, and does no harm: a batch of events carries a random name, which
 * the server takes once; the rest says what shall be, not what shall change.
 *
 * Reading goes page by page, each a transaction of its own that begins behind the last row that
 * was told: no row is told twice, and none has to wait in memory for all others. */
#include "store_postgres.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 1000 };

static struct pg_store *of(struct store *base)
{
  return (struct pg_store *)base;
}

/* ---- values ---------------------------------------------------------------------------------- */

void pg_array_add(struct buf *array, const char *text)
{
  buf_add_char(array, array->len ? ',' : '{');
  if (!text) {
    buf_add_str(array, "NULL");
    return;
  }
  buf_add_char(array, '"');
  for (size_t n; *text; text += n) {
    n = strcspn(text, "\"\\");
    if (n == 0) {
      buf_add_char(array, '\\');
      n = 1;
    }
    buf_add(array, text, n);
  }
  buf_add_char(array, '"');
}

void pg_array_add_double(struct buf *array, double value)
{
  char text[32];
  snprintf(text, sizeof text, "%.17g", value);
  pg_array_add(array, text);
}

const char *pg_array_end(struct buf *array)
{
  buf_add_str(array, array->len ? "}" : "{}");
  return buf_str(array);
}

const char *pg_text(const PGresult *r, int row, int column)
{
  return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

long long pg_integer(const PGresult *r, int row, int column)
{
  return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

double pg_double(const PGresult *r, int row, int column)
{
  return strtod(PQgetvalue(r, row, column), NULL);
}

/* ---- random names ----------------------------------------------------------------------------- */

static bool fill_random(unsigned char *bytes, size_t n, struct fault *f)
{
  if (getentropy(bytes, n) == 0)
    return true;
  fault_set(f, "journal-failed", "fatal", "the system gave no random bytes");
  return false;
}

static void write_uuid(char out[PG_UUID], const unsigned char b[16])
{
  snprintf(out, PG_UUID, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
           b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
           b[14], b[15]);
}

/* A UUID of version 7: milliseconds, then 74 random bits. Names that grow with time are written
 * at the end of their index, and not all over it. */
static bool new_uuid(char out[PG_UUID], struct fault *f)
{
  unsigned char b[16];
  struct timespec t;
  if (!fill_random(b, sizeof b, f))
    return false;
  clock_gettime(CLOCK_REALTIME, &t);
  unsigned long long ms = (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
  for (int i = 0; i < 6; i++)
    b[i] = (unsigned char)(ms >> (40 - 8 * i));
  b[6] = (unsigned char)(0x70 | (b[6] & 0x0F));
  b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
  write_uuid(out, b);
  return true;
}

/* ---- writing events --------------------------------------------------------------------------- */

/* The parameters of davit.append that are arrays, in its order. */
enum { NAMES, TOKENS, RUNS, TIMES, KINDS, PATHS, DATA, STATUSES, ARRAYS };

struct batch {
  struct buf arrays[ARRAYS];
  const char *texts[ARRAYS];
  char name[PG_UUID];
};

static void batch_free(struct batch *b)
{
  for (int i = 0; i < ARRAYS; i++)
    buf_free(&b->arrays[i]);
}

static void add_event(struct batch *b, const struct store_event *e)
{
  pg_array_add(&b->arrays[RUNS], e->run);
  pg_array_add_double(&b->arrays[TIMES], e->at);
  pg_array_add(&b->arrays[KINDS], e->kind);
  pg_array_add(&b->arrays[PATHS], e->path);
  pg_array_add(&b->arrays[DATA], e->data);
  pg_array_add(&b->arrays[STATUSES], e->status);
}

static bool is_for(const struct pg_held *h, const struct store_event *const *events, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(events[i]->run, h->run) == 0)
      return true;
  return false;
}

/* The leases that the events' runs hold, for the server to check; one that is lost is refused
 * without asking. */
static bool add_leases(struct pg_store *p, struct batch *b, const struct store_event *const *events,
                       size_t n, struct fault *f)
{
  char token[24];
  for (const struct pg_held *h = p->held; h; h = h->next) {
    if (!is_for(h, events, n))
      continue;
    if (h->lost)
      return pg_lease_lost(p, h->run, f);
    snprintf(token, sizeof token, "%lld", h->token);
    pg_array_add(&b->arrays[NAMES], h->name);
    pg_array_add(&b->arrays[TOKENS], token);
  }
  return true;
}

static bool end_batch(struct batch *b, struct fault *f)
{
  for (int i = 0; i < ARRAYS; i++) {
    b->texts[i] = pg_array_end(&b->arrays[i]);
    if (!buf_ok(&b->arrays[i]))
      return pg_out_of_memory(f);
  }
  return true;
}

static bool make_batch(struct pg_store *p, struct batch *b, const struct store_event *const *events,
                       size_t n, struct fault *f)
{
  for (int i = 0; i < ARRAYS; i++)
    buf_init(&b->arrays[i], BUF_LIMIT);
  for (size_t i = 0; i < n; i++)
    add_event(b, events[i]);
  return add_leases(p, b, events, n, f) && end_batch(b, f) && new_uuid(b->name, f);
}

/* *valid: whether the leases were. */
static bool send_batch(struct pg_store *p, const struct batch *b, bool *valid, struct fault *f)
{
  static const char append[] = "select davit.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
  const char *const *a = b->texts;
  const char *params[] = {p->holder, a[NAMES], a[TOKENS], b->name, a[RUNS], a[TIMES], a[KINDS],
                          a[PATHS], a[DATA], a[STATUSES]};
  const struct pg_transaction t = {
    .what = "write to", .done_by = "event_batch", .queries = {{append, params, 10}}, .n = 1};
  struct pg_reply reply;
  if (!pg_run(&p->session, &t, &reply, f))
    return false;
  const PGresult *r = reply.results[0];
  *valid = !r || *PQgetvalue(r, 0, 0) == 't';
  pg_reply_clear(&reply);
  return true;
}

/* The run among the events' that holds leases; the server has refused them for one. */
static const char *run_with_leases(const struct pg_store *p, const struct store_event *const *events,
                                   size_t n)
{
  const struct pg_held *h = p->held;
  while (h && !is_for(h, events, n))
    h = h->next;
  return h ? h->run : events[0]->run;
}

static bool append(struct store *base, const struct store_event *const *events, size_t n,
                   struct fault *f)
{
  struct pg_store *p = of(base);
  struct batch b;
  bool valid = true;
  if (n == 0)
    return true;
  bool ok = make_batch(p, &b, events, n, f) && send_batch(p, &b, &valid, f);
  if (ok && !valid)
    ok = pg_lease_lost(p, run_with_leases(p, events, n), f);
  batch_free(&b);
  return ok;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Tells a row; returns where the next page begins. */
typedef long long read_row(const PGresult *r, int row, void *reading, bool *more);

static bool read_pages(struct pg_store *p, struct pg_transaction *t, char after[24], read_row *read,
                       void *reading, struct fault *f)
{
  bool more = true, full = true;
  while (more && full) {
    struct pg_reply reply;
    if (!pg_run(&p->session, t, &reply, f))
      return false;
    const PGresult *r = reply.results[0];
    full = PQntuples(r) == PAGE;
    for (int row = 0; more && row < PQntuples(r); row++)
      snprintf(after, 24, "%lld", read(r, row, reading, &more));
    pg_reply_clear(&reply);
  }
  return true;
}

struct reading_events {
  store_each_event *each;
  void *arg;
};

static long long read_event(const PGresult *r, int row, void *reading, bool *more)
{
  const struct reading_events *to = reading;
  struct store_event e = {
    .seq = pg_integer(r, row, 0),
    .at = pg_double(r, row, 1),
    .run = PQgetvalue(r, row, 2),
    .kind = PQgetvalue(r, row, 3),
    .path = PQgetvalue(r, row, 4),
    .data = PQgetvalue(r, row, 5),
  };
  *more = to->each(to->arg, &e);
  return e.seq;
}

#define EVENTS \
  "select e.seq, extract(epoch from e.at)::float8, r.name, e.kind, e.path, e.data" \
  " from davit.event e join davit.run r on r.id = e.run" \
  " where e.seq > $1 and ($2::text is null or e.kind = $2)"

static bool events(struct store *base, const struct store_filter *filter, store_each_event *each,
                   void *arg, struct fault *f)
{
  static const char of_all[] = EVENTS " order by e.seq limit 1000";
  static const char of_run[] = EVENTS " and e.run = (select id from davit.run where name = $3)"
                                      " order by e.seq limit 1000";
  char after[24];
  snprintf(after, sizeof after, "%lld", filter->after);
  const char *params[] = {after, filter->kind, filter->run};
  struct pg_query q = filter->run ? (struct pg_query){of_run, params, 3} : (struct pg_query){of_all, params, 2};
  struct pg_transaction t = {.what = "read", .queries = {q}, .n = 1};
  return read_pages(of(base), &t, after, read_event, &(struct reading_events){each, arg}, f);
}

struct reading_runs {
  store_each_run *each;
  void *arg;
  long left;   /* how many are still wanted; 0: all */
};

static long long read_run(const PGresult *r, int row, void *reading, bool *more)
{
  struct reading_runs *to = reading;
  struct store_run run = {
    .run = PQgetvalue(r, row, 1),
    .status = PQgetvalue(r, row, 2),
    .first = PQgetvalue(r, row, 3),
    .started = pg_double(r, row, 4),
    .changed = pg_double(r, row, 5),
    .events = pg_integer(r, row, 6),
    .bytes = pg_integer(r, row, 7),
  };
  *more = to->each(to->arg, &run) && (to->left == 0 || --to->left > 0);
  return pg_integer(r, row, 0);
}

static bool runs(struct store *base, const struct store_runs_filter *filter, store_each_run *each,
                 void *arg, struct fault *f)
{
  static const char select[] =
    "select r.id, r.name, r.status, e.data, extract(epoch from r.started)::float8,"
    "  extract(epoch from r.changed)::float8, r.events, r.bytes from ("
    "  select * from davit.run where id < $1 and ($2::text is null or name = $2)"
    "    and ($3::text is null or status = $3)"
    "    and ($4::float8 = 0 or changed < to_timestamp($4))"
    "  order by id desc limit least(1000, $5::bigint)) r"
    " left join lateral (select data from davit.event where run = r.id order by seq limit 1) e on true"
    " order by r.id desc";
  char before[24] = "9223372036854775807", changed[32], limit[24];
  snprintf(changed, sizeof changed, "%.17g", filter->changed_before);
  snprintf(limit, sizeof limit, "%ld", filter->limit ? filter->limit : PAGE);
  const char *params[] = {before, filter->run, filter->status, changed, limit};
  struct pg_transaction t = {.what = "read", .queries = {{select, params, 5}}, .n = 1};
  struct reading_runs to = {each, arg, filter->limit};
  return read_pages(of(base), &t, before, read_run, &to, f);
}

/* ---- forgetting -------------------------------------------------------------------------------- */

/* The events go with their run. An append to it waits, and then makes it anew. */
static bool forget(struct store *base, const char *run, struct fault *f)
{
  static const char forget_run[] = "delete from davit.run where name = $1";
  static const char forget_lease[] = "delete from davit.lease where name = 'run/' || $1"
                                     " and (run is null or expires <= clock_timestamp())";
  const char *params[] = {run};
  const struct pg_transaction t = {
    .what = "forget a run in", .queries = {{forget_lease, params, 1}, {forget_run, params, 1}}, .n = 2};
  struct pg_reply reply;
  if (!pg_run(&of(base)->session, &t, &reply, f))
    return false;
  pg_reply_clear(&reply);
  return true;
}

/* ---- the store --------------------------------------------------------------------------------- */

static void free_store(struct store *base)
{
  struct pg_store *p = of(base);
  if (!p)
    return;
  pg_session_free(&p->session);
  pg_forget_held(p);
  free(p);
}

static const struct store_ops ops = {
  .append = append, .events = events, .runs = runs, .take = pg_take, .renew = pg_renew,
  .release = pg_release, .ask = pg_ask, .leases = pg_leases, .forget = forget, .free = free_store,
};

struct store *store_postgres_open(const char *url, const struct pg_limits *limits,
                                  struct fault *fault)
{
  struct pg_store *p = calloc(1, sizeof *p);
  if (!p) {
    pg_out_of_memory(fault);
    return NULL;
  }
  p->base.ops = &ops;
  if (pg_session_init(&p->session, url, limits, fault) && new_uuid(p->holder, fault))
    return &p->base;
  free_store(&p->base);
  return NULL;
}

struct store *store_postgres_new(const char *url, struct fault *fault)
{
  static const struct pg_limits limits = {.budget = 20, .connect = 5, .answer = 10};
  return store_postgres_open(url, &limits, fault);
}
