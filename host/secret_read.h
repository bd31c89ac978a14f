/* secret_read.h - reads a descriptor to its end, into memory that is wiped. Knows nothing of Lua. */
#ifndef SECRET_READ_H
#define SECRET_READ_H
#include "buf.h"
#include "effect.h"
#include <uv.h>

enum { SECRET_READ_MAX = 1 << 20 };  /* bytes that a source of secrets may have */

struct secret_reading {
  struct effect effect;  /* finished already when nothing had to be waited for */
  struct buf text;
  int error;             /* errno; ETIMEDOUT: silent for too long; EFBIG: larger than SECRET_READ_MAX */
  uv_work_t work;
  int fd, give_up[2];    /* the latter a pipe: a byte in it ends the read in the pool */
  int patience;          /* ms of silence */
  bool running, orphaned;
};

/* Closes fd in the end. A file is read at once, and everything where there is no loop; the rest by a thread of
 * the pool, which gives up after so many seconds without a byte. NULL: out of memory; fd is closed then. */
struct secret_reading *secret_read_start(uv_loop_t *loop, int fd, double seconds, effect_done *done, void *arg);
#endif
