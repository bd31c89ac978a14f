/* store_race.h - processes that work on one store at the same time. */
#ifndef STORE_RACE_H
#define STORE_RACE_H
#include "store_kind.h"

struct store_race {
  int won[2];       /* how often each process got the lease */
  int not_one;      /* rounds in which not exactly one got it */
  int not_growing;  /* how often a token was not greater than the one before */
  int failed;       /* calls that failed */
};

/* Two processes try to take one free lease at the same moment, `rounds` times. */
struct store_race store_race(const struct store_kind *kind, void *place, int rounds);
/* A holder is stopped (SIGSTOP) until its lease has expired and somebody else has it, goes on, and
 * appends: the code of the fault it gets, "" when the append was written. */
void store_race_paused(const struct store_kind *kind, void *place, char *code, size_t size);
#endif
