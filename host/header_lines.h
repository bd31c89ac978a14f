/* header_lines.h - headers of a request as Lua has them, name = value, for the world; secrets in them
 * are resolved here. */
#ifndef HEADER_LINES_H
#define HEADER_LINES_H
#include "secret.h"

/* Raises a misuse of the function `what` unless the text is a token of HTTP; `kind` names it. */
void header_check_token(lua_State *L, const char *what, const char *kind, const char *text);
/* Pushes what the list lives in, wiped when the scope ends, and returns "Name: value" lines, ended by
 * NULL; curl's "Name;" stands for an empty value. `headers` is the index of the table, or 0;
 * `to` (http_recipient.h) is where secrets in it go. */
const char *const *header_lines_read(lua_State *L, int headers, const char *what, const struct destination *to);
#endif
