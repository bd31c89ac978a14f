/* effect.h - something under way in the world: an exchange, a query, a child, a file.
 *
 * Every member of the world starts its work by returning a struct that begins
 * with a struct effect, and ends it with effect_finish(). Bindings keep it in a
 * box, a to-be-closed userdata, so that an error, a return or a cancellation
 * releases it without code of its own. The first half knows nothing of Lua. */
#ifndef EFFECT_H
#define EFFECT_H
#include <lua.h>
#include <stdbool.h>

/* Runs once, from the loop, never from inside the call that started the effect
 * and never after effect_free. It may record and wake; it never enters Lua. */
typedef void effect_done(void *arg);

struct effect {
  void (*destroy)(struct effect *self);  /* cancels when under way, then frees */
  effect_done *done;
  void *arg;
  bool finished;
};

/* For worlds: the work has ended, its outcome stands in the struct. */
void effect_finish(struct effect *e);
/* Cancels when still under way, then frees. NULL is fine. */
void effect_free(struct effect *e);

/* ---- for bindings ----------------------------------------------------------- */

/* Pushes an empty box, marked to-be-closed: fill it with what the world returns. Raises when a
 * fence does not let effects pass. Who goes on after the wait in the same call, and pops it, closes it before, by
 * lua_closeslot(): lua_settop() and lua_pop() of Lua 5.4.4 leave the top of the stack where the stack was when closing
 * moves it. */
struct effect **effect_box(lua_State *L);
/* The same for what no fence stops: the store's own calls, by which a lease is kept. */
struct effect **effect_box_unfenced(lua_State *L);
/* The box at idx. */
struct effect *effect_at(lua_State *L, int idx);
/* Waits until the effect in the box at the absolute index `box` has finished,
 * then continues with k(L, LUA_YIELD, box). An empty box is "not enough memory".
 * To be called as `return effect_wait(...)`. The effect was started with
 * done = task_wake and arg = task_current(L). */
int effect_wait(lua_State *L, int box, lua_KFunction k);
int effect_open(lua_State *L);
#endif
