/* core.h - the module "core": what Davit's own Lua needs and recipes do not see. */
#ifndef CORE_H
#define CORE_H
#include <lua.h>
int core_open(lua_State *L);
#endif
