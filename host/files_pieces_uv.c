/* files_pieces_uv.c - files of the real world in pieces, on threads of the pool; see files_uv.h.
 *
 * Every piece opens its file anew, so that nothing is held between two of them; the stamp tells
 * whether it is the same file still. A file that is received has a name of its own beside its place
 * until it is whole and on the disk. */
#include "file_piece.h"
#include "files_uv.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ----------------------------------------------------------------------------- */

static bool take_stamp(struct operation *op, int fd)
{
  if (file_stamp(fd, &op->base.size, &op->base.stamp))
    return true;
  if (errno != EINVAL)
    return operation_fail(op, "reading", op->path);
  fault_set(&op->base.fault, "file-failed", "fatal", "reading %s: it is no regular file", op->path);
  return false;
}

/* The stamp is taken again at the end: what was read is of the file that has it. */
static void read_regular(struct operation *op, bool (*read_it)(struct operation *, int fd))
{
  struct spot s;
  if (!operation_find(op, "reading", BENEATH_FOLLOW, &s))
    return;
  int fd = operation_open(op, &s, O_RDONLY | O_NONBLOCK);
  if (fd < 0)
    operation_fail(op, "reading", op->path);
  else if (take_stamp(op, fd) && (read_it(op, fd) || operation_fail(op, "reading", op->path)))
    take_stamp(op, fd);
  if (fd >= 0)
    close(fd);
  beneath_free(&s);
}

static bool read_it(struct operation *op, int fd)
{
  return file_read_piece(fd, op->offset, op->max, &op->base.data);
}

void files_read_piece(struct operation *op)
{
  read_regular(op, read_it);
}

static bool digest_it(struct operation *op, int fd)
{
  return file_digest(fd, &op->abandoned, &op->base.data);
}

void files_digest(struct operation *op)
{
  read_regular(op, digest_it);
}

/* ---- receiving --------------------------------------------------------------------------- */

/* Records errno for a file on its way to its place. Returns false, for tail calls. */
static bool fail_begun(struct operation *op)
{
  char reason[128];
  int error = errno;
  fault_set(&op->base.fault, file_code(error), "fatal", "writing %s for %s: %s", op->path, op->to,
            strerror_r(error, reason, sizeof reason));
  return false;
}

/* The place's name, where the begun file's is found. */
static const char *place_name(const struct operation *op)
{
  const char *slash = op->root ? strrchr(op->to, '/') : NULL;
  return slash ? slash + 1 : op->to;
}

static bool place_is_folder(const struct operation *op, const struct spot *s)
{
  struct stat st;
  return fstatat(s->folder, place_name(op), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* What stands in the place is looked at before anything is sent. */
static int open_begun(struct operation *op, const struct spot *s)
{
  operation_sweep(s);
  if (!operation_may_replace(op, s->folder, place_name(op), op->to))
    return -1;
  if (place_is_folder(op, s)) {
    errno = EISDIR;
    operation_fail(op, "writing", op->to);
    return -1;
  }
  int fd = openat(s->folder, s->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    fail_begun(op);
  return fd;
}

/* Who dropped the operation does not know whether there is a file: if there is, it goes again.
 * He removes it, too, but that may have happened before it was there. */
void files_begin(struct operation *op)
{
  struct spot s;
  if (!operation_find_to_write(op, op->path, &s))
    return;
  int fd = open_begun(op, &s);
  if (fd >= 0)
    close(fd);
  if (fd >= 0 && op->abandoned)
    unlinkat(s.folder, s.name, 0);
  beneath_free(&s);
}

/* Opens the begun file, at its end, for `work`. */
static void with_begun(struct operation *op, bool (*work)(struct operation *, int fd, const struct spot *))
{
  struct spot s;
  if (!operation_find(op, "writing", 0, &s))
    return;
  int fd = openat(s.folder, s.name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  bool worked = fd >= 0 && work(op, fd, &s);
  if ((fd < 0 || !worked) && !op->base.fault.code)
    fail_begun(op);
  if (fd >= 0 && close(fd) != 0 && worked)
    fail_begun(op);
  beneath_free(&s);
}

static bool append_it(struct operation *op, int fd, const struct spot *s)
{
  (void)s;
  return write_all(fd, op->data, op->len);
}

void files_append(struct operation *op)
{
  with_begun(op, append_it);
}

static bool place_it(struct operation *op, int fd, const struct spot *s)
{
  return fchmod(fd, op->mode) == 0 && fsync(fd) == 0 &&
         renameat(s->folder, s->name, s->folder, place_name(op)) == 0 && operation_sync_around(op, s);
}

void files_place(struct operation *op)
{
  with_begun(op, place_it);
}
