/* json_span.h - finds one string inside a JSON text without building values.
 *
 * For values that must leave a reply before it becomes a Lua string. */
#ifndef JSON_SPAN_H
#define JSON_SPAN_H
#include "buf.h"

/* Finds the string at the JSON pointer ("/data/0/uri"); *from and *to span its inside,
 * without the quotes. False: not there, not a string, or no valid JSON up to it. */
bool json_span(const char *text, size_t len, const char *pointer, size_t *from, size_t *to);
/* The same for a value of any kind: *from and *to span all of it, quotes included. */
bool json_span_value(const char *text, size_t len, const char *pointer, size_t *from, size_t *to);
/* Appends the inside of a JSON string with its escapes resolved; false: a bad escape. */
bool json_unescape(const char *inside, size_t len, struct buf *out);
#endif
