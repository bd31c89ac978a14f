/* archive_stage.c - a folder of the machine that is unpacked into; see archive_stage.h. */
#include "archive_stage.h"
#include "archive_merge.h"
#include "files_maker.h"
#include "files_uv.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct stage {
  struct tree_writer base;
  char *into;
  struct spot spot;   /* where the staging folder's name is: beside the target, or in it */
  char *name;         /* the staging folder's; NULL: it was placed, or was never made */
  bool fresh;         /* the target is not there yet */
  int target;         /* else: its descriptor */
  int fd;             /* the staging folder's */
  int file;           /* the one that is being written */
};

static struct stage *of(struct tree_writer *t)
{
  return (struct stage *)t;
}

/* ---- folders --------------------------------------------------------------------------------- */

/* The modes that files and folders get are given to them, whatever the umask is. */
static bool make_folder(struct stage *s, const char *path)
{
  if (mkdirat(s->fd, path, 0755) == 0)
    return fchmodat(s->fd, path, 0755, 0) == 0;
  return errno == EEXIST && archive_is_folder(s->fd, path);
}

/* Makes the folders above the path. */
static bool make_above(struct stage *s, const char *path)
{
  char above[ARCHIVE_PATH_MAX + 1];
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    copy_text(above, (size_t)(slash - path) + 1, path);
    if (!make_folder(s, above))
      return false;
  }
  return true;
}

static bool folder(struct tree_writer *t, const char *path)
{
  struct stage *s = of(t);
  return make_folder(s, path) || (errno == ENOENT && make_above(s, path) && make_folder(s, path));
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A name that is there already, although it was given once, is one of a file system to which it is the same. */
static int create(struct stage *s, const char *path)
{
  return openat(s->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static bool begin(struct tree_writer *t, const char *path, bool executable)
{
  struct stage *s = of(t);
  s->file = create(s, path);
  if (s->file < 0 && errno == ENOENT && make_above(s, path))
    s->file = create(s, path);
  return s->file >= 0 && fchmod(s->file, executable ? 0755 : 0644) == 0;
}

static bool put(struct tree_writer *t, const void *data, size_t len)
{
  return write_all(of(t)->file, data, len);
}

static bool end(struct tree_writer *t)
{
  struct stage *s = of(t);
  int fd = s->file;
  s->file = -1;
  return fd < 0 || close(fd) == 0;
}

static bool copy(struct tree_writer *t, const char *path, const char *from)
{
  struct stage *s = of(t);
  return linkat(s->fd, from, s->fd, path, 0) == 0 ||
         (errno == ENOENT && make_above(s, path) && linkat(s->fd, from, s->fd, path, 0) == 0);
}

static bool link_to(struct tree_writer *t, const char *path, const char *target)
{
  struct stage *s = of(t);
  return make_above(s, path) && symlinkat(target, s->fd, path) == 0;
}

/* ---- placing --------------------------------------------------------------------------------- */

static bool fail(struct fault *f, const char *what, const char *path)
{
  char reason[128], shown[ARCHIVE_SHOWN_MAX + 1];
  int error = errno;
  archive_show_path(NULL, path, shown);
  fault_set(f, file_code(error), "fatal", "%s %s: %s", what, shown, strerror_r(error, reason, sizeof reason));
  return false;
}

/* Two that unpack into the same new folder: the one that comes second is told what it would be told a moment later. */
static bool came_second(struct fault *f, const char *into)
{
  char shown[ARCHIVE_SHOWN_MAX + 1];
  archive_show_path(NULL, into, shown);
  fault_set(f, "file-exists", "fatal", "unpacking into %s: something was put there meanwhile", shown);
  fault_hint(f, "nothing was placed: choose another folder, or replace what is there");
  return false;
}

/* The staging folder becomes the target. It is refused when one has come there meanwhile. */
static bool rename_stage(struct stage *s, struct fault *f)
{
  if (fchmod(s->fd, 0755) != 0 || renameat(s->spot.folder, s->name, s->spot.folder, s->spot.name) != 0)
    return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR ? came_second(f, s->into)
                                                                     : fail(f, "unpacking into", s->into);
  free(s->name);
  s->name = NULL;
  return true;
}

static bool place(struct tree_writer *t, bool replace, struct fault *f)
{
  struct stage *s = of(t);
  if (s->fresh)
    return rename_stage(s, f);
  return archive_merge(s->fd, s->target, s->into, replace, f);
}

/* ---- the stage ------------------------------------------------------------------------------- */

static bool make_stage(struct stage *s)
{
  operation_sweep(&s->spot);
  s->name = files_name_beside(s->spot.name);
  if (!s->name || mkdirat(s->spot.folder, s->name, 0700) != 0) {
    free(s->name);
    s->name = NULL;
    return false;
  }
  s->fd = openat(s->spot.folder, s->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return s->fd >= 0;
}

/* Into the folder that is there. */
static bool begin_inside(struct stage *s)
{
  s->spot = (struct spot){.folder = s->target, .name = strdup("stage")};
  return s->spot.name && make_stage(s);
}

/* Opens the target, when it is there. False: see the fault. */
static bool open_target(struct stage *s, struct operation *op)
{
  struct spot spot;
  if (!operation_find(op, "unpacking into", BENEATH_FOLLOW, &spot)) {
    s->fresh = strcmp(op->base.fault.code, "file-not-found") == 0;
    return s->fresh;
  }
  s->target = operation_open(op, &spot, O_RDONLY | O_DIRECTORY);
  s->fresh = s->target < 0 && errno == ENOENT;
  if (s->target < 0 && !s->fresh)
    operation_fail(op, "unpacking into", op->path);
  beneath_free(&spot);
  return s->fresh || s->target >= 0;
}

static bool begin_stage(struct stage *s, struct operation *op)
{
  if (!open_target(s, op))
    return false;
  op->base.fault.code = NULL;
  if (s->fresh && !operation_find_to_write(op, op->path, &s->spot))
    return false;
  return (s->fresh ? make_stage(s) : begin_inside(s)) || operation_fail(op, "unpacking into", op->path);
}

struct tree_writer *archive_stage_new(const char *into, const char *fence, struct fault *f)
{
  struct stage *s = calloc(1, sizeof *s);
  char *path = strdup(into);
  struct operation op = {.action = FILE_MAKE, .path = path, .root = (char *)fence};
  errno = ENOMEM;
  if (!s || !path) {
    fail(f, "unpacking into", into);
  } else {
    *s = (struct stage){{folder, begin, put, end, copy, link_to, place}, path, {.folder = -1}, NULL, false, -1, -1, -1};
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';)
      path[--n] = 0;
    if (begin_stage(s, &op))
      return &s->base;
    *f = op.base.fault;
    archive_stage_free(&s->base);
    return NULL;
  }
  free(path);
  free(s);
  return NULL;
}

static void close_fd(int fd)
{
  if (fd >= 0)
    close(fd);
}

void archive_stage_free(struct tree_writer *t)
{
  struct stage *s = of(t);
  if (!s)
    return;
  struct operation op = {.path = s->into};
  close_fd(s->file);
  close_fd(s->fd);
  if (s->name)
    operation_remove_at(&op, s->spot.folder, s->name);
  free(s->name);
  if (s->spot.folder == s->target)
    s->target = -1;
  beneath_free(&s->spot);
  close_fd(s->target);
  free(s->into);
  free(s);
}
