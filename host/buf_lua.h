/* buf_lua.h - buffers that Lua owns. */
#ifndef BUF_LUA_H
#define BUF_LUA_H
#include "buf.h"
#include <lua.h>

/* Pushes an empty buffer, to be closed: it is wiped when its scope ends, however it ends. */
struct buf *buf_push(lua_State *L, size_t limit);
#endif
