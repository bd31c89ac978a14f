/* mask_held.h - bytes on their way to a stream that wait until it is decided which of them are covered. */
#ifndef MASK_HELD_H
#define MASK_HELD_H
#include "mask_stream.h"

enum { HELD_MAX = 2048 };  /* a longest piece, with what stands between its bytes in a dump */

struct mask_held {
  size_t len;
  bool covered[HELD_MAX];
  char raw[HELD_MAX];
};

/* There must be room for it. */
static inline void held_add(struct mask_held *h, char c, bool covered)
{
  h->covered[h->len] = covered;
  h->raw[h->len++] = c;
}

/* Hands the first n bytes on, the covered ones as such. */
void held_release(struct mask_held *h, struct mask_stream *s, size_t n, struct buf *out);
#endif
