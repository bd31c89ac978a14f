/* host.h - one instance of Davit: what every C function reachable from Lua may need.
 *
 * The pointer stands in the Lua state's extra space, so that every coroutine has
 * it and no global is needed: a second instance in the same process is possible. */
#ifndef HOST_H
#define HOST_H
#include <lua.h>
#include <stdbool.h>

struct sched;
struct world;
struct mask;
struct output;
struct real;
struct fence;

struct host {
  struct world *world;
  struct real *real;        /* the world, when it is the real one; for --local */
  struct sched *sched;
  struct mask *mask;        /* knows every secret of this instance */
  struct output *out, *err; /* the standard streams, behind the mask; models have none */
  struct fence *fences;     /* asked before each effect (fence.h) */
  bool plain;               /* nobody wants colours, from children neither */
  double cleanup_seconds;   /* how long shielded clean-up may take after a cancellation */
  lua_Alloc alloc;          /* NULL: Lua's own; tests make allocations fail */
  void *alloc_arg;
};

static inline struct host *host_of(lua_State *L)
{
  return *(struct host **)lua_getextraspace(L);
}

/* Opens a Lua state with Davit's libraries. The caller has set everything but `sched`.
 * NULL: out of memory. */
lua_State *host_open(struct host *host);
void host_close(lua_State *L);
#endif
