/* archive_merge.h - moves what is in one folder into another. Knows nothing of Lua. */
#ifndef ARCHIVE_MERGE_H
#define ARCHIVE_MERGE_H
#include "failure.h"
#include <stdbool.h>

/* True when the name in the open folder is one, and no link to one. */
bool archive_is_folder(int fd, const char *name);
/* Moves everything from one open folder into the other, on the same file system; folders that are there already
 * are filled up. Looks first whether it can: files that are there are "file-exists" without `replace`, and what
 * is a folder on one side only is so always. `into` is the second one's name, for messages. */
bool archive_merge(int from, int to, const char *into, bool replace, struct fault *f);
#endif
