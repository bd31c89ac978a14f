/* mask_wrapped.h - secrets in what a tool broke into lines of one width: base64, digits of a dump.
 *
 * A line of 48 characters and more of base64's alphabets goes on with the next one, as if its end
 * and the indentation behind it were not there. What lies on both sides of a line end is looked
 * for by the same automaton; what lies in one line the stream finds by itself.
 *
 * Dumps (mask_dump.h) are looked for on the way: their lines are shorter, and not of one alphabet.
 *
 * It stands before the stream and takes its bytes: those behind a line end that something may
 * reach over are kept back, and handed on when that is decided. Knows nothing of Lua. */
#ifndef MASK_WRAPPED_H
#define MASK_WRAPPED_H
#include "buf.h"
#include <stdint.h>

struct mask_stream;
struct wrapped_lines;
struct mask_dump;

/* Part of a stream; zeroed, it begins. */
struct mask_wrapped {
  struct wrapped_lines *lines;  /* NULL until there was a long line */
  bool joining;                 /* what follows one is kept back */
  struct mask_dump *dump;       /* NULL until there may have been one */
  bool inside;                  /* the line at hand is none of a dump */
  uint8_t run;                  /* characters of the alphabets at the end of what came, LINE_MIN at most */
};

/* Takes what comes; the stream's own are mask_stream_pass() and mask_stream_cover(). */
void mask_wrapped_feed(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out);
/* Hands on all that is kept back. */
void mask_wrapped_finish(struct mask_wrapped *w, struct mask_stream *s, struct buf *out);
void mask_wrapped_free(struct mask_wrapped *w);
#endif
