/* files_uv.c - files of the real world: plain system calls on libuv's pool.
 *
 * An operation's work runs on a thread of the pool and touches nothing but the operation; the
 * loop looks at it again once the work has ended. Freeing an operation under way abandons it:
 * the work, if it has begun, ends by itself, and then the operation is freed. A pipe may have
 * nothing to read for ever: such a read looks from time to time whether it was abandoned.
 *
 * Where a path leads is found once (beneath.h); everything after that goes on from there. */
#include "files_uv.h"
#include "pool.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

struct files_uv {
  struct world_files base;
  uv_loop_t *loop;
};

/* ---- faults ------------------------------------------------------------------------------ */

const char *file_code(int error)
{
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return "file-not-found";
  case EACCES:
  case EPERM:
  case EROFS:
    return "file-denied";
  case EEXIST:
  case ENOTEMPTY:
    return "file-exists";
  case ENOSPC:
  case EDQUOT:
    return "file-full";
  default:
    return "file-failed";
  }
}

bool operation_fail(struct operation *op, const char *doing, const char *path)
{
  char reason[128];
  int error = errno;
  fault_set(&op->base.fault, file_code(error), "fatal", "%s %s: %s", doing, path,
            strerror_r(error, reason, sizeof reason));
  return false;
}

void file_outside(struct fault *f, const char *doing, const char *path, const char *root)
{
  fault_set(f, "file-outside", "fatal", "%s %s: it leads out of the project's folder %s", doing,
            path, root);
  fault_hint(f, "{ outside = true } says that this is meant");
}

bool operation_find_path(struct operation *op, const char *doing, const char *path, int flags, struct spot *s)
{
  if (beneath_find(op->root, path, flags, s))
    return true;
  if (!s->outside)
    return operation_fail(op, doing, path);
  file_outside(&op->base.fault, doing, op->action == FILE_BEGIN ? op->to : path, op->root);
  return false;
}

bool operation_find(struct operation *op, const char *doing, int flags, struct spot *s)
{
  return operation_find_path(op, doing, op->path, flags, s);
}

int operation_open(const struct operation *op, const struct spot *s, int flags)
{
  return openat(s->folder, s->name, flags | (op->root ? O_NOFOLLOW : 0) | O_CLOEXEC);
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool too_large(struct operation *op)
{
  fault_set(&op->base.fault, "file-too-large", "fatal", "reading %s: it is larger than %zu bytes",
            op->path, op->max);
  fault_hint(&op->base.fault, "raise max if so much is expected");
  return false;
}

/* For regular files this is true at once. */
static bool wait_readable(const struct operation *op, int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  while (!op->abandoned)
    if (poll(&p, 1, LOOK_MS) > 0)
      return true;
  return false;
}

static bool read_all(struct operation *op, int fd)
{
  char chunk[1 << 16];
  struct buf *b = &op->base.data;
  for (;;) {
    if (!wait_readable(op, fd))
      return false;
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      return operation_fail(op, "reading", op->path);
    if (n == 0)
      return true;
    if ((size_t)n > op->max - b->len)
      return too_large(op);
    buf_add(b, chunk, (size_t)n);
    if (!buf_ok(b)) {
      errno = ENOMEM;
      return operation_fail(op, "reading", op->path);
    }
  }
}

static void read_file(struct operation *op)
{
  struct spot s;
  if (!operation_find(op, "reading", BENEATH_FOLLOW, &s))
    return;
  int fd = operation_open(op, &s, O_RDONLY | O_NONBLOCK);  // a pipe nobody writes to yet
  if (fd < 0)
    operation_fail(op, "reading", op->path);
  else
    read_all(op, fd);
  if (fd >= 0)
    close(fd);
  beneath_free(&s);
}

/* ---- looking ------------------------------------------------------------------------------ */

static void stat_file(struct operation *op)
{
  struct spot s;
  struct stat st;
  if (!operation_find(op, "looking at", BENEATH_FOLLOW, &s))
    return;
  if (fstatat(s.folder, s.name, &st, op->root ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
    operation_fail(op, "looking at", op->path);
  } else {
    op->base.size = (double)st.st_size;
    op->base.mtime = (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9;
    op->base.mode = st.st_mode & 07777;
    op->base.is_folder = S_ISDIR(st.st_mode);
    op->base.is_other = !op->base.is_folder && !S_ISREG(st.st_mode);
  }
  beneath_free(&s);
}

/* ---- the pool ---------------------------------------------------------------------------- */

static void work(uv_work_t *work)
{
  struct operation *op = work->data;
  switch (op->action) {
  case FILE_READ:
    read_file(op);
    break;
  case FILE_WRITE:
    files_write(op);
    break;
  case FILE_MAKE:
    files_make(op);
    break;
  case FILE_LIST:
    files_list(op);
    break;
  case FILE_REMOVE:
    files_remove(op);
    break;
  case FILE_STAT:
    stat_file(op);
    break;
  case FILE_EXTEND:
    files_extend(op);
    break;
  case FILE_COPY:
    files_copy(op);
    break;
  case FILE_MOVE:
    files_move(op);
    break;
  case FILE_MODE:
    files_set_mode(op);
    break;
  case FILE_PIECE:
    files_read_piece(op);
    break;
  case FILE_DIGEST:
    files_digest(op);
    break;
  case FILE_BEGIN:
    files_begin(op);
    break;
  case FILE_APPEND:
    files_append(op);
    break;
  case FILE_PLACE:
    files_place(op);
    break;
  }
}

static void free_operation(struct operation *op)
{
  buf_free(&op->base.data);
  free(op->path);
  free(op->root);
  free(op->to);
  free(op->data);
  free(op);
}

static void worked(uv_work_t *work, int status)
{
  struct operation *op = work->data;
  (void)status;
  if (op->abandoned)
    free_operation(op);
  else
    effect_finish(&op->base.effect);
}

static void destroy(struct effect *e)
{
  struct operation *op = (struct operation *)e;
  if (e->finished) {
    free_operation(op);
    return;
  }
  op->abandoned = true;
  if (op->action != FILE_REMOVE)
    uv_cancel((uv_req_t *)&op->work);  /* worked() runs in any case */
}

/* ---- the interface ----------------------------------------------------------------------- */

static char *copy_path(const char *path)
{
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/')
    n--;
  return strndup(path, n);
}

static char *copy_data(const struct file_request *r)
{
  char *data = malloc(r->len + 1);
  if (data && r->len)
    memcpy(data, r->data, r->len);
  return data;
}

static struct operation *new_operation(const struct file_request *r, effect_done *done, void *arg)
{
  struct operation *op = calloc(1, sizeof *op);
  if (!op)
    return NULL;
  op->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  op->action = r->action;
  op->path = copy_path(r->path);
  op->root = copy_str(r->root);
  op->to = r->to ? copy_path(r->to) : NULL;
  op->data = copy_data(r);
  op->len = r->len;
  op->mode = r->mode;
  op->max = r->max;
  op->offset = r->offset;
  op->work.data = op;
  buf_init(&op->base.data, BUF_LIMIT);
  if (op->path && op->data && !op->root == !r->root && !op->to == !r->to)
    return op;
  free_operation(op);
  return NULL;
}

static struct file_operation *start(struct world_files *base, const struct file_request *r,
                                    effect_done *done, void *arg)
{
  struct files_uv *files = (struct files_uv *)base;
  struct operation *op = new_operation(r, done, arg);
  if (!op)
    return NULL;
  if (pool_queue(files->loop, &op->work, work, worked) == 0)
    return &op->base;
  free_operation(op);
  return NULL;
}

static char *name_beside(struct world_files *files, const char *place)
{
  (void)files;
  return files_name_beside(place);
}

struct world_files *files_uv_new(uv_loop_t *loop)
{
  struct files_uv *files = calloc(1, sizeof *files);
  if (files)
    *files = (struct files_uv){{.start = start, .name_beside = name_beside}, loop};
  return files ? &files->base : NULL;
}

void files_uv_free(struct world_files *base)
{
  free(base);
}
