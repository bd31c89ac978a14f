/* guard.h - the small process that starts the children and outlives a kill -9 of Davit.
 *
 * The guard takes requests; for each it forks a keeper, a process that owns one child
 * with all its descendants and speaks with Davit over a control socket of its own.
 * Requests, reports and orders are single messages of SOCK_SEQPACKET sockets. */
#ifndef GUARD_H
#define GUARD_H
#include <stdint.h>

/* Forks the guard; to be called at the start of main, before any thread or library starts.
 * Returns a descriptor connected to it (close-on-exec), or -1 with errno set. */
int guard_start(void);

enum { GUARD_EXTRA = 7 };  /* descriptors that a child may be given beside the standard ones */

/* A request to start a child, sent with the GUARD_DESCRIPTORS below and `extra` more: the file
 * GUARD_STRINGS holds argc arguments, then envc "NAME=value", each ended by NUL. */
struct guard_request {
  uint32_t argc, envc;
  uint32_t extra;
  int32_t numbers[GUARD_EXTRA];  /* that those have in the child */
  uint32_t terminal;  /* not 0: GUARD_STDOUT is a terminal, which becomes the child's own */
  uint64_t memory;    /* bytes of data that each of its processes may have; 0: no limit */
};

enum {
  GUARD_CONTROL,  /* the keeper's end of the control socket; at its end all is killed */
  GUARD_STDIN, GUARD_STDOUT, GUARD_STDERR,
  GUARD_FOLDER,   /* where the child begins */
  GUARD_STRINGS,
  GUARD_DESCRIPTORS
};

/* What a keeper reports: STARTED or FAILED, then EXITED after STARTED. */
struct guard_report {
  enum guard_event { GUARD_STARTED, GUARD_FAILED, GUARD_EXITED } event;
  int value;      /* pid; errno; status as of waitpid */
  uint64_t peak;  /* EXITED: bytes of memory that the largest of its processes had */
};

/* What a keeper takes: an int, the signal for the child's process group (one that ends programs
 * also wakes those that are stopped, so that they can follow it), or GUARD_LEAVE:
 * let what the child left behind live on until Davit ends. */
enum { GUARD_LEAVE = 0 };
#endif
