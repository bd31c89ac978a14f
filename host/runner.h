/* runner.h - whether GitHub's runner reads a stream of ours, or another program. */
#ifndef RUNNER_H
#define RUNNER_H
#include <stdbool.h>

/* False when the runner is one of our ancestors and does not hold the other end of the pipe at fd: then a program
 * beside us does, "tee" for one. True also where that cannot be told, as in a container. */
bool runner_reads(int fd);
#endif
