/* rehearsal_explore.h - runs a recipe once undisturbed, then once for everything that may go wrong at every point.
 *
 * It works in a process of its own (the explorer), forked from Davit, which shares no thread, loop
 * or handle with it. The explorer forks at every point the undisturbed run reaches: the parent
 * goes on; in a child something goes wrong there. It goes on with that, or dies as Davit would, and a Lua state
 * that was opened before the run takes over on the same world. So a prefix runs once, and a new process costs
 * no start-up.
 *
 * What is found comes as packets of JSON, in no fixed order but for the first and the last:
 *   { reference = { outcome, inventory }, points = { journal = n, … } }   the undisturbed run
 *   { point = "http:12", about = "GET host/path" }                        one for each effect of that run
 *   { schedule = id, problems = { { what, line }, … } }                   one for each schedule
 *   { log = text, of = id, common = n }                                   pieces of the event log of the undisturbed
 *                                                                         run, or of a schedule that failed without
 *                                                                         the n bytes that both have in common
 * the first and those of schedules, where it was asked for, with uses = { "requests GET https://host/path", … }, of a
 * schedule what the undisturbed run has not used
 *   { done = true, merged = n }                                           nothing follows
 * A process that dies or takes too long is a problem of its schedule. */
#ifndef REHEARSAL_EXPLORE_H
#define REHEARSAL_EXPLORE_H
#include <stdbool.h>
#include <sys/types.h>

struct rehearsal_sweep {
  const char *root;            /* the project's folder */
  const char *settings;        /* for lua/rehearsal/world.lua and driver.lua */
  const char *const *environ;  /* as of rehearsal.h */
  unsigned long long seed;
  int jobs;                    /* schedules at once */
  const char *replay;          /* run only this one, and give its log; NULL: all */
  const char *plan;            /* run only these, an id a line; NULL: all of one thing that goes wrong */
  bool faults;                 /* not crashes only */
  bool effects;                /* tell what each disturbed run did after it was disturbed */
  bool log;                    /* give the log of the undisturbed run */
  bool uses;                   /* say what the runs use (permit.h) */
  unsigned every;              /* only each so-many-th schedule; 1: all */
  unsigned limit;              /* seconds that a run may take */
};

enum { REHEARSAL_PACKET = 128 * 1024 };  /* no packet is longer */

/* Forks the explorer. *fd gives its packets, then the end. -1: see errno. Whoever calls kills it,
 * if need be, and waits for it. */
pid_t rehearsal_explore(const struct rehearsal_sweep *sweep, int *fd);
#endif
