/* order.h - the fixed order of table keys: numbers, then strings, each sorted. */
#ifndef ORDER_H
#define ORDER_H
#include <lua.h>

/* Pushes a list of the keys of the table at idx in their fixed order. Raises when
 * two keys have no order (tables, functions, userdata). */
void order_keys(lua_State *L, int idx);
/* Replaces pairs and next. */
int order_open(lua_State *L);
#endif
