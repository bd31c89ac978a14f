/* mask_pipe.c - a filter between two descriptors; see mask_pipe.h.
 *
 * Plain reads and writes: as many bytes as a pipe holds for each turn, which is what a pipe can
 * carry. Waiting for the reader holds up the writer, as in every filter. A file, for which nobody
 * waits, is read ahead by a thread: copying it from the kernel takes as long as masking it. */
#include "mask_pipe.h"
#include "buf.h"
#include "mask.h"
#include "read_ahead.h"
#include "terminal.h"
#include "write_all.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  CHUNK = 128 * 1024,
  LOOK_MS = 1000   /* a signal that comes just before a wait begins is seen so late */
};

struct pipe {
  int from, to;
  const volatile sig_atomic_t *stopping;
  struct mask_stream *stream;
  struct read_ahead *ahead;  /* or NULL */
  char *chunk;
  const char *data;          /* what was read */
  struct buf out;
};

static bool is_stopped(const struct pipe *p)
{
  return *p->stopping == SIGTERM || *p->stopping == SIGHUP;
}

static bool wait_readable(const struct pipe *p)
{
  struct pollfd fd = {.fd = p->from, .events = POLLIN};
  while (!is_stopped(p))
    if (poll(&fd, 1, LOOK_MS) > 0)
      return true;
  return false;
}

static ssize_t take_chunk(struct pipe *p, enum mask_pipe_end *end)
{
  if (is_stopped(p)) {
    *end = MASK_PIPE_STOPPED;
    return -1;
  }
  ssize_t n = read_ahead_next(p->ahead, &p->data);
  if (n < 0)
    *end = MASK_PIPE_UNREADABLE;
  return n;
}

/* Returns how many bytes were read, 0 at the end, -1 with *end set. */
static ssize_t read_chunk(struct pipe *p, enum mask_pipe_end *end)
{
  if (p->ahead)
    return take_chunk(p, end);
  while (wait_readable(p)) {
    ssize_t n = read(p->from, p->chunk, CHUNK);
    if (n >= 0)
      return n;
    if (errno == EINTR || errno == EAGAIN)
      continue;
    if (terminal_is_gone(p->from, errno))
      return 0;
    *end = MASK_PIPE_UNREADABLE;
    return -1;
  }
  *end = MASK_PIPE_STOPPED;
  return -1;
}

/* Writes what is decided. */
static enum mask_pipe_end pass_on(struct pipe *p)
{
  if (!buf_ok(&p->out))
    return MASK_PIPE_NO_MEMORY;
  if (!write_all(p->to, buf_str(&p->out), p->out.len)) {
    errno = terminal_is_gone(p->to, errno) ? EPIPE : errno;
    return MASK_PIPE_UNWRITABLE;
  }
  buf_drop(&p->out, p->out.len);
  return MASK_PIPE_ENDED;
}

static enum mask_pipe_end run(struct pipe *p)
{
  enum mask_pipe_end end = MASK_PIPE_ENDED;
  while (end == MASK_PIPE_ENDED) {
    ssize_t n = read_chunk(p, &end);
    if (n < 0)
      return end;
    if (n == 0)
      break;
    mask_feed(p->stream, p->data, (size_t)n, &p->out);
    end = pass_on(p);
  }
  if (end != MASK_PIPE_ENDED)
    return end;
  mask_finish(p->stream, &p->out);
  return pass_on(p);
}

static struct read_ahead *read_ahead(int fd)
{
  struct stat file;
  return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) ? read_ahead_new(fd) : NULL;
}

enum mask_pipe_end mask_pipe(struct mask *mask, int from, int to, const volatile sig_atomic_t *stopping)
{
  enum mask_pipe_end end = MASK_PIPE_NO_MEMORY;
  struct pipe p = {.from = from, .to = to, .stopping = stopping, .stream = mask_stream_new(mask),
                   .ahead = read_ahead(from), .chunk = malloc(CHUNK)};
  p.data = p.chunk;
  buf_init(&p.out, BUF_LIMIT);
  p.out.plain = true;
  if (p.stream && p.chunk)
    end = run(&p);
  int error = errno;
  read_ahead_free(p.ahead);
  mask_stream_free(p.stream);
  if (p.chunk)
    wipe(p.chunk, CHUNK);
  free(p.chunk);
  buf_free(&p.out);
  errno = error;
  return end;
}
