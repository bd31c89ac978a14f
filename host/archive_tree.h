/* archive_tree.h - the trees of files that archives are made of and made into: folders of the machine
 * (archive_folder.c, archive_stage.c) or a rehearsal's (rehearsal_archive.c). Knows nothing of Lua.
 *
 * Everything here happens at once, on whatever thread packs or unpacks. What fails says why in errno. */
#ifndef ARCHIVE_TREE_H
#define ARCHIVE_TREE_H
#include "archive_name.h"
#include "buf.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum tree_kind { TREE_FILE, TREE_FOLDER, TREE_LINK, TREE_OTHER };

struct tree_facts {
  enum tree_kind kind;
  const char *special;                /* what an OTHER is: "a socket" */
  char target[ARCHIVE_PATH_MAX + 1];  /* of a LINK */
};

struct tree_file {
  uint64_t size;
  bool executable;
};

/* A tree that is read. There is a folder in which one is, at first the root, and at most one open file. No link
 * is followed. ESTALE says that what is left has changed since it was entered or opened. */
struct tree_reader {
  bool (*enter)(struct tree_reader *, const char *name);
  bool (*leave)(struct tree_reader *);
  /* Appends the names, each ended by NUL, in the order of their bytes. */
  bool (*list)(struct tree_reader *, struct buf *names);
  bool (*look)(struct tree_reader *, const char *name, struct tree_facts *);
  bool (*open)(struct tree_reader *, const char *name, struct tree_file *);
  ssize_t (*read)(struct tree_reader *, void *to, size_t len);
  bool (*close)(struct tree_reader *);
};

/* A tree that is written, under clean paths that are given once each; folders that are missing are made. Links
 * come last: until then nothing can lead anywhere else. Nothing of it is seen before it is placed. */
struct tree_writer {
  bool (*folder)(struct tree_writer *, const char *path);
  bool (*begin)(struct tree_writer *, const char *path, bool executable);
  bool (*write)(struct tree_writer *, const void *data, size_t len);
  bool (*end)(struct tree_writer *);
  bool (*copy)(struct tree_writer *, const char *path, const char *from);
  bool (*link)(struct tree_writer *, const char *path, const char *target);
  bool (*place)(struct tree_writer *, bool replace, struct fault *);
};
#endif
