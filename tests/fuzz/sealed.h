/* sealed.h - what the target "sealed" calls. */
#ifndef SEALED_H
#define SEALED_H
#include <lua.h>

/* fuzz.sealed(text): raises when the text does not come back as it was sealed, or anything comes through that was
 * changed afterwards; the text says how. It is opened as if somebody had sealed it, too. */
int fuzz_sealed(lua_State *L);
/* fuzz.seal(text, public key) -> sealed */
int fuzz_seal(lua_State *L);
#endif
