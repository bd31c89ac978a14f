/* buf_lua.c - buffers that Lua owns; see buf_lua.h. */
#include "buf_lua.h"
#include "class.h"

#define BUF "davit.buf"

static int buf_close(lua_State *L)  /* __close and __gc */
{
  buf_wipe(luaL_checkudata(L, 1, BUF));
  return 0;
}

struct buf *buf_push(lua_State *L, size_t limit)
{
  struct buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b, limit);
  class_new(L, BUF, NULL, buf_close);
  luaL_setmetatable(L, BUF);
  lua_toclose(L, -1);
  return b;
}
