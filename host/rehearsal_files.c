/* rehearsal_files.c - files: the models keep what is written, and read the real ones below it. */
#include "beneath.h"
#include "buf_lua.h"
#include "file_piece.h"
#include "rehearsal_world.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the member ---------------------------------------------------------------------------------- */

static void release(struct effect *e)
{
  buf_free(&((struct file_operation *)e)->data);
}

static void read_names(lua_State *L, struct buf *names)
{
  size_t n = lua_rawlen(L, -1);
  for (size_t i = 1; i <= n; i++) {
    size_t len;
    lua_rawgeti(L, ANSWER + 1, (lua_Integer)i);
    const char *name = lua_tolstring(L, -1, &len);
    buf_add(names, name, len + 1);
    lua_pop(L, 1);
  }
}

static void read_answer(struct rehearsal *r, struct file_operation *f)
{
  lua_State *L = r->L;
  size_t len;
  if (rehearsal_fault(r, &f->fault, NULL))
    return;
  if (lua_getfield(L, ANSWER, "names") == LUA_TTABLE)
    read_names(L, &f->data);
  lua_getfield(L, ANSWER, "data");
  const char *data = lua_tolstring(L, -1, &len);
  if (data)
    buf_add(&f->data, data, len);
  lua_getfield(L, ANSWER, "size");
  f->size = lua_tonumber(L, -1);
  lua_getfield(L, ANSWER, "mtime");
  f->mtime = lua_tonumber(L, -1);
  lua_getfield(L, ANSWER, "mode");
  f->mode = (unsigned)lua_tointeger(L, -1);
  lua_getfield(L, ANSWER, "folder");
  f->is_folder = lua_toboolean(L, -1);
  lua_getfield(L, ANSWER, "stamp");
  f->stamp = (uint64_t)lua_tointeger(L, -1);
  lua_settop(L, ANSWER);
  if (!buf_ok(&f->data))
    fault_set(&f->fault, "out-of-memory", "fatal", "not enough memory for the file");
}

bool rehearsal_stays_inside(const char *fence, const char *path, bool follow, const char *doing, struct fault *f)
{
  struct spot s = {0};
  if (beneath_find(fence, path, BENEATH_ABSENT | (follow ? BENEATH_FOLLOW : 0), &s))
    beneath_free(&s);
  else if (s.outside)
    file_outside(f, doing, path, fence);
  return !f->code;
}

/* What the models keep has no links: where the real ones lead decides. */
static bool stays_inside(const struct file_request *q, struct file_operation *f)
{
  static const char *const doing[] = {
    [FILE_READ] = "reading", [FILE_WRITE] = "writing", [FILE_LIST] = "listing", [FILE_REMOVE] = "removing",
    [FILE_STAT] = "looking at", [FILE_MAKE] = "making the folder", [FILE_EXTEND] = "writing",
    [FILE_COPY] = "reading", [FILE_MOVE] = "moving", [FILE_MODE] = "changing", [FILE_PIECE] = "reading",
    [FILE_DIGEST] = "reading", [FILE_BEGIN] = "writing", [FILE_APPEND] = "writing", [FILE_PLACE] = "writing"};
  bool copy = q->action == FILE_COPY;
  bool follow = copy || (q->action != FILE_WRITE && q->action != FILE_REMOVE && !q->to);
  const char *path = q->action == FILE_BEGIN ? q->to : q->path;  // beside it
  return rehearsal_stays_inside(q->root, path, follow, doing[q->action], &f->fault) &&
         (!q->to || rehearsal_stays_inside(q->root, q->to, false, "writing", &f->fault));
}

static const char *name_of(enum file_action action)
{
  static const char *const names[] = {[FILE_READ] = "read", [FILE_WRITE] = "write", [FILE_LIST] = "list",
                                      [FILE_REMOVE] = "remove", [FILE_STAT] = "stat", [FILE_MAKE] = "make",
                                      [FILE_EXTEND] = "extend", [FILE_COPY] = "copy", [FILE_MOVE] = "move",
                                      [FILE_MODE] = "set_mode", [FILE_PIECE] = "piece", [FILE_DIGEST] = "digest", [FILE_BEGIN] = "begin",
                                      [FILE_APPEND] = "append", [FILE_PLACE] = "place"};
  return names[action];
}

void rehearsal_act(struct rehearsal *r, const struct file_act *a, struct effect *e)
{
  rehearsal_begin(r, "file");
  lua_pushstring(r->L, a->action);
  lua_pushstring(r->L, a->path);
  lua_pushlstring(r->L, a->data ? a->data : "", a->len);
  lua_pushinteger(r->L, (lua_Integer)a->max);
  lua_pushinteger(r->L, a->mode);
  lua_pushstring(r->L, a->to);
  lua_pushinteger(r->L, (lua_Integer)a->offset);
  rehearsal_ask(r, 7, e);
}

static void ask(struct rehearsal *r, const struct file_request *q, struct file_operation *f)
{
  const struct file_act act = {.action = name_of(q->action), .path = q->path, .to = q->to, .data = q->data,
                               .len = q->len, .mode = q->mode, .offset = q->offset,
                               .max = q->max || q->action == FILE_PIECE ? q->max : BUF_LIMIT};
  rehearsal_act(r, &act, &f->effect);
  read_answer(r, f);
}

/* Who makes it is the same process always, and the rest is the seed's. */
char *rehearsal_name_beside(struct world_files *w, const char *place)
{
  struct rehearsal *r = REHEARSAL_OF(files, w);
  const char *slash = strrchr(place, '/');
  unsigned long long chance = 0;
  char *name = NULL;
  if (!rehearsal_random(&r->random, &chance, sizeof chance) ||
      asprintf(&name, "%.*s.davit-%024llx", slash ? (int)(slash + 1 - place) : 0, place, chance) < 0)
    return NULL;
  return name;
}

struct file_operation *rehearsal_file(struct world_files *w, const struct file_request *q, effect_done *done,
                                      void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(files, w);
  rehearsal_before(r, POINT_FILE, "%s %s", name_of(q->action), q->path);
  struct file_operation *f = rehearsal_effect(r, sizeof *f, done, arg, release);
  if (!f)
    return NULL;
  buf_init(&f->data, BUF_LIMIT);
  if (stays_inside(q, f))
    ask(r, q, f);
  rehearsal_note(r, "file %s %s -> %s", name_of(q->action), q->path, f->fault.code ? f->fault.code : "done");
  rehearsal_after(r, POINT_FILE);
  return f;
}

/* ---- disk: the real files, for the models ----------------------------------------------------------- */

static int refuse(lua_State *L, const char *code, const char *doing, const char *path, const char *why)
{
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, code);
  lua_rawseti(L, -2, 1);
  lua_pushliteral(L, "fatal");
  lua_rawseti(L, -2, 2);
  lua_pushfstring(L, "%s %s: %s", doing, path, why);
  lua_rawseti(L, -2, 3);
  lua_setfield(L, -2, "fault");
  return 1;
}

static int failed(lua_State *L, const char *doing, const char *path)
{
  int error = errno;
  const char *code = error == ENOENT || error == ENOTDIR ? "file-not-found"
                     : error == EACCES                   ? "file-denied" : "file-failed";
  return refuse(L, code, doing, path, strerror(error));
}

static int close_file(lua_State *L)
{
  close(*(int *)lua_touserdata(L, 1));
  return 0;
}

/* Pushes what closes the descriptor with its scope. */
static void guard_descriptor(lua_State *L, int fd)
{
  *(int *)lua_newuserdatauv(L, sizeof fd, 0) = fd;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, close_file);
  lua_setfield(L, -2, "__close");
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);
}

/* disk.read(path, max) -> { data = } */
static int disk_read(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  size_t max = (size_t)luaL_checkinteger(L, 2), total = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failed(L, "reading", path);
  guard_descriptor(L, fd);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  ssize_t n;
  while ((n = read(fd, luaL_prepbuffer(&b), LUAL_BUFFERSIZE)) > 0 && (total += (size_t)n) <= max)
    luaL_addsize(&b, (size_t)n);
  luaL_pushresult(&b);
  if (n < 0)
    return failed(L, "reading", path);
  if (total > max)
    return refuse(L, "file-too-large", "reading", path, "it is larger than was allowed");
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "data");
  return 1;
}

/* disk.piece(path, offset, max) -> { data =, size =, stamp = } */
static int disk_piece(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  uint64_t offset = (uint64_t)luaL_checkinteger(L, 2), stamp;
  size_t max = (size_t)luaL_checkinteger(L, 3);
  double size;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return failed(L, "reading", path);
  guard_descriptor(L, fd);
  struct buf *piece = buf_push(L, BUF_LIMIT);
  if (!file_stamp(fd, &size, &stamp) || !file_read_piece(fd, offset, max, piece))
    return failed(L, "reading", path);
  lua_createtable(L, 0, 3);
  lua_pushlstring(L, buf_str(piece), piece->len);
  lua_setfield(L, -2, "data");
  lua_pushnumber(L, size);
  lua_setfield(L, -2, "size");
  lua_pushinteger(L, (lua_Integer)stamp);
  lua_setfield(L, -2, "stamp");
  return 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *d)
{
  return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* A link to a folder is none, as in files_folder_uv.c. */
static bool is_folder(const char *folder, const char *name)
{
  struct stat st;
  int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool is = at >= 0 && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
  if (at >= 0)
    close(at);
  return is;
}

/* disk.list(path) -> { names = }: folders end in '/' */
static int disk_list(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct dirent **entries;
  int n = scandir(path, &entries, no_dots, by_name);
  if (n < 0)
    return failed(L, "listing", path);
  lua_newtable(L);
  lua_newtable(L);
  for (int i = 0; i < n; i++) {
    lua_pushfstring(L, is_folder(path, entries[i]->d_name) ? "%s/" : "%s", entries[i]->d_name);
    lua_rawseti(L, -2, i + 1);
    free(entries[i]);
  }
  free(entries);
  lua_setfield(L, -2, "names");
  return 1;
}

/* disk.stat(path) -> { size =, mtime =, mode =, folder = } */
static int disk_stat(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct stat st;
  if (stat(path, &st) != 0)
    return failed(L, "looking at", path);
  lua_newtable(L);
  lua_pushnumber(L, (lua_Number)st.st_size);
  lua_setfield(L, -2, "size");
  lua_pushnumber(L, (lua_Number)st.st_mtim.tv_sec + (lua_Number)st.st_mtim.tv_nsec / 1e9);
  lua_setfield(L, -2, "mtime");
  lua_pushinteger(L, st.st_mode & 07777);
  lua_setfield(L, -2, "mode");
  lua_pushboolean(L, S_ISDIR(st.st_mode));
  lua_setfield(L, -2, "folder");
  return 1;
}

/* disk.look(path) -> { kind =, target = }: no link is followed */
static int disk_look(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  char target[PATH_MAX];
  struct stat st;
  if (lstat(path, &st) != 0)
    return failed(L, "looking at", path);
  ssize_t n = S_ISLNK(st.st_mode) ? readlink(path, target, sizeof target) : 0;
  if (n < 0)
    return failed(L, "looking at", path);
  lua_createtable(L, 0, 2);
  lua_pushstring(L, S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "folder" : S_ISLNK(st.st_mode) ? "link" : "other");
  lua_setfield(L, -2, "kind");
  lua_pushlstring(L, target, (size_t)n);
  lua_setfield(L, -2, "target");
  return 1;
}

void rehearsal_push_disk(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"list", disk_list}, {"look", disk_look}, {"piece", disk_piece}, {"read", disk_read}, {"stat", disk_stat}, {NULL, NULL}};
  char here[PATH_MAX];
  luaL_newlib(L, functions);
  lua_pushstring(L, getcwd(here, sizeof here) ? here : "/");
  lua_setfield(L, -2, "here");
}
