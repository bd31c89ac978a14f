/* secret_lua.c - the module "secret.core": where secrets come from.
 *
 * Values are read here and go straight into the vault: a secret from outside never
 * becomes a Lua string. Once the first one is there, the process gives no core dumps. */
#include "secret.h"
#include "class.h"
#include "dotenv.h"
#include "failure.h"
#include "files_lua.h"
#include "host.h"
#include "locked.h"
#include "opt.h"
#include "world.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- arguments ---------------------------------------------------------------------- */

static const char *check_name(lua_State *L, int idx, const char *what)
{
  if (lua_type(L, idx) != LUA_TSTRING)
    failure_misuse(L, "%s: expected a name, not a %s", what, luaL_typename(L, idx));
  return lua_tostring(L, idx);
}

/* Pushes what keeps a list of places, ended by NULL; its texts belong to the table at idx. */
static const char **check_places(lua_State *L, int idx, const char *what)
{
  if (!lua_istable(L, idx))
    failure_misuse(L, "%s: expected a list of places, not a %s", what, luaL_typename(L, idx));
  size_t n = lua_rawlen(L, idx);
  if (n == 0)
    failure_misuse(L, "%s: the list of places is empty: where may the secret go?", what);
  const char **places = lua_newuserdatauv(L, (n + 1) * sizeof *places, 0);
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, idx, (lua_Integer)i + 1) != LUA_TSTRING)
      failure_misuse(L, "%s: place %d must be a string, not a %s", what, (int)i + 1,
                     luaL_typename(L, -1));
    places[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  places[n] = NULL;
  return places;
}

struct to {
  int to;
};

static const struct opt_field to_fields[] = {
  {"to", OPT_TABLE, offsetof(struct to, to), true},
  {0},
};

static const char **read_to(lua_State *L, int idx, const char *what)
{
  struct to o = {0};
  opt_read(L, idx, what, to_fields, &o);
  return check_places(L, o.to, what);
}

/* ---- one secret ------------------------------------------------------------------------ */

/* secret.core.new(name, value, places) -> secret: of a value that Lua holds already */
static int new(lua_State *L)
{
  lua_settop(L, 3);
  const char *name = check_name(L, 1, "secret.new");
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "secret.new: the value of %s must be a string, not a %s", name,
                          luaL_typename(L, 2));
  const char **places = check_places(L, 3, "secret.new");
  size_t len;
  const char *value = lua_tolstring(L, 2, &len);
  secret_push(L, name, value, len, places);
  return 1;
}

static int missing(lua_State *L, const char *name)
{
  struct fault f;
  fault_set(&f, "secret-missing", "fatal", "the environment holds no %s", name);
  fault_hint(&f, "set %s to the secret's value for this command", name);
  return failure_raise(L, &f, name);
}

/* secret.core.env(name, {to = places}) -> secret */
static int env(lua_State *L)
{
  lua_settop(L, 2);
  const char *name = check_name(L, 1, "secret.env");
  const char **places = read_to(L, 2, "secret.env");
  struct world_environ *e = host_of(L)->world->environ;
  const char *value = e->get(e, name);
  if (!value || !*value)
    return missing(L, name);
  locked_close_dumps();
  secret_push(L, name, value, strlen(value), places);
  return 1;
}

/* secret.core.bind(handle, name, {to = places}) -> secret */
static int bind(lua_State *L)
{
  lua_settop(L, 3);
  const char *name = check_name(L, 2, "secret.bind");
  const char **places = read_to(L, 3, "secret.bind");
  secret_rebind(L, 1, name, places);
  return 1;
}

static int fingerprint(lua_State *L)
{
  lua_settop(L, 2);
  secret_fingerprint(L, 1, 2);
  return 1;
}

/* secret.core.derive(name, key, purpose, bytes, {to = places}) -> secret */
static int derive(lua_State *L)
{
  lua_settop(L, 5);
  const char *name = check_name(L, 1, "secret.derive");
  const char *purpose = luaL_checkstring(L, 3);
  lua_Integer bytes = luaL_checkinteger(L, 4);
  luaL_argcheck(L, bytes >= 16 && bytes <= SECRET_DERIVED_MAX / 2, 4, "16 to 1024 bytes");
  const char **places = read_to(L, 5, "secret.derive");
  secret_derive(L, 2, purpose, 2 * (size_t)bytes, name, places);
  return 1;
}

/* secret.core.admitted(value, url, method, header) -> whether all secrets in it may be sent there */
static int admitted(lua_State *L)
{
  struct destination to = {.kind = TO_HTTP, .what = luaL_checkstring(L, 2), .method = luaL_checkstring(L, 3),
                           .header = luaL_checkstring(L, 4)};
  lua_pushboolean(L, secret_admitted(L, 1, &to));
  return 1;
}

/* secret.core.refuse(secret, place, hint): raises */
static int refuse(lua_State *L)
{
  lua_settop(L, 3);
  return secret_refuse(L, 1, luaL_checkstring(L, 2), lua_tostring(L, 3));
}

static int names(lua_State *L)
{
  lua_settop(L, 1);
  secret_names(L, 1);
  return 1;
}

/* secret.core.percent(secret) -> the template, percent-encoded when it is resolved */
static int percent(lua_State *L)
{
  lua_settop(L, 1);
  secret_encode(L, 1, ENCODE_URL);
  return 1;
}

static int is(lua_State *L)
{
  luaL_checkany(L, 1);
  lua_pushboolean(L, secret_test(L, 1));
  return 1;
}

/* ---- a file of them ----------------------------------------------------------------------- */

enum { FILE_MAX = 1 << 20, PIPE_MS = 10000 };

#define SOURCE "davit.dotenv"

/* The text of a file and where reading it has come to; closed and wiped with its scope. */
struct source {
  int fd;
  struct buf text;
  struct dotenv entries;
};

static int source_close(lua_State *L)  /* __close and __gc */
{
  struct source *s = luaL_checkudata(L, 1, SOURCE);
  if (s->fd >= 0)
    close(s->fd);
  s->fd = -1;
  buf_wipe(&s->text);
  dotenv_free(&s->entries);
  return 0;
}

static struct source *push_source(lua_State *L)
{
  struct source *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct source){.fd = -1};
  buf_init(&s->text, FILE_MAX);
  dotenv_init(&s->entries, NULL, 0);
  luaL_setmetatable(L, SOURCE);
  lua_toclose(L, -1);
  return s;
}

static int file_failed(lua_State *L, const char *path, int error)
{
  struct fault f;
  fault_set(&f, error == ENOENT ? "file-not-found" : error == EACCES ? "file-denied" : "file-failed",
            "fatal", "reading the secrets of %s: %s", path, strerror(error));
  return failure_raise(L, &f, path);
}

static void check_private(lua_State *L, int fd, const char *path)
{
  struct stat st;
  struct fault f;
  if (fstat(fd, &st) != 0)
    file_failed(L, path, errno);
  if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
    return;
  fault_set(&f, "secret-file-shared", "fatal", "%s holds secrets and others may read it (mode %03o)",
            path, (unsigned)st.st_mode & 0777);
  fault_hint(&f, "chmod 600 %s, or pass { shared = true }", path);
  failure_raise(L, &f, path);
}

/* A shell's <(command) takes a moment; nothing else goes on meanwhile. False: it took too long. */
static bool wait_readable(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, PIPE_MS) > 0;
}

/* Returns 0 or what errno says. */
static int read_all(struct source *s)
{
  char chunk[4096];
  ssize_t n;
  for (;;) {
    if (!wait_readable(s->fd))
      return ENODATA;
    n = read(s->fd, chunk, sizeof chunk);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return errno;
    if (n == 0 || !buf_ok(&s->text))
      break;
    buf_add(&s->text, chunk, n > 0 ? (size_t)n : 0);
  }
  wipe(chunk, sizeof chunk);
  return buf_ok(&s->text) ? 0 : EFBIG;
}

/* In a rehearsal no value of the file's own: models need none, and may not have it. */
static void push_entry(lua_State *L, const struct dotenv *d)
{
  const char *name = buf_str(&d->name);
  struct world_environ *e = host_of(L)->world->environ;
  const char *instead = e->stand_in(e, name);
  if (instead)
    secret_push(L, name, instead, strlen(instead), NULL);
  else
    secret_push(L, name, buf_str(&d->value), d->value.len, NULL);
}

/* Sets a field of the table at `table` for every entry; an empty value is no secret. */
static void add_entries(lua_State *L, struct source *s, int table, const char *path)
{
  struct dotenv *d = &s->entries;
  const char *why;
  while (dotenv_next(d, &why)) {
    if (d->value.len == 0)
      continue;
    push_entry(L, d);
    lua_setfield(L, table, buf_str(&d->name));
  }
  if (!why)
    return;
  struct fault f;
  fault_set(&f, "secret-file-invalid", "fatal", "%s:%d: %s", path, d->line, why);
  failure_raise(L, &f, path);
}

struct dotenv_options {
  bool shared;
};

static const struct opt_field dotenv_fields[] = {
  {"shared", OPT_BOOLEAN, offsetof(struct dotenv_options, shared), false},
  {0},
};

/* secret.core.dotenv(path, {shared = false}) -> table of name -> secret, bound to no place */
static int dotenv(lua_State *L)
{
  struct dotenv_options o = {0};
  lua_settop(L, 2);
  if (lua_type(L, 1) != LUA_TSTRING)
    return failure_misuse(L, "secret.dotenv: expected a path, not a %s", luaL_typename(L, 1));
  if (!lua_isnil(L, 2))
    opt_read(L, 2, "secret.dotenv", dotenv_fields, &o);
  if (lua_rawlen(L, 1) == 0 || strlen(lua_tostring(L, 1)) != lua_rawlen(L, 1))
    return failure_misuse(L, "secret.dotenv: the path is empty or holds a zero byte");
  const char *path = files_path(L, lua_tostring(L, 1));
  struct source *s = push_source(L);
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe that nobody opened yet
  if (s->fd < 0)
    return file_failed(L, path, errno);
  if (!o.shared)
    check_private(L, s->fd, path);
  locked_close_dumps();
  int error = read_all(s);
  if (error)
    return file_failed(L, path, error);
  dotenv_init(&s->entries, buf_str(&s->text), s->text.len);
  lua_newtable(L);
  add_entries(L, s, lua_gettop(L), path);
  return 1;
}

int secret_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"admitted", admitted}, {"base64", secret_base64}, {"basic", secret_basic}, {"bind", bind},
    {"derive", derive}, {"dotenv", dotenv}, {"env", env}, {"fingerprint", fingerprint},
    {"generate", secret_generate}, {"is", is}, {"names", names}, {"new", new},
    {"password", secret_password}, {"percent", percent}, {"refuse", refuse}, {NULL, NULL}};
  class_new(L, SOURCE, NULL, source_close);
  luaL_newlib(L, functions);
  return 1;
}
