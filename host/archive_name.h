/* archive_name.h - which names and links an archive may hold, and how they are shown. The same rules hold for
 * what is packed and what is unpacked. Knows nothing of Lua. */
#ifndef ARCHIVE_NAME_H
#define ARCHIVE_NAME_H
#include "buf.h"
#include <stdbool.h>

struct mask;

enum { ARCHIVE_PATH_MAX = 4095, ARCHIVE_NAME_MAX = 255, ARCHIVE_DEPTH_MAX = 128 };

/* Writes "./a//b/" as "a/b", and the folder itself as "". Returns why the path must not stand in an archive,
 * or NULL: absolute, "..", control characters, too long, too deep. */
const char *archive_clean_path(const char *path, char clean[ARCHIVE_PATH_MAX + 1]);

/* Why a link at the clean path must not lead to the target; NULL: it stays inside, whatever other links are
 * there that stay inside. */
const char *archive_refuse_link(const char *path, const char *target);

/* Orders paths as a walk finds them that takes the names of each folder by their bytes. */
int archive_compare_paths(const char *a, const char *b);
/* True when the path is the folder, or lies in it; "" is the folder of all. */
bool archive_is_below(const char *path, const char *folder);

/* The path with the digest for {sha256}, to be freed. NULL: out of memory. */
char *archive_fill_path(const char *path, const char *sha256);

enum { ARCHIVE_SHOWN_MAX = 240 };
/* Writes the path for one line of a message: without secrets (mask may be NULL), with \x for what is no
 * character, a long one cut in front. */
void archive_show_path(struct mask *mask, const char *path, char shown[ARCHIVE_SHOWN_MAX + 1]);
#endif
