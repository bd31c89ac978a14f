/* archive_paths.h - a list of clean paths, in the order of a walk, each once. Knows nothing of Lua. */
#ifndef ARCHIVE_PATHS_H
#define ARCHIVE_PATHS_H
#include "buf.h"
#include <stdbool.h>
#include <stddef.h>

struct archive_paths {
  char **list;
  size_t count;
};

/* Cleans and sorts the texts, ended by NULL (none: NULL). With `whole`, what lies in a folder of the list is left
 * out. False: *bad is the text that must not be there and *why says why, or *bad is NULL: out of memory. */
bool archive_paths_make(struct archive_paths *p, const char *const *texts, bool whole, const char **bad,
                        const char **why);
bool archive_paths_has(const struct archive_paths *p, const char *path);
void archive_paths_free(struct archive_paths *p);

/* Brings names, each ended by NUL, into the order of their bytes. False with errno, also when the buffer had failed. */
bool archive_sort_names(struct buf *names);
#endif
