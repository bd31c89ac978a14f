/* store_postgres.c - the store of runs in a PostgreSQL database; see store.h. */
#include "store.h"

struct store *store_postgres_new(const char *url, struct fault *fault)
{
  (void)url;
  fault_set(fault, "journal-failed", "fatal", "this davit cannot keep its journal in PostgreSQL");
  return NULL;
}
