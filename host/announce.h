/* announce.h - makes a secret known to whatever masks, before anything can print it. */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H
#include <lua.h>
#include <stddef.h>

/* Gives the value to the instance's mask and, under GitHub, to its runner, each value once. What cannot be
 * masked is said on standard error, once a name and without the value. Raises when memory is short. */
void announce_secret(lua_State *L, const char *name, const char *value, size_t len);
#endif
