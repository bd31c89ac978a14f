/* sql_url.h - where a database URL leads. Knows nothing of Lua. */
#ifndef SQL_URL_H
#define SQL_URL_H
#include <stdbool.h>
#include <stddef.h>

/* Writes the host of a postgresql:// URL in lower case, without port and brackets. False: the
 * URL is of another kind, names no single host, or the name does not fit. */
bool sql_url_host(const char *url, size_t len, char *host, size_t size);
#endif
