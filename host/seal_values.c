/* seal_values.c - named texts and secrets, sealed without becoming Lua strings; see seal_values.h.
 *
 * A secret takes its binding along: the places that all secrets in it name. It is sealed only for whom it is
 * bound to ("sealed:NAME"), and known to the mask before Lua has it again.
 *
 * What is sealed is "davit values 1\n" and for each value its name, 's' for a secret or 't' for a text, the
 * number of its places, these, and its bytes; a text stands behind its length, four bytes, the least first. */
#include "seal_values.h"
#include "binding.h"
#include "buf_lua.h"
#include "failure.h"
#include "host.h"
#include "locked.h"
#include "order.h"
#include "seal_file.h"
#include "seal_keys_lua.h"
#include "secret.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>

#define MAGIC "davit values 1\n"
enum { MAGIC_LEN = sizeof MAGIC - 1, MOST = 1 << 20, PLACES_MAX = 64 };

/* ---- sealing --------------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *text, size_t len)
{
  for (int i = 0; i < 4; i++)
    buf_add_char(out, (char)(len >> (8 * i)));
  buf_add(out, text, len);
}

/* Appends the places of the secret at idx. */
static void add_places(lua_State *L, int idx, const char *name, struct buf *out)
{
  secret_places(L, idx);
  lua_Integer n = luaL_len(L, -1);
  if (n < 1 || n > PLACES_MAX)
    failure_misuse(L, "artifact.put: value %s has %d places that all secrets in it name; it needs 1 to %d", name, (int)n,
                   PLACES_MAX);
  buf_add_char(out, (char)n);
  for (lua_Integer i = 1; i <= n; i++) {
    size_t len;
    lua_geti(L, -1, i);
    const char *place = lua_tolstring(L, -1, &len);
    add_text(out, place, len);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Appends the bytes of the secret at idx, which may go to each of the names. */
static void add_secret(lua_State *L, int idx, const char *name, int names, struct buf *out)
{
  size_t len = 0;
  const char *place = lua_pushfstring(L, "value %s of an artifact", name), *bytes = NULL;
  for (lua_Integer i = 1; i <= luaL_len(L, names); i++) {
    lua_geti(L, names, i);
    struct destination to = {.kind = TO_SEALED, .what = luaL_checkstring(L, -1), .place = place};
    bytes = secret_resolve(L, idx, &to, &len);
  }
  add_text(out, bytes, len);
  lua_settop(L, idx);
}

static void add_value(lua_State *L, int idx, const char *name, int names, struct buf *out)
{
  size_t len;
  add_text(out, name, strlen(name));
  if (secret_test(L, idx)) {
    buf_add_char(out, 's');
    add_places(L, idx, name, out);
    add_secret(L, idx, name, names, out);
  } else if (lua_type(L, idx) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, idx, &len);
    buf_add_char(out, 't');
    buf_add_char(out, 0);
    add_text(out, text, len);
  } else {
    failure_misuse(L, "artifact.put: value %s is a string or a secret, not a %s", name, luaL_typename(L, idx));
  }
}

static void add_values(lua_State *L, int values, int names, struct buf *out)
{
  order_keys(L, values);
  int list = lua_gettop(L);
  buf_add_str(out, MAGIC);
  for (lua_Integer i = 1; i <= luaL_len(L, list); i++) {
    if (lua_geti(L, list, i) != LUA_TSTRING)
      failure_misuse(L, "artifact.put: values have names, not the key %s", luaL_tolstring(L, -1, NULL));
    lua_pushvalue(L, -1);
    lua_gettable(L, values);  // values … list name value
    add_value(L, lua_gettop(L), lua_tostring(L, -2), names, out);
    lua_settop(L, list);
  }
  if (!buf_ok(out))
    failure_misuse(L, "artifact.put: the values have more than %d bytes", MOST);
}

int seal_values(lua_State *L)
{
  struct seal_keys keys;
  lua_settop(L, 3);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  luaL_checkstack(L, 20, "seal");
  seal_check_keys(L, 2, "artifact.put", &keys);
  struct buf *plain = buf_push(L, MOST), *sealed = buf_push(L, 2 * MOST);
  add_values(L, 1, 3, plain);
  struct seal_writer *w = seal_writer_new(host_of(L)->world->random, (const unsigned char(*)[SEAL_KEY])keys.list,
                                          keys.count);
  bool done = w && seal_writer_feed(w, plain->data, plain->len, sealed) && seal_writer_end(w, sealed);
  seal_writer_free(w);
  if (!done)
    return failure_memory(L);
  lua_pushlstring(L, buf_str(sealed), sealed->len);
  return 1;
}

/* ---- opening ----------------------------------------------------------------------------------- */

/* What is left to read; `bad` once it ended too early. */
struct rest {
  const char *at, *end;
  bool bad;
};

static unsigned read_byte(struct rest *r)
{
  r->bad = r->bad || r->at == r->end;
  return r->bad ? 0 : (unsigned char)*r->at++;
}

static const char *read_text(struct rest *r, size_t *len)
{
  *len = 0;
  for (int i = 0; i < 4; i++)
    *len |= (size_t)read_byte(r) << (8 * i);
  r->bad = r->bad || *len > (size_t)(r->end - r->at);
  const char *text = r->at;
  if (r->bad)
    *len = 0;
  else
    r->at += *len;
  return text;
}

static bool has_control(const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 127)
      return true;
  return false;
}

/* Pushes a text of what is left that people will see: a name or a place. */
static const char *push_text(lua_State *L, struct rest *r)
{
  size_t len;
  const char *text = read_text(r, &len);
  r->bad = r->bad || len == 0 || has_control(text, len);
  return lua_pushlstring(L, text, len);
}

/* What secret_push() would call a mistake of the recipe: whoever sealed it made it. */
static bool is_secret(size_t len, const char *const *places)
{
  bool good = len > 0 && places[0];
  for (; good && *places; places++) {
    struct buf full;
    buf_init(&full, 4096);
    good = !binding_normalise(*places, &full);
    buf_free(&full);
  }
  return good;
}

/* Pushes the next value; nothing when it cannot be read. */
static void push_value(lua_State *L, struct rest *r, const char *name)
{
  const char *places[PLACES_MAX + 1] = {NULL};
  unsigned kind = read_byte(r), count = read_byte(r);
  size_t len;
  r->bad = r->bad || count > PLACES_MAX || (kind != 's' && kind != 't');
  luaL_checkstack(L, PLACES_MAX + 8, "seal");
  for (unsigned i = 0; i < count && !r->bad; i++)
    places[i] = push_text(L, r);
  const char *bytes = read_text(r, &len);
  r->bad = r->bad || (kind == 's' && !is_secret(len, places));
  if (r->bad)
    return;
  if (kind == 's')
    secret_push(L, name, bytes, len, places);
  else
    lua_pushlstring(L, bytes, len);
}

/* Fills the table on top. False: nobody who seals values writes such. */
static bool read_values(lua_State *L, struct rest *r)
{
  int table = lua_gettop(L);
  r->bad = r->end - r->at < MAGIC_LEN || memcmp(r->at, MAGIC, MAGIC_LEN) != 0;
  if (!r->bad)
    r->at += MAGIC_LEN;
  while (!r->bad && r->at < r->end) {
    const char *name = push_text(L, r);  // table name
    push_value(L, r, name);
    if (r->bad)
      break;
    lua_pushvalue(L, table + 1);
    lua_insert(L, -2);
    lua_settable(L, table);
    lua_settop(L, table);
  }
  lua_settop(L, table);
  return !r->bad;
}

static int raise_opening(lua_State *L, enum seal_result why, struct seal_reader *reader, const char *what)
{
  struct fault f;
  seal_fault(&f, why, reader, what);
  seal_reader_free(reader);
  return failure_raise(L, &f, what);
}

static void close_dumps(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  if (!e->stand_in(e, "DAVIT_ARTIFACT_KEY"))
    locked_close_dumps();
}

int seal_open_values(lua_State *L)
{
  unsigned char private[SEAL_KEY];
  size_t len;
  lua_settop(L, 3);
  const char *text = luaL_checklstring(L, 1, &len), *what = luaL_checkstring(L, 3);
  luaL_checkstack(L, 20, "seal");
  struct buf *plain = buf_push(L, 2 * MOST);
  seal_check_private(L, 2, "artifact.get", private);
  struct seal_reader *reader = seal_reader_new(private);
  wipe(private, sizeof private);
  if (!reader)
    return failure_memory(L);
  enum seal_result result = seal_reader_feed(reader, text, len, plain);
  if (result == SEAL_OK)
    result = seal_reader_end(reader, plain);
  if (result != SEAL_OK)
    return raise_opening(L, result, reader, what);
  seal_reader_free(reader);
  close_dumps(L);
  struct rest rest = {.at = buf_str(plain), .end = buf_str(plain) + plain->len};
  lua_newtable(L);
  return read_values(L, &rest) ? 1 : raise_opening(L, SEAL_DAMAGED, NULL, what);
}
