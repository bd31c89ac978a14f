/* field.h - gives the table on top of the stack a field. */
#ifndef FIELD_H
#define FIELD_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

void field_boolean(lua_State *L, const char *name, bool is);
void field_integer(lua_State *L, const char *name, lua_Integer integer);
void field_number(lua_State *L, const char *name, double number);
void field_bytes(lua_State *L, const char *name, const char *bytes, size_t len);
/* NULL: no field. */
void field_text(lua_State *L, const char *name, const char *text);
/* NULL or "": there is nothing to say, and no field. */
void field_words(lua_State *L, const char *name, const char *text);
#endif
