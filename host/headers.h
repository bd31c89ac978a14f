/* headers.h - header lines of HTTP: as they come, and as a Lua table. */
#ifndef HEADERS_H
#define HEADERS_H
#include "buf.h"
#include <lua.h>

/* Takes a line, without its end: keeps "name: value\n", the name in lower case. A line that begins with a
 * blank belongs to the one before. False: it is no header, or a Content-Length that is no number or unlike the one before. */
bool headers_keep(struct buf *lines, const char *line, size_t len);
/* Pushes name = value for "Name: value\n" lines; values of a repeated name are joined by ", ". A line
 * without a colon is passed over. */
void headers_push(lua_State *L, const char *lines);
#endif
