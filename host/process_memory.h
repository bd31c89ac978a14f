/* process_memory.h - the kernel's count of processes that it killed for want of memory. */
#ifndef PROCESS_MEMORY_H
#define PROCESS_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

/* Where the count is read: the own control group's where there is one, else the machine's. */
struct process_memory {
  char file[300];
  int fd;          /* -1: it is not counted here */
};

/* Looks for the count of the control group that the file `groups` (/proc/self/cgroup) names, below
 * `mount` (/sys/fs/cgroup), then for the machine's in `machine` (/proc/vmstat). */
void process_memory_open(struct process_memory *m, const char *groups, const char *mount, const char *machine);
void process_memory_close(struct process_memory *m);
/* 0 when it is not counted. */
unsigned long long process_memory_kills(const struct process_memory *m);
/* Says how the count rose, or makes `text` empty. */
void process_memory_describe(const struct process_memory *m, unsigned long long before, unsigned long long now,
                             char *text, size_t size);
#endif
