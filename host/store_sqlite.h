/* store_sqlite.h - what the parts of the store in a file share; nobody else includes it.
 *
 * store_sqlite.c has the events and runs, store_sqlite_lease.c the leases, store_sqlite_schema.c
 * opens the file and upgrades it, store_sqlite_statement.c has all statements and faults. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H
#include "store.h"
#include <sqlite3.h>

enum { STORE_BUSY_MS = 5000 };

enum statement {
  SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
  SQL_ADD_RUN, SQL_MOVE_RUN, SQL_ADD_EVENT, SQL_EVENTS, SQL_EVENTS_OF, SQL_RUNS, SQL_RUN,
  SQL_FORGET_MARK, SQL_FORGET_EVENTS, SQL_FORGET_RUN, SQL_FORGET_LEASE,
  SQL_LEASE, SQL_LEASES, SQL_TAKE, SQL_RENEW, SQL_RELEASE, SQL_ASK,
  STATEMENTS
};

/* A lease taken through this store. */
struct held {
  struct held *next;
  bool lost;
  long long token, renewed;  /* renewed: its token once the transaction under way is written */
  double seconds;
  char *name, *run;
};

struct store_sqlite {
  struct store store;
  sqlite3 *db;
  char *file;
  const struct store_clock *clock;
  char boot[64];
  sqlite3_stmt *statements[STATEMENTS];
  struct held *held;
  bool has_room;  /* the log was made longer */
};

/* ---- store_sqlite_statement.c ---- */

/* Readies a statement, prepared once; one letter of `types` for each parameter: t text (or
 * NULL), r real, i long long. What it gives is stepped, and then reset by the caller. */
sqlite3_stmt *store_sqlite_ready(struct store_sqlite *s, enum statement which, const char *types, ...);
/* Runs a statement that returns no rows. */
bool store_sqlite_run(struct store_sqlite *s, enum statement which, const char *types, ...);
/* Begins to write; nobody else writes until store_sqlite_end. */
bool store_sqlite_begin(struct store_sqlite *s, struct fault *fault);
/* Commits when ok, else takes everything back: the fault is then set already. */
bool store_sqlite_end(struct store_sqlite *s, bool ok, struct fault *fault);
/* Sets the fault for what SQLite says; false. `what`: "cannot write to". */
bool store_sqlite_failed(struct store_sqlite *s, const char *what, struct fault *fault);

/* ---- store_sqlite_schema.c ---- */

/* Opens the file, makes or upgrades the schema. */
bool store_sqlite_open(struct store_sqlite *s, struct fault *fault);

/* ---- store_sqlite_lease.c ---- */

/* Inside a transaction: false, with the fault "lease-lost", when a lease that was taken for one of
 * the events' runs is not held any more. */
bool store_sqlite_guard(struct store_sqlite *s, const struct store_event *const *events, size_t n,
                        struct fault *fault);
bool store_sqlite_take(struct store *, const struct store_claim *, long long *token, store_each_lease *,
                       void *arg, struct fault *);
bool store_sqlite_renew(struct store *, double *left, store_each_lease *, void *arg, struct fault *);
bool store_sqlite_release(struct store *, const char *name, struct fault *);
bool store_sqlite_ask(struct store *, const char *name, const char *request, bool *asked, struct fault *);
bool store_sqlite_leases(struct store *, const char *name, store_each_lease *, void *arg, struct fault *);
void store_sqlite_forget_held(struct store_sqlite *s);
#endif
