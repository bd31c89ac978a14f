/* relay.c - two connections joined; see relay.h.
 *
 * Each way has a buffer: it is filled by one read when it is empty, and emptied before the next, so
 * that a side which takes slowly holds the other up by the system's own means. The end of one side is
 * passed on once everything before it was (a half-close); the other way goes on.
 * Invariants: 1. a way reads only while its buffer is empty, and writes only while it is not.
 *             2. an end is polled exactly for what its two ways want of it; nothing else wakes.
 *             3. a way that has ended neither reads nor writes again. */
#include "relay.h"
#include "latch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct end {
  uv_poll_t poll;
  struct relay *relay;
  int fd;
  int wanted;   /* what it is polled for */
  bool open;    /* the handle is there */
  bool broken;  /* the system reported an error: it is not polled again, reading says which end it is */
};

struct way {
  struct end *from, *to;
  size_t start, len;  /* what waits in the buffer */
  bool read_all;      /* `from` has ended */
  bool ended;
  uint64_t passed;
  char *buffer;
};

struct relay {
  uv_loop_t *loop;
  struct end ends[2];
  struct way ways[2];
  struct latch done;
  uint64_t moved;  /* the loop's time of the last byte */
  int handles;     /* polls that libuv has not given back */
  bool ended, freed;
  char buffers[2][RELAY_BUFFER];
};

/* ---- one way ------------------------------------------------------------------------------------ */

static bool must_wait(ssize_t n)
{
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* A side that broke has ended: what it sent before still goes to the other. */
static void fill(struct way *w)
{
  ssize_t n = recv(w->from->fd, w->buffer, RELAY_BUFFER, MSG_DONTWAIT);
  if (must_wait(n) && !w->from->broken)
    return;
  w->start = 0;
  w->len = n > 0 ? (size_t)n : 0;
  w->read_all = n <= 0;
}

static void empty(struct relay *r, struct way *w)
{
  ssize_t n = send(w->to->fd, w->buffer + w->start, w->len, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (must_wait(n))
    return;
  if (n < 0) {  /* nobody takes it any more */
    w->len = 0;
    w->ended = true;
    return;
  }
  w->start += (size_t)n;
  w->len -= (size_t)n;
  w->passed += (uint64_t)n;
  r->moved = uv_now(r->loop);
}

static void advance(struct relay *r, struct way *w)
{
  if (w->ended)
    return;
  if (w->len == 0 && !w->read_all)
    fill(w);
  if (w->len > 0)
    empty(r, w);
  if (w->len == 0 && w->read_all && !w->ended) {
    shutdown(w->to->fd, SHUT_WR);
    w->ended = true;
  }
}

/* ---- both ----------------------------------------------------------------------------------------- */

static void given_back(uv_handle_t *handle)
{
  struct end *e = handle->data;
  struct relay *r = e->relay;
  if (--r->handles == 0 && r->freed)
    free(r);
}

static void close_end(struct end *e)
{
  if (e->open)
    uv_close((uv_handle_t *)&e->poll, given_back);
  if (e->fd >= 0)
    close(e->fd);
  e->open = false;
  e->fd = -1;
}

static void finish(struct relay *r)
{
  close_end(&r->ends[0]);
  close_end(&r->ends[1]);
  r->ended = true;
  latch_open(&r->done);
}

static int wanted_of(const struct relay *r, const struct end *e)
{
  int wanted = 0;
  for (int i = 0; i < 2; i++) {
    const struct way *w = &r->ways[i];
    if (w->ended)
      continue;
    if (w->from == e && w->len == 0 && !w->read_all)
      wanted |= UV_READABLE;
    if (w->to == e && w->len > 0)
      wanted |= UV_WRITABLE;
  }
  return wanted;
}

static void run(struct relay *r);

static void on_event(uv_poll_t *poll, int status, int events)
{
  struct end *e = poll->data;
  (void)events;
  if (status < 0) {  /* libuv has stopped to poll it */
    e->broken = true;
    e->wanted = 0;
  }
  run(e->relay);
}

/* What a broken side sent before is read without waiting; nothing can be given to it. */
static bool drain_broken(struct relay *r)
{
  bool again = false;
  for (int i = 0; i < 2; i++) {
    struct way *w = &r->ways[i];
    if (w->to->broken && !w->ended) {
      w->len = 0;
      w->ended = true;
    }
    again = again || (w->from->broken && !w->ended && w->len == 0 && !w->read_all);
  }
  return again;
}

static void watch(struct end *e, int wanted)
{
  if (e->broken || wanted == e->wanted)
    return;
  e->wanted = wanted;
  if (wanted == 0)
    uv_poll_stop(&e->poll);
  else if (uv_poll_start(&e->poll, wanted, on_event))
    e->broken = true;
}

static void run(struct relay *r)
{
  bool again = true;
  while (again) {
    advance(r, &r->ways[0]);
    advance(r, &r->ways[1]);
    again = drain_broken(r);
  }
  if (r->ways[0].ended && r->ways[1].ended) {
    finish(r);
    return;
  }
  for (int i = 0; i < 2; i++)
    watch(&r->ends[i], wanted_of(r, &r->ends[i]));
}

/* ---- its life --------------------------------------------------------------------------------------- */

static int open_end(struct relay *r, struct end *e, int fd)
{
  e->relay = r;
  e->fd = fd;
  e->poll.data = e;
  int err = uv_poll_init(r->loop, &e->poll, fd);
  if (err)
    return err;
  e->open = true;
  r->handles++;
  return 0;
}

static void prepare_way(struct relay *r, int i, const struct relay_side *from)
{
  struct way *w = &r->ways[i];
  w->from = &r->ends[i];
  w->to = &r->ends[1 - i];
  w->buffer = r->buffers[i];
  w->len = from->len;
  if (from->len > 0)
    memcpy(w->buffer, from->data, from->len);
}

static struct relay *cannot(struct relay_side *a, struct relay_side *b, struct fault *f, int err)
{
  fault_set(f, "tcp-relay", "transient", "joining two connections: %s", uv_strerror(err));
  if (a->fd >= 0)
    close(a->fd);
  if (b->fd >= 0)
    close(b->fd);
  return NULL;
}

struct relay *relay_new(uv_loop_t *loop, struct relay_side a, struct relay_side b, struct fault *f)
{
  struct relay *r = calloc(1, sizeof *r);
  if (!r)
    return cannot(&a, &b, f, UV_ENOMEM);
  r->loop = loop;
  r->moved = uv_now(loop);
  r->ends[1].fd = -1;
  int err = open_end(r, &r->ends[0], a.fd);
  if (err)
    r->ends[1].fd = b.fd;
  else
    err = open_end(r, &r->ends[1], b.fd);
  prepare_way(r, 0, &a);
  prepare_way(r, 1, &b);
  for (int i = 0; i < 2 && !err; i++) {
    r->ends[i].wanted = wanted_of(r, &r->ends[i]);
    err = r->ends[i].wanted ? uv_poll_start(&r->ends[i].poll, r->ends[i].wanted, on_event) : 0;
  }
  if (!err)
    return r;
  fault_set(f, "tcp-relay", "transient", "joining two connections: %s", uv_strerror(err));
  relay_free(r);
  return NULL;
}

bool relay_ended(const struct relay *r)
{
  return r->ended;
}

struct effect *relay_wait(struct relay *r, effect_done *done, void *arg)
{
  return latch_wait(&r->done, done, arg);
}

uint64_t relay_passed(const struct relay *r, int way)
{
  return r->ways[way].passed;
}

double relay_idle(const struct relay *r)
{
  return (double)(uv_now(r->loop) - r->moved) / 1000;
}

void relay_free(struct relay *r)
{
  if (!r)
    return;
  r->freed = true;
  if (!r->ended)
    finish(r);
  if (r->handles == 0)
    free(r);
}
