/* heap.c - memory for a Lua state; see heap.h.
 *
 * Lua asks for blocks of a few sizes again and again, and says how large a block was when it gives it
 * back. Small ones are cut from slabs and kept in a list for each size; larger ones are malloc's. A slab
 * goes when the heap does.
 *
 * Invariant: a block of at most LARGEST bytes lies in a slab, a larger one does not. */
#include "heap.h"
#include <stdlib.h>
#include <string.h>

enum { STEP = 16, LARGEST = 512, CLASSES = LARGEST / STEP, SLAB = 32 << 10 };

union block {
  union block *next;
  max_align_t aligned;
};

struct slab {
  struct slab *next;
  max_align_t blocks[];
};

struct heap {
  union block *idle[CLASSES];
  struct slab *slabs;
  char *at, *end;  /* what is left of the newest slab */
};

struct heap *heap_new(void)
{
  return calloc(1, sizeof(struct heap));
}

void heap_free(struct heap *h)
{
  for (struct slab *s = h ? h->slabs : NULL, *next; s; s = next) {
    next = s->next;
    free(s);
  }
  free(h);
}

static size_t class_of(size_t size)
{
  return (size - 1) / STEP;
}

static void *cut(struct heap *h, size_t size)
{
  if ((size_t)(h->end - h->at) < size) {
    struct slab *s = malloc(sizeof *s + SLAB);
    if (!s)
      return NULL;
    s->next = h->slabs;
    h->slabs = s;
    h->at = (char *)s->blocks;
    h->end = h->at + SLAB;
  }
  void *block = h->at;
  h->at += size;
  return block;
}

static void *take(struct heap *h, size_t size)
{
  if (size > LARGEST)
    return malloc(size);
  size_t class = class_of(size);
  union block *b = h->idle[class];
  if (!b)
    return cut(h, (class + 1) * STEP);
  h->idle[class] = b->next;
  return b;
}

static void give(struct heap *h, void *block, size_t size)
{
  if (size > LARGEST) {
    free(block);
    return;
  }
  union block *b = block;
  b->next = h->idle[class_of(size)];
  h->idle[class_of(size)] = b;
}

void *heap_alloc(void *heap, void *block, size_t old, size_t size)
{
  if (!block)
    return size ? take(heap, size) : NULL;
  if (!size) {
    give(heap, block, old);
    return NULL;
  }
  if (old > LARGEST && size > LARGEST)
    return realloc(block, size);
  if (old <= LARGEST && size <= LARGEST && class_of(old) == class_of(size))
    return block;
  void *moved = take(heap, size);
  if (moved) {
    memcpy(moved, block, old < size ? old : size);
    give(heap, block, old);
  }
  return moved;
}
