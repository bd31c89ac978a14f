/* tcp.h - TCP connections to addresses of this machine and from those who come to one, for Davit's own
 * servers that hand bytes on. Knows nothing of Lua. */
#ifndef TCP_H
#define TCP_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>

struct uv_loop_s;
struct uv_stream_s;
struct sockaddr_storage;
struct tcp;

enum { TCP_ADDRESS = 46 };  /* bytes of an address as text */

enum tcp_event {
  TCP_OPEN,      /* the connection is made */
  TCP_RECEIVED,  /* bytes wait, or the peer has ended */
  TCP_SENT       /* what was sent is the system's */
};

/* Reads an address of IPv4 or IPv6. 0, or libuv's error. */
int tcp_address(const char *text, int port, struct sockaddr_storage *at);
/* Begins to connect to an address, from another one unless `from` is NULL; no names. NULL: *f says
 * why. */
struct tcp *tcp_new(struct uv_loop_s *loop, const char *address, int port, const char *from,
                    struct fault *f);
/* Whether the event is there, or never will be: then there is a fault, or the end. */
bool tcp_ready(const struct tcp *t, enum tcp_event event);
/* An effect that finishes when it is ready; to be called when it is not. NULL: out of memory. */
struct effect *tcp_wait(struct tcp *t, enum tcp_event event, effect_done *done, void *arg);
/* Why nothing can be sent or received any more ("tcp-connect", "tcp-lost", transient); NULL: it can. */
const struct fault *tcp_fault(const struct tcp *t);
/* The bytes that have come, until they are dropped; *len 0: none. Nothing more is read meanwhile. */
const char *tcp_peek(const struct tcp *t, size_t *len);
void tcp_drop(struct tcp *t);
/* Copies the bytes. False: out of memory. What cannot be sent any more is dropped. */
bool tcp_send(struct tcp *t, const void *data, size_t len);
/* Takes the connection that libuv holds for a listening socket. NULL: *f says why. */
struct tcp *tcp_accept(struct uv_loop_s *loop, struct uv_stream_s *listening, struct fault *f);
/* The address on the other side, as text; "" when it has gone. */
void tcp_peer(const struct tcp *t, char address[TCP_ADDRESS]);
/* Its socket, for the caller to close, while bytes that have come stay in tcp_peek until it is freed;
 * nothing may be on its way out. -1: *f says why. */
int tcp_detach(struct tcp *t, struct fault *f);
/* Closes it; who waits is told. NULL is fine. */
void tcp_free(struct tcp *t);
#endif
