/* archive_stage.h - a folder of the machine, as a tree that is unpacked. Knows nothing of Lua.
 *
 * What is unpacked stands in a folder of its own until it is placed. When the target is not there yet, that is
 * one beside it, which gets its name; else one in the target, out of which everything is moved. Nobody else
 * writes there, and there is no link in it before everything else is. */
#ifndef ARCHIVE_STAGE_H
#define ARCHIVE_STAGE_H
#include "archive_tree.h"

/* Begins to unpack into the folder, which must not lead out of the fence (or NULL). NULL: see the fault. */
struct tree_writer *archive_stage_new(const char *into, const char *fence, struct fault *f);
/* What was not placed goes. */
void archive_stage_free(struct tree_writer *t);
#endif
