/* sigv4.h - AWS Signature Version 4, as S3, R2 and other services of that kind check it.
 * Knows nothing of Lua.
 *
 * What is signed is what is sent: the URL comes back with its path escaped and its query sorted,
 * escaped and written as "key=value", and the host as a header. */
#ifndef SIGV4_H
#define SIGV4_H
#include "buf.h"

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

struct sigv4_key {
  const char *region, *service;  /* "auto", "s3" */
  const char *id, *secret;
  const char *token;             /* of a session, or NULL */
};

struct sigv4_request {
  const char *method, *url;
  const char *const *headers;  /* "Name: value", or "Name;" for an empty value; ended by NULL */
  const char *payload;         /* the body's SHA-256 in hexadecimal digits, or SIGV4_UNSIGNED */
  double now;                  /* Unix seconds */
};

struct sigv4_signed {
  struct buf url;
  struct buf headers;          /* the headers to add, "Name: value", each ended by a NUL */
  size_t header_count;
};

enum sigv4_outcome { SIGV4_DONE, SIGV4_NO_URL, SIGV4_NO_MEMORY };

/* Signs by headers. Whatever the outcome, *out is to be freed with sigv4_free. */
enum sigv4_outcome sigv4_sign(const struct sigv4_key *k, const struct sigv4_request *r,
                              struct sigv4_signed *out);
/* Signs by the query: the URL works for so many seconds, for whoever sends the method and headers of
 * the request. */
enum sigv4_outcome sigv4_presign(const struct sigv4_key *k, const struct sigv4_request *r,
                                 unsigned expires, struct sigv4_signed *out);
/* Overwrites what it held. */
void sigv4_free(struct sigv4_signed *s);
#endif
