/* mask_pipe.h - a filter between two descriptors that masks what passes. Knows nothing of Lua. */
#ifndef MASK_PIPE_H
#define MASK_PIPE_H
#include <signal.h>

struct mask;

enum mask_pipe_end {
  MASK_PIPE_ENDED,       /* all of it has passed */
  MASK_PIPE_STOPPED,     /* SIGTERM or SIGHUP came: what was undecided is not shown */
  MASK_PIPE_UNREADABLE,  /* errno says why */
  MASK_PIPE_UNWRITABLE,  /* errno says why: EPIPE when nobody reads any more */
  MASK_PIPE_NO_MEMORY,
};

/* Copies from one descriptor to the other until the end. What is decided leaves before more is
 * read. *stopping is the signal that was caught, or 0. One SIGINT is not heeded: it reaches the
 * writer, too, and what that still has to say must not be lost. */
enum mask_pipe_end mask_pipe(struct mask *mask, int from, int to, const volatile sig_atomic_t *stopping);
#endif
