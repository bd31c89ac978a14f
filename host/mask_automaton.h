/* mask_automaton.h - an Aho-Corasick automaton over the pieces of all secrets.
 *
 * Most nodes of such a trie have one child: eight bytes each, the child beside its parent, a miss
 * goes to the fail link. A node with a few children has alternatives: further nodes, each before its child,
 * which are asked before the fail link. One with many has a row: where every class of bytes leads, misses
 * included. A state is where in `nodes` or, with MASK_DENSE, where in `rows` it is, and says by
 * MASK_OUT that a piece ends here: so a step that stays among rows reads nothing else. */
#ifndef MASK_AUTOMATON_H
#define MASK_AUTOMATON_H
#include "mask_pieces.h"
#include <stdbool.h>

#define MASK_DENSE 0x80000000u
#define MASK_OUT   0x40000000u
#define MASK_INDEX 0x3fffffffu

/* What a node's `expect` holds beside the byte that leads to the child. */
enum {
  MASK_NO_CHILD = 0x100,   /* or a row has them */
  MASK_NEXT_OUT = 0x200,   /* the child has MASK_OUT */
  MASK_NEXT_ROW = 0x400,   /* the child has a row; its link is its state */
  MASK_HAS_ROW = 0x800,
  MASK_ALTERNATIVE = 0x1000,
  MASK_EXPECTED = 0x1ff,
};

struct mask_node {
  uint32_t link;           /* the next alternative, or the fail state; with a row the state itself */
  uint16_t expect;
  uint8_t hold;            /* so many bytes back begins the longest proper beginning of a piece */
  uint8_t last;            /* with MASK_OUT: length of the longest piece that ends here, less one */
};

/* Before the entries of a row: */
enum { MASK_ROW_INFO = 1, MASK_ROW_FAIL = 2, MASK_ROW_NODE = 3, MASK_ROW_HEAD = 3 };

struct mask_automaton {
  struct mask_node *nodes;
  uint32_t *rows;
  uint32_t root;           /* the state where nothing has begun */
  uint8_t classes[256];    /* bytes that no piece holds are one class */
  size_t node_count, row_words, width;  /* width: words of a row, its head included */
  uint32_t *ends;          /* the nodes where pieces end, ascending … */
  const char **names;      /* … and the names of their secrets */
  size_t end_count;
};

/* Builds from sorted pieces without doubles, one at least. False: out of memory. */
bool mask_automaton_build(struct mask_automaton *a, const struct mask_piece *pieces, size_t n);
void mask_automaton_free(struct mask_automaton *a);
/* The name of the secret whose piece is the longest that ends at a state with MASK_OUT. */
const char *mask_automaton_name(const struct mask_automaton *a, uint32_t state);

/* Where the byte that a node expects leads. */
static inline uint32_t mask_child(const struct mask_node *n, uint32_t at)
{
  if (n->expect & MASK_NEXT_ROW)
    return n[1].link;
  return (at + 1) | (n->expect & MASK_NEXT_OUT ? MASK_OUT : 0);
}

static inline uint32_t mask_step(const struct mask_automaton *a, uint32_t state, unsigned char byte)
{
  for (;;) {
    uint32_t at = state & MASK_INDEX;
    if (state & MASK_DENSE)
      return a->rows[at + a->classes[byte]];
    const struct mask_node *n = &a->nodes[at];
    if (n->expect == byte)  /* most often, and then the next state need not wait for this node */
      return at + 1;
    if ((n->expect & MASK_EXPECTED) == byte)
      return mask_child(n, at);
    state = n->link;
  }
}

static inline unsigned mask_hold(const struct mask_automaton *a, uint32_t state)
{
  uint32_t at = state & MASK_INDEX;
  return state & MASK_DENSE ? a->rows[at - MASK_ROW_INFO] & 0xff : a->nodes[at].hold;
}

/* Of a state with MASK_OUT: the length of the longest piece that ends there. */
static inline unsigned mask_longest(const struct mask_automaton *a, uint32_t state)
{
  uint32_t at = state & MASK_INDEX;
  return (state & MASK_DENSE ? a->rows[at - MASK_ROW_INFO] >> 8 : a->nodes[at].last) + 1;
}
#endif
