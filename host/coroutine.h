/* coroutine.h - coroutine.* for recipes: a wait inside one reaches the scheduler. */
#ifndef COROUTINE_H
#define COROUTINE_H
#include <lua.h>

/* Replaces coroutine.resume, wrap and yield in the global table. */
int coroutine_open(lua_State *L);
#endif
