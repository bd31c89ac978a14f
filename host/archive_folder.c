/* archive_folder.c - a folder of the machine that is packed; see archive_folder.h.
 *
 * The folders on the way are open, one below the other, and every name is opened in the last of them without
 * following it: whatever is put in the way meanwhile, nothing outside is read. What is left is compared with what
 * it was, by size and times. Those have the grain of the kernel's clock; what was changed a moment ago could be
 * changed again without a sign, so the first look at it waits until the clock has moved on. */
#include "archive_folder.h"
#include "archive_paths.h"
#include "files.h"
#include "files_maker.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { GRAIN_MS = 12 };

struct level {
  int fd;
  struct stat seen;
};

struct folder {
  struct tree_reader base;
  struct level levels[ARCHIVE_DEPTH_MAX + 1];
  int depth;  /* of the last one */
  struct level file;
};

/* ---- what has changed ------------------------------------------------------------------------ */

static bool changed_just_now(const struct stat *st)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  double age = (double)(now.tv_sec - st->st_mtim.tv_sec) * 1e3 + (double)(now.tv_nsec - st->st_mtim.tv_nsec) / 1e6;
  return age >= 0 && age < GRAIN_MS;
}

/* Looks at what was opened, whose times count from here on. */
static bool look_first(struct level *l)
{
  struct timespec grain = {.tv_nsec = GRAIN_MS * 1000000L};
  if (fstat(l->fd, &l->seen) != 0)
    return false;
  if (!changed_just_now(&l->seen))
    return true;
  nanosleep(&grain, NULL);
  return fstat(l->fd, &l->seen) == 0;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool close_level(struct level *l)
{
  struct stat now;
  bool same = fstat(l->fd, &now) == 0 && now.st_size == l->seen.st_size &&
              is_same_time(now.st_mtim, l->seen.st_mtim) && now.st_mode == l->seen.st_mode;
  close(l->fd);
  l->fd = -1;
  errno = ESTALE;
  return same;
}

/* ---- folders --------------------------------------------------------------------------------- */

static struct folder *of(struct tree_reader *t)
{
  return (struct folder *)t;
}

static int here(struct folder *f)
{
  return f->levels[f->depth].fd;
}

static bool push(struct folder *f, int fd)
{
  struct level l = {.fd = fd};
  if (!look_first(&l)) {
    close(fd);
    return false;
  }
  f->levels[++f->depth] = l;
  return true;
}

static bool enter(struct tree_reader *t, const char *name)
{
  struct folder *f = of(t);
  if (f->depth == ARCHIVE_DEPTH_MAX)
    return errno = ENAMETOOLONG, false;
  int fd = openat(here(f), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return fd >= 0 && push(f, fd);
}

static bool leave(struct tree_reader *t)
{
  struct folder *f = of(t);
  return close_level(&f->levels[f->depth--]);
}

static bool is_dots(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* False with errno. */
static bool read_names(DIR *dir, struct buf *names)
{
  const struct dirent *e;
  while (errno = 0, (e = readdir(dir))) {
    if (!is_dots(e->d_name) && !files_is_unplaced(e->d_name))
      buf_add(names, e->d_name, strlen(e->d_name) + 1);
  }
  return errno == 0;
}

static bool list(struct tree_reader *t, struct buf *names)
{
  int fd = openat(here(of(t)), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    if (fd >= 0)
      close(fd);
    return false;
  }
  bool listed = read_names(dir, names) && archive_sort_names(names);
  int error = errno;
  closedir(dir);
  errno = error;
  return listed;
}

/* ---- what a name is -------------------------------------------------------------------------- */

static bool read_link(int folder, const char *name, struct tree_facts *facts)
{
  ssize_t n = readlinkat(folder, name, facts->target, sizeof facts->target);
  if (n == (ssize_t)sizeof facts->target)
    errno = ENAMETOOLONG;
  if (n < 0 || n == (ssize_t)sizeof facts->target)
    return false;
  facts->target[n] = 0;
  facts->kind = TREE_LINK;
  return true;
}

static const char *special_of(mode_t mode)
{
  return S_ISFIFO(mode) ? "it is a pipe" : S_ISSOCK(mode) ? "it is a socket" : "it is a device";
}

static bool look(struct tree_reader *t, const char *name, struct tree_facts *facts)
{
  struct stat st;
  if (fstatat(here(of(t)), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return false;
  if (S_ISLNK(st.st_mode))
    return read_link(here(of(t)), name, facts);
  facts->kind = S_ISREG(st.st_mode) ? TREE_FILE : S_ISDIR(st.st_mode) ? TREE_FOLDER : TREE_OTHER;
  if (facts->kind == TREE_OTHER)
    facts->special = special_of(st.st_mode);
  return true;
}

/* ---- a file ---------------------------------------------------------------------------------- */

static bool open_file(struct tree_reader *t, const char *name, struct tree_file *file)
{
  struct folder *f = of(t);
  f->file.fd = openat(here(f), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (f->file.fd < 0) {
    errno = errno == ELOOP ? ESTALE : errno;  /* it was a file a moment ago */
    return false;
  }
  bool looked = look_first(&f->file);
  if (!looked || !S_ISREG(f->file.seen.st_mode)) {
    errno = looked ? ESTALE : errno;
    close(f->file.fd);
    f->file.fd = -1;
    return false;
  }
  *file = (struct tree_file){(uint64_t)f->file.seen.st_size, f->file.seen.st_mode & 0100};
  return true;
}

static ssize_t read_file(struct tree_reader *t, void *to, size_t len)
{
  size_t got = 0;
  while (got < len) {
    ssize_t n = read(of(t)->file.fd, (char *)to + got, len - got);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -1;
    if (n == 0)
      break;
    got += (size_t)n;
  }
  return (ssize_t)got;
}

static bool close_file(struct tree_reader *t)
{
  return close_level(&of(t)->file);
}

/* ---- the tree -------------------------------------------------------------------------------- */

struct tree_reader *archive_folder_new(int fd)
{
  struct folder *f = calloc(1, sizeof *f);
  if (f) {
    f->base = (struct tree_reader){enter, leave, list, look, open_file, read_file, close_file};
    f->file.fd = f->depth = -1;
    if (push(f, fd))
      return &f->base;
  } else {
    close(fd);
  }
  free(f);
  return NULL;
}

void archive_folder_free(struct tree_reader *t)
{
  struct folder *f = of(t);
  if (!f)
    return;
  if (f->file.fd >= 0)
    close(f->file.fd);
  while (f->depth >= 0)
    close(f->levels[f->depth--].fd);
  free(f);
}
