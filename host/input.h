/* input.h - the standard input for recipes: reading waits in the pool, not in the loop. */
#ifndef INPUT_H
#define INPUT_H
#include <lua.h>

/* Sets read and lines in the table on top, the module io. */
int input_open(lua_State *L);
#endif
