/* store_postgres.h - what the files of the PostgreSQL store share.
 *
 * store_postgres.c          the interface of store.h: events and runs
 * store_postgres_lease.c    leases
 * store_postgres_session.c  the connection: transactions, deadlines, retries, faults
 * store_postgres_schema.c   the schema `davit` */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H
#include "buf.h"
#include "sql_connect.h"
#include "store.h"

/* ---- transactions ------------------------------------------------------------------------- */

/* Seconds. A call gives up `budget` seconds after its first try; one try lasts at most
 * `connect` for each address and `answer` for the transaction. */
struct pg_limits {
  double budget, connect, answer;
};

struct pg_session {
  struct sql_target target;
  struct pg_limits limits;
  PGconn *conn;    /* NULL before the connection and after it broke */
};

enum { PG_QUERIES_MAX = 4 };

struct pg_query {
  const char *text;
  const char *const *params;  /* texts; NULL is null */
  int n;
};

/* Queries that take effect together or not at all, sent in one go. May be carried out once more
 * when the reply was lost: it must then do no harm. */
struct pg_transaction {
  const char *what;           /* "cannot WHAT the journal" */
  const char *done_by;        /* a unique index: breaking it says that an earlier try got through */
  struct pg_query queries[PG_QUERIES_MAX];
  size_t n;
};

struct pg_reply {
  PGresult *results[PG_QUERIES_MAX];  /* of each query; NULL: done_by spoke */
};

enum pg_outcome {
  PG_DONE,
  PG_LOST,      /* there is no connection, or it broke: the fate of the transaction is unknown */
  PG_CONFLICT,  /* the server undid it in favour of another */
  PG_FAILED,    /* final */
};

/* False: see the fault. */
bool pg_session_init(struct pg_session *s, const char *url, const struct pg_limits *limits,
                     struct fault *f);
void pg_session_free(struct pg_session *s);
/* One try over the open connection. Any outcome but PG_DONE is explained in the fault. */
enum pg_outcome pg_try(struct pg_session *s, const struct pg_transaction *t,
                       struct pg_reply *reply, char sqlstate[6], struct fault *f);
/* Connects if need be, and tries until the budget is used up. False: see the fault. */
bool pg_run(struct pg_session *s, const struct pg_transaction *t, struct pg_reply *reply,
            struct fault *f);
void pg_reply_clear(struct pg_reply *reply);

/* Makes the schema, or looks whether this program knows it. */
enum pg_outcome pg_schema_prepare(struct pg_session *s, struct fault *f);

/* ---- values ------------------------------------------------------------------------------- */

/* Appends an element to an array's text, which begins as an empty buffer; NULL is null.
 * pg_array_end returns the text. */
void pg_array_add(struct buf *array, const char *text);
void pg_array_add_double(struct buf *array, double value);
const char *pg_array_end(struct buf *array);

/* A cell's text; NULL when it is null. */
const char *pg_text(const PGresult *r, int row, int column);
long long pg_integer(const PGresult *r, int row, int column);
double pg_double(const PGresult *r, int row, int column);

bool pg_out_of_memory(struct fault *f);

/* ---- the store ---------------------------------------------------------------------------- */

enum { PG_UUID = 37 };

/* A lease that was taken through this store, until it is released. */
struct pg_held {
  struct pg_held *next;
  char *name, *run;
  double seconds;
  long long token;
  bool lost;      /* a renewal has told that somebody took it over */
};

struct pg_store {
  struct store base;
  struct pg_session session;
  char holder[PG_UUID];  /* a random name: which rows of davit.lease are this store's */
  struct pg_held *held;
};

/* store_postgres_new with limits of one's own. */
struct store *store_postgres_open(const char *url, const struct pg_limits *limits,
                                  struct fault *fault);

bool pg_take(struct store *, const struct store_claim *, long long *token, store_each_lease *,
             void *arg, struct fault *);
bool pg_renew(struct store *, double *left, store_each_lease *, void *arg, struct fault *);
bool pg_release(struct store *, const char *name, struct fault *);
bool pg_ask(struct store *, const char *name, const char *request, bool *asked, struct fault *);
bool pg_leases(struct store *, const char *name, store_each_lease *, void *arg, struct fault *);
/* Says in the fault ("lease-lost") which lease of the run is not its own any more. */
bool pg_lease_lost(struct pg_store *, const char *run, struct fault *);
void pg_forget_held(struct pg_store *);
#endif
