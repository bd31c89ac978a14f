/* secret_read.c - reads a descriptor to its end; see secret_read.h.
 *
 * Whoever waits may go away: then the read in the pool is told to give up, and frees itself when it has
 * ended. The descriptor keeps its mode, for others may have it, too. */
#include "secret_read.h"
#include "pool.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void free_reading(struct secret_reading *r)
{
  close(r->fd);
  for (int i = 0; i < 2; i++)
    if (r->give_up[i] >= 0)
      close(r->give_up[i]);
  buf_wipe(&r->text);
  free(r);
}

/* 0: there are bytes, or the end; else what errno says. */
static int wait_readable(const struct secret_reading *r)
{
  struct pollfd p[] = {{.fd = r->fd, .events = POLLIN}, {.fd = r->give_up[0], .events = POLLIN}};
  int n;
  do
    n = poll(p, 2, r->patience);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno;
  return n == 0 ? ETIMEDOUT : p[1].revents ? ECANCELED : 0;
}

static int read_all(struct secret_reading *r)
{
  char chunk[4096];
  int error;
  ssize_t n = 1;
  while ((error = wait_readable(r)) == 0) {
    n = read(r->fd, chunk, sizeof chunk);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      error = errno;
    if (n == 0 || error || !buf_ok(&r->text))
      break;
    buf_add(&r->text, chunk, n > 0 ? (size_t)n : 0);
  }
  wipe(chunk, sizeof chunk);
  return error ? error : buf_ok(&r->text) ? 0 : EFBIG;
}

static void work(uv_work_t *w)
{
  struct secret_reading *r = w->data;
  r->error = read_all(r);
}

static void work_done(uv_work_t *w, int status)
{
  struct secret_reading *r = w->data;
  (void)status;
  r->running = false;
  if (r->orphaned)
    free_reading(r);
  else
    effect_finish(&r->effect);
}

static void destroy(struct effect *e)
{
  struct secret_reading *r = (struct secret_reading *)e;
  if (!r->running) {
    free_reading(r);
    return;
  }
  r->orphaned = true;
  while (write(r->give_up[1], "", 1) < 0 && errno == EINTR)
    ;
}

static struct secret_reading *new_reading(int fd, double seconds, effect_done *done, void *arg)
{
  struct secret_reading *r = calloc(1, sizeof *r);
  if (!r) {
    close(fd);
    return NULL;
  }
  *r = (struct secret_reading){.effect = {.destroy = destroy, .done = done, .arg = arg}, .fd = fd,
                               .give_up = {-1, -1}, .patience = (int)(seconds * 1000)};
  r->work.data = r;
  buf_init(&r->text, SECRET_READ_MAX);
  if (pipe2(r->give_up, O_CLOEXEC) == 0)
    return r;
  free_reading(r);
  return NULL;
}

static bool is_file(int fd)
{
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

struct secret_reading *secret_read_start(uv_loop_t *loop, int fd, double seconds, effect_done *done, void *arg)
{
  struct secret_reading *r = new_reading(fd, seconds, done, arg);
  if (!r)
    return NULL;
  r->running = loop && !is_file(fd) && pool_queue(loop, &r->work, work, work_done) == 0;
  if (r->running)
    return r;
  r->error = read_all(r);
  r->effect.finished = true;
  return r;
}
