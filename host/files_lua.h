/* files_lua.h - the rules for paths that recipes give: they count from the project's folder, wherever Davit
 * was started, and stay inside of it. */
#ifndef FILES_LUA_H
#define FILES_LUA_H
#include <lua.h>

/* The folder that paths of recipes must not lead out of: for file_request.root, unless the call
 * says { outside = true }. NULL: there is no project, so every path is fine. Lives until
 * the project changes, so as long as any call. */
const char *files_root(lua_State *L);
/* The path as the world takes it, which counts from the working folder: itself, or else pushed. */
const char *files_path(lua_State *L, const char *path);
#endif
