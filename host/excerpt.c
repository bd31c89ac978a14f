/* excerpt.c - masks texts of which something was cut off; see excerpt.h. */
#include "excerpt.h"
#include "mask.h"
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

enum {
  ELLIPSIS_BYTES = sizeof ELLIPSIS - 1,
  TELLS_NOTHING = 4,  /* bytes of a beginning: fewer are most often those of an ordinary word */
};

/* A stream holds back exactly what may be the beginning of a secret. */
static void mask_piece(struct mask_stream *s, const char *text, size_t len, bool cut, struct buf *out)
{
  struct buf rest;
  buf_init(&rest, out->limit);
  mask_feed(s, text, len, out);
  mask_finish(s, &rest);
  if (!cut || rest.len < TELLS_NOTHING)
    buf_add(out, buf_str(&rest), rest.len);
  out->failed |= rest.failed;
  buf_wipe(&rest);
}

/* Appends a masked text without what may be the beginning of a secret before each mark. */
static void put_around_marks(struct mask_stream *s, const char *text, size_t len, struct buf *out)
{
  const char *end = text + len, *mark;
  while ((mark = memmem(text, (size_t)(end - text), ELLIPSIS, ELLIPSIS_BYTES))) {
    mask_piece(s, text, (size_t)(mark - text), true, out);
    buf_add_str(out, ELLIPSIS);
    text = mark + ELLIPSIS_BYTES;
  }
  buf_add(out, text, (size_t)(end - text));
}

/* Whole secrets first: one may hold the mark. */
void excerpt_mask(struct mask *m, const char *text, size_t len, bool cut, struct buf *out)
{
  struct mask_stream *s = mask_stream_new(m);
  struct buf whole;
  if (!s) {
    out->failed = true;
    return;
  }
  buf_init(&whole, out->limit);
  mask_piece(s, text, len, cut, &whole);
  put_around_marks(s, buf_str(&whole), whole.len, out);
  out->failed |= whole.failed;
  buf_wipe(&whole);
  mask_stream_free(s);
}
