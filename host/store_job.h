/* store_job.h - one call on a store as a value: what is asked, and what came of it.
 *
 * A job owns copies of all it holds, so that another thread may run it than those that made it
 * and will read it. Knows nothing of Lua. */
#ifndef STORE_JOB_H
#define STORE_JOB_H
#include "effect.h"
#include "store_keeper.h"

enum store_call {
  STORE_APPEND, STORE_EVENTS, STORE_RUNS, STORE_TAKE, STORE_RELEASE, STORE_ASK, STORE_LEASES, STORE_FORGET
};

/* What is asked; what a call does not need is left out. */
struct store_request {
  enum store_call call;
  const struct store_event *events;  /* append */
  size_t count;
  struct store_filter filter;        /* events */
  struct store_runs_filter runs;
  struct store_claim claim;          /* take */
  const char *name;                  /* of a lease; forget: of the run */
  const char *request;               /* ask */
};

union store_row {
  struct store_event event;
  struct store_run run;
  struct store_lease lease;
};

struct store_job {
  struct effect effect;
  struct fault fault;
  struct store_request request;
  union store_row *rows;  /* what was read; take: the holder */
  size_t row_count, row_size;
  long long token;        /* take */
  bool asked;             /* ask */
  struct store_text *texts;
  struct store_job *next; /* store_thread.c's */
  bool abandoned, told;
};

/* Copies the request; NULL: out of memory. */
struct store_job *store_job_new(const struct store_request *r);
void store_job_free(struct store_job *j);
/* Does it, on the keeper's store. */
void store_job_run(struct store_job *j, struct store_keeper *k);
/* Does several appends in one transaction. Where a lease was lost, only the jobs of its run fail. */
void store_job_run_group(struct store_job *const *jobs, size_t n, struct store_keeper *k);
#endif
