/* secret_lua.c - the module "secret.core": where secrets come from; files and descriptors are in
 * secret_file.c, what is made of other secrets in secret_derive.c.
 *
 * Values are read here and go straight into the vault: a secret from outside never
 * becomes a Lua string. Once the first one is there, the process gives no core dumps. */
#include "secret_source.h"
#include "binding.h"
#include "failure.h"
#include "host.h"
#include "locked.h"
#include "opt.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>

/* ---- arguments ---------------------------------------------------------------------- */

const char *secret_check_name(lua_State *L, int idx, const char *what)
{
  if (lua_type(L, idx) != LUA_TSTRING)
    failure_misuse(L, "%s: expected a name, not a %s", what, luaL_typename(L, idx));
  return lua_tostring(L, idx);
}

const char **secret_check_places(lua_State *L, int idx, const char *what)
{
  if (!lua_istable(L, idx))
    failure_misuse(L, "%s: expected a list of places, not a %s", what, luaL_typename(L, idx));
  size_t n = lua_rawlen(L, idx);
  if (n == 0)
    failure_misuse(L, "%s: the list of places is empty: where may the secret go?", what);
  const char **places = lua_newuserdatauv(L, (n + 1) * sizeof *places, 1);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, idx, (lua_Integer)i + 1) != LUA_TSTRING)
      failure_misuse(L, "%s: place %d must be a string, not a %s", what, (int)i + 1,
                     luaL_typename(L, -1));
    places[i] = lua_tostring(L, -1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  places[n] = NULL;
  lua_setiuservalue(L, -2, 1);
  return places;
}

static const struct opt_field source_fields[] = {
  {"to", OPT_TABLE, offsetof(struct secret_source, to), true},
  {"name", OPT_STRING, offsetof(struct secret_source, name), false},
  {0},
};

static const struct opt_field file_fields[] = {
  {"to", OPT_TABLE, offsetof(struct secret_source, to), true},
  {"name", OPT_STRING, offsetof(struct secret_source, name), false},
  {"shared", OPT_BOOLEAN, offsetof(struct secret_source, shared), false},
  {0},
};

static const struct opt_field to_fields[] = {
  {"to", OPT_TABLE, offsetof(struct secret_source, to), true},
  {0},
};

const char **secret_source_read(lua_State *L, int idx, const char *what, const char *name, bool file,
                                struct secret_source *o)
{
  *o = (struct secret_source){.name = name};
  opt_read(L, idx, what, file ? file_fields : source_fields, o);
  return secret_check_places(L, o->to, what);
}

static const char **read_to(lua_State *L, int idx, const char *what)
{
  struct secret_source o = {0};
  opt_read(L, idx, what, to_fields, &o);
  return secret_check_places(L, o.to, what);
}

/* ---- one secret ------------------------------------------------------------------------ */

/* secret.core.new(name, value, places) -> secret: of a value that Lua holds already */
static int new(lua_State *L)
{
  lua_settop(L, 3);
  const char *name = secret_check_name(L, 1, "secret.new");
  if (lua_type(L, 2) != LUA_TSTRING)
    return failure_misuse(L, "secret.new: the value of %s must be a string, not a %s", name,
                          luaL_typename(L, 2));
  const char **places = secret_check_places(L, 3, "secret.new");
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

/* secret.core.env(variable, {to = places, name = variable}) -> secret */
static int env(lua_State *L)
{
  struct secret_source o;
  lua_settop(L, 2);
  const char *variable = secret_check_name(L, 1, "secret.env");
  const char **places = secret_source_read(L, 2, "secret.env", variable, false, &o);
  struct world_environ *e = host_of(L)->world->environ;
  secret_check_bindings(L, o.name, places);
  if (!e->hide(e, variable))
    return failure_memory(L);
  const char *value = e->get_secret(e, variable);
  if (!value || !*value)
    return missing(L, variable);
  locked_close_dumps();
  secret_push(L, o.name, value, strlen(value), places);
  return 1;
}

bool secret_push_stand_in(lua_State *L, const char *name, const char *const *places)
{
  struct world_environ *e = host_of(L)->world->environ;
  const char *instead = e->stand_in(e, name);
  if (instead)
    secret_push(L, name, instead, strlen(instead), places);
  return instead != NULL;
}

/* secret.core.stand_in(name, places) -> what a rehearsal has instead of a value, or nil; checks both */
static int stand_in(lua_State *L)
{
  lua_settop(L, 2);
  const char *name = secret_check_name(L, 1, "secret.command");
  const char **places = secret_check_places(L, 2, "secret.command");
  secret_check_bindings(L, name, places);
  return secret_push_stand_in(L, name, places);
}

/* secret.core.bind(handle, name, {to = places}) -> secret */
static int bind(lua_State *L)
{
  lua_settop(L, 3);
  const char *name = secret_check_name(L, 2, "secret.bind");
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
  const char *name = secret_check_name(L, 1, "secret.derive");
  const char *purpose = luaL_checkstring(L, 3);
  lua_Integer bytes = luaL_checkinteger(L, 4);
  luaL_argcheck(L, bytes >= 16 && bytes <= SECRET_DERIVED_MAX / 2, 4, "16 to 1024 bytes");
  const char **places = read_to(L, 5, "secret.derive");
  secret_derive(L, 2, purpose, 2 * (size_t)bytes, name, places);
  return 1;
}

/* secret.core.places(template) -> the places that all secrets in it name, in full form (binding.h) */
static int places(lua_State *L)
{
  lua_settop(L, 1);
  secret_places(L, 1);
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

/* secret.core.place_wrong(text) -> why it is no place, or nil */
static int place_wrong(lua_State *L)
{
  const char *text = luaL_checkstring(L, 1);
  struct buf full;
  buf_init(&full, 4096);
  lua_pushstring(L, binding_normalise(text, &full));
  buf_free(&full);
  return 1;
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

int secret_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"admitted", admitted}, {"base64", secret_base64}, {"basic", secret_basic}, {"bind", bind},
    {"derive", derive}, {"dotenv", secret_dotenv}, {"env", env}, {"fd", secret_fd}, {"file", secret_file},
    {"fingerprint", fingerprint},
    {"generate", secret_generate}, {"is", is}, {"key_file", secret_key_file}, {"names", names}, {"new", new},
    {"password", secret_password}, {"percent", percent}, {"place_wrong", place_wrong}, {"places", places}, {"refuse", refuse}, {"stand_in", stand_in},
    {NULL, NULL}};
  secret_file_open(L);
  luaL_newlib(L, functions);
  return 1;
}
