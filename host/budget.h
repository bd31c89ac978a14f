/* budget.h - how many requests a credential has left, for all who share it. Knows nothing of Lua.
 *
 * An account is kept for each credential at an origin: what was sent, in sliding windows; what the
 * service said is left; until when it turns the credential away. A ledger holds accounts, in memory or in a
 * file that the processes of a machine share.
 *
 * The file is a table of a fixed size. Whoever reads or changes it holds flock() for a few microseconds;
 * the kernel drops that with its holder. An account whose sum is wrong is an empty one, so a file that is
 * corrupt, or of another kind, starts afresh. What cannot be kept in the file is kept in memory.
 *
 * `now` is Unix seconds, in every call; a clock that is set back makes nobody wait longer. */
#ifndef BUDGET_H
#define BUDGET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUDGET_LIMITS = 4, BUDGET_KEY = 32 };

/* So many requests in a sliding window of seconds; the one that asks counts for `cost`. */
struct budget_limit {
  unsigned limit, cost;
  double window;
};

/* Whose requests are counted. Who shares a key names the same limits in the same order. */
struct budget_claim {
  const char *key;  /* BUDGET_KEY characters */
  struct budget_limit limits[BUDGET_LIMITS];
  size_t count;
};

enum budget_reason {
  BUDGET_GRANTED,
  BUDGET_HELD,   /* the service turned the credential away */
  BUDGET_SPENT,  /* the service says that nothing is left */
  BUDGET_LIMIT,  /* one of our own limits is reached */
  BUDGET_PACED,  /* little is left: what there is is spread */
};

struct budget_verdict {
  enum budget_reason reason;
  double wait;      /* seconds after which to ask again */
  int claim, limit; /* which limit of which claim, for BUDGET_LIMIT */
  uint32_t ticket;  /* of a granted request, for budget_tell */
};

/* What an answer said. */
struct budget_news {
  bool counted;               /* `remaining`, `quota` and `reset` are known */
  unsigned remaining, quota;  /* requests; a quota of 0: not said */
  double reset;               /* seconds until the service counts anew */
  double hold;                /* seconds for which it turns the credential away, or 0 */
};

/* ---- one account: budget.c ------------------------------------------------------------ */

enum { BUDGET_STEPS = 16 };

/* What was sent in each sixteenth of the window and the one that is going on. */
struct budget_meter {
  double window;
  int64_t step;
  uint32_t counts[BUDGET_STEPS + 1];
  uint32_t unused;
};

/* As it stands in the file. All zero: an empty one. */
struct budget_account {
  char key[BUDGET_KEY];
  double stamp;     /* when it was used last */
  double held;      /* until then the service turns the credential away */
  double reset;     /* until then `remaining` means something */
  double granted;   /* when the last request was let go */
  uint32_t remaining, quota;
  uint32_t tickets; /* requests that were let go */
  uint32_t unused;
  struct budget_meter meters[BUDGET_LIMITS];
  uint64_t sum;
};

/* Brings the account to `now`: windows move on, and after a clock was set back all its times are moved
 * with it. True: they were, and that must be kept. */
bool budget_settle(struct budget_account *a, const struct budget_claim *c, double now);
/* Whether a request may go; changes nothing. */
void budget_judge(const struct budget_account *a, const struct budget_claim *c, double now,
                  struct budget_verdict *v);
/* Counts a request; returns its ticket. */
uint32_t budget_grant(struct budget_account *a, const struct budget_claim *c, double now);
/* Takes in what the answer to the request with this ticket said; 0: one that went uncounted. */
void budget_learn(struct budget_account *a, uint32_t ticket, const struct budget_news *n, double now);

/* ---- the ledger: budget_file.c ---------------------------------------------------------- */

struct budget_ledger;

/* `path`: the file, made with its folders (0700) when missing; NULL: memory only. A file that cannot be
 * had is none. NULL: out of memory. */
struct budget_ledger *budget_open(const char *path);
void budget_close(struct budget_ledger *l);
/* True when the accounts are in the file. */
bool budget_shared(const struct budget_ledger *l);
/* Lets one request go that counts in every claim, or says why not; the ticket is the first claim's.
 * False: another process holds the file, ask again in a moment. */
bool budget_take(struct budget_ledger *l, const struct budget_claim *claims, size_t n, double now,
                 struct budget_verdict *v);
/* False: as above. */
bool budget_tell(struct budget_ledger *l, const char *key, uint32_t ticket, const struct budget_news *news,
                 double now);
#endif
