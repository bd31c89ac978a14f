/* store.h - where runs are recorded: their events, and the leases they work under.
 *
 * Two stores stand behind this interface: store_sqlite.c, a file on one machine, and
 * store_postgres.c, a database that many machines share. A function returns when its work is
 * durable, or has failed as a whole: nothing is half written. They block: store_thread.c gives
 * a store a thread of its own. One thread uses a store at a time. Knows nothing of Lua.
 *
 * A lease is held by a run from take to release, as long as it is renewed before it expires.
 * Its token grows whenever it changes hands, and when its holder comes back after the expiry.
 * A store remembers the leases taken through it; an append is refused ("lease-lost") unless
 * every one that was taken for the run of one of its events is still the newest and has not
 * expired: a holder that was paused cannot write over its successor. Coming back late, it may
 * renew as long as nobody took over.
 *
 * Times are the store's, so that nobody's wall clock decides: seconds since boot for a file
 * (with the boot's id: after another boot the wall clock decides), the server's for a database.
 *
 * Faults: "journal-newer" (a schema this program does not know: nothing was changed),
 * "journal-damaged", "journal-full", "journal-busy", "journal-denied", "journal-lost" (the
 * server cannot be reached, also not after retries), "journal-failed", "lease-lost"; all fatal. */
#ifndef STORE_H
#define STORE_H
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>

struct store_event {
  long long seq;            /* set by the store, growing; never given twice */
  double at;                /* Unix seconds */
  const char *run, *kind, *path, *data;  /* data: JSON text */
  const char *status;       /* the run's status from here on; NULL: as it was. Not read back. */
};

struct store_filter {       /* what to read; NULL and 0: any */
  const char *run, *kind;
  long long after;          /* only events with a greater seq */
};

/* A run's row: made by its first event ("running", unless that says otherwise), moved by those
 * with a status. */
struct store_run {
  const char *run, *status;
  const char *first;        /* data of its first event */
  double started, changed;  /* Unix seconds: `at` of its first event, and of the last with a status */
  long long events, bytes;  /* what it takes in the store */
};

struct store_runs_filter {
  const char *run, *status; /* NULL: any */
  double changed_before;    /* Unix seconds; 0: any */
  long limit;               /* the newest so many; 0: all */
};

struct store_claim {
  const char *name, *run;
  const char *host;
  long pid;
  double seconds;           /* until it expires unless it is renewed */
  long long instead_of;     /* takes it over from the holder with this token although it has not
                             * expired; 0: only a free or expired one */
};

struct store_lease {
  const char *name, *run, *host;
  long pid;
  long long token;
  double since, left;       /* Unix seconds; seconds until it expires, <= 0: it has */
  const char *request;      /* what store_ask left for the holder, or NULL */
};

struct store;

/* The strings live during the call. Returning false stops the reading. */
typedef bool store_each_event(void *arg, const struct store_event *e);
typedef bool store_each_run(void *arg, const struct store_run *r);
typedef bool store_each_lease(void *arg, const struct store_lease *l);

struct store_ops {
  bool (*append)(struct store *, const struct store_event *const *events, size_t n, struct fault *);
  bool (*events)(struct store *, const struct store_filter *, store_each_event *, void *arg, struct fault *);
  bool (*runs)(struct store *, const struct store_runs_filter *, store_each_run *, void *arg, struct fault *);
  /* *token is 0 when somebody holds it: each() was told who. The run's own earlier process counts
   * as somebody. A run that takes a lease again which this store holds for it has it renewed, and
   * gets its token. */
  bool (*take)(struct store *, const struct store_claim *, long long *token, store_each_lease *, void *arg,
               struct fault *);
  /* Renews all that this store holds; one that has more than three quarters of its seconds left may
   * stay as it is. each() is told of every one that has a request, each time,
   * and once of every one that was lost: then the request is NULL, and the run is the new holder's,
   * or NULL. A lost one is not renewed again, and its run's appends stay refused until
   * store->release of its name. *left: seconds until the first of those still held expires,
   * INFINITY when there is none. */
  bool (*renew)(struct store *, double *left, store_each_lease *, void *arg, struct fault *);
  /* Gives a lease back; one that is not ours any more stays whose it is. Its token lives on. */
  bool (*release)(struct store *, const char *name, struct fault *);
  /* Leaves a request with whoever holds the lease; *asked is false when nobody does, or it has
   * expired. A later request replaces it; it ends when the lease changes hands. */
  bool (*ask)(struct store *, const char *name, const char *request, bool *asked, struct fault *);
  /* name: NULL for all; those that were given back are told with an empty run and left 0. */
  bool (*leases)(struct store *, const char *name, store_each_lease *, void *arg, struct fault *);
  /* Removes the run with its events, and the lease called run/ID unless somebody holds it. */
  bool (*forget)(struct store *, const char *run, struct fault *);
  void (*free)(struct store *);
};

/* What an implementation begins with. */
struct store {
  const struct store_ops *ops;
};

/* Seconds that never go back, for the leases of a file; boot names their origin (NULL: the
 * machine's own boot). */
struct store_clock {
  double (*now)(void *arg);
  double (*wall)(void *arg);
  void *arg;
  const char *boot;
};

/* The machine's own: CLOCK_BOOTTIME, which goes on while the machine sleeps. */
const struct store_clock *store_clock_system(void);
/* Writes the id of the boot that the clock counts from. */
void store_clock_boot(const struct store_clock *clock, char *id, size_t size);
/* Opens or makes the file (0600); ":memory:" keeps it in memory,
 * ":memory:/name" in memory that all of this process share who use the name. NULL: see the fault. */
struct store *store_sqlite_new(const char *file, const struct store_clock *clock, struct fault *fault);
/* Does now what is else done when a call needs it first: no statement has to be prepared any more. */
void store_sqlite_warm(struct store *s);
/* Connects with the first call, and again when the connection was lost. NULL: see the fault. */
struct store *store_postgres_new(const char *url, struct fault *fault);
#endif
