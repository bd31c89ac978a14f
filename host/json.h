/* json.h - the module "json", and what other modules share of its values.
 *
 * null is a light userdata; an array carries a mark, its metatable, so that an empty
 * one stays an array. */
#ifndef JSON_H
#define JSON_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pushes json.null. */
void json_push_null(lua_State *L);
/* Marks the table on top as an array. */
void json_mark_array(lua_State *L);
bool json_is_array(lua_State *L, int idx);

/* ---- between the files of the module: json.c, json_decode.c, json_encode.c ------------- */

/* How deep arrays and objects may stand inside each other; integers that are exact everywhere. */
enum { JSON_DEPTH = 128 };
#define JSON_INTEGER_MAX (INT64_C(1) << 53)

int json_decode(lua_State *L);
int json_encode(lua_State *L);
/* Replaces the value on top by what cjson's function makes of it: "decode" of the text of
 * one string or float, "encode" of one string. Only inside json_decode and json_encode. */
void json_convert(lua_State *L, const char *function);
#endif
