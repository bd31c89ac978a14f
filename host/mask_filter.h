/* mask_filter.h - says fast where no secret begins, so that the automaton may sleep.
 *
 * A Bloom filter of grams: the runs of some bytes at the first `stride` places of every piece. Whatever
 * holds a piece has a gram of it at one of any `stride` places in a row, so only every stride-th place
 * of a text is looked up; look-ups do not wait for each other. All bits of a gram lie in one word.
 * A second, small one of the pieces' first bytes says where in a few bytes one may begin. */
#ifndef MASK_FILTER_H
#define MASK_FILTER_H
#include "mask_pieces.h"
#include <stdbool.h>

struct mask_filter {
  uint64_t *words;
  size_t count;       /* words in all, of heads too */
  uint64_t factor;    /* hashes a gram, and takes no byte behind it */
  unsigned shift;     /* of a hash, to a word */
  unsigned stride;
  uint64_t *heads;    /* behind the words */
  unsigned head_shift;
  bool headless;      /* there is a piece that is shorter than a head */
};

enum { MASK_GRAM_LOAD = 8, MASK_HEAD = 4 };  /* so many bytes are read for a look-up */

/* False: out of memory. */
bool mask_filter_build(struct mask_filter *f, const struct mask_piece *pieces, size_t n);
void mask_filter_free(struct mask_filter *f);
/* Looks at `at` and every stride-th place behind it. Returns the first where a piece may have a gram,
 * *hit is true then; else the first that is too near to the end to be looked up. */
size_t mask_filter_next(const struct mask_filter *f, const char *data, size_t at, size_t len, bool *hit);
/* The first place from `at` on, and before `end`, where a piece may begin; `end` when there is none. */
size_t mask_filter_begin(const struct mask_filter *f, const char *data, size_t at, size_t end, size_t len);
#endif
