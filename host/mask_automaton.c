/* mask_automaton.c - builds the automaton; see mask_automaton.h.
 *
 * First the trie: the pieces are sorted, so each adds a chain of nodes behind what it shares with
 * the one before it, and nodes are numbered in the order of a walk. Then the fail links, level by
 * level: the nodes of a level are told their fail states, then its rows are completed from those of
 * less deep states. Once the first levels are complete most chains can be followed to their ends, one
 * after the other, as their fail states are not deep; that is kinder to caches than levels are.
 *
 * Invariants: 1. the child that a node or an alternative expects is the next node.
 *             2. when level d begins, all states above it are complete, and all that lead to
 *                states above it say their marks. */
#include "mask_automaton.h"
#include "locked.h"
#include <stdlib.h>
#include <string.h>

#define UNSET 0xffffffffu  /* an entry of a row; a link that is not set is 0 */

enum { FEW_CHILDREN = 4, SHALLOW = 8 };

/* What one piece adds to the trie: a chain of nodes, of depth shared + 1 to len. */
struct chain {
  const char *text;
  uint32_t parent, first;  /* nodes: what the chain hangs on, and its own first one */
  union {
    uint32_t before;       /* while measuring: the chain, from 1, that hangs on the same node; or 0 */
    uint32_t fail;         /* then: the fail state of the chain's last node that is complete */
  };
  uint16_t shared, len;
  uint16_t at;             /* the depth of its first node that is not complete */
  bool in_row;             /* it hangs on a node with a row */
};

struct builder {
  struct mask_automaton *a;
  struct chain *chains;
  size_t count;                     /* chains */
  uint32_t path[MASK_PIECE + 1];    /* the nodes of the piece at hand, by depth */
};

static size_t common(const struct mask_piece *a, const struct mask_piece *b)
{
  size_t n = 0, max = a->len < b->len ? a->len : b->len;
  while (n < max && a->text[n] == b->text[n])
    n++;
  return n;
}

/* ---- sizes -------------------------------------------------------------------------------- */

static void classify(struct mask_automaton *a, const struct mask_piece *p, size_t n, size_t *classes)
{
  bool used[256] = {false};
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < p[i].len; k++)
      used[(unsigned char)p[i].text[k]] = true;
  size_t next = 1;
  for (unsigned byte = 0; byte < 256; byte++)
    if (used[byte] && next < 256)
      a->classes[byte] = (uint8_t)next++;
  *classes = next;  /* if every byte is used, the last one has the class of none for its own */
}

/* The nodes of the piece at hand, by depth, while they are measured. */
struct measure {
  struct chain *chains;
  uint32_t last[MASK_PIECE + 1];       /* the chain, from 1, that was hung on the node last */
  uint16_t children[MASK_PIECE + 1];
  size_t nodes, rows;
};

/* The node of this depth has all its children. The root always has a row. */
static void settle(struct measure *m, size_t depth)
{
  unsigned children = m->children[depth];
  if (depth > 0 && children <= FEW_CHILDREN) {
    m->nodes += children > 1 ? children - 1 : 0;
    return;
  }
  m->rows++;
  for (uint32_t i = m->last[depth]; i > 0; i = m->chains[i - 1].before)
    m->chains[i - 1].in_row = true;
}

static void hang(struct measure *m, uint32_t i, const struct mask_piece *p, size_t shared)
{
  m->chains[i] = (struct chain){.text = p->text, .shared = (uint16_t)shared, .len = (uint16_t)p->len,
                                .at = (uint16_t)(shared + 1), .before = m->last[shared]};
  m->last[shared] = i + 1;
  m->children[shared]++;
  m->nodes += p->len - shared;
  for (size_t depth = shared + 1; depth <= p->len; depth++) {
    m->children[depth] = depth < p->len;
    m->last[depth] = 0;
  }
}

static void measure(struct builder *b, const struct mask_piece *p, struct measure *m)
{
  *m = (struct measure){.chains = b->chains, .nodes = 1};
  size_t depth = 0;
  for (uint32_t i = 0; i < b->count; i++) {
    size_t shared = i ? common(&p[i - 1], &p[i]) : 0;
    for (; depth > shared; depth--)
      settle(m, depth);
    hang(m, i, &p[i], shared);
    depth = p[i].len;
  }
  for (; depth > 0; depth--)
    settle(m, depth);
  settle(m, 0);
}

static bool reserve(struct mask_automaton *a, size_t nodes, size_t rows, size_t pieces)
{
  size_t words = rows * a->width;
  if (nodes > MASK_INDEX || words > MASK_INDEX)
    return false;
  a->nodes = locked_alloc(nodes * sizeof *a->nodes);
  a->rows = locked_alloc(words * sizeof *a->rows);
  a->ends = malloc(pieces * sizeof *a->ends);
  a->names = malloc(pieces * sizeof *a->names);
  a->node_count = nodes;
  a->row_words = words;
  a->end_count = pieces;
  return a->nodes && a->rows && a->ends && a->names;
}

/* ---- the trie ------------------------------------------------------------------------------- */

static uint32_t *row_of(const struct mask_automaton *a, const struct mask_node *n)
{
  return a->rows + (n->link & MASK_INDEX);
}

/* Gives the node a row, the next in `rows`, with its only child in it. */
static void begin_row(struct mask_automaton *a, uint32_t id, size_t *used)
{
  struct mask_node *n = &a->nodes[id];
  n->link = MASK_DENSE | (uint32_t)(*used + MASK_ROW_HEAD);
  *used += a->width;
  uint32_t *row = row_of(a, n);
  memset(row, 0xff, (a->width - MASK_ROW_HEAD) * sizeof *row);
  row[-MASK_ROW_NODE] = id;
  if (!(n->expect & MASK_NO_CHILD))
    row[a->classes[n->expect & 0xff]] = id + 1;
  n->expect = MASK_NO_CHILD | MASK_HAS_ROW;
}

/* The last of the node's alternatives, or the node: its link leads to the fail state. */
static struct mask_node *last_alternative(const struct mask_automaton *a, struct mask_node *n)
{
  while (n->link && !(n->link & MASK_DENSE) && a->nodes[n->link & MASK_INDEX].expect & MASK_ALTERNATIVE)
    n = &a->nodes[n->link & MASK_INDEX];
  return n;
}

/* Hangs a chain on the node that it shares last; *next is the first node that is free. */
static void hang_on(struct mask_automaton *a, struct chain *c, uint32_t *next, size_t *used)
{
  struct mask_node *n = &a->nodes[c->parent];
  unsigned char byte = (unsigned char)c->text[c->shared];
  if (c->in_row) {
    if (!(n->expect & MASK_HAS_ROW))
      begin_row(a, c->parent, used);
    row_of(a, n)[a->classes[byte]] = *next;
  } else if (n->expect == MASK_NO_CHILD) {
    n->expect = byte;
  } else {
    c->parent = (*next)++;
    last_alternative(a, n)->link = c->parent;
    a->nodes[c->parent].expect = MASK_ALTERNATIVE | byte;
  }
}

static void plant(struct builder *b, const struct mask_piece *pieces)
{
  struct mask_automaton *a = b->a;
  uint32_t next = 1;
  size_t used = 0;
  a->nodes[0].expect = MASK_NO_CHILD;
  begin_row(a, 0, &used);
  a->root = a->nodes[0].link;
  for (size_t i = 0; i < b->count; i++) {
    struct chain *c = &b->chains[i];
    c->parent = b->path[c->shared];
    hang_on(a, c, &next, &used);
    c->first = next;
    for (size_t depth = c->shared + 1u; depth <= c->len; depth++) {
      b->path[depth] = next;
      a->nodes[next++].expect = depth < c->len ? (unsigned char)c->text[depth] : MASK_NO_CHILD;
    }
    a->ends[i] = b->path[c->len];
    a->names[i] = pieces[i].name;
  }
}

/* ---- fail links, level by level ------------------------------------------------------------------ */

static bool has_row(const struct mask_node *n)
{
  return n->expect & MASK_HAS_ROW;
}

/* The chain's first node that is not complete. */
static uint32_t node_of(const struct chain *c)
{
  return c->first + (uint32_t)(c->at - c->shared - 1);
}

/* What the parent's way to the child says of it. */
static void tell_parent(struct mask_automaton *a, uint32_t parent, unsigned char byte, uint32_t child, uint32_t out)
{
  struct mask_node *p = &a->nodes[parent], *n = &a->nodes[child];
  if (has_row(n))
    n->link |= out;
  if (has_row(p))
    row_of(a, p)[a->classes[byte]] = has_row(n) ? n->link : child | out;
  else
    p->expect |= (uint16_t)((out ? MASK_NEXT_OUT : 0) | (has_row(n) ? MASK_NEXT_ROW : 0));
}

/* The fail state of the node above the chain's node at hand; 0: it is not complete. */
static uint32_t fail_above(const struct mask_automaton *a, const struct chain *c)
{
  struct mask_node *p = &a->nodes[c->parent];
  if (c->at > c->shared + 1)
    return c->fail;
  return has_row(p) ? row_of(a, p)[-MASK_ROW_FAIL] : last_alternative(a, p)->link;
}

/* Completes the chain's node at hand but for its row. */
static void complete_node(struct mask_automaton *a, struct chain *c)
{
  uint32_t id = node_of(c), depth = c->at;
  unsigned char byte = (unsigned char)c->text[depth - 1];
  struct mask_node *n = &a->nodes[id];
  c->fail = depth == 1 ? a->root : mask_step(a, fail_above(a, c), byte);
  uint32_t out = depth == c->len ? MASK_OUT : c->fail & MASK_OUT;
  n->last = (uint8_t)(depth == c->len ? depth - 1 : out ? mask_longest(a, c->fail) - 1 : 0);
  n->hold = (uint8_t)(n->expect == MASK_NO_CHILD ? mask_hold(a, c->fail) : depth);
  if (has_row(n)) {
    uint32_t *row = row_of(a, n);
    row[-MASK_ROW_FAIL] = c->fail;
    row[-MASK_ROW_INFO] = n->hold | (uint32_t)n->last << 8;
  } else {
    last_alternative(a, n)->link = c->fail;
  }
  tell_parent(a, depth == c->shared + 1u ? c->parent : id - 1, byte, id, out);
}

/* Where a miss at each byte leads from a state: into `row` where that is not set. */
static void inherit(const struct mask_automaton *a, uint32_t *row, uint32_t state)
{
  while (!(state & MASK_DENSE)) {
    uint32_t at = state & MASK_INDEX;
    const struct mask_node *n = &a->nodes[at];
    if (!(n->expect & MASK_NO_CHILD)) {
      uint32_t *entry = &row[a->classes[n->expect & 0xff]];
      *entry = *entry == UNSET ? mask_child(n, at) : *entry;
    }
    state = n->link;
  }
  const uint32_t *from = a->rows + (state & MASK_INDEX);
  for (size_t i = 0; i < a->width - MASK_ROW_HEAD; i++)
    row[i] = row[i] == UNSET ? from[i] : row[i];
}

static void complete_row(struct mask_automaton *a, const struct chain *c)
{
  const struct mask_node *n = &a->nodes[node_of(c)];
  if (has_row(n))
    inherit(a, row_of(a, n), c->fail);
}

/* A miss at the root stays there. */
static void complete_root(struct mask_automaton *a)
{
  uint32_t *row = row_of(a, &a->nodes[0]);
  row[-MASK_ROW_FAIL] = a->root;
  for (size_t i = 0; i < a->width - MASK_ROW_HEAD; i++)
    row[i] = row[i] == UNSET ? a->root : row[i];
}

/* Completes all nodes of a level; keeps the chains that go on, and returns how many. */
static size_t complete_level(struct builder *b, size_t depth, size_t live)
{
  size_t kept = 0;
  for (size_t i = 0; i < live; i++)
    if (b->chains[i].at == depth)
      complete_node(b->a, &b->chains[i]);
  for (size_t i = 0; i < live; i++) {
    struct chain *c = &b->chains[i];
    if (c->at == depth) {
      complete_row(b->a, c);
      c->at++;
    }
    if (c->at <= c->len)
      b->chains[kept++] = *c;
  }
  return kept;
}

/* Completes the chain's nodes for which the first levels are enough. */
static void complete_chain(struct mask_automaton *a, struct chain *c)
{
  for (; c->at <= c->len && !has_row(&a->nodes[node_of(c)]); c->at++) {
    uint32_t above = fail_above(a, c);
    if (above == 0 || mask_hold(a, above) >= SHALLOW)
      return;
    complete_node(a, c);
  }
}

static void complete(struct builder *b)
{
  size_t live = b->count, depth = 1, kept = 0;
  complete_root(b->a);
  for (; depth <= SHALLOW; depth++)
    live = complete_level(b, depth, live);
  for (size_t i = 0; i < live; i++) {
    complete_chain(b->a, &b->chains[i]);
    if (b->chains[i].at <= b->chains[i].len)
      b->chains[kept++] = b->chains[i];
  }
  for (live = kept; live > 0; depth++)
    live = complete_level(b, depth, live);
}

bool mask_automaton_build(struct mask_automaton *a, const struct mask_piece *pieces, size_t n)
{
  size_t classes;
  struct measure m;
  struct builder b = {.a = a, .chains = malloc(n * sizeof *b.chains), .count = n};
  *a = (struct mask_automaton){0};
  classify(a, pieces, n, &classes);
  a->width = classes + MASK_ROW_HEAD;
  if (b.chains)
    measure(&b, pieces, &m);
  bool room = b.chains && reserve(a, m.nodes, m.rows, n);
  if (room) {
    plant(&b, pieces);
    complete(&b);
  } else {
    mask_automaton_free(a);
  }
  free(b.chains);
  return room;
}

void mask_automaton_free(struct mask_automaton *a)
{
  locked_free(a->nodes, a->node_count * sizeof *a->nodes);
  locked_free(a->rows, a->row_words * sizeof *a->rows);
  free(a->ends);
  free(a->names);
  *a = (struct mask_automaton){0};
}

/* ---- names -------------------------------------------------------------------------------------- */

/* The name of the piece that ends at the node; NULL: none does. */
static const char *name_at(const struct mask_automaton *a, uint32_t node)
{
  size_t low = 0, high = a->end_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (a->ends[middle] < node)
      low = middle + 1;
    else
      high = middle;
  }
  return low < a->end_count && a->ends[low] == node ? a->names[low] : NULL;
}

const char *mask_automaton_name(const struct mask_automaton *a, uint32_t state)
{
  const char *name = NULL;
  while (!name && state != a->root) {
    uint32_t at = state & MASK_INDEX;
    bool dense = state & MASK_DENSE;
    name = name_at(a, dense ? a->rows[at - MASK_ROW_NODE] : at);
    state = dense ? a->rows[at - MASK_ROW_FAIL] : a->nodes[at].link;
  }
  return name;
}
