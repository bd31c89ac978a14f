/* websocket_session.h - a WebSocket over a connection that is already there, on the loop: for the
 * client (websocket_curl.c) and the server (server.c). */
#ifndef WEBSOCKET_SESSION_H
#define WEBSOCKET_SESSION_H
#include "websocket.h"

struct uv_loop_s;

enum { TRANSPORT_LATER = -1, TRANSPORT_BROKEN = -2 };

/* A connection's bytes; nothing blocks. */
struct websocket_transport {
  int fd;  /* becomes readable and writable */
  /* Bytes read; 0: the peer has ended; or TRANSPORT_LATER or TRANSPORT_BROKEN. */
  long (*read)(void *arg, char *to, size_t room);
  /* Bytes written, or the same. */
  long (*write)(void *arg, const char *data, size_t len);
  /* Closes it; nothing is called afterwards. */
  void (*close)(void *arg);
  void *arg;
};

struct websocket_session_options {
  bool server;
  struct websocket_limits limits;
  const char *about;          /* whom errors name: a URL's host, a client's address */
  const char *protocol;       /* that was agreed upon, or "" */
  const void *first;          /* bytes that came already */
  size_t first_len;
};

/* Owns the transport from then on, and closes it, but never in here. NULL: out of memory, and the
 * transport is still the caller's. */
struct websocket *websocket_session_new(struct uv_loop_s *loop, const struct websocket_transport *t,
                                        const struct websocket_session_options *o);
/* The connection is gone for a reason of ours: it ends as lost, and the transport is closed. */
void websocket_session_break(struct websocket *ws, const char *why);
#endif
