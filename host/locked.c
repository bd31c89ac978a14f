/* locked.c - locked pages, and an arena in them; see locked.h.
 *
 * The arena hands out memory from blocks, from front to back. A block goes away
 * with the last value in it: secrets are few and live long, so nothing
 * finer is needed. */
#include "locked.h"
#include "buf.h"
#include "watched.h"
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { BLOCK = 64 * 1024 };

void *locked_alloc(size_t size)
{
  void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return NULL;
  (void)mlock(data, size);
  (void)madvise(data, size, MADV_DONTDUMP);
  return data;
}

void locked_free(void *data, size_t size)
{
  if (!data)
    return;
  wipe(data, size);
  munmap(data, size);
}

/* ---- the arena ------------------------------------------------------------- */

struct arena_block {
  struct arena_block *next;
  size_t size, used, live;  /* bytes in all, bytes handed out, values not freed yet */
};

static struct arena_block *new_block(size_t len)
{
  size_t need = len + sizeof(struct arena_block);
  size_t size = need > BLOCK ? need : BLOCK;
  struct arena_block *b = locked_alloc(size);
  if (b) {
    b->size = size;
    b->used = sizeof *b;
  }
  return b;
}

char *arena_alloc(struct arena *a, size_t len)
{
  len = len ? len : 1;
  struct arena_block *b = a->blocks;
  while (b && b->size - b->used < len)
    b = b->next;
  if (!b) {
    b = new_block(len);
    if (!b)
      return NULL;
    b->next = a->blocks;
    a->blocks = b;
  }
  char *data = (char *)b + b->used;
  b->used += len;
  b->live++;
  return data;
}

static bool holds(const struct arena_block *b, const char *data)
{
  uintptr_t at = (uintptr_t)data, start = (uintptr_t)b;
  return at >= start && at < start + b->size;
}

void arena_free(struct arena *a, char *data, size_t len)
{
  if (!data)
    return;
  wipe(data, len);
  struct arena_block **link = &a->blocks;
  while (!holds(*link, data))
    link = &(*link)->next;
  struct arena_block *b = *link;
  if (--b->live > 0)
    return;
  *link = b->next;
  locked_free(b, b->size);
}

void arena_close(struct arena *a)
{
  while (a->blocks) {
    struct arena_block *b = a->blocks;
    a->blocks = b->next;
    locked_free(b, b->size);
  }
}

/* ---- dumps ------------------------------------------------------------------- */

void locked_close_dumps(void)
{
  struct rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
#if !WATCHED  // the leak checker reads the process through ptrace
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
