/* http_transfer.h - an exchange whose bodies are files: read and written in pieces while it goes on.
 * Knows nothing of Lua. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H
#include "effect.h"
#include "failure.h"
#include "http.h"
#include "world.h"

struct transfer_options {
  const char *root;               /* the paths stay in it (files.h); NULL: they may lead anywhere */
  const char *from;               /* the request's body is this file; or NULL */
  uint64_t stamp;                 /* which it has to be; 0: any */
  const char *const *part_files;  /* for each of the request's parts a file, or NULL; may be NULL */
  const char *to;                 /* the body of an answer of status 2xx goes to this file; or NULL */
  bool hashes;                    /* the SHA-256 of what came is wanted */
  const char *sha256;             /* what it has to be, or NULL */
};

struct http_transfer {
  struct effect effect;
  struct fault fault;             /* of a file; that of the exchange stands there */
  const char *path;               /* of that file */
  struct http_exchange *exchange; /* NULL when a file ended it, or was not to be had */
  const char *sha256;             /* of what came, if it was wanted; else "" */
};

/* The request, and all that it and the options point to, have to stay until there is an exchange, or
 * the transfer has ended or was freed. With part_files, one at least is a file. NULL: out of memory. */
struct http_transfer *transfer_start(struct world *world, const struct http_request *request,
                                     const struct transfer_options *o, effect_done *done, void *arg);
#endif
