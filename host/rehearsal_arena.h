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
  lua_Alloc former;                /* has what the state had before, and gives more when the arena is full */
  void *former_arg;
  size_t beyond, limit;            /* bytes that it gave then */
  bool refused, starved;           /* the last request failed; two in a row did */
};

/* Whatever the state asks for from now on comes from the arena. False: no memory for one, and nothing has
 * changed. It is never freed: the process ends. */
bool rehearsal_arena_open(struct rehearsal_arena *a, lua_State *L, size_t limit);
/* Before the fork: makes room for the strings that the state will make afterwards. */
void rehearsal_arena_widen(lua_State *L);
#endif
