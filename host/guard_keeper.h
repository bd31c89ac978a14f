/* guard_keeper.h - the process that owns one child with all its descendants; see guard.h. */
#ifndef GUARD_KEEPER_H
#define GUARD_KEEPER_H
#include "guard.h"
#include <stdbool.h>

/* A request as it arrived. */
struct guard_order {
  struct guard_request request;
  int fds[GUARD_DESCRIPTORS + GUARD_EXTRA];  /* -1: none */
};

/* Waits for one. *complete: it came with its descriptors. False: the other side has ended. */
bool guard_receive(int socket, struct guard_order *order, bool *complete);
bool guard_send(int socket, const struct guard_order *order, int flags);
void guard_close_all(struct guard_order *order);
void guard_report(int control, enum guard_event event, int value, uint64_t peak);
/* Returns when nothing is left below this process. */
void guard_kill_descendants(void);
/* The whole life of a keeper: this order, then those that come by the socket, before each of
 * which it says with a byte that it is idle. -1: this order alone. */
_Noreturn void guard_keep(const struct guard_order *first, int socket);
#endif
