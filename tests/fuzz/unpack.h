/* unpack.h - what the target "archive" calls. */
#ifndef UNPACK_H
#define UNPACK_H
#include <lua.h>

/* fuzz.unpack(bytes): takes them for an archive, or for the tar in one, unpacks it into a folder, and raises when
 * anything appeared that must not. */
int fuzz_unpack(lua_State *L);
#endif
