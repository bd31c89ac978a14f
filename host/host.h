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

struct host {
  struct world *world;
  struct sched *sched;
  struct mask *mask;        /* knows every secret of this instance */
  struct output *out, *err; /* the standard streams, behind the mask */
  double cleanup_seconds;   /* how long shielded clean-up may take after a cancellation */
};

static inline struct host *host_of(lua_State *L)
{
  return *(struct host **)lua_getextraspace(L);
}

/* Opens a Lua state with Davit's libraries on a world; main.c and the tests do.
 * NULL: out of memory. `host` is zeroed but for `world` and `cleanup_seconds`. */
lua_State *host_open(struct host *host);
/* Closes the state and frees what host_open made; the world stays. */
void host_close(struct host *host, lua_State *L);
#endif
