/* server_listen.c - where a server listens: on an address and a port, or on a socket in the file system.
 *
 * A socket's mode is its own before it has a name, so that there is no moment in which others than its owner could
 * connect. A name that a server left behind when it was killed is taken over; where another one answers, and where
 * something else than a socket stands, it is left alone. */
#include "server_mhd.h"
#include "address.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAITING_CLIENTS = 128 };

/* ---- a socket in the file system --------------------------------------------------------- */

static bool set_path(struct sockaddr_un *at, const char *path, struct fault *f)
{
  size_t most = sizeof at->sun_path - 1;
  *at = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) > most) {
    fault_set(f, "server-failed", "fatal", "listening on %.200s: the path of a socket has at most %zu bytes, not %zu", path,
              most, strlen(path));
    return false;
  }
  memcpy(at->sun_path, path, strlen(path) + 1);
  return true;
}

/* Whether somebody answers there; 0 or an error, ECONNREFUSED for a name that was left behind. */
static int ask(const struct sockaddr_un *at)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return errno;
  int err = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ? 0 : errno;
  close(fd);
  return err;
}

/* Removes what a killed server left; 0, or why the name is not to be had. */
static int clear(const struct sockaddr_un *at)
{
  struct stat st;
  if (lstat(at->sun_path, &st) != 0)
    return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(st.st_mode))
    return EEXIST;
  int err = ask(at);
  if (err != ECONNREFUSED)
    return err == ENOENT ? 0 : EADDRINUSE;
  return unlink(at->sun_path) == 0 || errno == ENOENT ? 0 : errno;
}

static int listen_at(int fd, const struct sockaddr_un *at)
{
  if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)at, sizeof *at) != 0)
    return errno;
  if (listen(fd, WAITING_CLIENTS) == 0)
    return 0;
  int err = errno;
  unlink(at->sun_path);
  return err;
}

/* The descriptor, or -1: *f says why. */
static int listen_on(const char *path, struct fault *f)
{
  struct sockaddr_un at;
  if (!set_path(&at, path, f))
    return -1;
  int fd = -1, err = clear(&at);
  if (!err) {
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    err = fd < 0 ? errno : listen_at(fd, &at);
  }
  if (!err)
    return fd;
  if (fd >= 0)
    close(fd);
  fault_set(f, "server-failed", "fatal", "listening on %.200s: %s", path, strerror(err));
  return -1;
}

/* The descriptor is libmicrohttpd's from the moment that it is asked to start, also when that fails. */
static bool open_path(struct server *s, uv_loop_t *loop, const char *path, struct fault *f)
{
  struct sockaddr_storage none = {0};
  s->path = strdup(path);
  if (!s->path) {
    fault_set(f, "server-failed", "fatal", "listening on %.200s: %s", path, strerror(ENOMEM));
    return false;
  }
  int fd = listen_on(path, f);
  if (fd < 0)
    return false;
  int err = server_begin(s, loop, &none, fd);
  if (!err)
    return true;
  unlink(path);
  fault_set(f, "server-failed", "fatal", "listening on %.200s: %s", path, strerror(err));
  return false;
}

/* ---- an address and a port -------------------------------------------------------------- */

static bool open_port(struct server *s, uv_loop_t *loop, const struct server_options *o, struct fault *f)
{
  struct sockaddr_storage at = {0};
  int err = address_of(o->address, o->port, &at) == 0 ? server_begin(s, loop, &at, -1) : EINVAL;
  if (err)
    fault_set(f, "server-failed", "fatal", "listening on %.64s port %d: %s", o->address, o->port, strerror(err));
  return !err;
}

bool server_open_at(struct server *s, uv_loop_t *loop, const struct server_options *o, struct fault *f)
{
  if (!server_ends_open(s)) {
    fault_set(f, "server-failed", "fatal", "listening: %s", strerror(errno));
    return false;
  }
  return o->path ? open_path(s, loop, o->path, f) : open_port(s, loop, o, f);
}
