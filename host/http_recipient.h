/* http_recipient.h - whom the secrets of a request meet on its way. */
#ifndef HTTP_RECIPIENT_H
#define HTTP_RECIPIENT_H
#include "http.h"
#include "secret.h"

/* Where the secrets of a request go: the URL, or "unix:/PATH", that they are checked against, pushed. `place` and
 * `header` are the caller's to fill in.
 *
 * Over https the certificate proves who answers, so it is the request's own URL. Unless the request names
 * both the way (a socket, an address, a proxy) and the authority (ca): then it could prove anybody to be
 * anybody, and who stands at the end of that way has to be meant. Over http nobody proves anything: what is sent
 * goes to whom the way leads, the environment's proxy included. Behind a proxy stands the URL's host, which gets
 * everything, too. */
struct destination http_recipient(lua_State *L, const char *url, const char *method, const struct http_route *way);
/* The request has a Host header of its own: servers of many hosts give it to that one, whatever the URL and
 * the certificate say. Pushes what it adds. */
void http_recipient_named(lua_State *L, const char *url, const char *host, struct destination *to);
/* The same for the table of headers at the index, if there is one in it; 0: no table. */
void http_recipient_headers(lua_State *L, const char *url, int headers, struct destination *to);
#endif
