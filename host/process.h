/* process.h - child processes, as every world offers them. */
#ifndef PROCESS_H
#define PROCESS_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>

/* Receives what the child wrote to its descriptor 1 or 2, from the loop; no Lua in it.
 * The last call for each, with len 0, says that nothing follows; none comes after a fault. */
typedef void process_output(void *arg, int fd, const char *data, size_t len);

struct process_place;

/* What a child reads on a descriptor of its own, to its end. */
struct process_extra {
  int number;  /* PROCESS_EXTRA_FIRST to PROCESS_EXTRA_LAST */
  const void *data;
  size_t len;  /* at most PROCESS_EXTRA_MAX */
};

enum { PROCESS_EXTRA_FIRST = 3, PROCESS_EXTRA_LAST = 9, PROCESS_EXTRA_MAX = 64 * 1024 };

struct process_options {
  const char *const *argv;  /* ended by NULL; argv[0] is looked up in PATH of env */
  const char *const *env;   /* "NAME=value", ended by NULL: the whole environment */
  const char *cwd;          /* NULL: ours */
  const void *input;        /* what the child reads on descriptor 0; NULL: nothing */
  size_t input_len;
  const char *input_file;   /* instead: a file that becomes descriptor 0 */
  bool input_open;          /* instead: what write() gives, until close_input() */
  const struct process_extra *extra;
  size_t extra_count;
  bool merged;              /* descriptor 2 is the same as 1: all arrives as 1's, in order */
  bool terminal;            /* both are a terminal of the child's own, as large as ours; merged */
  bool terminal_optional;   /* where none can be had they are pipes */
  size_t memory;            /* bytes of data that each of its processes may have; 0: no limit */
  process_output *output;   /* runs before done, never from inside start; NULL: discarded */
  effect_done *changed;     /* runs, before done, when pid is known, and when the child has taken
                               what was written or will take no more; may be NULL */
  void *output_arg;         /* of both */
};

/* A child; the effect has finished when it has exited and its output was read to the end, or
 * PROCESS_HELD_SECONDS after its exit when a descendant still holds the output open (`held`).
 * Freeing it earlier kills the child and its descendants; those that it leaves behind when
 * it has finished live until Davit ends. Faults: "process-not-found" (says
 * where it looked), "process-failed" (could not be started), "process-lost" (the guard died). */
struct process_child {
  struct effect effect;
  struct fault fault;
  int pid;          /* 0 until started */
  int exit_code;    /* -1 when a signal ended it */
  int signal;
  bool core;
  bool held;        /* the output may go on: a descendant holds it */
  size_t unwritten; /* bytes that the child has not yet taken of what write() was given */
  bool deaf;        /* its input has ended, by either side */
  size_t peak;      /* bytes of memory that the largest of its processes had */
  char oom[160];    /* how the kernel's count of those it killed for want of memory rose; or "" */
};

#define PROCESS_HELD_SECONDS 0.5

struct world_process {
  struct process_child *(*start)(struct world_process *, const struct process_options *,
                                 effect_done *done, void *arg);
  /* Sends a signal to the child's whole process group. After one that ends programs (HUP,
   * INT, QUIT, TERM, KILL) nothing that the child leaves behind lives on. */
  void (*kill)(struct process_child *, int signal);
  /* Copies the text and gives it to the child as fast as that reads. False: out of memory. */
  bool (*write)(struct process_child *, const void *data, size_t len);
  /* Ends the child's input after what was written. */
  void (*close_input)(struct process_child *);
  /* Has any process this number now? */
  bool (*alive)(struct world_process *, int pid);
  /* Is what would be started there (process_fault.h) the program that `name` means: the file at that path,
   * or the one that Davit's own PATH finds? True as well when there is nothing that could be started. */
  bool (*runs)(struct world_process *, const struct process_place *started, const char *name);
};
#endif
