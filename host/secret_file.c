/* secret_file.c - secrets from files, pipes and descriptors: secret.file, secret.fd, secret.dotenv.
 *
 * A file that others can read holds no secret, whoever owns it: so it is looked at when it is open, the
 * one that was opened and no other. Who may write into its folder could put another file there; that one would be
 * his, and refused. */
#include "secret_source.h"
#include "secret_read.h"
#include "class.h"
#include "dotenv.h"
#include "effect.h"
#include "failure.h"
#include "files_lua.h"
#include "host.h"
#include "locked.h"
#include "opt.h"
#include "real.h"
#include "task.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE = 10 };  /* seconds that a pipe may be silent */

/* The stack of every call here. */
enum { PLACE = 1, OPTIONS, PLACES, BOX };

/* ---- opening ------------------------------------------------------------------------------- */

static int read_failed(lua_State *L, const char *place, int error)
{
  struct fault f;
  if (error == ETIMEDOUT)
    fault_set(&f, "secret-silent", "fatal", "reading the secrets of %s: nothing came for %d s", place, PATIENCE);
  else
    fault_set(&f, error == ENOENT ? "file-not-found" : error == EACCES ? "file-denied" : "file-failed",
              "fatal", "reading the secrets of %s: %s", place, strerror(error));
  return failure_raise(L, &f, place);
}

static void refuse_shared(lua_State *L, const char *path, const struct stat *st)
{
  struct fault f;
  if (st->st_mode & (S_IRWXG | S_IRWXO)) {
    fault_set(&f, "secret-file-shared", "fatal", "%s holds secrets and others may read it (mode %03o)",
              path, (unsigned)st->st_mode & 0777);
    fault_hint(&f, "chmod 600 %s; where others are meant to read it, 'shared' says so", path);
  } else {
    fault_set(&f, "secret-file-shared", "fatal", "%s holds secrets and belongs to another user (%u), who may read it",
              path, (unsigned)st->st_uid);
    fault_hint(&f, "make it your own; where it is meant to be another's, 'shared' says so");
  }
  failure_raise(L, &f, path);
}

static const char *check_path(lua_State *L, const char *what)
{
  if (lua_type(L, PLACE) != LUA_TSTRING)
    failure_misuse(L, "%s: expected a path, not a %s", what, luaL_typename(L, PLACE));
  if (lua_rawlen(L, PLACE) == 0 || strlen(lua_tostring(L, PLACE)) != lua_rawlen(L, PLACE))
    failure_misuse(L, "%s: the path is empty or holds a zero byte", what);
  lua_pushstring(L, files_path(L, lua_tostring(L, PLACE)));
  lua_replace(L, PLACE);
  return lua_tostring(L, PLACE);
}

/* Returns a descriptor that is the caller's; a pipe that nobody opened yet is waited for later. */
static int open_private(lua_State *L, const char *path, bool shared)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return read_failed(L, path, errno);
  int error = fstat(fd, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
  bool others = !error && ((st.st_mode & (S_IRWXG | S_IRWXO)) || st.st_uid != geteuid());
  if (error || (others && !shared)) {
    close(fd);
    if (error)
      read_failed(L, path, error);
    refuse_shared(L, path, &st);
  }
  locked_close_dumps();
  return fd;
}

/* Goes on with k(L, …, BOX) when the descriptor has been read to its end. */
static int read_then(lua_State *L, int fd, lua_KFunction k)
{
  struct real *real = host_of(L)->real;
  lua_settop(L, PLACES);
  struct effect **box = effect_box_unfenced(L);
  struct task *task = real ? task_current(L) : NULL;
  struct secret_reading *r = secret_read_start(real ? &real->loop : NULL, fd, PATIENCE, task_wake, task);
  *box = (struct effect *)r;
  if (!r)
    return failure_memory(L);
  return r->effect.finished ? k(L, LUA_OK, BOX) : effect_wait(L, BOX, k);
}

static struct buf *text_read(lua_State *L, lua_KContext box)
{
  struct secret_reading *r = (struct secret_reading *)effect_at(L, (int)box);
  if (r->error)
    read_failed(L, lua_tostring(L, PLACE), r->error);
  return &r->text;
}

/* ---- one secret a file ------------------------------------------------------------------------ */

/* An editor ends a line that nobody means. */
static size_t without_line_end(const struct buf *text)
{
  size_t n = text->len;
  n -= n && text->data[n - 1] == '\n';
  return n - (n && n < text->len && text->data[n - 1] == '\r');
}

static int is_empty(lua_State *L, const char *place)
{
  struct fault f;
  fault_set(&f, "secret-missing", "fatal", "%s is empty, and a secret should stand there", place);
  return failure_raise(L, &f, place);
}

/* Stack: place, the secret's name, its places, box. */
static int have_secret(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  const struct buf *text = text_read(L, box);
  const char *const *places = lua_touserdata(L, PLACES);
  size_t len = without_line_end(text);
  if (len == 0)
    return is_empty(L, lua_tostring(L, PLACE));
  secret_push(L, lua_tostring(L, OPTIONS), buf_str(text), len, places);
  return 1;
}

/* Reads the options and leaves the name in their place, and the list of places in its own. */
static const char *read_options(lua_State *L, const char *what, const char *name, bool file,
                                struct secret_source *o)
{
  const char **places = secret_source_read(L, OPTIONS, what, name, file, o);
  secret_check_bindings(L, o->name, places);
  lua_replace(L, PLACES);
  lua_pushstring(L, o->name);
  lua_replace(L, OPTIONS);
  return lua_tostring(L, OPTIONS);
}

static const char *basename_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

/* secret.core.file(path, {to=, name=, shared=}) -> secret */
int secret_file(lua_State *L)
{
  struct secret_source o;
  lua_settop(L, PLACES);
  const char *path = check_path(L, "secret.file");
  const char *name = read_options(L, "secret.file", basename_of(path), true, &o);
  if (secret_push_stand_in(L, name, lua_touserdata(L, PLACES)))
    return 1;
  return read_then(L, open_private(L, path, o.shared), have_secret);
}

/* ---- descriptors ---------------------------------------------------------------------------------- */

/* What Davit opened itself is closed when another program starts; what it was given is not. */
static bool was_given(int fd)
{
  int flags = fcntl(fd, F_GETFD);
  return flags >= 0 && !(flags & FD_CLOEXEC);
}

static int not_given(lua_State *L, int fd)
{
  struct fault f;
  fault_set(&f, "secret-missing", "fatal", "the descriptor %d is not open, or was read before", fd);
  fault_hint(&f, "start davit with it, as in: davit run … %d< FILE", fd);
  return failure_raise(L, &f, NULL);
}

/* secret.core.fd(number, {to=, name=}) -> secret; closes it */
int secret_fd(lua_State *L)
{
  struct secret_source o;
  int is;
  lua_settop(L, PLACES);
  lua_Integer fd = lua_tointegerx(L, PLACE, &is);
  if (!is || fd < 3 || fd > 1 << 20)
    return failure_misuse(L, "secret.fd: expected the number of a descriptor, from 3 on");
  lua_pushfstring(L, "descriptor %d", (int)fd);
  lua_replace(L, PLACE);
  const char *name = read_options(L, "secret.fd", lua_tostring(L, PLACE), false, &o);
  if (secret_push_stand_in(L, name, lua_touserdata(L, PLACES)))
    return 1;
  if (!was_given((int)fd))
    return not_given(L, (int)fd);
  locked_close_dumps();
  (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
  return read_then(L, (int)fd, have_secret);
}

/* ---- files of many --------------------------------------------------------------------------------- */

#define ENTRIES "davit.dotenv"

static int entries_close(lua_State *L)  /* __close and __gc */
{
  dotenv_free(luaL_checkudata(L, 1, ENTRIES));
  return 0;
}

static struct dotenv *push_entries(lua_State *L, const struct buf *text)
{
  struct dotenv *d = lua_newuserdatauv(L, sizeof *d, 0);
  dotenv_init(d, buf_str(text), text->len);
  luaL_setmetatable(L, ENTRIES);
  lua_toclose(L, -1);
  return d;
}

static void push_entry(lua_State *L, const struct dotenv *d)
{
  if (!secret_push_stand_in(L, buf_str(&d->name), NULL))
    secret_push(L, buf_str(&d->name), buf_str(&d->value), d->value.len, NULL);
}

static int have_entries(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  const char *why, *path = lua_tostring(L, PLACE);
  struct dotenv *d = push_entries(L, text_read(L, box));
  struct fault f;
  lua_newtable(L);
  while (dotenv_next(d, &why)) {
    if (d->value.len == 0)
      continue;
    push_entry(L, d);
    lua_setfield(L, -2, buf_str(&d->name));
  }
  if (!why)
    return 1;
  fault_set(&f, "secret-file-invalid", "fatal", "%s:%d: %s", path, d->line, why);
  return failure_raise(L, &f, path);
}

static const struct opt_field dotenv_fields[] = {
  {"shared", OPT_BOOLEAN, offsetof(struct secret_source, shared), false},
  {0},
};

/* secret.core.dotenv(path, {shared = false}) -> table of name -> secret, bound to no place */
int secret_dotenv(lua_State *L)
{
  struct secret_source o = {0};
  lua_settop(L, PLACES);
  const char *path = check_path(L, "secret.dotenv");
  if (!lua_isnil(L, OPTIONS))
    opt_read(L, OPTIONS, "secret.dotenv", dotenv_fields, &o);
  return read_then(L, open_private(L, path, o.shared), have_entries);
}

void secret_file_open(lua_State *L)
{
  class_new(L, ENTRIES, NULL, entries_close);
}
