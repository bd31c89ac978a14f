/* health_spec.h - what lua/health.lua hands over, read into what the engine takes. */
#ifndef HEALTH_SPEC_H
#define HEALTH_SPEC_H
#include "health.h"
#include <lua.h>

/* Reads the spec at idx; what it points to lives in that table, or is put into the table at
 * `anchor`. Raises a misuse. */
void health_spec_read(lua_State *L, int idx, int anchor, struct health_spec *s);
/* Reads the list of rules at idx, likewise. */
const struct health_rule *health_rules_read(lua_State *L, int idx, int anchor, size_t *count);
#endif
