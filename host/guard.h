/* guard.h - the small process that starts the children and outlives a kill -9 of Davit. */
#ifndef GUARD_H
#define GUARD_H

/* Forks the guard; to be called at the start of main, before any thread or library starts.
 * Returns a descriptor connected to it (close-on-exec), or -1 with errno set. */
int guard_start(void);
#endif
