/* beneath.c - where a path leads; see beneath.h.
 *
 * The walk keeps every folder from "/" on open in a stack, so that ".." is the folder it came
 * from, and knows the root by device and inode, so that it does not matter under which name one
 * comes to it. What is not there yet can be no link: from there on names only count up and down. */
#include "beneath.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 256, LINKS_MAX = 40 };

struct walk {
  int fds[DEPTH_MAX];   /* fds[0] is "/" */
  int depth;            /* how many are open */
  int inside;           /* the depth at which the root was entered; 0: not inside of it */
  int absent;           /* names below the last open folder that are not there */
  int links;
  dev_t device;
  ino_t inode;          /* of the root */
  char *rest;           /* what is still to be walked */
};

/* ---- the stack ---------------------------------------------------------------------------------- */

/* Takes the descriptor, whatever comes. */
static bool push(struct walk *w, int fd)
{
  struct stat st;
  if (w->depth == DEPTH_MAX || fstat(fd, &st) != 0) {
    errno = w->depth == DEPTH_MAX ? ENAMETOOLONG : errno;
    close(fd);
    return false;
  }
  w->fds[w->depth++] = fd;
  if (!w->inside && st.st_dev == w->device && st.st_ino == w->inode)
    w->inside = w->depth;
  return true;
}

static void pop(struct walk *w)
{
  if (w->absent > 0) {
    w->absent--;
    return;
  }
  if (w->depth == 1)  /* above "/" is "/" */
    return;
  close(w->fds[--w->depth]);
  if (w->inside > w->depth)
    w->inside = 0;
}

static bool from_the_top(struct walk *w)
{
  while (w->depth > 0)
    close(w->fds[--w->depth]);
  w->inside = w->absent = 0;
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return fd >= 0 && push(w, fd);
}

static int top(const struct walk *w)
{
  return w->fds[w->depth - 1];
}

/* ---- one name ------------------------------------------------------------------------------------ */

/* Puts text before what is still to be walked. */
static bool prepend(struct walk *w, const char *text)
{
  char *rest = NULL;
  if (asprintf(&rest, "%s/%s", text, w->rest) < 0) {
    errno = ENOMEM;
    return false;
  }
  free(w->rest);
  w->rest = rest;
  return true;
}

/* Goes where the link leads that fd is. */
static bool follow(struct walk *w, int fd)
{
  char target[PATH_MAX];
  ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
  if (n < 0)
    return false;
  target[n] = 0;
  if (++w->links > LINKS_MAX) {
    errno = ELOOP;
    return false;
  }
  return (target[0] != '/' || from_the_top(w)) && prepend(w, target);
}

/* Nothing is made outside of the root. */
static int make(struct walk *w, const char *name)
{
  if (!w->inside || (mkdirat(top(w), name, 0777) != 0 && errno != EEXIST))
    return -1;
  int above = openat(top(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (above >= 0) {
    fsync(above);
    close(above);
  }
  return openat(top(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* What the name is, as a descriptor that follows nothing; -1 with errno. */
static int look(struct walk *w, const char *name, int flags, mode_t *mode)
{
  struct stat st;
  int fd = openat(top(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && (flags & BENEATH_MAKE))
    fd = make(w, name);
  if (fd >= 0 && fstat(fd, &st) != 0) {
    close(fd);
    return -1;
  }
  *mode = fd < 0 ? 0 : st.st_mode;
  return fd;
}

static bool follow_and_close(struct walk *w, int fd)
{
  bool followed = follow(w, fd);
  int error = errno;
  close(fd);
  errno = error;
  return followed;
}

/* Enters the folder or follows the link. *is_file: the last name is neither. */
static bool enter(struct walk *w, const char *name, int flags, bool last, bool *is_file)
{
  mode_t mode;
  int fd = look(w, name, flags, &mode);
  if (fd < 0 && errno == ENOENT && (flags & BENEATH_ABSENT)) {
    w->absent++;
    return true;
  }
  if (fd < 0)
    return false;
  if (S_ISDIR(mode))
    return push(w, fd);
  if (S_ISLNK(mode))
    return follow_and_close(w, fd);
  close(fd);
  *is_file = last && !(flags & BENEATH_MAKE);
  errno = flags & BENEATH_MAKE ? EEXIST : ENOTDIR;
  return *is_file;
}

/* ---- the walk -------------------------------------------------------------------------------------- */

/* Takes the next name off the rest; "" at its end. *last: nothing but slashes follows. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1], bool *last)
{
  char *from = w->rest + strspn(w->rest, "/");
  size_t n = strcspn(from, "/");
  if (n > NAME_MAX) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(name, from, n);
  name[n] = 0;
  *last = from[n + strspn(from + n, "/")] == 0;
  memmove(w->rest, from + n, strlen(from + n) + 1);
  return true;
}

static bool is_dots(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Goes where the name leads. */
static bool step(struct walk *w, const char *name, int flags, bool last, bool *is_file)
{
  if (strcmp(name, ".") == 0)
    return true;
  if (strcmp(name, "..") == 0) {
    pop(w);
    return true;
  }
  if (w->absent > 0) {
    w->absent++;
    return true;
  }
  return enter(w, name, flags, last, is_file);
}

/* Walks until one name is left, or none, which is ".". */
static bool walk(struct walk *w, int flags, char name[NAME_MAX + 1])
{
  bool last, is_file = false;
  for (;;) {
    if (!next_name(w, name, &last))
      return false;
    if (!*name)
      return strcpy(name, "."), true;
    if (last && !(flags & BENEATH_FOLLOW) && !is_dots(name))
      return true;
    if (!step(w, name, flags, last, &is_file))
      return false;
    if (is_file)
      return true;
  }
}

static bool begin(struct walk *w, const char *root, const char *path)
{
  struct stat st;
  char *here = *path == '/' ? strdup("") : getcwd(NULL, 0);
  if (!here || stat(root, &st) != 0) {
    free(here);
    return false;
  }
  w->device = st.st_dev;
  w->inode = st.st_ino;
  w->rest = strdup(path);
  bool ready = w->rest && prepend(w, here) && from_the_top(w);
  free(here);
  return ready;
}

static bool finish(struct walk *w, const char *name, struct spot *s)
{
  s->name = strdup(name);
  s->folder = s->name ? fcntl(top(w), F_DUPFD_CLOEXEC, 0) : -1;
  return s->folder >= 0;
}

bool beneath_find(const char *root, const char *path, int flags, struct spot *s)
{
  *s = (struct spot){.folder = AT_FDCWD};
  if (!root) {
    s->name = strdup(path);
    return s->name != NULL;
  }
  char name[NAME_MAX + 1];
  struct walk w = {.depth = 0};
  bool found = begin(&w, root, path);
  if (found) {
    found = walk(&w, flags, name);
    s->outside = !w.inside;
    found = found && w.inside && finish(&w, name, s);
  }
  int error = errno;
  while (w.depth > 0)
    close(w.fds[--w.depth]);
  free(w.rest);
  if (!found)
    beneath_free(s);
  errno = error;
  return found;
}

void beneath_free(struct spot *s)
{
  if (s->folder >= 0)
    close(s->folder);
  s->folder = -1;
  free(s->name);
  s->name = NULL;
}
