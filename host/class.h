/* class.h - metatables of the handles that Lua has: their methods, and how they end. */
#ifndef CLASS_H
#define CLASS_H
#include <lauxlib.h>

/* Makes the metatable `name`, unless it is there: __index leads to the methods, __close and
 * __gc are `close`. Each may be NULL. */
void class_new(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close);
/* Gives a class one more metamethod. */
void class_event(lua_State *L, const char *name, const char *event, lua_CFunction f);
/* Gives a class fields beside its methods: `index` is called as index(handle, name), with the table
 * of the methods as its first upvalue. */
void class_index(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction index);
#endif
