/* store_holder.h - the process that takes a lease, and whether one that did is still there. */
#ifndef STORE_HOLDER_H
#define STORE_HOLDER_H
#include <stdbool.h>
#include <stddef.h>

/* The name of this machine, or "unknown". */
void store_holder_host(char *name, size_t size);
/* True when the process lives on this machine, and lived at `since` (Unix seconds): one that was
 * given the number later is another. A hint: the wall clock may have been moved in between. */
bool store_holder_lives(long pid, double since);
/* When it began, in seconds since the machine did. False: none lives here. */
bool store_holder_began(long pid, double *seconds);
#endif
