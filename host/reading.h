/* reading.h - a world over another one in which one can only look: for plans (lua/run/reading.lua).
 *
 * What only reads goes through to the world below. Whatever would change something ends in the fault "plan-effect",
 * and nothing of it has begun:
 *   HTTP        GET, HEAD and OPTIONS go through
 *   files       reading goes through, and writing below the folders that are allowed; archives likewise
 *   children    the commands that are allowed
 *   SQL         sessions whose transactions are read-only from the start (reading_sql.c)
 *   WebSockets, the store of runs: none
 * Exchanges, sessions and children that go through are those of the world below, and may outlive this one. */
#ifndef READING_H
#define READING_H
#include "world.h"
#include <uv.h>

struct reading;

/* `under` and `loop` outlive it. NULL: out of memory. */
struct reading *reading_new(struct world *under, uv_loop_t *loop);
void reading_free(struct reading *r);
struct world *reading_world(struct reading *r);
struct world *reading_under(struct reading *r);
/* What is below the folder may be written, and the folder be made. False: out of memory, or no folder. */
bool reading_allow_folder(struct reading *r, const char *folder);
/* Children may be started whose argv begins with these words, which NULL ends. False: out of memory, or no words. */
bool reading_allow_command(struct reading *r, const char *const *words);
/* What was refused first, as the fault had it; NULL: nothing. */
const char *reading_refused(const struct reading *r);
#endif
