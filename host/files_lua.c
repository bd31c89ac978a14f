/* files_lua.c - files, by paths relative to the project's folder.
 *
 * The same functions twice: "fs.core" for Davit's own Lua, whose paths count from the working folder, and
 * "fs.fenced", whose paths count from the project's and stay inside of it unless the call says
 * { outside = true }; on the latter lua/fs.lua builds the module "fs". */
#include "effect.h"
#include "failure.h"
#include "field.h"
#include "files.h"
#include "files_lua.h"
#include "host.h"
#include "opt.h"
#include "secret.h"
#include "task.h"
#include "world.h"
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_MAX = 64 << 20, PIECE = 3 << 18 };

/* ---- the project's folder ------------------------------------------------------------------ */

static const char ROOT_KEY = 0;  /* its address is the root's place in the registry */

const char *files_root(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ROOT_KEY);
  const char *root = lua_tostring(L, -1);  /* anchored by the registry */
  lua_pop(L, 1);
  return root;
}

static bool is_working_folder(const char *folder)
{
  char here[PATH_MAX];
  return getcwd(here, sizeof here) && strcmp(here, folder) == 0;
}

const char *files_path(lua_State *L, const char *path)
{
  const char *root = files_root(L);
  if (!root || *path == '/' || is_working_folder(root))
    return path;
  return lua_pushfstring(L, "%s/%s", root, path);
}

/* fs.core.place(path) -> the path as the functions of fs.core take it */
static int place(lua_State *L)
{
  lua_settop(L, 1);
  lua_pushstring(L, files_path(L, luaL_checkstring(L, 1)));
  return 1;
}

/* fs.core.real(folder) -> its path from the root, without links; nil: it is not there. Does not wait. */
static int real(lua_State *L)
{
  char path[PATH_MAX];
  lua_pushstring(L, realpath(luaL_checkstring(L, 1), path));
  return 1;
}

/* fs.core.stay_in(folder): when the project is known; nil lets files go anywhere. Does not wait. */
static int stay_in(lua_State *L)
{
  char real[PATH_MAX];
  const char *folder = luaL_optstring(L, 1, NULL);
  if (folder && !realpath(folder, real))
    return luaL_error(L, "%s: %s", folder, strerror(errno));
  lua_pushstring(L, folder ? real : NULL);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ROOT_KEY);
  return 0;
}

/* fs.core.root() -> the folder, or nil */
static int root(lua_State *L)
{
  lua_pushstring(L, files_root(L));
  return 1;
}

/* ---- arguments --------------------------------------------------------------------------- */

/* What a call may say; each function takes some of it. */
struct options {
  lua_Integer max;
  const char *mode;
  bool outside;
};

#define OUTSIDE {"outside", OPT_BOOLEAN, offsetof(struct options, outside), false}
#define MODE {"mode", OPT_STRING, offsetof(struct options, mode), false}

static const struct opt_field plain_fields[] = {OUTSIDE, {0}};
static const struct opt_field write_fields[] = {MODE, OUTSIDE, {0}};
static const struct opt_field read_fields[] = {
  {"max", OPT_INTEGER, offsetof(struct options, max), false}, OUTSIDE, {0}};

static const char *check_path(lua_State *L, int idx, const char *what)
{
  size_t len;
  if (lua_type(L, idx) != LUA_TSTRING)
    failure_misuse(L, "%s: the path must be a string, not a %s", what, luaL_typename(L, idx));
  const char *path = lua_tolstring(L, idx, &len);
  if (len == 0 || strlen(path) != len)
    failure_misuse(L, "%s: the path is empty or holds a zero byte", what);
  return path;
}

/* The request of the function `what`: its path is the first argument, its options stand at idx. */
static struct file_request read_request(lua_State *L, enum file_action action, const char *what,
                                        int idx, const struct opt_field *fields, struct options *o)
{
  lua_settop(L, idx);
  struct file_request r = {.action = action, .path = check_path(L, 1, what)};
  if (!lua_isnil(L, idx))
    opt_read(L, idx, what, fields, o);
  if (!lua_toboolean(L, lua_upvalueindex(1)))
    return r;
  r.path = files_path(L, r.path);
  if (!o->outside)
    r.root = files_root(L);
  return r;
}

/* Where a copy or a move goes: the second argument. */
static const char *place_target(lua_State *L, const char *what)
{
  const char *path = check_path(L, 2, what);
  return lua_toboolean(L, lua_upvalueindex(1)) ? files_path(L, path) : path;
}

/* "0644" -> 0644 */
static unsigned read_mode(lua_State *L, const char *what, const char *text)
{
  size_t n = strlen(text);
  if (n == 0 || n > 4 || strspn(text, "01234567") != n)
    failure_misuse(L, "%s must be octal digits like \"0644\", not \"%s\"", what, text);
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

/* fs.read(path, {max=, outside=}) -> text */
static int read_file(lua_State *L)
{
  struct options o = {.max = READ_MAX};
  struct file_request r = read_request(L, FILE_READ, "fs.read", 2, read_fields, &o);
  if (o.max < 0 || o.max > BUF_LIMIT)
    return failure_misuse(L, "fs.read: option 'max' must be 0 to %d bytes", BUF_LIMIT);
  r.max = (size_t)o.max;
  return run(L, &r, have_read);
}

/* fs.core.piece(path, offset, {max=, outside=}) -> text: of a regular file, fewer bytes at its end. */
static int read_piece(lua_State *L)
{
  struct options o = {.max = PIECE};
  lua_Integer offset = luaL_checkinteger(L, 2);
  struct file_request r = read_request(L, FILE_PIECE, "fs.piece", 3, read_fields, &o);
  if (offset < 0 || o.max < 1 || o.max > READ_MAX)
    return failure_misuse(L, "fs.piece: the offset is at least 0, 'max' from 1 to %d bytes", READ_MAX);
  r.offset = (uint64_t)offset;
  r.max = (size_t)o.max;
  return run(L, &r, have_read);
}

static int done(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  succeeded(L, box);
  return 0;
}

static void read_text(lua_State *L, const char *what, struct file_request *r)
{
  if (r->path[strlen(r->path) - 1] == '/')
    failure_misuse(L, "%s: the path names a file, not a folder: \"%s\"", what, r->path);
  if (secret_test(L, 2))
    secret_refuse(L, 2, lua_pushfstring(L, "%s: a file that is not sealed", what),
                  "artifact.put seals it for whoever is to have it");
  if (lua_type(L, 2) != LUA_TSTRING)
    failure_misuse(L, "%s: the text must be a string, not a %s", what, luaL_typename(L, 2));
  r->data = lua_tolstring(L, 2, &r->len);
}

/* fs.write(path, text, {mode=, outside=}) */
static int write_file(lua_State *L)
{
  struct options o = {.mode = "0644"};
  struct file_request r = read_request(L, FILE_WRITE, "fs.write", 3, write_fields, &o);
  read_text(L, "fs.write", &r);
  r.mode = read_mode(L, "fs.write: option 'mode'", o.mode);
  return run(L, &r, done);
}

/* fs.make(path, {outside=}) */
static int make_folder(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_MAKE, "fs.make", 2, plain_fields, &o);
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

/* fs.list(path, {outside=}) -> { names } */
static int list_folder(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_LIST, "fs.list", 2, plain_fields, &o);
  return run(L, &r, have_listed);
}

/* Removing what the working folder lies in is always a mistake: an empty variable in a path. */
static void check_removable(lua_State *L, const char *what, const char *path)
{
  size_t n = strlen(path);
  while (n > 0 && path[n - 1] == '/')
    n--;
  size_t from = n;
  while (from > 0 && path[from - 1] != '/')
    from--;
  bool dots = n - from <= 2 && strspn(path + from, ".") >= n - from;
  if (n == 0 || dots)
    failure_misuse(L, "%s \"%s\"", what, path);
}

/* fs.remove(path, {outside=}) */
static int remove_file(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_REMOVE, "fs.remove", 2, plain_fields, &o);
  check_removable(L, "fs.remove: will not remove", r.path);
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

/* fs.exists(path, {outside=}) -> boolean */
static int exists(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_STAT, "fs.exists", 2, plain_fields, &o);
  return run(L, &r, have_looked);
}

static int have_stat(lua_State *L, int status, lua_KContext box)
{
  struct file_operation *op = succeeded(L, box);
  char mode[8];
  (void)status;
  lua_createtable(L, 0, 4);
  field_integer(L, "size", (lua_Integer)op->size);
  field_text(L, "kind", op->is_folder ? "folder" : op->is_other ? "other" : "file");
  field_number(L, "mtime", op->mtime);
  snprintf(mode, sizeof mode, "%04o", op->mode);
  field_text(L, "mode", mode);
  return 1;
}

/* fs.stat(path, {outside=}) -> { kind, size, mtime, mode } */
static int stat_path(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_STAT, "fs.stat", 2, plain_fields, &o);
  return run(L, &r, have_stat);
}

/* fs.append(path, text, {outside=}) */
static int append_file(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_EXTEND, "fs.append", 3, plain_fields, &o);
  read_text(L, "fs.append", &r);
  r.mode = 0644;
  return run(L, &r, done);
}

/* fs.core.copy_file(from, to, {outside=}): lua/fs.lua copies folders */
static int copy_file(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_COPY, "fs.copy", 3, plain_fields, &o);
  r.to = place_target(L, "fs.copy");
  return run(L, &r, done);
}

/* fs.core.rename(from, to, {outside=}): lua/fs.lua moves to other disks */
static int rename_path(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_MOVE, "fs.move", 3, plain_fields, &o);
  r.to = place_target(L, "fs.move");
  check_removable(L, "fs.move: will not move", r.path);
  return run(L, &r, done);
}

/* fs.chmod(path, mode, {outside=}) */
static int change_mode(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_MODE, "fs.chmod", 3, plain_fields, &o);
  r.mode = read_mode(L, "fs.chmod: the mode", opt_string(L, 2, "fs.chmod", "mode", &r.len));
  r.len = 0;
  return run(L, &r, done);
}

/* fs.sha256(path, {outside=}) -> 64 hexadecimal digits */
static int hash_file(lua_State *L)
{
  struct options o = {0};
  struct file_request r = read_request(L, FILE_DIGEST, "fs.sha256", 2, plain_fields, &o);
  return run(L, &r, have_read);
}

/* ---- the modules --------------------------------------------------------------------------- */

static void push_functions(lua_State *L, bool fenced)
{
  static const luaL_Reg functions[] = {
    {"append", append_file}, {"chmod", change_mode}, {"copy_file", copy_file}, {"rename", rename_path},
    {"exists", exists},  {"list", list_folder},   {"make", make_folder}, {"piece", read_piece}, {"read", read_file},
    {"remove", remove_file}, {"sha256", hash_file}, {"stat", stat_path}, {"write", write_file}, {NULL, NULL}};
  luaL_newlibtable(L, functions);
  lua_pushboolean(L, fenced);
  luaL_setfuncs(L, functions, 1);
}

int fs_fenced_open(lua_State *L)
{
  push_functions(L, true);
  return 1;
}

int fs_core_open(lua_State *L)
{
  static const luaL_Reg fence[] = {
    {"place", place}, {"real", real}, {"root", root}, {"stay_in", stay_in}, {NULL, NULL}};
  push_functions(L, false);
  luaL_setfuncs(L, fence, 0);
  return 1;
}
