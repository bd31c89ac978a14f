/* secret_key.c - a key of the machine's own: a private file, made by chance when it is first wanted.
 *
 * It gets its name when it is whole and on the disk, and keeps what another process made meanwhile. */
#include "secret_source.h"
#include "buf_lua.h"
#include "escape.h"
#include "failure.h"
#include "host.h"
#include "locked.h"
#include "world.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES = 32, KEY_FILE_MAX = 256 };

static int failed(lua_State *L, const char *path, int error)
{
  struct fault f;
  fault_set(&f, "file-failed", "fatal", "the key file %s: %s", path, strerror(error));
  return failure_raise(L, &f, path);
}

static int refuse_shared(lua_State *L, const char *path, unsigned mode)
{
  struct fault f;
  fault_set(&f, "secret-file-shared", "fatal", "the key file %s is not this user's alone (mode %03o)", path, mode & 0777);
  fault_hint(&f, "others may have read it: make it private, and know that what was made with it may be known");
  return failure_raise(L, &f, path);
}

/* Makes what was just linked last. */
static bool sync_folder(const char *path)
{
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
  int fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool ok = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0)
    close(fd);
  return ok;
}

/* Returns 0 or what errno says. */
static int write_file(const char *path, const struct buf *text)
{
  char beside[PATH_MAX];
  if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= PATH_MAX)
    return ENAMETOOLONG;
  int fd = mkostemp(beside, O_CLOEXEC);
  if (fd < 0)
    return errno;
  bool ok = write_all(fd, text->data, text->len) && fsync(fd) == 0;
  int error = ok ? 0 : errno;
  close(fd);
  if (ok && link(beside, path) != 0 && errno != EEXIST)
    error = errno;
  unlink(beside);
  return error || sync_folder(path) ? error : errno;
}

static void make(lua_State *L, const char *path)
{
  unsigned char random[KEY_BYTES];
  struct world_random *source = host_of(L)->world->random;
  struct buf *text = buf_push(L, KEY_FILE_MAX);
  if (!source->fill(source, random, sizeof random))
    failed(L, path, EIO);
  escape_base64(text, (const char *)random, sizeof random, true, false);
  wipe(random, sizeof random);
  if (!buf_ok(text))
    failure_memory(L);
  int error = write_file(path, text);
  if (error)
    failed(L, path, error);
}

/* Opens it; -1: there is none. */
static int open_key(lua_State *L, const char *path)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno == ENOENT ? -1 : failed(L, path, errno);
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_mode & (S_IRWXG | S_IRWXO) || st.st_uid != geteuid()) {
    close(fd);
    refuse_shared(L, path, (unsigned)st.st_mode);
  }
  return fd;
}

static void push_key(lua_State *L, const char *path, int fd, const char *name, const char *const *places)
{
  char text[KEY_FILE_MAX];
  ssize_t n = read(fd, text, sizeof text);
  int error = errno;
  close(fd);
  if (n < KEY_BYTES)
    failed(L, path, n < 0 ? error : EINVAL);
  locked_close_dumps();
  secret_push(L, name, text, (size_t)n, places);
  wipe(text, sizeof text);
}

/* secret.core.key_file(path, name, places, create) -> secret, or nil when there is none and none is to be made */
int secret_key_file(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
  const char **places = secret_check_places(L, 3, "secret.key_file");
  bool create = lua_toboolean(L, 4);
  if (secret_push_stand_in(L, name, places))
    return 1;
  int fd = open_key(L, path);
  if (fd < 0 && create) {
    make(L, path);
    fd = open_key(L, path);
  }
  if (fd < 0)
    return create ? failed(L, path, ENOENT) : 0;
  push_key(L, path, fd, name, places);
  return 1;
}
