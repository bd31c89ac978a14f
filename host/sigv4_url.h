/* sigv4_url.h - a URL in the one form that its signature is computed of; see sigv4.h. */
#ifndef SIGV4_URL_H
#define SIGV4_URL_H
#include "buf.h"

struct sigv4_url {
  const char *origin;  /* "https://host:port", of the text that was read */
  size_t origin_len;
  struct buf host;     /* as the header says it: without the scheme's own port */
  struct buf path;     /* escaped, as it is sent */
  struct buf query;    /* sorted and escaped, without its question mark */
};

/* Takes a URL apart, with more of a query ("name=value&…", escaped) or "". False: it is no http(s)
 * URL, or holds a user's name. sigv4_url_free in any case; memory: see sigv4_url_ok. */
bool sigv4_url_read(struct sigv4_url *u, const char *url, const char *more);
bool sigv4_url_ok(const struct sigv4_url *u);
void sigv4_url_free(struct sigv4_url *u);

/* Appends the text escaped: everything but letters, digits and -._~ */
void sigv4_escape(struct buf *b, const char *text);
/* Appends the path as services other than S3 sign it: without dots and empty parts, escaped anew. */
void sigv4_plain_path(struct buf *b, const char *path);
#endif
