/* files_move_uv.c - files of the real world that are copied, moved, extended, on threads of the pool; see
 * files_uv.h. A copy comes to its place like any file that is written: whole. */
#include "files_uv.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- extending --------------------------------------------------------------------------- */

/* A file that is there, by its links, or a new one. Fills the place; -1: see the fault. */
static int open_to_extend(struct operation *op, struct spot *s)
{
  if (operation_find(op, "writing", BENEATH_FOLLOW, s)) {
    int fd = operation_open(op, s, O_WRONLY | O_APPEND);
    if (fd >= 0)
      return fd;
    operation_fail(op, "writing", op->path);
    beneath_free(s);
  }
  if (strcmp(op->base.fault.code, "file-not-found") != 0)
    return -1;
  op->base.fault.code = NULL;
  if (!operation_find_to_write(op, op->path, s))
    return -1;
  int fd = openat(s->folder, s->name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, op->mode);
  if (fd < 0) {
    operation_fail(op, "writing", op->path);
    beneath_free(s);
  }
  return fd;
}

void files_extend(struct operation *op)
{
  struct spot s;
  int fd = open_to_extend(op, &s);
  if (fd < 0)
    return;
  bool written = write_all(fd, op->data, op->len) && fsync(fd) == 0;
  if (!written)
    operation_fail(op, "writing", op->path);
  if (close(fd) != 0 && written)
    operation_fail(op, "writing", op->path);
  else if (written)
    operation_sync_around(op, &s);
  beneath_free(&s);
}

/* ---- copying ----------------------------------------------------------------------------- */

/* -1: see the fault. */
static int open_regular(struct operation *op, mode_t *mode)
{
  struct spot s;
  struct stat st = {0};
  if (!operation_find(op, "reading", BENEATH_FOLLOW, &s))
    return -1;
  int fd = operation_open(op, &s, O_RDONLY | O_NONBLOCK);
  beneath_free(&s);
  if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    if (fd >= 0)
      errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    operation_fail(op, "reading", op->path);
    if (fd >= 0)
      close(fd);
    return -1;
  }
  *mode = st.st_mode & 07777;
  return fd;
}

static bool pour(struct operation *op, int from, int to)
{
  char chunk[1 << 16];
  while (!op->abandoned) {
    ssize_t n = read(from, chunk, sizeof chunk);
    if (n == 0)
      return true;
    if (n < 0 && errno != EINTR)
      return operation_fail(op, "reading", op->path);
    if (n > 0 && !write_all(to, chunk, (size_t)n))
      return operation_fail(op, "writing", op->to);
  }
  return false;
}

static bool finish_copy(struct operation *op, int from, int to, mode_t mode)
{
  return pour(op, from, to) &&
         ((fchmod(to, mode) == 0 && fsync(to) == 0) || operation_fail(op, "writing", op->to));
}

static void copy_onto(struct operation *op, int from, mode_t mode, const struct spot *s)
{
  char *name;
  int fd = operation_open_unnamed(s, &name);
  if (fd < 0) {
    operation_fail(op, "writing", op->to);
  } else if (!finish_copy(op, from, fd, mode)) {
    operation_give_up(s, fd, name);
  } else if (!operation_place(s, fd, &name)) {
    operation_fail(op, "writing", op->to);
    operation_give_up(s, fd, name);
  } else {
    close(fd);
    operation_sync_around(op, s);
  }
  free(name);
}

void files_copy(struct operation *op)
{
  struct spot s;
  mode_t mode;
  int from = open_regular(op, &mode);
  if (from < 0)
    return;
  if (operation_find_to_write(op, op->to, &s)) {
    if (operation_may_replace(op, s.folder, s.name, op->to))
      copy_onto(op, from, mode, &s);
    beneath_free(&s);
  }
  close(from);
}

/* ---- moving ------------------------------------------------------------------------------ */

static void move_onto(struct operation *op, const struct spot *from, const struct spot *to)
{
  if (renameat(from->folder, from->name, to->folder, to->name) == 0) {
    if (operation_sync_around(op, to))
      operation_sync_around(op, from);
    return;
  }
  bool elsewhere = errno == EXDEV;
  operation_fail(op, "moving", op->path);
  if (elsewhere)
    op->base.fault.code = "file-elsewhere";
}

void files_move(struct operation *op)
{
  struct spot from, to;
  if (!operation_find(op, "moving", 0, &from))
    return;
  struct stat st;
  if (fstatat(from.folder, from.name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    operation_fail(op, "moving", op->path);
  } else if (operation_find_to_write(op, op->to, &to)) {
    if (operation_may_replace(op, to.folder, to.name, op->to))
      move_onto(op, &from, &to);
    beneath_free(&to);
  }
  beneath_free(&from);
}

/* ---- permissions ------------------------------------------------------------------------- */

void files_set_mode(struct operation *op)
{
  struct spot s;
  if (!operation_find(op, "changing", BENEATH_FOLLOW, &s))
    return;
  int fd = operation_open(op, &s, O_RDONLY | O_NONBLOCK);
  if (fd < 0 || fchmod(fd, op->mode) != 0)
    operation_fail(op, "changing", op->path);
  if (fd >= 0)
    close(fd);
  beneath_free(&s);
}
