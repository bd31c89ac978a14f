/* archive_lua.c - the module "archive.core": pack, unpack, check; docs/api/archive.core.lua is its reference.
 *
 * The folder that a recipe names (root, into) stays inside the project as paths of fs do; the archive is a place
 * of Davit's own, and goes where it is said. */
#include "archives.h"
#include "effect.h"
#include "failure.h"
#include "files_lua.h"
#include "host.h"
#include "opt.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>

/* ---- arguments ------------------------------------------------------------------------------- */

static void check_path(lua_State *L, const char *what, const char *name, const char *path)
{
  if (!*path)
    failure_misuse(L, "%s: option '%s' is an empty path", what, name);
}

/* A list of paths, ended by NULL, which stays while it is on the stack, where it is pushed. idx 0: none. */
static const char *const *read_list(lua_State *L, const char *what, const char *name, int idx)
{
  lua_Integer n = idx ? luaL_len(L, idx) : 0;
  const char **list = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *list, 0);
  list[n] = NULL;
  for (lua_Integer i = 1; i <= n; i++) {
    size_t len;
    if (lua_geti(L, idx, i) != LUA_TSTRING)
      failure_misuse(L, "%s: option '%s' is a list of paths; its entry %d is a %s", what, name, (int)i,
                     luaL_typename(L, -1));
    list[i - 1] = lua_tolstring(L, -1, &len);  /* anchored by the table */
    if (len == 0 || strlen(list[i - 1]) != len)
      failure_misuse(L, "%s: option '%s': entry %d is empty or holds a zero byte", what, name, (int)i);
    lua_pop(L, 1);
  }
  return list;
}

static int in_range(lua_State *L, const char *what, const char *name, lua_Integer value, int max)
{
  if (value < 1 || value > max)
    failure_misuse(L, "%s: option '%s' is 1 to %d", what, name, max);
  return (int)value;
}

static uint64_t above_zero(lua_State *L, const char *what, const char *name, lua_Integer value)
{
  if (value < 1)
    failure_misuse(L, "%s: option '%s' is at least 1", what, name);
  return (uint64_t)value;
}

/* ---- results --------------------------------------------------------------------------------- */

static int raise(lua_State *L, const struct archive_operation *op)
{
  failure_push(L, &op->fault, op->about);
  if (op->secret) {
    lua_pushstring(L, op->secret);
    lua_setfield(L, -2, "secret");
  }
  return lua_error(L);
}

static void set_text(lua_State *L, const char *key, const char *text)
{
  if (!text || !*text)
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, uint64_t value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void push_entry(lua_State *L, const struct packed_entry *e)
{
  static const char *const kinds[] = {[PACKED_FILE] = "file", [PACKED_FOLDER] = "folder", [PACKED_LINK] = "link"};
  lua_createtable(L, 0, 5);
  set_text(L, "path", e->path);
  set_text(L, "kind", kinds[e->kind]);
  set_number(L, "size", e->size);
  set_text(L, "sha256", e->sha256);
  set_text(L, "target", e->target);
  if (e->kind == PACKED_FILE) {
    lua_pushboolean(L, e->executable);
    lua_setfield(L, -2, "executable");
  }
}

static int have_done(lua_State *L, int status, lua_KContext box)
{
  struct archive_operation *op = (struct archive_operation *)effect_at(L, (int)box);
  (void)status;
  if (op->fault.code)
    return raise(L, op);
  lua_createtable(L, 0, 5);
  set_text(L, "path", op->path);
  set_text(L, "sha256", op->sha256);
  set_number(L, "size", op->size);
  set_number(L, "bytes", op->bytes);
  lua_createtable(L, (int)op->count, 0);
  for (size_t i = 0; i < op->count; i++) {
    push_entry(L, &op->entries[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "entries");
  return 1;
}

/* ---- pack ------------------------------------------------------------------------------------ */

struct pack_options {
  const char *root, *to;
  int paths, except;
  lua_Integer level, threads;
  bool scan, outside;
};

/* archive.core.pack{root=, to=, paths=, except=, level=, threads=, scan=, outside=} -> what was packed */
static int pack(lua_State *L)
{
  static const char what[] = "archive.pack";
#define FIELD(name, type, required) {#name, type, offsetof(struct pack_options, name), required}
  static const struct opt_field fields[] = {
    FIELD(root, OPT_STRING, true),    FIELD(to, OPT_STRING, true),        FIELD(paths, OPT_TABLE, false),
    FIELD(except, OPT_TABLE, false),  FIELD(level, OPT_INTEGER, false),   FIELD(threads, OPT_INTEGER, false),
    FIELD(scan, OPT_BOOLEAN, false),  FIELD(outside, OPT_BOOLEAN, false), {0}};
#undef FIELD
  struct pack_options o = {.level = ARCHIVE_LEVEL, .threads = 0, .scan = true};
  lua_settop(L, 1);
  opt_read(L, 1, what, fields, &o);
  check_path(L, what, "root", o.root);
  check_path(L, what, "to", o.to);
  const char *mark = strstr(o.to, "{sha256}");
  if (mark && strchr(mark, '/'))
    failure_misuse(L, "archive.pack: option 'to': {sha256} stands in the last name, or not at all");
  struct pack_request r = {.to = o.to, .fence = o.outside ? NULL : files_root(L)};
  r.root = files_path(L, o.root);
  r.paths = read_list(L, what, "paths", o.paths);
  r.except = read_list(L, what, "except", o.except);
  r.level = in_range(L, what, "level", o.level, ARCHIVE_LEVEL_MAX);
  r.threads = o.threads == 0 ? 0 : in_range(L, what, "threads", o.threads, ARCHIVE_THREADS_MAX);
  r.mask = o.scan ? host_of(L)->mask : NULL;
  struct task *task = task_current(L);
  struct world_archive *archive = host_of(L)->world->archive;
  struct effect **box = effect_box(L);
  *box = (struct effect *)archive->pack(archive, &r, task_wake, task);
  return effect_wait(L, lua_gettop(L), have_done);
}

/* ---- unpack, check --------------------------------------------------------------------------- */

struct unpack_options {
  const char *from, *into, *sha256;
  lua_Integer max_entries, max_bytes, max_ratio;
  bool replace, outside;
};

#define FIELD(name, type, required) {#name, type, offsetof(struct unpack_options, name), required}
#define ARCHIVE_FIELDS \
  FIELD(from, OPT_STRING, true), FIELD(sha256, OPT_STRING, false), FIELD(max_entries, OPT_INTEGER, false), \
  FIELD(max_bytes, OPT_INTEGER, false), FIELD(max_ratio, OPT_INTEGER, false)
static const struct opt_field unpack_fields[] = {
  ARCHIVE_FIELDS, FIELD(into, OPT_STRING, true), FIELD(replace, OPT_BOOLEAN, false), FIELD(outside, OPT_BOOLEAN, false),
  {0}};
static const struct opt_field check_fields[] = {ARCHIVE_FIELDS, {0}};
#undef ARCHIVE_FIELDS
#undef FIELD

static struct unpack_request read_unpack(lua_State *L, const char *what, const struct opt_field *fields)
{
  struct unpack_options o = {.max_entries = 200000, .max_bytes = (lua_Integer)16 << 30, .max_ratio = 1000};
  lua_settop(L, 1);
  opt_read(L, 1, what, fields, &o);
  check_path(L, what, "from", o.from);
  if (o.sha256 && (strlen(o.sha256) != SHA256_HEX || strspn(o.sha256, "0123456789abcdef") != SHA256_HEX))
    failure_misuse(L, "%s: option 'sha256' is 64 hexadecimal digits, in lower case", what);
  struct unpack_request r = {.from = o.from, .sha256 = o.sha256, .replace = o.replace};
  r.limits.entries = above_zero(L, what, "max_entries", o.max_entries);
  r.limits.bytes = above_zero(L, what, "max_bytes", o.max_bytes);
  r.limits.ratio = above_zero(L, what, "max_ratio", o.max_ratio);
  r.fence = o.outside ? NULL : files_root(L);
  if (o.into)
    check_path(L, what, "into", o.into);
  r.into = o.into ? files_path(L, o.into) : NULL;
  return r;
}

static int run_unpack(lua_State *L, const struct unpack_request *r)
{
  struct task *task = task_current(L);
  struct world_archive *archive = host_of(L)->world->archive;
  struct effect **box = effect_box(L);
  *box = (struct effect *)archive->unpack(archive, r, task_wake, task);
  return effect_wait(L, lua_gettop(L), have_done);
}

/* archive.core.unpack{from=, into=, sha256=, replace=, max_entries=, max_bytes=, max_ratio=, outside=} */
static int unpack(lua_State *L)
{
  struct unpack_request r = read_unpack(L, "archive.unpack", unpack_fields);
  return run_unpack(L, &r);
}

/* archive.core.check{from=, sha256=, max_entries=, max_bytes=, max_ratio=} */
static int check(lua_State *L)
{
  struct unpack_request r = read_unpack(L, "archive.check", check_fields);
  return run_unpack(L, &r);
}

int archive_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"check", check}, {"pack", pack}, {"unpack", unpack}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
