/* process_child.h - a child of the real world, as process_guard.c and process_start.c share it. */
#ifndef PROCESS_CHILD_H
#define PROCESS_CHILD_H
#include "buf.h"
#include "guard.h"
#include "process.h"
#include "process_fault.h"
#include "process_memory.h"
#include <uv.h>

enum { INPUT, OUTPUT, ERRORS, CONTROL, WATCHES };

struct process_guard {
  struct world_process base;
  uv_loop_t *loop;
  int guard_fd;
  uv_signal_t resized;         /* of our terminal; there once the first child had one */
  struct child *terminals;     /* the children that have one */
  bool follows_size, counts_memory;
  struct process_memory memory;
};

struct child;

struct watch {
  uv_poll_t poll;
  struct child *child;
  int fd;
};

struct child {
  struct process_child base;
  struct process_guard *guard;
  process_output *output;
  effect_done *changed;
  void *arg;
  struct watch watches[WATCHES];
  uv_timer_t timer;   /* after the exit: how long outputs may stay open; or reports a fault */
  int handles;        /* that libuv has not let go of */
  char *program, *path, *cwd;
  struct buf input;
  size_t written;     /* of it */
  bool input_stays;   /* open when all was written */
  bool terminal, held_cr;
  struct child *next, **link;  /* among the guard's terminals */
  unsigned long long oom_kills;  /* the kernel's count at the start */
  bool exited, freed;
  bool ending;        /* was told to end: its descendants end with it */
  bool killed;        /* by us, with SIGKILL */
};

/* Opens its streams and asks the guard to start it. Fills ours[WATCHES], -1 where there is none;
 * what is open there is the caller's also when the fault of the child is set. */
void process_start(struct child *c, const struct process_options *o, int *ours);

/* Of process_guard.c: stops watching and closes; tells the owner to look again. */
void process_close_watch(struct watch *w);
void process_changed(struct child *c);

/* Of process_input.c. */
void process_on_input(uv_poll_t *poll, int status, int events);
void process_end_input(struct child *c);
bool process_write_input(struct process_child *base, const void *data, size_t len);
void process_close_input(struct process_child *base);
#endif
