/* permit.h - a world over another one in which each effect is named, in one line, before it begins, to somebody who
 * says whether it may.
 *
 * So a rehearsal learns what a recipe uses (rehearsal_explore.c), and a run is held to what was reviewed
 * (permit_lua.c): both have the same names, which permit_name.c makes. Kinds and names:
 *   requests   "GET https://host/path", without a query; of a WebSocket "GET wss://host/path"; where it does not go
 *              the URL's own way, " by ADDRESS"
 *   databases  "user@host/database"
 *   lookups    "A host": a name that is looked up for its own sake
 *   commands   the words of a command, " in FOLDER" behind them
 *   reads      the path of a file; of a folder that is listed, "path/ **" (without the space)
 *   writes     the path of a file or folder that is made, changed or removed
 *   secrets    the name of a secret whose value is taken to be sent somewhere, or to compute something of it
 * Paths are relative to the project where they are below it. Looking whether a file is there, the project's .davit
 * and the store of runs are asked of nobody: they are Davit's own. */
#ifndef PERMIT_H
#define PERMIT_H
#include "world.h"
#include <uv.h>

/* False: it may not begin, and the fault says so. */
typedef bool permit_judge(void *arg, const char *kind, const char *what, struct fault *fault);

struct permit;

/* Everything outlives it; `root` is the project's folder. A refusal needs the loop, which may be NULL for a judge that
 * refuses nothing. NULL: out of memory. */
struct permit *permit_new(struct world *under, uv_loop_t *loop, const char *root, permit_judge *judge, void *arg);
void permit_free(struct permit *p);
struct world *permit_world(struct permit *p);
struct world *permit_under(struct permit *p);

/* Whether a pattern means the name: "*" stands for anything but '/', "**" for anything. */
bool permit_matches(const char *pattern, const char *name);
#endif
