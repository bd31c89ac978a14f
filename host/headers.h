/* headers.h - header lines of HTTP as a Lua table. */
#ifndef HEADERS_H
#define HEADERS_H
#include <lua.h>

/* Pushes name = value for "Name: value\n" lines; values of a repeated name are joined by ", ". */
void headers_push(lua_State *L, const char *lines);
#endif
