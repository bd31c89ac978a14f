/* fence.c - the host's list of fences; see fence.h. */
#include "fence.h"
#include "failure.h"
#include "host.h"

void fence_add(lua_State *L, struct fence *f)
{
  f->next = host_of(L)->fences;
  host_of(L)->fences = f;
}

void fence_remove(lua_State *L, struct fence *f)
{
  for (struct fence **at = &host_of(L)->fences; *at; at = &(*at)->next)
    if (*at == f) {
      *at = f->next;
      return;
    }
}

void fence_check(lua_State *L)
{
  struct fault fault;
  for (struct fence *f = host_of(L)->fences; f; f = f->next)
    if (!f->pass(f, &fault))
      failure_raise(L, &fault, NULL);
}
