/* mask_pieces.h - what the masker looks for, cut into pieces of bounded length.
 *
 * A long text is looked for in pieces that touch or overlap: what is held back and how deep the
 * automaton is stay small, whatever the length of a secret. */
#ifndef MASK_PIECES_H
#define MASK_PIECES_H
#include <stddef.h>
#include <stdint.h>

enum { MASK_PIECE = 256 };  /* so no more than 255 bytes are ever held back */

struct mask_piece {
  const char *text;  /* in the needles' store */
  const char *name;  /* of the secret */
  uint64_t key;      /* the first bytes, so that most comparisons look no further */
  uint32_t len;
};

/* How many pieces a text of so many bytes is cut into. */
size_t mask_pieces_of(size_t len);
/* Cuts a text; returns how many pieces were written to p. */
size_t mask_pieces_cut(struct mask_piece *p, const char *text, size_t len, const char *name);
/* Sorts by text and removes doubles; returns how many are left. */
size_t mask_pieces_sort(struct mask_piece *p, size_t n);
#endif
