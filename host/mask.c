/* mask.c - what the masker looks for: the needles, their names, and when the engine is built.
 *
 * A needle is one form of a secret. They lie one after the other in a store and are found by their
 * hash, so that adding does not depend on how many there are. The engine (mask_automaton.h,
 * mask_filter.h) is built when a stream first looks after needles were added.
 *
 * Needles and engines live in locked memory. When memory is short nothing is written: the output
 * buffer is marked as failed. */
#include "mask.h"
#include "locked.h"
#include "mask_engine.h"
#include "mask_forms.h"
#include "mask_text.h"
#include <stdlib.h>
#include <string.h>

enum { STORE_MIN = 1 << 13, STORE_MAX = 1 << 30, SLOTS_MIN = 64 };

struct needle {
  uint32_t start, len;  /* in the store */
  uint32_t hash;
  bool value;           /* a whole value, not only a form of one */
  const char *name;     /* one of the mask's names */
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
  uint32_t *slots;      /* by hash: the number of a needle from 1, or 0; half of them are free */
  size_t slot_count;    /* a power of two */
  struct mask_engine engine;
  bool stale;           /* needles were added since it was built */
};

struct mask *mask_new(void)
{
  return calloc(1, sizeof(struct mask));
}

static void free_engine(struct mask_engine *e)
{
  mask_automaton_free(&e->automaton);
  mask_filter_free(&e->filter);
}

void mask_free(struct mask *m)
{
  if (!m)
    return;
  free_engine(&m->engine);
  locked_free(m->store, m->store_size);
  free(m->needles);
  free(m->slots);
  for (struct mask_name *n = m->names, *next; n; n = next) {
    next = n->next;
    free(n);
  }
  free(m);
}

/* ---- the store --------------------------------------------------------------------------------- */

static bool reserve_bytes(struct mask *m, size_t more)
{
  size_t need = m->store_len + more, size = m->store_size ? m->store_size : STORE_MIN;
  if (need <= m->store_size)
    return true;
  if (need > STORE_MAX)
    return false;
  while (size < need)
    size += size / 2;
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
  size_t size = m->size ? m->size + m->size / 2 : SLOTS_MIN / 2;
  struct needle *needles = realloc(m->needles, size * sizeof *needles);
  if (!needles)
    return false;
  m->needles = needles;
  m->size = size;
  return true;
}

/* ---- by hash ----------------------------------------------------------------------------------- */

static uint32_t hash_of(const char *text, size_t len)
{
  uint64_t hash = len * 0x9e3779b97f4a7c15u, word;
  for (; len > 0; text += sizeof word) {
    size_t n = len < sizeof word ? len : sizeof word;
    word = 0;
    memcpy(&word, text, n);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
    len -= n;
  }
  return (uint32_t)hash;
}

static struct needle *find_needle(const struct mask *m, const char *text, size_t len, uint32_t hash)
{
  if (m->slot_count == 0)
    return NULL;
  for (size_t at = hash;; at++) {
    uint32_t number = m->slots[at & (m->slot_count - 1)];
    if (number == 0)
      return NULL;
    struct needle *n = &m->needles[number - 1];
    if (n->hash == hash && n->len == len && memcmp(m->store + n->start, text, len) == 0)
      return n;
  }
}

static void enter(const struct mask *m, uint32_t number)
{
  size_t at = m->needles[number - 1].hash;
  while (m->slots[at & (m->slot_count - 1)])
    at++;
  m->slots[at & (m->slot_count - 1)] = number;
}

static bool reserve_slot(struct mask *m)
{
  if (2 * (m->count + 1) <= m->slot_count)
    return true;
  size_t size = m->slot_count ? 2 * m->slot_count : SLOTS_MIN;
  uint32_t *slots = calloc(size, sizeof *slots);
  if (!slots)
    return false;
  free(m->slots);
  m->slots = slots;
  m->slot_count = size;
  for (uint32_t number = 1; number <= m->count; number++)
    enter(m, number);
  return true;
}

/* ---- adding -------------------------------------------------------------------------------------- */

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

static bool put_needle(struct mask *m, const char *form, struct needle n)
{
  if (!n.name || !reserve_bytes(m, n.len) || !reserve_needle(m) || !reserve_slot(m))
    return false;
  memcpy(m->store + m->store_len, form, n.len);
  n.start = (uint32_t)m->store_len;
  m->needles[m->count++] = n;
  enter(m, (uint32_t)m->count);
  m->store_len += n.len;
  m->stale = true;
  return true;
}

static bool add_needle(void *arg, const char *form, size_t len)
{
  const struct addition *a = arg;
  uint32_t hash = hash_of(form, len);
  return len == 0 || find_needle(a->mask, form, len, hash) ||
         put_needle(a->mask, form, (struct needle){.len = (uint32_t)len, .hash = hash, .name = a->name});
}

/* The value as it is among its forms. */
static struct needle *find_value(const struct mask *m, const char *value, size_t len)
{
  struct text t = text_trim((struct text){value, len});
  return find_needle(m, t.data, t.len, hash_of(t.data, t.len));
}

bool mask_knows(const struct mask *m, const char *value, size_t len)
{
  const struct needle *n = find_value(m, value, len);
  return n && n->value;
}

bool mask_add_form(struct mask *m, const char *name, const char *text, size_t len)
{
  struct addition a = {m, keep_name(m, name)};
  return a.name && add_needle(&a, text, len);
}

enum mask_added mask_add(struct mask *m, const char *name, const char *value, size_t len)
{
  if (!mask_accepts(value, len))
    return MASK_REFUSED;
  const struct needle *known = find_value(m, value, len);
  if (known && known->value && known->len == len)  /* the same with white space around has other forms besides */
    return MASK_ADDED;
  struct addition a = {m, keep_name(m, name)};
  if (!a.name || !mask_forms(value, len, add_needle, &a))
    return MASK_NO_MEMORY;
  find_value(m, value, len)->value = true;
  return MASK_ADDED;
}

/* ---- the engine ------------------------------------------------------------------------------------ */

/* All pieces of all needles, sorted. NULL: out of memory. */
static struct mask_piece *cut_pieces(const struct mask *m, size_t *count)
{
  size_t n = 0;
  for (size_t i = 0; i < m->count; i++)
    n += mask_pieces_of(m->needles[i].len);
  struct mask_piece *pieces = malloc(n * sizeof *pieces), *p = pieces;
  for (size_t i = 0; pieces && i < m->count; i++)
    p += mask_pieces_cut(p, m->store + m->needles[i].start, m->needles[i].len, m->needles[i].name);
  *count = pieces ? mask_pieces_sort(pieces, n) : 0;
  return pieces;
}

static bool build(struct mask_engine *e, const struct mask_piece *pieces, size_t n)
{
  *e = (struct mask_engine){0};
  if (mask_automaton_build(&e->automaton, pieces, n) && mask_filter_build(&e->filter, pieces, n))
    return true;
  free_engine(e);
  return false;
}

const struct mask_engine *mask_engine(struct mask *m)
{
  if (!m->stale)
    return &m->engine;
  size_t n;
  struct mask_engine fresh;
  struct mask_piece *pieces = cut_pieces(m, &n);
  bool built = pieces && build(&fresh, pieces, n);
  free(pieces);
  if (!built)
    return NULL;
  fresh.generation = m->engine.generation + 1;
  free_engine(&m->engine);
  m->engine = fresh;
  m->stale = false;
  return &m->engine;
}

/* ---- a copy ------------------------------------------------------------------------------------------ */

struct mask *mask_copy(const struct mask *m)
{
  struct mask *copy = mask_new();
  bool whole = copy != NULL;
  for (size_t i = 0; whole && i < m->count; i++) {
    struct needle n = m->needles[i];
    const char *form = m->store + n.start;
    n.name = keep_name(copy, n.name);
    whole = put_needle(copy, form, n);
  }
  if (whole && mask_engine(copy))
    return copy;
  mask_free(copy);
  return NULL;
}

unsigned long mask_version(const struct mask *m)
{
  return m->count;
}
