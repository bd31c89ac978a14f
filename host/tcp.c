/* tcp.c - TCP connections on libuv's loop; see tcp.h.
 *
 * One piece of what comes is held at a time: while it waits nothing is read, so that a peer which
 * sends faster than somebody takes is held up by the system.
 * Ownership: who waits owns the waiter and may free it at any time; the connection only lists it.
 * Invariant: libuv reads exactly while the connection is open, no piece waits and it has not ended. */
#include "tcp.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { PIECE = 64 * 1024, WHERE = 64 };

struct waiter {
  struct effect effect;
  struct tcp *tcp;  /* NULL: it is gone */
  enum tcp_event event;
  struct waiter *next;
};

struct tcp {
  uv_tcp_t socket;
  uv_connect_t connecting;
  bool open, ended;
  struct fault fault;
  struct waiter *waiters;
  size_t unsent;  /* writes that the system has not taken */
  size_t len;     /* of the piece that waits */
  char where[WHERE];
  char piece[PIECE];
};

/* ---- who waits --------------------------------------------------------------------------------- */

bool tcp_ready(const struct tcp *t, enum tcp_event event)
{
  if (t->fault.code)
    return true;
  if (event == TCP_RECEIVED)
    return t->len || t->ended;
  return event == TCP_SENT ? t->unsent == 0 : t->open;
}

static void leave(struct waiter *w)
{
  struct waiter **at = &w->tcp->waiters;
  while (*at != w)
    at = &(*at)->next;
  *at = w->next;
  w->tcp = NULL;
}

/* Those for whom it is ready, or all, when it goes away. done() only queues: the list stays as it is. */
static void tell(struct tcp *t, bool all)
{
  struct waiter *next;
  for (struct waiter *w = t->waiters; w; w = next) {
    next = w->next;
    if (!all && !tcp_ready(t, w->event))
      continue;
    leave(w);
    effect_finish(&w->effect);
  }
}

static void stop_waiting(struct effect *e)
{
  struct waiter *w = (struct waiter *)e;
  if (w->tcp)
    leave(w);
  free(w);
}

struct effect *tcp_wait(struct tcp *t, enum tcp_event event, effect_done *done, void *arg)
{
  struct waiter *w = malloc(sizeof *w);
  if (!w)
    return NULL;
  *w = (struct waiter){.effect = {.destroy = stop_waiting, .done = done, .arg = arg}, .tcp = t,
                       .event = event, .next = t->waiters};
  t->waiters = w;
  return &w->effect;
}

/* ---- the connection ----------------------------------------------------------------------------- */

static void lose(struct tcp *t, const char *code, const char *what, int err)
{
  if (!t->fault.code)
    fault_set(&t->fault, code, "transient", "%s %s: %s", what, t->where, uv_strerror(err));
  uv_read_stop((uv_stream_t *)&t->socket);
}

static void give_piece(uv_handle_t *socket, size_t suggested, uv_buf_t *buf)
{
  struct tcp *t = socket->data;
  (void)suggested;
  *buf = uv_buf_init(t->piece, sizeof t->piece);
}

static void on_bytes(uv_stream_t *socket, ssize_t len, const uv_buf_t *buf)
{
  struct tcp *t = socket->data;
  (void)buf;
  if (len == 0)
    return;
  if (len > 0)
    t->len = (size_t)len;
  else if (len == UV_EOF)
    t->ended = true;
  else
    lose(t, "tcp-lost", "receiving from", (int)len);
  uv_read_stop(socket);
  tell(t, false);
}

static void read_on(struct tcp *t)
{
  int err = uv_read_start((uv_stream_t *)&t->socket, give_piece, on_bytes);
  if (err)
    lose(t, "tcp-lost", "receiving from", err);
}

static void on_connect(uv_connect_t *connecting, int err)
{
  struct tcp *t = connecting->data;
  if (uv_is_closing((uv_handle_t *)&t->socket))
    return;
  if (err) {
    lose(t, "tcp-connect", "connecting to", err);
  } else {
    t->open = true;
    uv_tcp_nodelay(&t->socket, 1);
    read_on(t);
  }
  tell(t, false);
}

/* ---- whoever comes ------------------------------------------------------------------------------ */

static struct tcp *new_tcp(uv_loop_t *loop, struct fault *f)
{
  struct tcp *t = calloc(1, sizeof *t);
  int err = t ? uv_tcp_init(loop, &t->socket) : UV_ENOMEM;
  if (err) {
    free(t);
    fault_set(f, "tcp-connect", "transient", "no TCP socket: %s", uv_strerror(err));
    return NULL;
  }
  t->socket.data = t->connecting.data = t;
  return t;
}

struct tcp *tcp_accept(uv_loop_t *loop, uv_stream_t *listening, struct fault *f)
{
  struct tcp *t = new_tcp(loop, f);
  if (!t)
    return NULL;
  int err = uv_accept(listening, (uv_stream_t *)&t->socket);
  if (err) {
    fault_set(f, "tcp-lost", "transient", "taking a connection: %s", uv_strerror(err));
    tcp_free(t);
    return NULL;
  }
  t->open = true;
  tcp_peer(t, t->where);
  uv_tcp_nodelay(&t->socket, 1);
  read_on(t);
  return t;
}

void tcp_peer(const struct tcp *t, char address[TCP_ADDRESS])
{
  struct sockaddr_storage peer;
  int len = sizeof peer;
  address[0] = 0;
  if (uv_tcp_getpeername(&t->socket, (struct sockaddr *)&peer, &len) == 0)
    uv_ip_name((struct sockaddr *)&peer, address, TCP_ADDRESS);
}

int tcp_detach(struct tcp *t, struct fault *f)
{
  uv_os_fd_t fd;
  int err = uv_fileno((uv_handle_t *)&t->socket, &fd);
  int own = err ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0)
    fault_set(f, "tcp-lost", "transient", "taking the socket of %s: %s", t->where,
              err ? uv_strerror(err) : strerror(errno));
  uv_read_stop((uv_stream_t *)&t->socket);
  return own;
}

/* ---- the address it goes to ---------------------------------------------------------------------- */

int tcp_address(const char *text, int port, struct sockaddr_storage *at)
{
  int err = uv_ip4_addr(text, port, (struct sockaddr_in *)at);
  return err ? uv_ip6_addr(text, port, (struct sockaddr_in6 *)at) : 0;
}

static int begin(struct tcp *t, const char *address, int port, const char *from)
{
  struct sockaddr_storage to = {0}, own = {0};
  int err = tcp_address(address, port, &to);
  if (!err && from)
    err = tcp_address(from, 0, &own);
  if (!err && from)
    err = uv_tcp_bind(&t->socket, (struct sockaddr *)&own, 0);
  return err ? err : uv_tcp_connect(&t->connecting, &t->socket, (struct sockaddr *)&to, on_connect);
}

struct tcp *tcp_new(uv_loop_t *loop, const char *address, int port, const char *from, struct fault *f)
{
  struct tcp *t = new_tcp(loop, f);
  if (!t)
    return NULL;
  snprintf(t->where, sizeof t->where, "%.50s port %d", address, port);
  int err = begin(t, address, port, from);
  if (!err)
    return t;
  fault_set(f, "tcp-connect", "transient", "connecting to %s: %s", t->where, uv_strerror(err));
  tcp_free(t);
  return NULL;
}

const struct fault *tcp_fault(const struct tcp *t)
{
  return t->fault.code ? &t->fault : NULL;
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

const char *tcp_peek(const struct tcp *t, size_t *len)
{
  *len = t->len;
  return t->piece;
}

void tcp_drop(struct tcp *t)
{
  if (t->len == 0)
    return;
  t->len = 0;
  if (!t->fault.code && !t->ended)
    read_on(t);
}

struct sending {
  uv_write_t write;
  char data[];
};

static void on_sent(uv_write_t *write, int err)
{
  struct tcp *t = write->handle->data;
  free(write->data);
  t->unsent--;
  if (uv_is_closing((uv_handle_t *)&t->socket))
    return;
  if (err)
    lose(t, "tcp-lost", "sending to", err);
  tell(t, false);
}

bool tcp_send(struct tcp *t, const void *data, size_t len)
{
  if (t->fault.code || len == 0)
    return true;
  struct sending *s = malloc(sizeof *s + len);
  if (!s)
    return false;
  memcpy(s->data, data, len);
  s->write.data = s;
  uv_buf_t buf = uv_buf_init(s->data, (unsigned)len);
  int err = uv_write(&s->write, (uv_stream_t *)&t->socket, &buf, 1, on_sent);
  if (err) {
    free(s);
    lose(t, "tcp-lost", "sending to", err);
  } else {
    t->unsent++;
  }
  return true;
}

static void closed(uv_handle_t *socket)
{
  free(socket->data);
}

void tcp_free(struct tcp *t)
{
  if (!t)
    return;
  tell(t, true);
  uv_close((uv_handle_t *)&t->socket, closed);
}
