/* excerpt.h - masks texts of which something was cut off. Knows nothing of Lua. */
#ifndef EXCERPT_H
#define EXCERPT_H
#include "buf.h"

struct mask;

/* Appends the text, masked. Where it was cut, before every "…" in it and, when `cut`, at its end, what may be
 * the beginning of a secret is left out: the mask finds whole secrets only. */
void excerpt_mask(struct mask *m, const char *text, size_t len, bool cut, struct buf *out);
#endif
