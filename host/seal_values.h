/* seal_values.h - named texts and secrets, as they are sealed. */
#ifndef SEAL_VALUES_H
#define SEAL_VALUES_H
#include <lua.h>

/* seal.core.seal_values(values, keys, names) -> text; of the module "seal.core" */
int seal_values(lua_State *L);
/* seal.core.open_values(text, key, what) -> values */
int seal_open_values(lua_State *L);
#endif
