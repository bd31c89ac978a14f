/* mask_text.h - pieces of a value: runs of bytes inside somebody else's memory. Knows nothing of Lua. */
#ifndef MASK_TEXT_H
#define MASK_TEXT_H
#include "buf.h"

struct text {
  const char *data;
  size_t len;
};

/* What lies between two places. */
static inline struct text text_between(const char *from, const char *to)
{
  return (struct text){from, (size_t)(to - from)};
}

/* Without white space around it. */
struct text text_trim(struct text t);
bool text_starts(struct text t, const char *with);
/* Where it first stands in the text; NULL: nowhere. */
const char *text_find(struct text t, const char *what);
bool text_equal(struct text a, struct text b);
/* True when a letter, a digit or a byte beyond ASCII is in it. */
bool text_has_word(struct text t);
/* Takes the first line off *rest, without its end; false when nothing is left. */
bool text_next_line(struct text *rest, struct text *line);
/* Appends the text with every run of white space as one blank. */
void text_collapse(struct buf *out, struct text t);
/* Appends the text with its %XX resolved. */
void text_unescape_percent(struct buf *out, struct text t);
#endif
