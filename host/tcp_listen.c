/* tcp_listen.c - listening on libuv's loop; see tcp_listen.h.
 *
 * libuv holds one connection at a time and lets the others wait in the system's queue until that was
 * taken, so that nobody is accepted whom nobody serves. */
#include "tcp_listen.h"
#include "latch.h"
#include "tcp.h"
#include <stdlib.h>
#include <uv.h>

enum { QUEUE = 128 };

struct tcp_listener {
  uv_tcp_t socket;
  bool waits;  /* a connection is held by libuv */
  struct latch came;
};

static void on_connection(uv_stream_t *socket, int status)
{
  struct tcp_listener *l = socket->data;
  if (status < 0)  /* it went away again, or there is no descriptor for it */
    return;
  l->waits = true;
  latch_open(&l->came);
}

static int begin(struct tcp_listener *l, const char *address, int port)
{
  struct sockaddr_storage at = {0};
  int err = tcp_address(address, port, &at);
  if (!err)
    err = uv_tcp_bind(&l->socket, (struct sockaddr *)&at, 0);
  return err ? err : uv_listen((uv_stream_t *)&l->socket, QUEUE, on_connection);
}

struct tcp_listener *tcp_listen(uv_loop_t *loop, const char *address, int port, struct fault *f)
{
  struct tcp_listener *l = calloc(1, sizeof *l);
  int err = l ? uv_tcp_init(loop, &l->socket) : UV_ENOMEM;
  if (err) {
    free(l);
  } else {
    l->socket.data = l;
    err = begin(l, address, port);
    if (!err)
      return l;
    tcp_listener_free(l);
  }
  fault_set(f, "tcp-listen", "fatal", "listening on %.50s port %d: %s", address, port, uv_strerror(err));
  if (err == UV_EADDRINUSE)
    fault_hint(f, "another program listens there: see 'ss -ltnp'");
  return NULL;
}

bool tcp_listener_ready(const struct tcp_listener *l)
{
  return l->waits;
}

struct effect *tcp_listener_wait(struct tcp_listener *l, effect_done *done, void *arg)
{
  return latch_wait(&l->came, done, arg);
}

struct tcp *tcp_listener_take(struct tcp_listener *l, struct fault *f)
{
  l->waits = false;
  return tcp_accept(l->socket.loop, (uv_stream_t *)&l->socket, f);
}

static void closed(uv_handle_t *socket)
{
  free(socket->data);
}

void tcp_listener_free(struct tcp_listener *l)
{
  if (!l)
    return;
  latch_open(&l->came);
  uv_close((uv_handle_t *)&l->socket, closed);
}
