/* buf_lua.h - buffers that Lua owns. */
#ifndef BUF_LUA_H
#define BUF_LUA_H
#include "buf.h"
#include <lua.h>

/* Pushes an empty buffer, to be closed: it is wiped when its scope ends, however it ends. */
struct buf *buf_push(lua_State *L, size_t limit);
/* Pushes the list of the n texts in the buffer, each ended by NUL; the list by NULL. The buffer stays
 * as it is for as long. */
const char **buf_push_list(lua_State *L, struct buf *texts, int n);
/* Pushes an empty buffer that may be popped at any time, after buf_wipe(): lua_settop() of Lua 5.4.4 goes astray when
 * closing moves the stack. Who forgets leaves it to the collector. */
struct buf *buf_push_open(lua_State *L, size_t limit);
#endif
