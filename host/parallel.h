/* parallel.h - the global parallel, and task.nursery. */
#ifndef PARALLEL_H
#define PARALLEL_H
#include <lua.h>

/* Expects the module table "task" on top of the stack. */
int parallel_open(lua_State *L);
#endif
