/* files_write_uv.c - files that are written whole, and folders that are made, on threads of the pool; see
 * files_uv.h.
 *
 * A file is written without a name and comes to its place when it is whole (files_place_uv.c), with
 * both the bytes and the names on the disk before that counts as done: a crash leaves the old file
 * or the new one. */
#include "files_uv.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- folders ----------------------------------------------------------------------------- */

/* The folder that holds the path; a copy to be freed, or NULL. */
static char *folder_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  if (!slash)
    return strdup(".");
  return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Makes the names in a folder durable. */
static bool sync_folder(struct operation *op, const char *folder)
{
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return operation_fail(op, "opening", folder);
  bool synced = fsync(fd) == 0 || operation_fail(op, "writing", folder);
  close(fd);
  return synced;
}

static bool is_folder(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool make_folders(struct operation *op, const char *folder);

static bool make_folder(struct operation *op, const char *folder, const char *parent)
{
  if (!make_folders(op, parent))
    return false;
  if (mkdir(folder, 0777) == 0)
    return sync_folder(op, parent);
  return (errno == EEXIST && is_folder(folder)) || operation_fail(op, "making the folder", folder);
}

static bool make_folders(struct operation *op, const char *folder)
{
  if (is_folder(folder))
    return true;
  char *parent = folder_of(folder);
  if (!parent)
    return operation_fail(op, "making the folder", folder);
  bool made = make_folder(op, folder, parent);
  free(parent);
  return made;
}

void files_make(struct operation *op)
{
  struct spot s;
  if (!op->root)
    make_folders(op, op->path);
  else if (operation_find(op, "making the folder", BENEATH_FOLLOW | BENEATH_MAKE, &s))
    beneath_free(&s);
}

/* ---- a file ------------------------------------------------------------------------------ */

/* Fills the new file, and gives it its mode whatever the umask is. */
static bool fill(struct operation *op, int fd)
{
  return (write_all(fd, op->data, op->len) && fchmod(fd, op->mode) == 0 && fsync(fd) == 0) ||
         operation_fail(op, "writing", op->path);
}

bool operation_find_to_write(struct operation *op, const char *path, struct spot *s)
{
  char *folder = op->root ? NULL : folder_of(path);
  bool made = op->root || (folder && make_folders(op, folder));
  if (!op->root && !folder)
    operation_fail(op, "writing", path);
  free(folder);
  return made && operation_find_path(op, "writing", path, BENEATH_MAKE, s);
}

bool operation_sync_around(struct operation *op, const struct spot *s)
{
  char *folder = folder_of(s->name);
  int fd = folder ? openat(s->folder, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  bool synced = (fd >= 0 && fsync(fd) == 0) || operation_fail(op, "writing", op->path);
  if (fd >= 0)
    close(fd);
  free(folder);
  return synced;
}

static void replace(struct operation *op, const struct spot *s)
{
  char *name;
  int fd = operation_open_unnamed(s, &name);
  if (fd < 0) {
    operation_fail(op, "writing", op->path);
  } else if (!fill(op, fd)) {
    operation_give_up(s, fd, name);
  } else if (!operation_place(s, fd, &name)) {
    operation_fail(op, "writing", op->path);
    operation_give_up(s, fd, name);
  } else {
    close(fd);
    operation_sync_around(op, s);
  }
  free(name);
}

void files_write(struct operation *op)
{
  struct spot s;
  if (!operation_find_to_write(op, op->path, &s))
    return;
  if (operation_may_replace(op, s.folder, s.name, op->path))
    replace(op, &s);
  beneath_free(&s);
}
