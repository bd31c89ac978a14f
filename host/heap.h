/* heap.h - memory for a Lua state: small blocks without the price of a general allocator. */
#ifndef HEAP_H
#define HEAP_H
#include <stddef.h>

/* NULL: out of memory. */
struct heap *heap_new(void);
/* All that is left in it goes as well. NULL is fine. */
void heap_free(struct heap *h);
/* A lua_Alloc; the heap is its first argument. */
void *heap_alloc(void *heap, void *block, size_t old, size_t size);
#endif
