/* archive_merge.c - moves what is in one folder into another; see archive_merge.h. Links in the second one are
 * replaced or stand in the way like files; none is followed. */
#include "archive_merge.h"
#include "archive_name.h"
#include "files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct merge {
  const char *into;
  bool replace, moves;  /* or only looks */
  struct fault *fault;
};

/* ---- faults ---------------------------------------------------------------------------------- */

static bool fail(struct merge *m, const char *path)
{
  char reason[128], shown[ARCHIVE_SHOWN_MAX + 1];
  int error = errno;
  archive_show_path(NULL, path, shown);
  fault_set(m->fault, file_code(error), "fatal", "unpacking into %s: %s: %s", m->into, shown,
            strerror_r(error, reason, sizeof reason));
  return false;
}

static bool in_the_way(struct merge *m, const char *path, const char *what, const char *hint)
{
  char shown[ARCHIVE_SHOWN_MAX + 1];
  archive_show_path(NULL, path, shown);
  fault_set(m->fault, "file-exists", "fatal", "unpacking into %s: %s %s", m->into, shown, what);
  fault_hint(m->fault, "nothing was placed: %s", hint);
  return false;
}

/* ---- one name -------------------------------------------------------------------------------- */

bool archive_is_folder(int fd, const char *name)
{
  struct stat st;
  return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool merge_folders(struct merge *m, int from, int to, const char *path);

static int open_folder(int fd, const char *name)
{
  return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool enter(struct merge *m, int from, int to, const char *name, const char *path)
{
  int inner_from = open_folder(from, name), inner_to = inner_from < 0 ? -1 : open_folder(to, name);
  bool merged = inner_to >= 0 ? merge_folders(m, inner_from, inner_to, path) : fail(m, path);
  if (inner_from >= 0)
    close(inner_from);
  if (inner_to >= 0)
    close(inner_to);
  return merged;
}

/* Not over what has come there since it was looked at. Some file systems cannot say that. */
static bool move_new(int from, int to, const char *name)
{
  if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0)
    return true;
  return errno == EINVAL && renameat(from, name, to, name) == 0;
}

static bool merge_new(struct merge *m, int from, int to, const char *name, const char *path)
{
  return !m->moves || move_new(from, to, name) || fail(m, path);
}

static bool merge_file(struct merge *m, int from, int to, const char *name, const char *path)
{
  if (!m->replace)
    return in_the_way(m, path, "is there already", "choose another folder, or replace what is there");
  return !m->moves || renameat(from, name, to, name) == 0 || fail(m, path);
}

static bool merge_name(struct merge *m, int from, int to, const char *name, const char *path)
{
  struct stat st;
  bool folder = archive_is_folder(from, name);
  if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? merge_new(m, from, to, name, path) : fail(m, path);
  if (folder && S_ISDIR(st.st_mode))
    return enter(m, from, to, name, path);
  if (folder)
    return in_the_way(m, path, "is there already, and no folder", "move it away, or choose another folder");
  if (S_ISDIR(st.st_mode))
    return in_the_way(m, path, "is a folder there", "move it away, or choose another folder");
  if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
    return in_the_way(m, path, "is a device, pipe or socket there", "move it away, or choose another folder");
  return merge_file(m, from, to, name, path);
}

/* ---- the folders ----------------------------------------------------------------------------- */

/* The name is copied: moving it changes what is being read. */
static bool merge_next(struct merge *m, int from, int to, const char *name, const char *path)
{
  char *below = NULL;
  if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", name) < 0) {
    errno = ENOMEM;
    return fail(m, path);
  }
  bool merged = merge_name(m, from, to, below + strlen(below) - strlen(name), below);
  free(below);
  return merged;
}

static bool is_dots(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool merge_folders(struct merge *m, int from, int to, const char *path)
{
  int fd = open_folder(from, ".");
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    if (fd >= 0)
      close(fd);
    return fail(m, path);
  }
  const struct dirent *e;
  bool merged = true;
  while (merged && (e = readdir(dir)))
    merged = is_dots(e->d_name) || merge_next(m, from, to, e->d_name, path);
  closedir(dir);
  return merged;
}

bool archive_merge(int from, int to, const char *into, bool replace, struct fault *f)
{
  struct merge m = {.into = into, .replace = replace, .fault = f};
  if (!merge_folders(&m, from, to, ""))
    return false;
  m.moves = true;
  return merge_folders(&m, from, to, "");
}
