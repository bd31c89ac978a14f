/* http_files_lua.c - requests whose body is a file, and answers that become one; see http_lua.h. */
#include "digest.h"
#include "failure.h"
#include "field.h"
#include "files_lua.h"
#include "host.h"
#include "http_lua.h"
#include "task.h"
#include <lauxlib.h>
#include <string.h>

/* ---- the options ------------------------------------------------------------------------- */

static void check_path(lua_State *L, const char *what, const char *option, const char *path)
{
  if (!*path)
    failure_misuse(L, "%s: option '%s': the path is empty", what, option);
}

static void check_to(lua_State *L, const char *what, const char *path, const char *method)
{
  check_path(L, what, "to", path);
  if (path[strlen(path) - 1] == '/')
    failure_misuse(L, "%s: option 'to' names a file, not a folder: \"%s\"", what, path);
  if (strcmp(method, "HEAD") == 0)
    failure_misuse(L, "%s: the answer to HEAD has no body that could go to a file", what);
  if (lua_getfield(L, 1, "secrets") != LUA_TNIL)
    failure_misuse(L, "%s: an answer with secrets in it does not go to a file", what);
  lua_pop(L, 1);
}

/* true: the digest is wanted; a text: what it has to be. */
static void read_sha256(lua_State *L, const char *what, int idx, struct transfer_options *t)
{
  const char *text = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : NULL;
  bool is_digest = text && strlen(text) == SHA256_HEX && strspn(text, "0123456789abcdef") == SHA256_HEX;
  if (!is_digest && !lua_isboolean(L, idx))
    failure_misuse(L, "%s: option 'sha256' must be true or 64 hexadecimal digits in lower case", what);
  if (!t->to)
    failure_misuse(L, "%s: option 'sha256' is of a file: it goes with 'to'", what);
  t->hashes = text || lua_toboolean(L, idx);
  t->sha256 = text;
}

void http_files_read(lua_State *L, const char *what, const struct http_file_options *o, struct http_call *c)
{
  struct transfer_options *t = &c->files;
  if (o->from)
    check_path(L, what, "from", o->from);
  if (o->from && (c->request.body || c->request.parts))
    failure_misuse(L, "%s: body, from and multipart exclude each other", what);
  if (o->to)
    check_to(L, what, o->to, c->request.method);
  t->root = o->outside ? NULL : files_root(L);
  t->from = o->from ? files_path(L, o->from) : NULL;
  t->to = o->to ? files_path(L, o->to) : NULL;
  if (o->sha256)
    read_sha256(L, what, o->sha256, t);
  c->has_files = t->from || t->to || t->part_files;
}

/* ---- carrying it out ----------------------------------------------------------------------- */

static int have_transferred(lua_State *L, int status, lua_KContext box)
{
  struct http_transfer *t = (struct http_transfer *)effect_at(L, (int)box);
  (void)status;
  if (t->fault.code)
    return failure_raise(L, &t->fault, t->path);
  if (t->exchange->fault.code)
    return http_fault_raise(L, t->exchange);
  luaL_checkstack(L, 20, "reply");
  http_reply_push(L, t->exchange);
  if (*t->sha256) {
    field_text(L, "sha256", t->sha256);
  }
  return 1;
}

int http_files_run(lua_State *L, const struct http_call *c)
{
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  *box = (struct effect *)transfer_start(host_of(L)->world, &c->request, &c->files, task_wake, task);
  return effect_wait(L, lua_gettop(L), have_transferred);
}
