/* rehearsal_arena.h - memory for a Lua state in a process that lives for milliseconds.
 *
 * Where thousands of forked processes each run a few milliseconds, most of their time goes into
 * malloc and into pages that are touched first. The arena takes pages many at a time and gives
 * nothing back; what the state had before stays where it is. */
#ifndef REHEARSAL_ARENA_H
#define REHEARSAL_ARENA_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct rehearsal_arena {
  char *start, *at, *ready, *end;  /* pages before `ready` are there already */
  size_t beyond, limit;            /* bytes that malloc gave when the arena was full */
  bool refused, starved;           /* the last request failed; two in a row did */
};

/* False: no memory. It is never freed: the process ends. */
bool rehearsal_arena_open(struct rehearsal_arena *a, size_t limit);
/* A lua_Alloc, for lua_setallocf with the arena. */
void *rehearsal_arena_alloc(void *arena, void *block, size_t old, size_t size);
/* Before the fork: makes room for the strings that the state will make afterwards. */
void rehearsal_arena_widen(lua_State *L);
#endif
