/* announce.h - makes a secret known to whatever masks, before anything can print it. */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Gives the value to the instance's mask and, under GitHub, to its runner, each value once. False: it is none that
 * can be masked (mask.h). Raises when memory is short. */
bool announce_value(lua_State *L, const char *name, const char *value, size_t len);
/* The same; what cannot be masked is said on standard error, once a name and without the value. */
void announce_secret(lua_State *L, const char *name, const char *value, size_t len);
#endif
