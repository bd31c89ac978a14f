/* files_lua.c - the module "fs": files, by paths relative to the working folder. */
#include "effect.h"
#include "failure.h"
#include "files.h"
#include "host.h"
#include "opt.h"
#include "secret.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { READ_MAX = 64 << 20 };

/* ---- arguments --------------------------------------------------------------------------- */

static const char *check_path(lua_State *L, const char *what)
{
  size_t len;
  if (lua_type(L, 1) != LUA_TSTRING)
    failure_misuse(L, "%s: the path must be a string, not a %s", what, luaL_typename(L, 1));
  const char *path = lua_tolstring(L, 1, &len);
  if (len == 0 || strlen(path) != len)
    failure_misuse(L, "%s: the path is empty or holds a zero byte", what);
  return path;
}

/* "0644" -> 0644 */
static unsigned read_mode(lua_State *L, const char *text)
{
  size_t n = strlen(text);
  if (n == 0 || n > 4 || strspn(text, "01234567") != n)
    failure_misuse(L, "fs.write: option 'mode' must be octal digits like \"0644\", not \"%s\"",
                   text);
  return (unsigned)strtoul(text, NULL, 8);
}

/* ---- running a request ------------------------------------------------------------------- */

static struct file_operation *operation_at(lua_State *L, lua_KContext box)
{
  return (struct file_operation *)effect_at(L, (int)box);
}

/* The operation that has ended; raises its fault. */
static struct file_operation *succeeded(lua_State *L, lua_KContext box)
{
  struct file_operation *op = operation_at(L, box);
  if (op->fault.code)
    failure_raise(L, &op->fault, lua_tostring(L, 1));
  return op;
}

static int run(lua_State *L, const struct file_request *r, lua_KFunction k)
{
  struct task *task = task_current(L);
  struct world_files *files = host_of(L)->world->files;
  struct effect **box = effect_box(L);
  *box = (struct effect *)files->start(files, r, task_wake, task);
  return effect_wait(L, lua_gettop(L), k);
}

/* ---- the functions ----------------------------------------------------------------------- */

static int have_read(lua_State *L, int status, lua_KContext box)
{
  struct file_operation *op = succeeded(L, box);
  (void)status;
  lua_pushlstring(L, buf_str(&op->data), op->data.len);
  return 1;
}

struct read_options {
  lua_Integer max;
};

static const struct opt_field read_fields[] = {
  {"max", OPT_INTEGER, offsetof(struct read_options, max), false},
  {0},
};

/* fs.read(path, {max=}) -> text */
static int read_file(lua_State *L)
{
  struct read_options o = {.max = READ_MAX};
  lua_settop(L, 2);
  struct file_request r = {.action = FILE_READ, .path = check_path(L, "fs.read")};
  if (!lua_isnil(L, 2))
    opt_read(L, 2, "fs.read", read_fields, &o);
  if (o.max < 0 || o.max > BUF_LIMIT)
    return failure_misuse(L, "fs.read: option 'max' must be 0 to %d bytes", BUF_LIMIT);
  r.max = (size_t)o.max;
  return run(L, &r, have_read);
}

struct write_options {
  const char *mode;
};

static const struct opt_field write_fields[] = {
  {"mode", OPT_STRING, offsetof(struct write_options, mode), false},
  {0},
};

static int done(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  succeeded(L, box);
  return 0;
}

/* fs.write(path, text, {mode=}) */
static int write_file(lua_State *L)
{
  struct write_options o = {.mode = "0644"};
  lua_settop(L, 3);
  struct file_request r = {.action = FILE_WRITE, .path = check_path(L, "fs.write")};
  if (secret_test(L, 2))
    return failure_misuse(L, "fs.write: the text holds a secret, which a file must not");
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "fs.write: the text must be a string, not a %s", luaL_typename(L, 2));
  if (!lua_isnil(L, 3))
    opt_read(L, 3, "fs.write", write_fields, &o);
  r.mode = read_mode(L, o.mode);
  r.data = lua_tolstring(L, 2, &r.len);
  return run(L, &r, done);
}

/* fs.make(path) */
static int make_folder(lua_State *L)
{
  lua_settop(L, 1);
  struct file_request r = {.action = FILE_MAKE, .path = check_path(L, "fs.make")};
  return run(L, &r, done);
}

/* Splits "a\0b/\0" into { "a", "b/" }. */
static int have_listed(lua_State *L, int status, lua_KContext box)
{
  struct file_operation *op = succeeded(L, box);
  const char *name = buf_str(&op->data), *end = name + op->data.len;
  (void)status;
  lua_newtable(L);
  for (lua_Integer i = 1; name < end; i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i);
    name += strlen(name) + 1;
  }
  return 1;
}

/* fs.list(path) -> { names } */
static int list_folder(lua_State *L)
{
  lua_settop(L, 1);
  struct file_request r = {.action = FILE_LIST, .path = check_path(L, "fs.list")};
  return run(L, &r, have_listed);
}

/* Removing what the working folder lies in is always a mistake: an empty variable in a path. */
static void check_removable(lua_State *L, const char *path)
{
  size_t n = strlen(path);
  while (n > 0 && path[n - 1] == '/')
    n--;
  size_t from = n;
  while (from > 0 && path[from - 1] != '/')
    from--;
  bool dots = n - from <= 2 && strspn(path + from, ".") >= n - from;
  if (n == 0 || dots)
    failure_misuse(L, "fs.remove: will not remove \"%s\"", path);
}

/* fs.remove(path) */
static int remove_file(lua_State *L)
{
  lua_settop(L, 1);
  struct file_request r = {.action = FILE_REMOVE, .path = check_path(L, "fs.remove")};
  check_removable(L, r.path);
  return run(L, &r, done);
}

static int have_looked(lua_State *L, int status, lua_KContext box)
{
  const char *code = operation_at(L, box)->fault.code;
  (void)status;
  bool absent = code && strcmp(code, "file-not-found") == 0;
  if (!absent)
    succeeded(L, box);
  lua_pushboolean(L, !absent);
  return 1;
}

/* fs.exists(path) -> boolean */
static int exists(lua_State *L)
{
  lua_settop(L, 1);
  struct file_request r = {.action = FILE_STAT, .path = check_path(L, "fs.exists")};
  return run(L, &r, have_looked);
}

int fs_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"exists", exists}, {"list", list_folder},   {"make", make_folder},
    {"read", read_file}, {"remove", remove_file}, {"write", write_file}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
