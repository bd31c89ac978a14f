/* read_ahead.c - a ring of chunks between a thread that reads and who takes them; see read_ahead.h.
 *
 * Two counters say whose a chunk is: `room` of those that may be filled, `filled` of those that may be
 * taken. The one that was taken is given back when the next one is asked for. */
#include "read_ahead.h"
#include "buf.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { CHUNK = 128 * 1024, CHUNKS = 4 };

struct read_ahead {
  int fd;
  uv_thread_t thread;
  uv_sem_t room, filled;
  atomic_bool stopped;
  unsigned next;          /* the chunk to be taken */
  bool taken;             /* the one before it was */
  ssize_t len[CHUNKS];    /* as read() says, or an error number below 0 */
  char data[CHUNKS][CHUNK];
};

static ssize_t read_chunk(int fd, char *chunk)
{
  ssize_t n;
  do
    n = read(fd, chunk, CHUNK);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -(ssize_t)errno : n;
}

static void fill(void *arg)
{
  struct read_ahead *r = arg;
  for (unsigned i = 0;; i = (i + 1) % CHUNKS) {
    uv_sem_wait(&r->room);
    if (atomic_load(&r->stopped))
      return;
    ssize_t n = r->len[i] = read_chunk(r->fd, r->data[i]);
    uv_sem_post(&r->filled);
    if (n <= 0)
      return;
  }
}

/* Signals are for the thread that runs Lua. */
static bool start(struct read_ahead *r)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = uv_thread_create(&r->thread, fill, r) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

struct read_ahead *read_ahead_new(int fd)
{
  struct read_ahead *r = malloc(sizeof *r);
  if (!r)
    return NULL;
  r->fd = fd;
  r->next = 0;
  r->taken = false;
  atomic_init(&r->stopped, false);
  if (uv_sem_init(&r->room, CHUNKS) != 0)
    goto no_room;
  if (uv_sem_init(&r->filled, 0) != 0)
    goto no_filled;
  if (start(r))
    return r;
  uv_sem_destroy(&r->filled);
no_filled:
  uv_sem_destroy(&r->room);
no_room:
  free(r);
  return NULL;
}

ssize_t read_ahead_next(struct read_ahead *r, const char **chunk)
{
  if (r->taken)
    uv_sem_post(&r->room);
  uv_sem_wait(&r->filled);
  ssize_t n = r->len[r->next];
  *chunk = r->data[r->next];
  r->next = (r->next + 1) % CHUNKS;
  r->taken = true;
  if (n < 0)
    errno = (int)-n;
  return n < 0 ? -1 : n;
}

void read_ahead_free(struct read_ahead *r)
{
  if (!r)
    return;
  atomic_store(&r->stopped, true);
  uv_sem_post(&r->room);
  uv_thread_join(&r->thread);
  uv_sem_destroy(&r->room);
  uv_sem_destroy(&r->filled);
  wipe(r, sizeof *r);
  free(r);
}
