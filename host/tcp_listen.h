/* tcp_listen.h - a socket that connections come to. Knows nothing of Lua. */
#ifndef TCP_LISTEN_H
#define TCP_LISTEN_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>

struct uv_loop_s;
struct tcp;
struct tcp_listener;

/* Listens at an address and a port. NULL: *f says why ("tcp-listen", fatal). */
struct tcp_listener *tcp_listen(struct uv_loop_s *loop, const char *address, int port, struct fault *f);
/* Whether a connection waits to be taken. */
bool tcp_listener_ready(const struct tcp_listener *l);
/* An effect that finishes when one does, or the listener is freed. NULL: out of memory. */
struct effect *tcp_listener_wait(struct tcp_listener *l, effect_done *done, void *arg);
/* The connection that waits. NULL: *f says why it cannot be had. */
struct tcp *tcp_listener_take(struct tcp_listener *l, struct fault *f);
/* Stops listening; who waits is told. NULL is fine. */
void tcp_listener_free(struct tcp_listener *l);
#endif
