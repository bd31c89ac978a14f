/* authority_lua.h - the authority behind a Lua value, for servers that are given one. */
#ifndef AUTHORITY_LUA_H
#define AUTHORITY_LUA_H
#include <lua.h>

struct authority;

/* The authority at idx, or NULL when the value is none. It lives as long as the value. */
struct authority *authority_test(lua_State *L, int idx);
#endif
