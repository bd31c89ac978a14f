/* store_kind.h - the kinds of stores that keep the contract of host/store.h, for the tests of it.
 *
 * To add one: a file that defines its struct store_kind, and its name in the list of test_store.c. */
#ifndef STORE_KIND_H
#define STORE_KIND_H
#include "store.h"

struct store_kind {
  const char *name;
  /* Makes an empty place for a store. NULL: what it needs is not installed. It may be used in
   * forked children: what they do there, the others see. */
  void *(*make)(void);
  /* Opens the place; every call gives a store of its own, as another process would have it. */
  struct store *(*open)(void *place);
  /* Lets that many seconds pass for the leases at the place. */
  void (*pass)(void *place, double seconds);
  void (*remove)(void *place);
};

extern const struct store_kind store_kind_sqlite, store_kind_postgres;
#endif
