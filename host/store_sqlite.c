/* store_sqlite.c - the store of runs in one SQLite file; see store.h and store_sqlite.h.
 *
 * A writing call is one transaction that holds the file's write lock from its first statement
 * (BEGIN IMMEDIATE): what it reads of leases is true until it is written. */
#include "store_sqlite.h"
#include <stdlib.h>
#include <string.h>

static struct store_sqlite *of(struct store *s)
{
  return (struct store_sqlite *)s;
}

/* ---- events ------------------------------------------------------------------------------------ */

static bool insert(struct store_sqlite *s, const struct store_event *e)
{
  return store_sqlite_run(s, SQL_ADD_RUN, "ttr", e->run, e->status, e->at) &&
         (!e->status || store_sqlite_run(s, SQL_MOVE_RUN, "ttr", e->run, e->status, e->at)) &&
         store_sqlite_run(s, SQL_ADD_EVENT, "trttt", e->run, e->at, e->kind, e->path, e->data);
}

/* A log that grows with every append costs the file system a transaction of its own each time: half
 * of the pace. Zeros beyond its end, which are no frames to SQLite, give a usual run room; nobody
 * else writes to it now. When that fails, the append will say what is wrong. */
static void make_room(struct store_sqlite *s)
{
  enum { ROOM = 512 << 10, PIECE = 64 << 10 };
  static const char zeros[PIECE];
  sqlite3_file *log = NULL;
  sqlite3_int64 size;
  s->has_room = true;
  if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || !log ||
      !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
    return;
  while (size < ROOM && log->pMethods->xWrite(log, zeros, PIECE, size) == SQLITE_OK)
    size += PIECE;
}

static bool append(struct store *store, const struct store_event *const *events, size_t n, struct fault *f)
{
  struct store_sqlite *s = of(store);
  if (!store_sqlite_begin(s, f))
    return false;
  if (!s->has_room)
    make_room(s);
  bool ok = store_sqlite_guard(s, events, n, f);
  for (size_t i = 0; ok && i < n; i++)
    ok = insert(s, events[i]) || store_sqlite_failed(s, "cannot write to", f);
  return store_sqlite_end(s, ok, f);
}

static const char *text(sqlite3_stmt *st, int column)
{
  return (const char *)sqlite3_column_text(st, column);
}

static struct store_event read_event(sqlite3_stmt *st)
{
  return (struct store_event){.seq = sqlite3_column_int64(st, 0), .run = text(st, 1),
                              .at = sqlite3_column_double(st, 2), .kind = text(st, 3), .path = text(st, 4),
                              .data = text(st, 5)};
}

static bool events(struct store *store, const struct store_filter *filter, store_each_event *each, void *arg,
                   struct fault *f)
{
  struct store_sqlite *s = of(store);
  sqlite3_stmt *st = store_sqlite_ready(s, filter->run ? SQL_EVENTS_OF : SQL_EVENTS, "tti", filter->run, filter->kind,
                                        filter->after);
  int code = SQLITE_ROW;
  for (bool more = true; more && (code = sqlite3_step(st)) == SQLITE_ROW;) {
    struct store_event e = read_event(st);
    more = each(arg, &e);
  }
  bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_sqlite_failed(s, "cannot read", f);
  sqlite3_reset(st);
  return ok;
}

/* ---- runs --------------------------------------------------------------------------------------- */

static struct store_run read_run(sqlite3_stmt *st)
{
  return (struct store_run){.run = text(st, 0), .status = text(st, 1), .started = sqlite3_column_double(st, 2),
                            .changed = sqlite3_column_double(st, 3), .first = text(st, 4),
                            .events = sqlite3_column_int64(st, 5), .bytes = sqlite3_column_int64(st, 6)};
}

static bool runs(struct store *store, const struct store_runs_filter *filter, store_each_run *each, void *arg,
                 struct fault *f)
{
  struct store_sqlite *s = of(store);
  long long limit = filter->limit > 0 ? filter->limit : -1;
  sqlite3_stmt *st = store_sqlite_ready(s, filter->run ? SQL_RUN : SQL_RUNS, "ttri", filter->run, filter->status,
                                        filter->changed_before, limit);
  int code = SQLITE_ROW;
  for (bool more = true; more && (code = sqlite3_step(st)) == SQLITE_ROW;) {
    struct store_run r = read_run(st);
    more = each(arg, &r);
  }
  bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_sqlite_failed(s, "cannot read", f);
  sqlite3_reset(st);
  return ok;
}

static bool forget(struct store *store, const char *run, struct fault *f)
{
  struct store_sqlite *s = of(store);
  const struct store_clock *c = s->clock;
  if (!store_sqlite_begin(s, f))
    return false;
  bool ok = store_sqlite_run(s, SQL_FORGET_MARK, "") && store_sqlite_run(s, SQL_FORGET_EVENTS, "t", run) &&
            store_sqlite_run(s, SQL_FORGET_RUN, "t", run) &&
            store_sqlite_run(s, SQL_FORGET_LEASE, "trrt", s->boot, c->now(c->arg), c->wall(c->arg), run);
  return store_sqlite_end(s, ok || store_sqlite_failed(s, "cannot write to", f), f);
}

/* ---- its life -------------------------------------------------------------------------------------- */

static void free_store(struct store *store)
{
  struct store_sqlite *s = of(store);
  for (int i = 0; i < STATEMENTS; i++)
    sqlite3_finalize(s->statements[i]);
  sqlite3_close(s->db);
  store_sqlite_forget_held(s);
  free(s->file);
  free(s);
}

static const struct store_ops ops = {
  .append = append, .events = events, .runs = runs, .take = store_sqlite_take, .renew = store_sqlite_renew,
  .release = store_sqlite_release, .ask = store_sqlite_ask, .leases = store_sqlite_leases, .forget = forget,
  .free = free_store};

struct store *store_sqlite_new(const char *file, const struct store_clock *clock, struct fault *fault)
{
  struct store_sqlite *s = calloc(1, sizeof *s);
  if (!s || !(s->file = strdup(file))) {
    free(s);
    fault_set(fault, "out-of-memory", "fatal", "not enough memory");
    return NULL;
  }
  s->store.ops = &ops;
  s->clock = clock;
  store_clock_boot(clock, s->boot, sizeof s->boot);
  if (store_sqlite_open(s, fault))
    return &s->store;
  free_store(&s->store);
  return NULL;
}
