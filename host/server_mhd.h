/* server_mhd.h - the parts of the server, as they see each other: server.c, server_answer.c for what
 * answers are made of, server_stream.c for those that are written while they are sent, server_websocket.c for
 * connections that leave HTTP, server_ends.c for clients that end their side, and server_listen.c for
 * where it listens. server.h is the outside. */
#ifndef SERVER_MHD_H
#define SERVER_MHD_H
#include "server.h"
#include <microhttpd.h>
#include <uv.h>

enum request_state { RECEIVING, WAITING, TAKEN, ANSWERED, DROPPED };

struct upgraded;
struct server_peer;

struct server {
  uv_poll_t poll;
  uv_timer_t timer;
  struct MHD_Daemon *daemon;
  struct authority *authority;
  size_t max_body;
  int port;
  char *path;                     /* of the socket; or NULL */
  bool closing;
  struct server_accept *accepting;
  struct request *first, **last;  /* all requests, in the order they began */
  struct upgraded *upgraded;      /* connections that are WebSockets now */
  int ends;                       /* an epoll descriptor that watches for clients' ends */
  struct server_peer *ended;      /* clients that have ended their side, while bytes before that are to be read */
};

struct request {
  struct server_request base;
  struct server *server;  /* NULL: closed */
  struct MHD_Connection *connection;
  struct MHD_Response *response;
  unsigned status;
  enum request_state state;
  bool begun, held;       /* the first call was there; a taker has it */
  struct server_upgrade *upgrade;  /* waits until the connection is a WebSocket; or NULL */
  struct server_stream *stream;    /* the body is still being sent; or NULL */
  struct request *next;
};

/* ---- server.c ---- */

/* Lets libmicrohttpd run in the next turn of the loop. */
void server_run_soon(struct server *s);
/* The response goes to the client of a request that is taken, and the request is given back. */
void server_queue(struct request *r, unsigned status, struct MHD_Response *response);

/* Starts to serve on the address, or on a socket that listens already (else -1), and hooks into the loop; 0, or an
 * error of the system. */
int server_begin(struct server *s, uv_loop_t *loop, const struct sockaddr_storage *at, int socket);

/* ---- server_answer.c ---- */

/* Adds "Name: value" lines, ended by NULL. False: *f says which cannot be sent. */
bool server_add_lines(struct MHD_Response *response, const char *const *headers, struct fault *f);

/* ---- server_stream.c ---- */

/* The request's connection is gone. */
void server_stream_lost(struct request *r);
/* The answer breaks off: the server goes. */
void server_stream_stop(struct request *r);

/* ---- server_ends.c ---- */

bool server_ends_open(struct server *s);
void server_ends_close(struct server *s);
/* A connection, from its beginning to its end. NULL: not enough memory, its end may be noticed late. */
struct server_peer *server_peer_new(struct server *s, int fd);
void server_peer_free(struct server *s, struct server_peer *p);
/* To be called after libmicrohttpd has run. */
void server_ends_tell(struct server *s);

/* ---- server_websocket.c ---- */

/* The request's connection is gone before it was a WebSocket. */
void server_upgrade_lost(struct request *r);
/* Ends all WebSockets: the server goes. */
void server_end_upgraded(struct server *s);
/* Whether bytes of WebSockets over TLS are on their way through libmicrohttpd: it can go on at once. */
bool server_carries(struct server *s);

/* ---- server_listen.c ---- */

/* Listens where the options say. False: *f says why not. */
bool server_open_at(struct server *s, uv_loop_t *loop, const struct server_options *o, struct fault *f);
#endif
