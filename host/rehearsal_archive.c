/* rehearsal_archive.c - archives of a rehearsal: packed of what the models keep, unpacked into it, at once. */
#include "archive_jobs.h"
#include "archive_paths.h"
#include "rehearsal_world.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking the models ----------------------------------------------------------------------- */

static int error_of(const struct fault *f)
{
  return strcmp(f->code, "file-not-found") == 0 ? ENOENT : strcmp(f->code, "file-denied") == 0 ? EACCES
         : strcmp(f->code, "file-exists") == 0 ? EEXIST : EIO;
}

/* False with errno. */
static bool act(struct rehearsal *r, const struct file_act *a, struct fault *f)
{
  struct fault own = {0};
  f = f ? f : &own;
  rehearsal_act(r, a, NULL);
  if (!rehearsal_fault(r, f, NULL))
    return true;
  errno = error_of(f);
  return false;
}

static double number(lua_State *L, const char *key)
{
  lua_getfield(L, ANSWER, key);
  double value = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

/* Reads a piece of a file. How much, or -1 with errno. */
static ssize_t read_piece(struct rehearsal *r, const char *path, uint64_t offset, void *to, size_t len)
{
  size_t n;
  if (!act(r, &(struct file_act){.action = "piece", .path = path, .offset = offset, .max = len}, NULL))
    return -1;
  lua_getfield(r->L, ANSWER, "data");
  const char *data = lua_tolstring(r->L, -1, &n);
  memcpy(to, data ? data : "", data ? n : 0);
  return data ? (ssize_t)n : 0;
}

/* ---- the tree that is packed ----------------------------------------------------------------- */

struct kept_tree {
  struct tree_reader base;
  struct rehearsal *r;
  char folder[2 * ARCHIVE_PATH_MAX], file[2 * ARCHIVE_PATH_MAX];
  uint64_t at;
  lua_Integer stamp;
};

static struct kept_tree *kept(struct tree_reader *t)
{
  return (struct kept_tree *)t;
}

static bool path_of(struct kept_tree *k, const char *name, char path[2 * ARCHIVE_PATH_MAX])
{
  int n = snprintf(path, 2 * ARCHIVE_PATH_MAX, "%s/%s", k->folder, name);
  errno = ENAMETOOLONG;
  return n < 2 * ARCHIVE_PATH_MAX;
}

static bool enter(struct tree_reader *t, const char *name)
{
  char path[2 * ARCHIVE_PATH_MAX];
  if (!path_of(kept(t), name, path))
    return false;
  copy_text(kept(t)->folder, sizeof path, path);
  return true;
}

/* The root is left last, and may be one name. */
static bool leave(struct tree_reader *t)
{
  char *slash = strrchr(kept(t)->folder, '/');
  if (slash)
    *slash = 0;
  return true;
}

static bool list(struct tree_reader *t, struct buf *names)
{
  lua_State *L = kept(t)->r->L;
  if (!act(kept(t)->r, &(struct file_act){.action = "list", .path = kept(t)->folder}, NULL))
    return false;
  lua_getfield(L, ANSWER, "names");
  for (lua_Integer i = 1; lua_geti(L, ANSWER + 1, i) == LUA_TSTRING; i++) {
    const char *name = lua_tostring(L, -1);
    size_t n = strlen(name);
    buf_add(names, name, n - (n > 0 && name[n - 1] == '/'));
    buf_add_char(names, 0);
    lua_settop(L, ANSWER + 1);
  }
  return archive_sort_names(names);
}

static enum tree_kind kind_of(const char *kind)
{
  static const char *const kinds[] = {
    [TREE_FILE] = "file", [TREE_FOLDER] = "folder", [TREE_LINK] = "link", [TREE_OTHER] = "other"};
  int i = TREE_FILE;
  while (i < TREE_OTHER && strcmp(kinds[i], kind) != 0)
    i++;
  return i;
}

static bool look(struct tree_reader *t, const char *name, struct tree_facts *facts)
{
  char path[2 * ARCHIVE_PATH_MAX];
  lua_State *L = kept(t)->r->L;
  if (!path_of(kept(t), name, path) || !act(kept(t)->r, &(struct file_act){.action = "look", .path = path}, NULL))
    return false;
  lua_getfield(L, ANSWER, "kind");
  lua_getfield(L, ANSWER, "target");
  const char *kind = lua_tostring(L, -2), *target = lua_tostring(L, -1);
  facts->kind = kind_of(kind);
  facts->special = "it is a pipe, a socket or a device";
  copy_text(facts->target, sizeof facts->target, target ? target : "");
  return true;
}

/* The number that is another one when the file was changed; false with errno. */
static bool take_stamp(struct kept_tree *k, lua_Integer *stamp)
{
  if (!act(k->r, &(struct file_act){.action = "piece", .path = k->file}, NULL))
    return false;
  lua_getfield(k->r->L, ANSWER, "stamp");
  *stamp = lua_tointeger(k->r->L, -1);
  return true;
}

static bool open_file(struct tree_reader *t, const char *name, struct tree_file *file)
{
  struct kept_tree *k = kept(t);
  k->at = 0;
  if (!path_of(k, name, k->file) || !act(k->r, &(struct file_act){.action = "stat", .path = k->file}, NULL))
    return false;
  *file = (struct tree_file){(uint64_t)number(k->r->L, "size"), (unsigned)number(k->r->L, "mode") & 0100};
  return take_stamp(k, &k->stamp);
}

static ssize_t read_file(struct tree_reader *t, void *to, size_t len)
{
  struct kept_tree *k = kept(t);
  ssize_t n = read_piece(k->r, k->file, k->at, to, len);
  k->at += n > 0 ? (uint64_t)n : 0;
  return n;
}

static bool close_file(struct tree_reader *t)
{
  lua_Integer now;
  bool same = take_stamp(kept(t), &now) && now == kept(t)->stamp;
  errno = ESTALE;
  return same;
}

/* ---- packing --------------------------------------------------------------------------------- */

static bool keep_bytes(void *arg, const void *data, size_t len)
{
  buf_add(arg, data, len);
  errno = ENOMEM;
  return buf_ok(arg);
}

static void release(struct effect *e)
{
  archive_free_result((struct archive_operation *)e);
}

static void write_archive(struct rehearsal *r, const char *to, const struct buf *bytes, struct archive_operation *op)
{
  op->path = archive_fill_path(to, op->sha256);
  if (!op->path)
    fault_set(&op->fault, "out-of-memory", "fatal", "packing: not enough memory");
  else
    act(r, &(struct file_act){.action = "write", .path = op->path, .data = buf_str(bytes), .len = bytes->len,
                              .mode = 0644}, &op->fault);
}

static void pack(struct rehearsal *r, const struct pack_request *q, struct archive_operation *op)
{
  struct buf bytes;
  buf_init(&bytes, BUF_LIMIT);
  struct kept_tree tree = {{enter, leave, list, look, open_file, read_file, close_file}, .r = r};
  copy_text(tree.folder, sizeof tree.folder, q->root);
  const struct pack_job job = {.from = &tree.base, .to = {keep_bytes, &bytes}, .root = q->root, .paths = q->paths,
                               .except = q->except, .level = q->level, .threads = q->threads, .mask = q->mask};
  archive_pack(&job, op);
  if (!op->fault.code)
    write_archive(r, q->to, &bytes, op);
  buf_free(&bytes);
}

struct archive_operation *rehearsal_pack(struct world_archive *w, const struct pack_request *q, effect_done *done,
                                         void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(archive, w);
  rehearsal_before(r, POINT_FILE, "pack %s", q->root);
  struct archive_operation *op = rehearsal_effect(r, sizeof *op, done, arg, release);
  if (!op)
    return NULL;
  if (rehearsal_stays_inside(q->fence, q->root, true, "packing", &op->fault))
    pack(r, q, op);
  rehearsal_note(r, "pack %s -> %s", q->root, op->fault.code ? op->fault.code : "done");
  rehearsal_after(r, POINT_FILE);
  return op;
}

/* ---- the tree that is unpacked --------------------------------------------------------------- */

/* It stands in the overlay, below a name that no list shows, until it is placed. */
struct staged_tree {
  struct tree_writer base;
  struct rehearsal *r;
  const char *into;
  struct buf bytes;  /* of the file */
  char path[2 * ARCHIVE_PATH_MAX];
  unsigned mode;
};

static struct staged_tree *staged(struct tree_writer *t)
{
  return (struct staged_tree *)t;
}

#define STAGE ".davit-000000000000000000000000"

static bool stage_path(struct staged_tree *s, const char *path, char full[2 * ARCHIVE_PATH_MAX])
{
  int n = snprintf(full, 2 * ARCHIVE_PATH_MAX, "%s/" STAGE "/%s", s->into, path);
  errno = ENAMETOOLONG;
  return n < 2 * ARCHIVE_PATH_MAX;
}

static bool folder(struct tree_writer *t, const char *path)
{
  struct staged_tree *s = staged(t);
  return stage_path(s, path, s->path) && act(s->r, &(struct file_act){.action = "make", .path = s->path}, NULL);
}

static bool begin(struct tree_writer *t, const char *path, bool executable)
{
  struct staged_tree *s = staged(t);
  s->bytes.len = 0;
  s->mode = executable ? 0755 : 0644;
  return stage_path(s, path, s->path);
}

static bool put(struct tree_writer *t, const void *data, size_t len)
{
  return keep_bytes(&staged(t)->bytes, data, len);
}

static bool end(struct tree_writer *t)
{
  struct staged_tree *s = staged(t);
  return act(s->r, &(struct file_act){.action = "write", .path = s->path, .data = buf_str(&s->bytes),
                                      .len = s->bytes.len, .mode = s->mode}, NULL);
}

static bool copy(struct tree_writer *t, const char *path, const char *from)
{
  struct staged_tree *s = staged(t);
  char source[2 * ARCHIVE_PATH_MAX];
  return stage_path(s, from, source) && stage_path(s, path, s->path) &&
         act(s->r, &(struct file_act){.action = "copy", .path = source, .to = s->path}, NULL);
}

static bool link_to(struct tree_writer *t, const char *path, const char *target)
{
  struct staged_tree *s = staged(t);
  return stage_path(s, path, s->path) &&
         act(s->r, &(struct file_act){.action = "link", .path = s->path, .data = target, .len = strlen(target)}, NULL);
}

/* The overlay knows how: Overlay:adopt(). */
static bool place(struct tree_writer *t, bool replace, struct fault *f)
{
  struct staged_tree *s = staged(t);
  return stage_path(s, "", s->path) &&
         act(s->r, &(struct file_act){.action = "adopt", .path = s->path, .to = s->into, .max = replace}, f);
}

/* ---- unpacking ------------------------------------------------------------------------------- */

struct kept_file {
  struct rehearsal *r;
  const char *path;
  uint64_t at;
};

static ssize_t read_archive(void *arg, void *to, size_t len)
{
  struct kept_file *k = arg;
  ssize_t n = read_piece(k->r, k->path, k->at, to, len);
  k->at += n > 0 ? (uint64_t)n : 0;
  return n;
}

static void unpack(struct rehearsal *r, const struct unpack_request *q, struct archive_operation *op)
{
  struct kept_file from = {r, q->from, 0};
  struct staged_tree into = {{folder, begin, put, end, copy, link_to, place}, .r = r, .into = q->into};
  buf_init(&into.bytes, BUF_LIMIT);
  const struct unpack_job job = {.from = {read_archive, &from}, .into = q->into ? &into.base : NULL,
                                 .archive = q->from, .sha256 = q->sha256, .replace = q->replace, .limits = q->limits};
  archive_unpack(&job, op);
  if (q->into && stage_path(&into, "", into.path))
    act(r, &(struct file_act){.action = "remove", .path = into.path}, NULL);
  buf_free(&into.bytes);
}

struct archive_operation *rehearsal_unpack(struct world_archive *w, const struct unpack_request *q, effect_done *done,
                                           void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(archive, w);
  rehearsal_before(r, POINT_FILE, "unpack %s", q->from);
  struct archive_operation *op = rehearsal_effect(r, sizeof *op, done, arg, release);
  if (!op)
    return NULL;
  if (!q->into || rehearsal_stays_inside(q->fence, q->into, true, "unpacking into", &op->fault))
    unpack(r, q, op);
  rehearsal_note(r, "unpack %s -> %s", q->from, op->fault.code ? op->fault.code : "done");
  rehearsal_after(r, POINT_FILE);
  return op;
}
