/* tcp.h - a TCP connection to an address of this machine, for Davit's own servers that hand bytes
 * on. Knows nothing of Lua. */
#ifndef TCP_H
#define TCP_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>

struct uv_loop_s;
struct tcp;

enum tcp_event {
  TCP_OPEN,      /* the connection is made */
  TCP_RECEIVED,  /* bytes wait, or the peer has ended */
  TCP_SENT       /* what was sent is the system's */
};

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
/* Closes it; who waits is told. NULL is fine. */
void tcp_free(struct tcp *t);
#endif
