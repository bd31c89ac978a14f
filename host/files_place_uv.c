/* files_place_uv.c - how a file that is written comes to its place, whole or not at all; see files_uv.h.
 *
 * It has no name until it is whole and on the disk, so whoever is killed while he writes leaves
 * nothing. Then it is linked into its place. Where something is already, a link is refused: then it
 * gets a name of its own beside it, for as long as the renaming takes. Where files without names are
 * not known (overlayfs before Linux 6.3, NFS, FUSE; no /proc to link from) it has that name from the
 * start. What is left under such a name, because its maker was killed right then, is shown by no list,
 * and the next one who needs a name in that folder removes it. */
#include "files_uv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  ATTEMPTS = 100,    /* names that may be taken by others */
  LOOKED_AT = 1000,  /* entries of a folder, for what was left: no write shall wait for a large one */
};

/* The folder of the place itself. */
static int open_folder(const struct spot *s, int flags)
{
  const char *slash = strrchr(s->name, '/');
  char *folder = !slash ? strdup(".") : strndup(s->name, slash == s->name ? 1 : (size_t)(slash - s->name));
  int fd = folder ? openat(s->folder, folder, flags | O_CLOEXEC, 0600) : -1;
  free(folder);
  return fd;
}

void operation_sweep(const struct spot *s)
{
  int error = errno, fd = open_folder(s, O_RDONLY | O_DIRECTORY);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  const struct dirent *e;
  struct operation op = {.path = s->name};  /* for faults, which nobody asks for */
  for (int i = 0; dir && i < LOOKED_AT && (e = readdir(dir)); i++)
    if (files_is_orphan(e->d_name))
      operation_remove_at(&op, fd, e->d_name);
  if (dir)
    closedir(dir);
  else if (fd >= 0)
    close(fd);
  errno = error;
}

static int open_beside(const struct spot *s, char **name)
{
  operation_sweep(s);
  for (int i = 0; i < ATTEMPTS && (*name = files_name_beside(s->name)); i++) {
    int fd = openat(s->folder, *name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
      return fd;
    free(*name);
    *name = NULL;
    if (errno != EEXIST)
      break;
  }
  return -1;
}

/* Without /proc there is no way to give it a name. */
static int open_in_folder(const struct spot *s)
{
  if (access("/proc/self/fd", X_OK) != 0)
    return errno = EOPNOTSUPP, -1;
  return open_folder(s, O_WRONLY | O_TMPFILE);
}

int operation_open_unnamed(const struct spot *s, char **name)
{
  *name = NULL;
  int fd = open_in_folder(s);
  bool unknown = fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
  return unknown ? open_beside(s, name) : fd;
}

static bool link_as(const struct spot *s, int fd, const char *name)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, path, s->folder, name, AT_SYMLINK_FOLLOW) == 0;
}

static bool link_beside(const struct spot *s, int fd, char **name)
{
  operation_sweep(s);
  for (int i = 0; i < ATTEMPTS && (*name = files_name_beside(s->name)); i++) {
    if (link_as(s, fd, *name))
      return true;
    free(*name);
    *name = NULL;
    if (errno != EEXIST)
      break;
  }
  return false;
}

bool operation_place(const struct spot *s, int fd, char **name)
{
  if (!*name) {
    if (link_as(s, fd, s->name))
      return true;
    if (errno != EEXIST || !link_beside(s, fd, name))
      return false;
  }
  return renameat(s->folder, *name, s->folder, s->name) == 0;
}

static const char *kind_of(mode_t mode)
{
  return S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/* Inside a project no link is followed: what is outside is not told. */
bool operation_may_replace(struct operation *op, int folder, const char *name, const char *path)
{
  struct stat st;
  if (fstatat(folder, name, &st, op->root ? AT_SYMLINK_NOFOLLOW : 0) != 0 || S_ISREG(st.st_mode) ||
      S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
    return true;
  fault_set(&op->base.fault, "file-exists", "fatal", "writing %s: %s stands there, which a file would replace", path,
            kind_of(st.st_mode));
  fault_hint(&op->base.fault, "name a file; io.write writes to standard output");
  return false;
}

void operation_give_up(const struct spot *s, int fd, const char *name)
{
  int error = errno;
  close(fd);
  if (name)
    unlinkat(s->folder, name, 0);
  errno = error;
}
