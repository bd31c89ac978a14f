/* relay.h - hands bytes on between two connections, both ways, until both ways have ended. Knows
 * nothing of Lua and looks at nothing that passes. */
#ifndef RELAY_H
#define RELAY_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct relay;

/* One side: a connected socket, which the relay owns from now on, also when it cannot be made, and
 * what was received from it before. */
struct relay_side {
  int fd;
  const char *data;
  size_t len;  /* at most RELAY_BUFFER */
};

enum { RELAY_BUFFER = 64 * 1024 };  /* bytes that wait at most, each way */

/* Begins. NULL: *f says why. */
struct relay *relay_new(struct uv_loop_s *loop, struct relay_side a, struct relay_side b, struct fault *f);
/* Whether both ways have ended: then both connections are closed. */
bool relay_ended(const struct relay *r);
/* An effect that finishes when it has ended; to be called when it has not. NULL: out of memory. */
struct effect *relay_wait(struct relay *r, effect_done *done, void *arg);
/* Bytes that have passed: 0 from a to b, 1 from b to a. */
uint64_t relay_passed(const struct relay *r, int way);
/* Seconds since bytes passed last, or since it began. */
double relay_idle(const struct relay *r);
/* Ends it: both connections are closed. NULL is fine. */
void relay_free(struct relay *r);
#endif
