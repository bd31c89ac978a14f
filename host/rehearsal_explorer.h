/* rehearsal_explorer.h - what the files of the explorer's process share; see rehearsal_explore.h.
 *
 *   rehearsal_explore.c   the process: the scene, the undisturbed run, what is explored
 *   rehearsal_disturb.c   what goes wrong at a point, and what follows
 *   rehearsal_children.c  a process for each schedule
 *   rehearsal_packet.c    what is told */
#ifndef REHEARSAL_EXPLORER_H
#define REHEARSAL_EXPLORER_H
#include "digest.h"
#include "permit.h"
#include "rehearsal.h"
#include "rehearsal_actor.h"
#include "rehearsal_arena.h"
#include "rehearsal_explore.h"

enum { ID_SIZE = 200, JOBS_MAX = 256, DAVITS = 4 };
#define LIMIT_BYTES ((size_t)512 << 20)

struct child {
  pid_t pid;  /* 0: this place is free */
  char id[ID_SIZE];
};

struct explorer {
  const struct rehearsal_sweep *sweep;
  int fd;  /* where packets go */
  struct rehearsal *r;
  struct permit *permit;        /* over the world of r, where the models are told what is used; or NULL */
  struct actor davits[DAVITS];  /* who runs, and who takes over, one after the other */
  int at_work;                  /* the index of the one that runs */
  struct rehearsal_arena arenas[DAVITS + 1];
  struct child children[JOBS_MAX];
  int running, jobs;
  unsigned long offered, next, merged;  /* next: the offer that is taken next */
  double explored;     /* the takeover of the last point, 0 before the first */
  char id[ID_SIZE];    /* what has gone wrong in this process so far; "": nothing */
  size_t in_common;    /* bytes of the log that are the undisturbed run's, too */
  bool is_judged;      /* this process's own run is a schedule, be it the way to others or not */
  double patience;     /* seconds of the rehearsal's time until a run takes too long */
  bool disturbed;      /* something went wrong for the one that is at work */
  char ending[8];      /* what follows a run that was stopped or waits, as the id has it; "": nothing */
  double idle;         /* seconds in which nobody did anything, as a question was to expire: they are no run's */
  const char *answer;  /* what the next person says who is asked; NULL: yes */
};

/* ---- telling (rehearsal_packet.c) ----------------------------------------------------------- */

/* Asks the models for a packet and sends it; the arguments are texts, ended by NULL. */
void explorer_say(struct explorer *x, const char *function, const char *const *arguments);
#define SAY(x, function, ...) explorer_say(x, function, (const char *const[]){__VA_ARGS__, NULL})
/* Asks the models for a text, which lives until they are asked again; NULL: nothing. */
const char *explorer_ask(struct explorer *x, const char *function, const char *const *arguments);
#define ASK(x, function, ...) explorer_ask(x, function, (const char *const[]){__VA_ARGS__, NULL})
/* Offers the events of this process's run, without those that it has in common with the undisturbed one. */
void explorer_send_log(struct explorer *x, const char *id);
/* SHA-256 of all events of this process's run, from the beginning. */
void explorer_hash_log(const struct explorer *x, char hex[SHA256_HEX + 1]);

/* ---- processes (rehearsal_children.c) -------------------------------------------------------- */

void explorer_die_with_parent(pid_t parent);
const char *explorer_describe_death(const struct explorer *x, int status, char *text, size_t size);
/* A process for the schedule, once there is room; true in the child, which ends with _exit. */
bool explorer_fork(struct explorer *x, const char *id);
/* Waits for all. */
void explorer_reap_all(struct explorer *x);

/* ---- what goes wrong (rehearsal_disturb.c) ------------------------------------------------------ */

/* A watcher: every single thing that may go wrong at a point gets a process of its own, or those that a plan
 * names. What is replayed happens in this very process. */
void explorer_at_point(void *explorer, const struct rehearsal_point *p);
/* What becomes of a disturbed run that has ended, with an outcome or an error; ends this process. `began`: what it
 * was, "start" or the way in which somebody took over. */
_Noreturn void explorer_end_disturbed(struct explorer *x, const char *began, const char *outcome, const char *error);
/* The person whom all Davits of the explorer ask (rehearsal_actor.h). */
const char *explorer_person(void *explorer);
#endif
