/* escape.h - how bytes are written inside something else. Knows nothing of Lua.
 *
 * Every function appends to out; a failed buffer says that memory was short. */
#ifndef ESCAPE_H
#define ESCAPE_H
#include "buf.h"

/* The inside of a JSON string. `slash`: "/" becomes "\/", and DEL "\u007f", as some encoders do. */
void escape_json(struct buf *out, const char *data, size_t len, bool slash);

/* Which bytes beside letters and digits stay, and what becomes of a blank and of the rest. */
struct percent_style {
  const char *keep;
  bool plus;   /* a blank becomes "+", not "%20" */
  bool lower;  /* "%2f", not "%2F" */
};
void escape_percent(struct buf *out, const char *data, size_t len,
                    const struct percent_style *style);

void escape_hex(struct buf *out, const char *data, size_t len, bool lower);
/* `url`: the alphabet with - and _; `pad`: filled up with = to four characters. */
void escape_base64(struct buf *out, const char *data, size_t len, bool url, bool pad);
#endif
