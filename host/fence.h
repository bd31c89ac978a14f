/* fence.h - what is asked before each effect starts: may this instance still act?
 *
 * Who holds something that can be lost (store_lua.c: leases) links a fence into the host; each
 * effect that a binding starts passes all of them first. */
#ifndef FENCE_H
#define FENCE_H
#include <lua.h>
#include <stdbool.h>

struct fault;

struct fence {
  struct fence *next;
  bool (*pass)(struct fence *self, struct fault *fault);  /* may block for a moment */
};

void fence_add(lua_State *L, struct fence *f);
/* Nothing happens when it was not added. */
void fence_remove(lua_State *L, struct fence *f);
/* Raises the fault of the first fence that does not let pass. */
void fence_check(lua_State *L);
#endif
