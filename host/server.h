/* server.h - an HTTP(S) server on the event loop, for the local cloud and for tests.
 * Knows nothing of Lua. */
#ifndef SERVER_H
#define SERVER_H
#include "buf.h"
#include "effect.h"
#include "failure.h"
#include "websocket.h"

struct uv_loop_s;
struct authority;
struct server;

struct server_options {
  const char *address;
  int port;                     /* 0: any */
  struct authority *authority;  /* NULL: plain HTTP; outlives the server */
  size_t max_body;              /* bytes; a longer body is answered with 413 */
};

/* A request whose connection waits for the answer. */
struct server_request {
  char *method;
  char *target;        /* as it was sent: path and query, or a whole URL */
  struct buf headers;  /* "name: value\n" lines, names in lower case */
  struct buf body;
  char address[64];    /* the client's, with its port */
};

/* Waits for a request; `request` is NULL when the server was closed. */
struct server_accept {
  struct effect effect;
  struct server *server;
  struct server_request *request;  /* the caller takes it out, or it is dropped with the effect */
};

/* Listens. NULL: *f says why. */
struct server *server_new(struct uv_loop_s *loop, const struct server_options *o, struct fault *f);
int server_port(const struct server *s);
/* The oldest request that waits, or NULL. */
struct server_request *server_take(struct server *s);
/* True while an accept is under way; there is one at a time. */
bool server_accepting(const struct server *s);
/* NULL: out of memory. */
struct server_accept *server_accept(struct server *s, effect_done *done, void *arg);
/* Answers and gives the request back; `headers` are "Name: value", ended by NULL. False: *f says
 * what cannot be sent, and the request is still the caller's. */
bool server_answer(struct server_request *r, int status, const char *const *headers,
                   const void *body, size_t len, struct fault *f);
/* The same, but the connection ends after `sent` bytes of the body: what a server does that dies in the
 * middle of an answer. */
bool server_answer_cut(struct server_request *r, int status, const char *const *headers,
                       const void *body, size_t len, size_t sent, struct fault *f);
/* A request that becomes a WebSocket. */
struct server_upgrade {
  struct effect effect;
  struct fault fault;        /* "websocket-lost": the client has gone */
  struct websocket *socket;  /* who sets it to NULL takes it over; else it is freed with this */
  struct request *request;
  struct websocket_limits limits;
  char protocol[64];
};

struct server_upgrade_options {
  const char *const *protocols;  /* that the server speaks, ended by NULL; the first that the client names counts */
  const char *const *headers;    /* of the answer; as of server_answer */
  struct websocket_limits limits;
};

/* Gives the request back and answers it with status 101. NULL: *f says why not, "server-upgrade" when the
 * request does not ask for a WebSocket, and it is still the caller's. */
struct server_upgrade *server_upgrade(struct server_request *r, const struct server_upgrade_options *o,
                                      effect_done *done, void *arg, struct fault *f);
/* Gives the request back; without an answer the connection is dropped. NULL is fine. */
void server_drop(struct server_request *r);
/* Stops listening and drops all connections; requests that were taken stay valid. NULL is fine. */
void server_free(struct server *s);
#endif
