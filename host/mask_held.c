/* mask_held.c - bytes on their way to a stream; see mask_held.h. */
#include "mask_held.h"
#include <string.h>

void held_release(struct mask_held *h, struct mask_stream *s, size_t n, struct buf *out)
{
  for (size_t from = 0, to; from < n; from = to) {
    for (to = from + 1; to < n && h->covered[to] == h->covered[from];)
      to++;
    mask_stream_pass(s, h->raw + from, to - from, h->covered[from], out);
  }
  h->len -= n;
  memmove(h->raw, h->raw + n, h->len);
  memmove(h->covered, h->covered + n, h->len * sizeof *h->covered);
}
