/* files_uv.h - an operation on files, as the threads of the pool work on it; files.h is the outside.
 *
 *   files_uv.c         the pool; where paths lead; files that are read whole
 *   files_write_uv.c   files that are written whole, folders that are made
 *   files_place_uv.c   how what is written comes to its place
 *   files_maker.c      names of what is on its way there
 *   files_folder_uv.c  folders that are listed and removed
 *   files_move_uv.c    files that are copied, moved, extended
 *   files_pieces_uv.c  files that are read and written in pieces */
#ifndef FILES_UV_H
#define FILES_UV_H
#include "beneath.h"
#include "files_maker.h"
#include "real.h"
#include <stdatomic.h>

struct operation {
  struct file_operation base;
  uv_work_t work;
  atomic_bool abandoned;  /* a thread of the pool looks at it */
  enum file_action action;
  char *path;   /* without slashes at its end: behind one, a link would be followed */
  char *root;   /* or NULL */
  char *to;     /* or NULL */
  char *data;
  size_t len, max;
  unsigned mode;
  uint64_t offset;
};

/* ---- files_uv.c -------------------------------------------------------------------------- */

/* Records errno. Returns false, for tail calls. */
bool operation_fail(struct operation *op, const char *doing, const char *path);
/* Finds where the operation's path leads; flags as in beneath.h. */
bool operation_find(struct operation *op, const char *doing, int flags, struct spot *s);
/* The same for another path of the operation. */
bool operation_find_path(struct operation *op, const char *doing, const char *path, int flags, struct spot *s);
/* Opens what was found. Links were followed already, unless nothing was looked at. */
int operation_open(const struct operation *op, const struct spot *s, int flags);

/* ---- files_write_uv.c --------------------------------------------------------------------- */

/* Makes what is missing of the folders above the path, and finds its place in them. */
bool operation_find_to_write(struct operation *op, const char *path, struct spot *s);
/* Makes the names in the folder of a place durable. */
bool operation_sync_around(struct operation *op, const struct spot *s);

void files_write(struct operation *op);
void files_make(struct operation *op);

/* ---- files_place_uv.c -------------------------------------------------------------------- */

/* Makes a file for the place, without a name where the file system can do that: whoever is killed
 * leaves nothing. Else *name, to be freed, is one of its own beside it. -1 with errno. */
int operation_open_unnamed(const struct spot *s, char **name);
/* Puts it in its place once it is whole, under whatever name was there. False with errno. */
bool operation_place(const struct spot *s, int fd, char **name);
/* Whether a file may take the place `name`: nothing stands there, a file, a folder (renaming refuses that) or a link
 * to one. A device, pipe or socket would be lost to everybody: false, with the fault about `path`. */
bool operation_may_replace(struct operation *op, int folder, const char *name, const char *path);
/* Closes it, which was not placed. */
void operation_give_up(const struct spot *s, int fd, const char *name);
/* Removes what processes of this machine that have ended left in the folder of a place. errno stays. */
void operation_sweep(const struct spot *s);

/* ---- files_folder_uv.c ------------------------------------------------------------------- */

/* Removes the file, or the folder with all in it. */
bool operation_remove_at(struct operation *op, int folder, const char *name);

void files_list(struct operation *op);
void files_remove(struct operation *op);

/* ---- files_move_uv.c ---------------------------------------------------------------------- */

void files_extend(struct operation *op);
void files_copy(struct operation *op);
void files_move(struct operation *op);
void files_set_mode(struct operation *op);

/* ---- files_pieces_uv.c ------------------------------------------------------------------- */

void files_read_piece(struct operation *op);
void files_digest(struct operation *op);
void files_begin(struct operation *op);
void files_append(struct operation *op);
void files_place(struct operation *op);
#endif
