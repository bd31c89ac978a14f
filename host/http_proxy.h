/* http_proxy.h - the proxy that the environment names for a host.
 *
 * https_proxy or http_proxy by the URL's scheme, then all_proxy, unless no_proxy covers the host; in
 * upper case too, but for HTTP_PROXY, which a web server sets from a header of its client. It is not
 * for loopback. */
#ifndef HTTP_PROXY_H
#define HTTP_PROXY_H
#include <stdbool.h>

struct world_environ;

/* The URL of the proxy, or NULL: there is none for this host. */
const char *http_proxy_of_environment(struct world_environ *e, bool https, const char *host);
/* The first of the variables, ended by NULL, that has a value; or NULL. */
const char *http_variable(struct world_environ *e, const char *const *names);
#endif
