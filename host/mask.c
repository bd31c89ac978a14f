/* mask.c - the masker: an Aho-Corasick automaton over all forms of all secrets.
 *
 * The automaton is a trie in breadth-first order, so that the children of a node lie
 * side by side; misses follow the fail links. It is
 * built when a stream first looks after needles were added. A needle longer than
 * PIECE is looked for in pieces that touch or overlap, so that what is held back and
 * the ring of a stream stay small, whatever the length of a secret.
 *
 * A stream keeps the bytes of its state, that is the longest tail of its input that
 * begins a needle, in a ring: first `done` bytes that are out already (as part of a
 * ***), then those that are undecided, each with a mark whether a match covers it.
 *
 * Invariants: 1. after release(), count is the depth of the state.
 *             2. the first undecided byte is not covered: what is covered leaves at once.
 *             3. no form is shorter than two bytes, so pairs decide where none begins.
 * Needles and automata live in locked memory. When memory is short, nothing is
 * written: the output buffer is marked as failed. */
#include "mask.h"
#include "locked.h"
#include "mask_forms.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256, RING = 512, STORE_MAX = 1 << 28 };

/* ---- needles: the forms, as they were added ---------------------------------------- */

struct needle {
  uint32_t start, len;  /* in the store */
  const char *name;     /* one of the mask's names */
  bool value;           /* a whole value, not only a form of one */
};

struct node {
  uint32_t first;       /* its children: count nodes from here, ascending by byte */
  uint32_t fail;        /* the longest proper tail of this node that is a node */
  uint32_t fresh;       /* while building: its pieces begin here in the sorted list */
  uint16_t count, depth;
  uint16_t longest;     /* length of the longest piece that ends here, or 0 */
  const char *name;     /* of the secret whose piece that is */
  unsigned char byte;   /* the last byte on the way here */
};

struct automaton {
  struct node *nodes;
  size_t size;          /* nodes */
  uint32_t root[256];   /* children of the root by byte, or 0 */
  uint64_t pairs[1024]; /* one bit for each two bytes that begin a piece */
};

struct mask_name {
  struct mask_name *next;
  char text[];
};

struct mask {
  struct mask_name *names;
  char *store;
  size_t store_len, store_size;
  struct needle *needles;
  size_t count, size;
  struct automaton automaton;
  unsigned long generation;  /* changes with the automaton */
  bool stale;                /* needles were added since it was built */
};

static bool reserve_bytes(struct mask *m, size_t more)
{
  size_t need = m->store_len + more, size = m->store_size ? m->store_size : 1 << 14;
  if (need <= m->store_size)
    return true;
  if (need > STORE_MAX)
    return false;
  while (size < need)
    size *= 2;
  char *store = locked_alloc(size);
  if (!store)
    return false;
  if (m->store_len)
    memcpy(store, m->store, m->store_len);
  locked_free(m->store, m->store_size);
  m->store = store;
  m->store_size = size;
  return true;
}

static bool reserve_needle(struct mask *m)
{
  if (m->count < m->size)
    return true;
  size_t size = m->size ? 2 * m->size : 64;
  struct needle *needles = realloc(m->needles, size * sizeof *needles);
  if (!needles)
    return false;
  m->needles = needles;
  m->size = size;
  return true;
}

static struct needle *find_needle(const struct mask *m, const char *text, size_t len)
{
  for (size_t i = 0; i < m->count; i++) {
    struct needle *n = &m->needles[i];
    if (n->len == len && memcmp(m->store + n->start, text, len) == 0)
      return n;
  }
  return NULL;
}

/* NULL: out of memory. */
static const char *keep_name(struct mask *m, const char *name)
{
  for (struct mask_name *n = m->names; n; n = n->next)
    if (strcmp(n->text, name) == 0)
      return n->text;
  size_t size = strlen(name) + 1;
  struct mask_name *n = malloc(sizeof *n + size);
  if (!n)
    return NULL;
  memcpy(n->text, name, size);
  n->next = m->names;
  m->names = n;
  return n->text;
}

struct addition {
  struct mask *mask;
  const char *name;
};

static bool add_needle(void *arg, const char *form, size_t len)
{
  const struct addition *a = arg;
  struct mask *m = a->mask;
  if (find_needle(m, form, len))
    return true;
  if (!reserve_bytes(m, len) || !reserve_needle(m))
    return false;
  memcpy(m->store + m->store_len, form, len);
  m->needles[m->count++] = (struct needle){.start = (uint32_t)m->store_len, .len = (uint32_t)len,
                                          .name = a->name};
  m->store_len += len;
  m->stale = true;
  return true;
}

bool mask_knows(const struct mask *m, const char *value, size_t len)
{
  const struct needle *n = find_needle(m, value, len);
  return n && n->value;
}

enum mask_added mask_add(struct mask *m, const char *name, const char *value, size_t len)
{
  if (!mask_accepts(value, len))
    return MASK_REFUSED;
  if (mask_knows(m, value, len))
    return MASK_ADDED;
  struct addition a = {m, keep_name(m, name)};
  if (!a.name || !mask_forms(value, len, add_needle, &a))
    return MASK_NO_MEMORY;
  find_needle(m, value, len)->value = true;
  return MASK_ADDED;
}

/* ---- building the automaton ------------------------------------------------------------ */

struct piece {
  const char *text;
  const char *name;
  uint32_t len;
};

static int compare_pieces(const void *pa, const void *pb)
{
  const struct piece *a = pa, *b = pb;
  int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
  return c ? c : (a->len > b->len) - (a->len < b->len);
}

static size_t count_pieces(const struct mask *m)
{
  size_t n = 0;
  for (size_t i = 0; i < m->count; i++)
    n += (m->needles[i].len + PIECE - 1) / PIECE;
  return n;
}

/* The last piece of a long needle reaches back, to be as long as the others. */
static void cut_pieces(const struct mask *m, struct piece *p)
{
  for (size_t i = 0; i < m->count; i++) {
    const char *text = m->store + m->needles[i].start;
    uint32_t len = m->needles[i].len, at = 0;
    for (; len - at > PIECE; at += PIECE)
      *p++ = (struct piece){text + at, m->needles[i].name, PIECE};
    at = len > PIECE ? len - PIECE : 0;
    *p++ = (struct piece){text + at, m->needles[i].name, len - at};
  }
}

static size_t common_prefix(const struct piece *a, const struct piece *b)
{
  size_t n = 0;
  while (n < a->len && n < b->len && a->text[n] == b->text[n])
    n++;
  return n;
}

/* Removes doubles from the sorted pieces; *nodes is how many nodes the rest need. */
static size_t unique_pieces(struct piece *pieces, size_t n, size_t *nodes)
{
  size_t kept = 0;
  *nodes = 1;
  for (size_t i = 0; i < n; i++) {
    size_t shared = kept ? common_prefix(&pieces[kept - 1], &pieces[i]) : 0;
    if (kept && shared == pieces[i].len && shared == pieces[kept - 1].len)
      continue;
    *nodes += pieces[i].len - shared;
    pieces[kept++] = pieces[i];
  }
  return kept;
}

static uint32_t child_of(const struct automaton *a, uint32_t state, unsigned char byte)
{
  if (state == 0)
    return a->root[byte];
  const struct node *n = &a->nodes[state];
  uint32_t low = n->first, high = n->first + n->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (a->nodes[middle].byte < byte)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n->first + n->count && a->nodes[low].byte == byte ? low : 0;
}

static uint32_t step(const struct automaton *a, uint32_t state, unsigned char byte)
{
  for (;;) {
    uint32_t child = child_of(a, state, byte);
    if (child || state == 0)
      return child;
    state = a->nodes[state].fail;
  }
}

/* Adds the next child of a node. Its fail link is known: it lies less deep, where all
 * children are in place already. */
static void add_child(struct automaton *a, uint32_t parent, unsigned char byte, uint32_t fresh)
{
  uint32_t id = (uint32_t)a->size++;
  struct node *n = &a->nodes[id];
  n->byte = byte;
  n->depth = (uint16_t)(a->nodes[parent].depth + 1);
  n->fresh = fresh;
  if (parent == 0)
    a->root[byte] = id;
  else
    n->fail = step(a, a->nodes[parent].fail, byte);
  a->nodes[parent].count++;
}

/* Where the pieces that pass through a node end in the sorted list. */
static size_t end_of_run(const struct piece *pieces, size_t at, size_t n, size_t depth)
{
  const char *text = pieces[at].text;
  while (++at < n && pieces[at].len >= depth && memcmp(pieces[at].text, text, depth) == 0)
    ;
  return at;
}

static void expand(struct automaton *a, uint32_t id, const struct piece *pieces, size_t n)
{
  struct node *node = &a->nodes[id];
  size_t depth = node->depth, at = node->fresh, end = end_of_run(pieces, at, n, depth);
  node->longest = a->nodes[node->fail].longest;
  node->name = a->nodes[node->fail].name;
  node->first = (uint32_t)a->size;
  if (pieces[at].len == depth) {
    node->longest = (uint16_t)depth;
    node->name = pieces[at].name;
    at++;
  }
  while (at < end) {
    unsigned char byte = (unsigned char)pieces[at].text[depth];
    add_child(a, id, byte, (uint32_t)at);
    while (at < end && (unsigned char)pieces[at].text[depth] == byte)
      at++;
  }
}

static void free_automaton(struct automaton *a)
{
  locked_free(a->nodes, a->size * sizeof *a->nodes);
  *a = (struct automaton){0};
}

static bool fill_automaton(struct automaton *a, struct piece *pieces, size_t n)
{
  size_t nodes;
  qsort(pieces, n, sizeof *pieces, compare_pieces);
  n = unique_pieces(pieces, n, &nodes);
  *a = (struct automaton){.nodes = locked_alloc(nodes * sizeof *a->nodes), .size = 1};
  if (!a->nodes)
    return false;
  for (uint32_t id = 0; id < a->size; id++)
    expand(a, id, pieces, n);
  for (size_t i = 0; i < n; i++) {
    unsigned char first = (unsigned char)pieces[i].text[0], second = (unsigned char)pieces[i].text[1];
    a->pairs[first << 2 | second >> 6] |= (uint64_t)1 << (second & 63);
  }
  return true;
}

/* Brings the automaton up to date. False: out of memory. */
static bool build(struct mask *m)
{
  if (!m->stale)
    return true;
  size_t n = count_pieces(m);
  struct piece *pieces = malloc(n * sizeof *pieces);
  if (!pieces)
    return false;
  cut_pieces(m, pieces);
  struct automaton fresh;
  bool filled = fill_automaton(&fresh, pieces, n);
  free(pieces);
  if (!filled)
    return false;
  free_automaton(&m->automaton);
  m->automaton = fresh;
  m->generation++;
  m->stale = false;
  return true;
}

struct mask *mask_new(void)
{
  return calloc(1, sizeof(struct mask));
}

void mask_free(struct mask *m)
{
  if (!m)
    return;
  free_automaton(&m->automaton);
  locked_free(m->store, m->store_size);
  free(m->needles);
  for (struct mask_name *n = m->names, *next; n; n = next) {
    next = n->next;
    free(n);
  }
  free(m);
}

/* ---- streams ------------------------------------------------------------------------------ */

struct mask_stream {
  struct mask *mask;
  unsigned long generation;
  uint32_t state;
  unsigned start, count, done;  /* of the ring */
  bool starred;                 /* the last thing written is a *** */
  const char *found;            /* the name of the first secret that stood here */
  bool covered[RING];
  char bytes[RING];
};

static unsigned slot(const struct mask_stream *s, unsigned i)
{
  return (s->start + i) % RING;
}

static void put_star(struct mask_stream *s, struct buf *out)
{
  if (!s->starred)
    buf_add(out, "***", 3);
  s->starred = true;
}

/* Lets the first byte of the ring go. */
static void put_first(struct mask_stream *s, struct buf *out)
{
  unsigned at = slot(s, 0);
  if (s->done > 0) {
    s->done--;
  } else if (s->covered[at]) {
    put_star(s, out);
  } else {
    buf_add_char(out, s->bytes[at]);
    s->starred = false;
  }
  s->start = slot(s, 1);
  s->count--;
}

/* Writes all that is decided: what no needle can begin in, and what is covered. */
static void release(struct mask_stream *s, unsigned depth, struct buf *out)
{
  while (s->count > depth)
    put_first(s, out);
  for (; s->done < s->count && s->covered[slot(s, s->done)]; s->done++)
    put_star(s, out);
}

/* Follows the byte at position i of the ring and marks what a match that ends there covers. */
static void follow(struct mask_stream *s, unsigned i)
{
  const struct automaton *a = &s->mask->automaton;
  s->state = step(a, s->state, (unsigned char)s->bytes[slot(s, i)]);
  unsigned longest = a->nodes[s->state].longest;
  if (longest && !s->found)
    s->found = a->nodes[s->state].name;
  unsigned from = i + 1 - longest > s->done ? i + 1 - longest : s->done;
  for (; from <= i; from++)
    s->covered[slot(s, from)] |= longest > 0;
}

static void take(struct mask_stream *s, char byte, struct buf *out)
{
  unsigned at = slot(s, s->count);
  s->bytes[at] = byte;
  s->covered[at] = false;
  s->count++;
  follow(s, s->count - 1);
  release(s, s->mask->automaton.nodes[s->state].depth, out);
}

/* How many bytes from the start of data no needle can begin in. */
static size_t idle_run(const struct automaton *a, const char *data, size_t len)
{
  size_t i = 0;
  for (; i + 1 < len; i++) {
    unsigned char first = (unsigned char)data[i], second = (unsigned char)data[i + 1];
    if (a->pairs[first << 2 | second >> 6] >> (second & 63) & 1)
      return i;
  }
  return i < len && !a->root[(unsigned char)data[i]] ? len : i;
}

/* Builds what is due, and takes the held bytes through the new automaton. */
static bool catch_up(struct mask_stream *s, struct buf *out)
{
  if (!build(s->mask)) {
    out->failed = true;
    return false;
  }
  if (s->generation == s->mask->generation)
    return true;
  s->generation = s->mask->generation;
  s->state = 0;
  for (unsigned i = 0; i < s->count; i++)
    follow(s, i);
  release(s, s->mask->automaton.nodes[s->state].depth, out);
  return true;
}

static void put_plain(struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  if (len == 0)
    return;
  buf_add(out, data, len);
  s->starred = false;
}

static void stream_init(struct mask_stream *s, struct mask *m)
{
  *s = (struct mask_stream){.mask = m, .generation = m->generation};
}

struct mask_stream *mask_stream_new(struct mask *m)
{
  struct mask_stream *s = malloc(sizeof *s);
  if (s)
    stream_init(s, m);
  return s;
}

void mask_stream_free(struct mask_stream *s)
{
  if (s)
    wipe(s, sizeof *s);
  free(s);
}

void mask_feed(struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  if (!catch_up(s, out))
    return;
  const struct automaton *a = &s->mask->automaton;
  for (size_t i = 0; i < len;) {
    if (s->state == 0) {
      size_t idle = a->nodes ? idle_run(a, data + i, len - i) : len - i;
      put_plain(s, data + i, idle, out);
      i += idle;
    }
    if (i < len)
      take(s, data[i++], out);
  }
}

void mask_finish(struct mask_stream *s, struct buf *out)
{
  if (!catch_up(s, out))
    return;
  release(s, 0, out);
  stream_init(s, s->mask);
}

const char *mask_found(const struct mask_stream *s)
{
  return s->found;
}

void mask_text(struct mask *m, const char *data, size_t len, struct buf *out)
{
  struct mask_stream s;
  stream_init(&s, m);
  mask_feed(&s, data, len, out);
  mask_finish(&s, out);
  wipe(&s, sizeof s);
}
