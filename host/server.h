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
  const char *path;             /* of a socket in the file system, instead of both; or NULL */
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
/* An answer whose body is written piece by piece while it is sent. */
struct server_stream;

/* Waits until the stream has room again, or the client has gone. */
struct server_room {
  struct effect effect;
  struct server_stream *stream;
};

/* Begins the answer and gives the request back; `headers` as of server_answer. NULL: *f says why not, and
 * the request is still the caller's. */
struct server_stream *server_stream(struct server_request *r, int status, const char *const *headers, struct fault *f);
/* Takes a copy of the bytes; for a client that has gone they are dropped. False: out of memory. */
bool server_stream_write(struct server_stream *s, const void *data, size_t len);
/* False once the client has gone. */
bool server_stream_alive(const struct server_stream *s);
/* True while so much waits to be sent that the writer had better wait, too. */
bool server_stream_full(const struct server_stream *s);
/* To be asked for while the stream is full, one at a time. NULL: out of memory. */
struct server_room *server_stream_room(struct server_stream *s, effect_done *done, void *arg);
/* What was written is sent; then the body ends or, if it is not whole, breaks off. Frees. NULL is fine. */
void server_stream_end(struct server_stream *s, bool whole);

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
