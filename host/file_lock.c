/* file_lock.c - the module "filelock": who of this machine may work on something, as a lock on a file.
 *
 * The lock is flock()'s: the kernel drops it when its holder ends, however it ends. The
 * file holds a line about the holder, for the error of whoever comes second. It is emptied for
 * that, so a link in its place is not followed: a checkout could bring one to any file. The folders above it may be
 * links: whoever keeps a store on another disk means that, and what the lock guards goes the same way.
 *
 * Who may write the file may hold the lock: its owner and, where the umask shares files with the group, the group;
 * never others, who could hold everybody up. */
#include "class.h"
#include "failure.h"
#include "host.h"
#include "world.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK "davit.filelock"

static void release(int *fd)
{
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static int close_lock(lua_State *L)  /* close, __close and __gc */
{
  release(luaL_checkudata(L, 1, LOCK));
  return 0;
}

static int failed(lua_State *L, int *fd, const char *what, const char *file)
{
  struct fault f;
  int error = errno;
  fault_set(&f, "lock-failed", "fatal", "cannot %s the lock file %s: %s", what, file,
            strerror(error));
  release(fd);
  if (error == ELOOP)
    fault_hint(&f, "it is a link, which davit does not follow: who put it there? remove it");
  else
    fault_hint(&f, "davit has to be able to write there");
  return failure_raise(L, &f, file);
}

/* Pushes nil and the line that the holder wrote. */
static int held(lua_State *L, int *fd)
{
  char line[256];
  ssize_t n = pread(*fd, line, sizeof line, 0);
  release(fd);
  lua_pushnil(L);
  lua_pushlstring(L, line, n > 0 ? (size_t)n : 0);
  return 2;
}

/* filelock.take(file, holder) -> lock; nil and the holder's line when somebody has it */
static int take(lua_State *L)
{
  const char *file = luaL_checkstring(L, 1);
  size_t len;
  const char *holder = luaL_checklstring(L, 2, &len);
  int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
  *fd = -1;
  luaL_setmetatable(L, LOCK);
  if (host_of(L)->world->files->alone)
    return 1;
  *fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
  if (*fd < 0)
    return failed(L, fd, "open", file);
  if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? held(L, fd) : failed(L, fd, "lock", file);
  if (ftruncate(*fd, 0) != 0 || pwrite(*fd, holder, len, 0) != (ssize_t)len)
    return failed(L, fd, "write", file);
  return 1;
}

int file_lock_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", close_lock}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"take", take}, {NULL, NULL}};
  class_new(L, LOCK, methods, close_lock);
  luaL_newlib(L, functions);
  return 1;
}
