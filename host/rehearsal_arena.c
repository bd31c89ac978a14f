/* rehearsal_arena.c - see rehearsal_arena.h. */
#include "rehearsal_arena.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STEP = 128 * 1024, ALIGN = 16 };
enum { STRINGS = 3000 };  /* with those of a run, less than the power of two that the table then has */
#define SIZE ((size_t)64 << 20)

static bool holds(const struct rehearsal_arena *a, const void *block)
{
  return (uintptr_t)block >= (uintptr_t)a->start && (uintptr_t)block < (uintptr_t)a->end;
}

/* One call for many pages is far cheaper than a fault for each; older kernels fault. */
static void ready_pages(struct rehearsal_arena *a)
{
  while (a->ready < a->at) {
#ifdef MADV_POPULATE_WRITE
    (void)madvise(a->ready, STEP, MADV_POPULATE_WRITE);
#endif
    a->ready += STEP;
  }
}

static void *take(struct rehearsal_arena *a, size_t size)
{
  size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
  if ((size_t)(a->end - a->at) < need)
    return NULL;
  void *block = a->at;
  a->at += need;
  ready_pages(a);
  return block;
}

static void *take_beyond(struct rehearsal_arena *a, size_t size)
{
  void *block = a->beyond + size > a->limit ? NULL : a->former(a->former_arg, NULL, 0, size);
  a->starved |= !block && a->refused;  // between two refusals in a row Lua has collected its garbage
  a->refused = !block;
  a->beyond += block ? size : 0;
  return block;
}

/* While the arena lasts nothing is given back. Afterwards garbage is, also what was there before: whoever gave it
 * takes it, as not every block is one of malloc's. */
static void give_back(struct rehearsal_arena *a, void *block, size_t size)
{
  if (holds(a, block) || a->beyond == 0)
    return;
  a->beyond -= size < a->beyond ? size : a->beyond;
  a->former(a->former_arg, block, size, 0);
}

/* A lua_Alloc. */
static void *give(void *arena, void *block, size_t old, size_t size)
{
  struct rehearsal_arena *a = arena;
  if (block && size <= old && size > 0)
    return block;
  void *moved = NULL;
  if (size > 0) {
    moved = take(a, size);
    moved = moved ? moved : take_beyond(a, size);
    if (!moved)
      return NULL;
  }
  if (block && moved)
    memcpy(moved, block, old);
  if (block)
    give_back(a, block, old);
  return moved;
}

bool rehearsal_arena_open(struct rehearsal_arena *a, lua_State *L, size_t limit)
{
  char *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return false;
  *a = (struct rehearsal_arena){.start = data, .at = data, .ready = data, .end = data + SIZE, .limit = limit};
  a->former = lua_getallocf(L, &a->former_arg);
  lua_setallocf(L, give, a);
  return true;
}

static const char widened = 0;  /* its address is the registry key of the strings */

/* Lua relinks every string it has when their table grows: in a forked process that copies most of
 * the heap. A table that is wide enough before the fork stays as it is. */
void rehearsal_arena_widen(lua_State *L)
{
  lua_createtable(L, STRINGS, 0);
  for (int i = 1; i <= STRINGS; i++) {
    lua_pushfstring(L, "\1%d", i);
    lua_rawseti(L, -2, i);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &widened);
}
