/* seal_keys_lua.h - the keys of a seal, read from arguments. */
#ifndef SEAL_KEYS_LUA_H
#define SEAL_KEYS_LUA_H
#include "seal.h"
#include <lua.h>

struct seal_keys {
  unsigned char list[SEAL_KEYS_MAX][SEAL_KEY];
  size_t count;
};

/* Reads a list of public keys. Raises a misuse of the function `what`. */
void seal_check_keys(lua_State *L, int idx, const char *what, struct seal_keys *keys);
/* Reads the private key that the secret at idx holds; the caller wipes it. Raises "artifact-key". */
void seal_check_private(lua_State *L, int idx, const char *what, unsigned char private[SEAL_KEY]);
#endif
