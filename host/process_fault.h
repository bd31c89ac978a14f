/* process_fault.h - why a program could not be started, found out afterwards. */
#ifndef PROCESS_FAULT_H
#define PROCESS_FAULT_H
#include "failure.h"
#include <stdbool.h>

/* Where a program was looked for; the texts live as long as they are needed. */
struct process_place {
  const char *program;
  const char *path;  /* PATH of its environment, or NULL: not set */
  const char *cwd;   /* the folder it should begin in, or NULL: ours */
};

/* What is searched when PATH is not set. */
#define PROCESS_DEFAULT_PATH "/usr/bin:/bin"

/* `error` is what execve() or what led to it set errno to. Looks at the files again. */
void process_fault_start(struct fault *f, const struct process_place *place, int error);
void process_fault_folder(struct fault *f, const struct process_place *place, int error);
void process_fault_input(struct fault *f, const struct process_place *place, const char *file, int error);
/* The guard or the keeper is gone; `sent`: it may have been started. */
void process_fault_lost(struct fault *f, const struct process_place *place, bool sent);
#endif
