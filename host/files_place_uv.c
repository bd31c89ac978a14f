/* files_place_uv.c - how a file that is written comes to its place, whole or not at all; see files_uv.h.
 *
 * It has no name until it is whole and on the disk, so whoever is killed while he writes leaves
 * nothing. Then it is linked into its place. Where something is already, a link is refused: then it
 * gets a name of its own beside it, for as long as the renaming takes. Where files without names are
 * not known (overlayfs before Linux 6.3, NFS, FUSE; no /proc to link from) it has that name from the
 * start. What is left under such a name is shown by no list. */
#include "files_uv.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PREFIX ".davit-"
enum { DIGITS = 16, ATTEMPTS = 100 /* names that may be taken by others */ };

/* ".davit-0123456789abcdef" in the folder of the place; NULL: out of memory, or no chance. */
static char *name_beside(const struct spot *s)
{
  const char *slash = strrchr(s->name, '/');
  uint64_t chance;
  char *name = NULL;
  if (getrandom(&chance, sizeof chance, 0) != sizeof chance ||
      asprintf(&name, "%.*s" PREFIX "%0*" PRIx64, slash ? (int)(slash + 1 - s->name) : 0, s->name, DIGITS, chance) < 0)
    return NULL;
  return name;
}

bool files_is_unplaced(const char *name)
{
  size_t n = strlen(PREFIX);
  return strncmp(name, PREFIX, n) == 0 && strlen(name + n) == DIGITS &&
         strspn(name + n, "0123456789abcdef") == DIGITS;
}

static int open_beside(const struct spot *s, char **name)
{
  for (int i = 0; i < ATTEMPTS && (*name = name_beside(s)); i++) {
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
  const char *slash = strrchr(s->name, '/');
  char *folder = !slash ? strdup(".") : strndup(s->name, slash == s->name ? 1 : (size_t)(slash - s->name));
  int fd = folder ? openat(s->folder, folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600) : -1;
  free(folder);
  return fd;
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
  for (int i = 0; i < ATTEMPTS && (*name = name_beside(s)); i++) {
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

void operation_give_up(const struct spot *s, int fd, const char *name)
{
  int error = errno;
  close(fd);
  if (name)
    unlinkat(s->folder, name, 0);
  errno = error;
}
