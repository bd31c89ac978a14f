/* files_folder_uv.c - folders of the real world that are listed and removed, on threads of the pool; see
 * files_uv.h. */
#include "files_uv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- listing ----------------------------------------------------------------------------- */

struct names {
  char **list;
  size_t count, size;
};

static bool add_name(struct names *names, const char *name, bool folder)
{
  if (names->count == names->size) {
    size_t size = names->size ? names->size * 2 : 32;
    char **list = realloc(names->list, size * sizeof *list);
    if (!list)
      return false;
    names->list = list;
    names->size = size;
  }
  char *copy = NULL;
  if (asprintf(&copy, "%s%s", name, folder ? "/" : "") < 0)
    return false;
  names->list[names->count++] = copy;
  return true;
}

/* A link to a folder is no folder here, so that walking down a tree ends. */
static bool entry_is_folder(DIR *dir, const struct dirent *e)
{
  struct stat st;
  if (e->d_type != DT_UNKNOWN)
    return e->d_type == DT_DIR;
  return fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_dots(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* False with errno set. */
static bool read_names(DIR *dir, struct names *names)
{
  for (;;) {
    errno = 0;
    const struct dirent *e = readdir(dir);
    if (!e)
      return errno == 0;
    if (is_dots(e->d_name) || files_is_unplaced(e->d_name))
      continue;
    if (!add_name(names, e->d_name, entry_is_folder(dir, e)))
      return errno = ENOMEM, false;
  }
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void join_names(struct operation *op, struct names *names)
{
  if (names->count)
    qsort(names->list, names->count, sizeof *names->list, by_bytes);
  for (size_t i = 0; i < names->count; i++)
    buf_add(&op->base.data, names->list[i], strlen(names->list[i]) + 1);
  errno = ENOMEM;
  if (!buf_ok(&op->base.data))
    operation_fail(op, "listing", op->path);
}

static DIR *open_folder(struct operation *op)
{
  struct spot s;
  if (!operation_find(op, "listing", BENEATH_FOLLOW, &s))
    return NULL;
  int fd = operation_open(op, &s, O_RDONLY | O_DIRECTORY);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    operation_fail(op, "listing", op->path);
    if (fd >= 0)
      close(fd);
  }
  beneath_free(&s);
  return dir;
}

void files_list(struct operation *op)
{
  struct names names = {0};
  DIR *dir = open_folder(op);
  if (!dir)
    return;
  if (read_names(dir, &names))
    join_names(op, &names);
  else
    operation_fail(op, "listing", op->path);
  closedir(dir);
  for (size_t i = 0; i < names.count; i++)
    free(names.list[i]);
  free(names.list);
}

/* ---- removing ---------------------------------------------------------------------------- */

static bool remove_entries(struct operation *op, DIR *dir)
{
  const struct dirent *e;
  while ((e = readdir(dir)))
    if (!is_dots(e->d_name) && !operation_remove_at(op, dirfd(dir), e->d_name))
      return false;
  return true;
}

/* Empties a folder; it is opened without following links, as it may have been replaced. */
static bool empty_at(struct operation *op, int folder, const char *name)
{
  int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    operation_fail(op, "removing", op->path);
    if (fd >= 0)
      close(fd);
    return false;
  }
  bool emptied = remove_entries(op, dir);
  closedir(dir);
  return emptied;
}

bool operation_remove_at(struct operation *op, int folder, const char *name)
{
  if (unlinkat(folder, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR)
    return true;
  if (errno != EISDIR && errno != EPERM)
    return operation_fail(op, "removing", op->path);
  struct stat st;
  if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)) {
    errno = EPERM;
    return operation_fail(op, "removing", op->path);
  }
  if (!empty_at(op, folder, name))
    return false;
  return unlinkat(folder, name, AT_REMOVEDIR) == 0 || operation_fail(op, "removing", op->path);
}

/* A path that is not there is removed already; the folder above it, too. */
void files_remove(struct operation *op)
{
  struct spot s;
  if (!operation_find(op, "removing", 0, &s)) {
    if (strcmp(op->base.fault.code, "file-not-found") == 0)
      op->base.fault.code = NULL;
    return;
  }
  operation_remove_at(op, s.folder, s.name);
  beneath_free(&s);
}
