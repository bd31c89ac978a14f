/* http_connection.h - a connection that is made the way an exchange makes its own (names, --local,
 * proxies, TLS, timeouts, faults), for who speaks another protocol than HTTP on it. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H
#include "http.h"
#include <stdbool.h>

enum { CONNECTION_LATER = -1, CONNECTION_BROKEN = -2 };

/* Of the request only the method (for errors), the URL, the timeouts and the route count. When it has
 * ended without a fault, the connection is there until the effect is freed. NULL: no memory. */
struct http_exchange *http_connection_start(struct world_http *, const struct http_request *,
                                            effect_done *done, void *arg);
/* What becomes readable and writable. */
int http_connection_fd(struct http_exchange *);
/* Bytes read; 0: the peer has ended; or CONNECTION_LATER or CONNECTION_BROKEN. */
long http_connection_read(struct http_exchange *, char *to, size_t room);
long http_connection_write(struct http_exchange *, const char *data, size_t len);
#endif
