/* mask_quote.h - how shells quote a text, and what is quoted already. Knows nothing of Lua. */
#ifndef MASK_QUOTE_H
#define MASK_QUOTE_H
#include "mask_encode.h"

/* The inside of single quotes, once and twice; the words that a shell's trace shows for it. */
void mask_quote(struct encoder *e, struct text t);
/* The inside of a JSON string as shells quote it, and in two strings of JSON more. */
void mask_quote_nested(struct encoder *e, struct text json);
#endif
