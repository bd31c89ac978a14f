/* buf_lua.c - buffers that Lua owns; see buf_lua.h. */
#include "buf_lua.h"
#include "class.h"
#include <string.h>

#define BUF "davit.buf"

static int buf_close(lua_State *L)  /* __close and __gc */
{
  buf_wipe(luaL_checkudata(L, 1, BUF));
  return 0;
}

struct buf *buf_push_open(lua_State *L, size_t limit)
{
  struct buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b, limit);
  class_new(L, BUF, NULL, buf_close);
  luaL_setmetatable(L, BUF);
  return b;
}

struct buf *buf_push(lua_State *L, size_t limit)
{
  struct buf *b = buf_push_open(L, limit);
  lua_toclose(L, -1);
  return b;
}

const char **buf_push_list(lua_State *L, struct buf *texts, int n)
{
  const char **list = lua_newuserdatauv(L, sizeof *list * (size_t)(n + 1), 0);
  const char *text = buf_str(texts);
  for (int i = 0; i < n; i++, text += strlen(text) + 1)
    list[i] = text;
  list[n] = NULL;
  return list;
}
