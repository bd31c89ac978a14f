/* locked.h - memory for secrets: not swapped, not in core dumps, between pages that nobody may
 * touch, wiped before it is freed.
 *
 * Locking may fail (RLIMIT_MEMLOCK); the memory then serves without it. */
#ifndef LOCKED_H
#define LOCKED_H
#include <stdbool.h>
#include <stddef.h>

/* Whole pages, zeroed. NULL: out of memory. */
void *locked_alloc(size_t size);
/* Wipes and frees; `size` as given to locked_alloc. NULL is fine. */
void locked_free(void *data, size_t size);

/* Many small values in few pages. Zeroed, it is an empty arena. */
struct arena {
  struct arena_block *blocks;
  bool forgets;  /* a forked process finds zeros here; set it before the first value */
};

/* NULL: out of memory. */
char *arena_alloc(struct arena *a, size_t len);
/* Wipes; `len` as given to arena_alloc. NULL is fine. */
void arena_free(struct arena *a, char *data, size_t len);
/* Wipes and frees everything. */
void arena_close(struct arena *a);

/* No core dumps of this process, and no look into it through /proc, from now on. */
void locked_close_dumps(void);
/* The second half alone: nobody but the administrator looks into it, and its children begin anew. */
void locked_close_proc(void);
#endif
