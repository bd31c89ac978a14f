/* http_recipient.h - whom the secrets of a request meet on its way. */
#ifndef HTTP_RECIPIENT_H
#define HTTP_RECIPIENT_H
#include "http.h"
#include <lua.h>

/* Pushes the URL, or "unix:/PATH", that secrets are checked against.
 *
 * Over https the certificate proves who answers, so it is the request's own URL. Unless the request names
 * both the way (a socket, an address, a proxy) and the authority (ca): then it could prove anybody to be
 * anybody, and who stands at the end of that way has to be meant. Over http nobody proves anything: what is sent
 * goes to whom the way leads, the environment's proxy included. */
const char *http_recipient(lua_State *L, const char *url, const struct http_route *way);
#endif
