/* files_lua.h - the rule for paths that recipes give: they stay inside the project. */
#ifndef FILES_LUA_H
#define FILES_LUA_H
#include <lua.h>

/* The folder that paths of recipes must not lead out of: for file_request.root, unless the call
 * says { outside = true }. NULL: there is no project, so every path is fine. Lives until
 * the project changes, so as long as any call. */
const char *files_root(lua_State *L);
#endif
