/* http.h - one HTTP exchange, as every world offers it. Knows nothing of Lua. */
#ifndef HTTP_H
#define HTTP_H
#include "buf.h"
#include "effect.h"
#include "failure.h"

/* One part of a multipart/form-data body. filename and type may be NULL. */
struct http_part {
  const char *name, *filename, *type;
  const void *data;
  size_t len;
};

struct http_request {
  const char *method, *url;
  const char *const *headers;      /* "Name: value", ended by NULL; may be NULL */
  const void *body;                /* NULL: no body */
  size_t body_len;
  const struct http_part *parts;   /* instead of a body */
  size_t part_count;
  double connect_timeout, timeout; /* seconds; of the connection, of the whole exchange */
  size_t max_body;                 /* bytes; a longer body is the fault "http-too-large" */
  bool fresh;                      /* a new connection that nobody uses afterwards */
};

struct http_timing {
  double dns, connect, tls, first_byte, total;  /* seconds since the start */
};

/* fault.code is NULL when an answer came, whatever its status. */
struct http_exchange {
  struct effect effect;
  struct fault fault;
  int status;
  struct buf headers;  /* "name: value\n" lines of the final answer, names in lower case */
  struct buf body;
  char protocol[8];    /* "1.1", "2" */
  char address[64];    /* the peer */
  struct http_timing timing;
};

struct world_http {
  struct http_exchange *(*start)(struct world_http *, const struct http_request *,
                                 effect_done *done, void *arg);
};
#endif
