/* locked.c - locked pages, and an arena in them; see locked.h.
 *
 * Before and behind the pages stands one that may not be touched, so that who runs over the end of some
 * other memory stops there. The arena hands out memory from blocks, from front to back. A block goes away
 * with the last value in it: secrets are few and live long, so nothing finer is needed. What describes a
 * block stands elsewhere: it must be there when the block itself was forgotten by a fork. */
#include "locked.h"
#include "buf.h"
#include "watched.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

static size_t page_size(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of the pages that hold so many; 0: more than there can be. */
static size_t whole_pages(size_t size)
{
  size_t page = page_size();
  return size > SIZE_MAX / 2 ? 0 : (size + page - 1) / page * page;
}

void *locked_alloc(size_t size)
{
  size_t page = page_size(), inner = whole_pages(size);
  if (!inner)
    return NULL;
  char *all = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED)
    return NULL;
  char *data = all + page;
  if (mprotect(data, inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(all, inner + 2 * page);
    return NULL;
  }
  (void)mlock(data, inner);
  (void)madvise(data, inner, MADV_DONTDUMP);
  return data;
}

void locked_free(void *data, size_t size)
{
  if (!data)
    return;
  wipe(data, size);
  munmap((char *)data - page_size(), whole_pages(size) + 2 * page_size());
}

/* ---- the arena ------------------------------------------------------------- */

struct arena_block {
  struct arena_block *next;
  char *data;
  size_t size, used, live;  /* bytes in all, bytes handed out, values not freed yet */
};

static void free_block(struct arena_block *b)
{
  locked_free(b->data, b->size);
  free(b);
}

static struct arena_block *new_block(const struct arena *a, size_t len)
{
  size_t size = len > BLOCK ? len : BLOCK;
  struct arena_block *b = malloc(sizeof *b);
  if (!b)
    return NULL;
  *b = (struct arena_block){.next = a->blocks, .data = locked_alloc(size), .size = size};
  if (!b->data) {
    free(b);
    return NULL;
  }
  if (a->forgets)
    (void)madvise(b->data, whole_pages(size), MADV_WIPEONFORK);
  return b;
}

char *arena_alloc(struct arena *a, size_t len)
{
  len = len ? len : 1;
  struct arena_block *b = a->blocks;
  while (b && b->size - b->used < len)
    b = b->next;
  if (!b) {
    b = new_block(a, len);
    if (!b)
      return NULL;
    a->blocks = b;
  }
  char *data = b->data + b->used;
  b->used += len;
  b->live++;
  return data;
}

static bool holds(const struct arena_block *b, const char *data)
{
  uintptr_t at = (uintptr_t)data, start = (uintptr_t)b->data;
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
  free_block(b);
}

void arena_close(struct arena *a)
{
  while (a->blocks) {
    struct arena_block *b = a->blocks;
    a->blocks = b->next;
    free_block(b);
  }
}

/* ---- dumps ------------------------------------------------------------------- */

void locked_close_proc(void)
{
#if !WATCHED  // the leak checker reads the process through ptrace
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void locked_close_dumps(void)
{
  struct rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  locked_close_proc();
}
