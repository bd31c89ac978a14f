/* traceback.h - the calls under way, as luaL_traceback tells them; many failures are made and few tracebacks read, so
 * the names of modules' functions are kept, and not looked for in all modules for each call. */
#ifndef TRACEBACK_H
#define TRACEBACK_H
#include <lua.h>

/* Pushes the text: a line for each call, from `level` on (0: the function that runs), the middle of many left out. */
void traceback_push(lua_State *L, int level);
#endif
