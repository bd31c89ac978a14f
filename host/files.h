/* files.h - files, as every world offers them. */
#ifndef FILES_H
#define FILES_H
#include "buf.h"
#include "effect.h"
#include "failure.h"

enum file_action {
  FILE_READ,    /* data: the bytes */
  FILE_WRITE,   /* replaces the file at once and durably; makes missing folders */
  FILE_LIST,    /* data: names ended by NUL, folders end in '/', sorted by bytes */
  FILE_REMOVE,  /* a file, or a folder with all in it; absent is fine */
  FILE_STAT,    /* size, is_folder, mode, mtime */
  FILE_MAKE,    /* a folder and those above it; there already is fine */
};

struct file_request {
  enum file_action action;
  const char *path;
  const char *root;   /* absolute: a path that leads out of it is "file-outside"; NULL: none does */
  const void *data;
  size_t len;
  unsigned mode;      /* of a file that is written: 0644 */
  size_t max;         /* bytes to read at most; more is the fault "file-too-large" */
};

/* Faults: "file-not-found", "file-denied", "file-exists", "file-full" (no space), "file-outside",
 * "file-failed"; all fatal, with the system's reason in the message. */
struct file_operation {
  struct effect effect;
  struct fault fault;
  struct buf data;
  double size, mtime;  /* Unix seconds */
  unsigned mode;       /* permissions */
  bool is_folder;
};

/* The fault of a path that leads out of the root. */
void file_outside(struct fault *f, const char *doing, const char *path, const char *root);

struct world_files {
  struct file_operation *(*start)(struct world_files *, const struct file_request *,
                                  effect_done *done, void *arg);
};
#endif
