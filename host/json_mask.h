/* json_mask.h - masks what a JSON text says and leaves it JSON. Knows nothing of Lua. */
#ifndef JSON_MASK_H
#define JSON_MASK_H
#include "buf.h"

struct mask;

/* Appends the JSON text with *** for every secret in its strings and names, and for a number that is a secret as a
 * whole. Structure and the names of Davit's own fields stay. `event`: the text is an event, whose kind, run and
 * numbers are Davit's own, too. What is no JSON is masked as it stands. True when a number was a secret. */
bool json_mask(struct mask *m, const char *text, size_t len, bool event, struct buf *out);
#endif
