/* process_find.h - which file a program's name means. */
#ifndef PROCESS_FIND_H
#define PROCESS_FIND_H
#include "process.h"
#include "process_fault.h"

/* world_process.runs of the real world. */
bool process_runs(struct world_process *w, const struct process_place *started, const char *name);
#endif
