/* files.h - files, as every world offers them. */
#ifndef FILES_H
#define FILES_H
#include "buf.h"
#include "effect.h"
#include "failure.h"
#include <stdint.h>

enum file_action {
  FILE_READ,    /* data: the bytes */
  FILE_WRITE,   /* replaces the file at once and durably; makes missing folders */
  FILE_LIST,    /* data: names ended by NUL, folders end in '/', sorted by bytes */
  FILE_REMOVE,  /* a file, or a folder with all in it; absent is fine */
  FILE_STAT,    /* size, is_folder, is_other, mode, mtime */
  FILE_MAKE,    /* a folder and those above it; there already is fine */
  FILE_EXTEND,  /* writes behind what the file holds; makes the file and missing folders */
  FILE_COPY,    /* of a regular file, to `to`, like FILE_WRITE; permissions go along */
  FILE_MOVE,    /* a file, link or folder to `to`; makes missing folders. "file-elsewhere": to another disk */
  FILE_MODE,    /* gives a file or folder the mode */

  /* A file in pieces. What is received goes into a file beside its place until it is whole. */
  FILE_PIECE,   /* of a regular file: data are `max` bytes from `offset` on, fewer at its end; size, stamp */
  FILE_DIGEST,  /* data: the SHA-256 of a regular file, 64 hexadecimal digits; size, stamp */
  FILE_BEGIN,   /* a new, empty file, whose place is `to`, in the same folder; makes missing folders, removes
                 * what was begun there by processes that have ended */
  FILE_APPEND,  /* to a file that was begun */
  FILE_PLACE,   /* a file that was begun gets its mode and its place, at once and durably */
};

struct file_request {
  enum file_action action;
  const char *path;
  const char *root;   /* absolute: a path that leads out of it is "file-outside"; NULL: none does */
  const char *to;     /* of a copy or a move; the place of a file that is begun, filled or placed */
  const void *data;
  size_t len;
  unsigned mode;      /* of a file that is written: 0644 */
  size_t max;         /* bytes to read at most; more is the fault "file-too-large" */
  uint64_t offset;
};

/* Faults: "file-not-found", "file-denied", "file-exists", "file-full" (no space), "file-outside",
 * "file-elsewhere", "file-failed"; all fatal, with the system's reason in the message. */
struct file_operation {
  struct effect effect;
  struct fault fault;
  struct buf data;
  double size, mtime;  /* Unix seconds */
  unsigned mode;       /* permissions */
  bool is_folder, is_other;  /* other: a pipe, a socket or a device */
  uint64_t stamp;  /* another one when the file was changed or replaced; never 0 */
};

/* The fault's code for an errno. */
const char *file_code(int error);
/* The fault of a path that leads out of the root. */
void file_outside(struct fault *f, const char *doing, const char *path, const char *root);

/* An operation that is freed under way is dropped, with two exceptions: what FILE_BEGIN has made
 * goes again, and FILE_REMOVE is carried out, so that who gives up may start one and free it. */
struct world_files {
  struct file_operation *(*start)(struct world_files *, const struct file_request *,
                                  effect_done *done, void *arg);
  /* A new name for a file that is begun, beside its place; to be freed. NULL: out of memory. */
  char *(*name_beside)(struct world_files *, const char *place);
  bool alone;  /* no other process can come upon these files: a lock on one of them needs none (file_lock.c) */
};
#endif
