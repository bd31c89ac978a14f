/* store_notices.h - the notices of a session that nobody has read yet, and who waits for one.
 *
 * The loop's side: everything here runs on the loop's thread. Knows nothing of Lua. */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H
#include "effect.h"
#include "store_keeper.h"

/* Finishes when there is a notice to take, or when there will be none any more. */
struct store_watch {
  struct effect effect;
  struct store_notices *notices;
};

struct store_notices {
  struct store_notice *first, *last;
  struct store_watch *watch;  /* at most one waits */
};

/* A store_tell: arg is the struct store_notices. */
void store_notices_add(void *notices, struct store_notice *n);
/* The oldest, to be freed with free(), or NULL. */
struct store_notice *store_notices_take(struct store_notices *ns);
/* Waits for the next notice; NULL: out of memory. Nobody else may be waiting. */
struct store_watch *store_notices_watch(struct store_notices *ns, effect_done *done, void *arg);
/* There will be no more: wakes who waits. */
void store_notices_end(struct store_notices *ns);
/* Frees what nobody read; who waits is left to itself. */
void store_notices_free(struct store_notices *ns);
#endif
