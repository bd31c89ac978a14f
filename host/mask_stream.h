/* mask_stream.h - a stream as mask_wrapped.c, which stands before it, sees it. */
#ifndef MASK_STREAM_H
#define MASK_STREAM_H
#include "mask.h"
#include "mask_engine.h"

/* Takes bytes that nothing before the stream waits for; `covered`: they are part of a secret. */
void mask_stream_pass(struct mask_stream *s, const char *data, size_t len, bool covered, struct buf *out);
/* A match of that name ended, whose first `count` bytes are the last ones that the stream keeps. */
void mask_stream_cover(struct mask_stream *s, size_t count, const char *name, struct buf *out);
/* The automaton, and its state behind all that was passed on, brought up to date. NULL: out of memory. */
const struct mask_engine *mask_stream_state(struct mask_stream *s, uint32_t *state, struct buf *out);
#endif
