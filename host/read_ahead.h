/* read_ahead.h - reads a file on a thread of its own, a few chunks ahead of who takes them. Knows nothing of Lua. */
#ifndef READ_AHEAD_H
#define READ_AHEAD_H
#include <sys/types.h>

struct read_ahead;

/* NULL: out of memory or threads. The descriptor stays the caller's, and must not be read from meanwhile. */
struct read_ahead *read_ahead_new(int fd);
/* Waits for the next chunk, which is there until the next call. Returns its bytes, 0 at the end, -1 with errno; to
 * be called no more after these two. */
ssize_t read_ahead_next(struct read_ahead *r, const char **chunk);
/* Stops the thread when its read has returned; wipes what was read. NULL is fine. */
void read_ahead_free(struct read_ahead *r);
#endif
