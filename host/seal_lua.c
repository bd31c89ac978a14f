/* seal_lua.c - the module "seal.core": files and values that only the holders of keys can read. For lua/artifact.lua
 * and the command line. */
#include "failure.h"
#include "files.h"
#include "host.h"
#include "locked.h"
#include "opt.h"
#include "seal_file.h"
#include "seal_keys_lua.h"
#include "seal_values.h"
#include "secret.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------------------------- */

struct file_options {
  const char *from, *to, *sha256;
  int keys, key;
};

#define FIELD(name, type, required) {#name, type, offsetof(struct file_options, name), required}
static const struct opt_field seal_fields[] = {
  FIELD(from, OPT_STRING, true), FIELD(to, OPT_STRING, true), FIELD(keys, OPT_TABLE, true), {0}};
static const struct opt_field open_fields[] = {
  FIELD(from, OPT_STRING, true), FIELD(to, OPT_STRING, true), FIELD(key, OPT_TEXT, true),
  FIELD(sha256, OPT_STRING, false), {0}};
#undef FIELD

static int have_sealed(lua_State *L, int status, lua_KContext box)
{
  struct seal_operation *op = (struct seal_operation *)effect_at(L, (int)box);
  (void)status;
  if (op->fault.code)
    return failure_raise(L, &op->fault, NULL);
  lua_createtable(L, 0, 2);
  lua_pushstring(L, op->sha256);
  lua_setfield(L, -2, "sha256");
  lua_pushinteger(L, (lua_Integer)op->size);
  lua_setfield(L, -2, "size");
  return 1;
}

static int run(lua_State *L, const struct seal_request *r)
{
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  *box = (struct effect *)seal_file_start(host_of(L)->world, r, task_wake, task);
  return effect_wait(L, lua_gettop(L), have_sealed);
}

/* seal.core.seal_file{from =, to =, keys = public keys} -> { sha256 =, size = } of what is sealed */
static int seal_file(lua_State *L)
{
  struct file_options o = {0};
  struct seal_keys keys;
  lua_settop(L, 1);
  opt_read(L, 1, "seal.seal_file", seal_fields, &o);
  seal_check_keys(L, o.keys, "artifact.put", &keys);
  const struct seal_request r = {.from = o.from, .to = o.to, .seals = true,
                                 .keys = (const unsigned char(*)[SEAL_KEY])keys.list, .key_count = keys.count};
  return run(L, &r);
}

/* seal.core.open_file{from =, to =, key = secret, sha256 =} -> { sha256 =, size = } of what was sealed */
static int open_file(lua_State *L)
{
  struct file_options o = {0};
  unsigned char private[SEAL_KEY];
  lua_settop(L, 1);
  opt_read(L, 1, "seal.open_file", open_fields, &o);
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  int at = lua_gettop(L);
  seal_check_private(L, o.key, "artifact.get", private);
  const struct seal_request r = {.from = o.from, .to = o.to, .private = private, .sha256 = o.sha256};
  *box = (struct effect *)seal_file_start(host_of(L)->world, &r, task_wake, task);
  wipe(private, sizeof private);
  return effect_wait(L, at, have_sealed);
}

/* ---- keys -------------------------------------------------------------------------------------- */

static int push_key(lua_State *L, const char *prefix, const unsigned char key[SEAL_KEY])
{
  char text[SEAL_TEXT];
  seal_write_key(prefix, key, text);
  lua_pushstring(L, text);
  return 1;
}

/* seal.core.public_key(private) -> its public key */
static int public_key(lua_State *L)
{
  unsigned char private[SEAL_KEY], public[SEAL_KEY];
  lua_settop(L, 1);
  seal_check_private(L, 1, "artifact.public_key", private);
  bool is_key = seal_public_key(private, public);
  wipe(private, sizeof private);
  return is_key ? push_key(L, SEAL_PUBLIC, public) : failure_memory(L);
}

/* seal.core.is_public(text) -> whether it is a public key */
static int is_public(lua_State *L)
{
  unsigned char key[SEAL_KEY];
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_pushboolean(L, seal_read_key(SEAL_PUBLIC, text, len, key));
  return 1;
}

static int have_written(lua_State *L, int status, lua_KContext box)
{
  struct file_operation *op = (struct file_operation *)effect_at(L, (int)box);
  (void)status;
  if (op->fault.code)
    return failure_raise(L, &op->fault, lua_tostring(L, 1));
  lua_pushvalue(L, 2);
  return 1;
}

/* seal.core.new_key(path) -> public key; the private one goes into the file, for its owner alone */
static int new_key(lua_State *L)
{
  unsigned char private[SEAL_KEY], public[SEAL_KEY];
  char text[SEAL_TEXT + 1];
  const char *path = luaL_checkstring(L, 1);
  struct world *world = host_of(L)->world;
  lua_settop(L, 1);
  locked_close_dumps();
  if (!world->random->fill(world->random, private, sizeof private) || !seal_public_key(private, public))
    return failure_memory(L);
  push_key(L, SEAL_PUBLIC, public);  // path public
  struct task *task = task_current(L);
  struct effect **box = effect_box(L);
  seal_write_key(SEAL_PRIVATE, private, text);
  strcat(text, "\n");
  const struct file_request r = {.action = FILE_WRITE, .path = path, .data = text, .len = strlen(text), .mode = 0600};
  *box = (struct effect *)world->files->start(world->files, &r, task_wake, task);
  wipe(private, sizeof private);
  wipe(text, sizeof text);
  return effect_wait(L, lua_gettop(L), have_written);
}

int seal_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"is_public", is_public}, {"new_key", new_key},     {"open_file", open_file},   {"open_values", seal_open_values},
    {"public_key", public_key}, {"seal_file", seal_file}, {"seal_values", seal_values}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
