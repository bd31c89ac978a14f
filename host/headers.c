/* headers.c - header lines of HTTP as a Lua table; see headers.h. */
#include "headers.h"
#include <string.h>

/* Sets a field of the table on top, after what the field holds already. */
static void add_field(lua_State *L, const char *name, size_t name_len, const char *value, size_t len)
{
  lua_pushlstring(L, name, name_len);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TSTRING) {
    lua_pushliteral(L, ", ");
    lua_pushlstring(L, value, len);
    lua_concat(L, 3);
  } else {
    lua_pop(L, 1);
    lua_pushlstring(L, value, len);
  }
  lua_rawset(L, -3);
}

void headers_push(lua_State *L, const char *lines)
{
  lua_newtable(L);
  while (*lines) {
    size_t line = strcspn(lines, "\n"), name = strcspn(lines, ":");
    const char *value = lines + name + 1;
    value += strspn(value, " \t");
    add_field(L, lines, name, value, (size_t)(lines + line - value));
    lines += line + (lines[line] == '\n');
  }
}
