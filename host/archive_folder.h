/* archive_folder.h - a folder of the machine, as a tree that is packed. Knows nothing of Lua. */
#ifndef ARCHIVE_FOLDER_H
#define ARCHIVE_FOLDER_H
#include "archive_tree.h"

/* Takes the folder's descriptor. NULL: out of memory. */
struct tree_reader *archive_folder_new(int fd);
void archive_folder_free(struct tree_reader *t);
#endif
