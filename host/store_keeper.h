/* store_keeper.h - keeps the leases that are held through one store: renews them in time, tells
 * of requests and losses, and knows whether they are valid now. Knows nothing of Lua or threads.
 *
 * Valid is judged by the local clock, from the moment a renewal was asked for: a lease may be
 * held longer than the keeper says, never shorter. When the store cannot be reached until a
 * lease has expired, all are lost: the store renews all of them or none. */
#ifndef STORE_KEEPER_H
#define STORE_KEEPER_H
#include "store.h"

struct store_keeper;

/* What the holder of a lease is told; it begins a block that also holds its strings. */
struct store_notice {
  struct store_notice *next;
  const char *name;
  const char *request;  /* NULL: the lease is lost */
  const char *run;      /* lost: the new holder, or NULL */
};

/* Hands over the notice, to be freed with free(). */
typedef void store_tell(void *arg, struct store_notice *n);

/* Owns the store from then on; the clock outlives it. NULL: out of memory, the store is freed. */
struct store_keeper *store_keeper_new(struct store *s, const struct store_clock *clock, store_tell *tell, void *arg);
void store_keeper_free(struct store_keeper *k);
struct store *store_keeper_store(struct store_keeper *k);
/* The store's functions of the same names, which the keeper has to know of. */
bool store_keeper_take(struct store_keeper *k, const struct store_claim *c, long long *token,
                       store_each_lease *each, void *arg, struct fault *fault);
bool store_keeper_release(struct store_keeper *k, const char *name, struct fault *fault);
/* When to renew next, by the clock; INFINITY: nothing is held. */
double store_keeper_due(const struct store_keeper *k);
/* Renews; false: see the fault, it is tried again at the next due time. */
bool store_keeper_renew(struct store_keeper *k, struct fault *fault);
/* Until when all leases are valid, by the clock; INFINITY: nothing is held. */
double store_keeper_until(const struct store_keeper *k);
/* The first loss that was not released yet, or NULL. */
const struct fault *store_keeper_lost(const struct store_keeper *k);
#endif
