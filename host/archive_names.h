/* archive_names.h - the names that an archive has had so far: none may stand there twice, or below what is no
 * folder. Knows nothing of Lua. */
#ifndef ARCHIVE_NAMES_H
#define ARCHIVE_NAMES_H
#include "archives.h"

struct archive_names {
  struct archive_name **slots;  /* by hash; size is a power of two */
  size_t count, size;
  size_t bytes;
  uint64_t seed;
};

/* Adds a clean path, and the folders above it. Returns why it must not be there, or NULL. */
const char *archive_names_add(struct archive_names *n, const char *path, enum packed_kind kind);
/* True when the path is there, as a file. */
bool archive_names_has_file(const struct archive_names *n, const char *path);
void archive_names_free(struct archive_names *n);
#endif
