/* rehearsal_actor.h - a Davit in a rehearsal: a Lua state with the recipe, as a process would have. */
#ifndef REHEARSAL_ACTOR_H
#define REHEARSAL_ACTOR_H
#include "host.h"
#include <stddef.h>

struct world;

struct actor {
  struct host host;
  lua_State *L;
  size_t used, limit;  /* bytes of Lua memory */
  bool starved;        /* it wanted more */
  const char *(*person)(void *arg);  /* what somebody says who is asked: "yes", "no"; "": nobody is there */
  void *person_arg;
};

/* What it prints goes to the descriptor. False: no memory. */
bool actor_open(struct actor *a, struct world *world, int fd, size_t limit);
void actor_close(struct actor *a);
/* require("rehearsal.driver")[function](argument, person) as its first task, where person() -> text asks the
 * person; the text that it returns, or NULL with the error's text in *error. Both live until the next call. */
const char *actor_call(struct actor *a, const char *function, const char *argument, const char **error);
#endif
