/* hmac_lua.c - the module "hmac.core": codes that prove who wrote a text. lua/hmac.lua reads the options.
 *
 * A key that is a secret is resolved here and nowhere else; what comes of it is a secret, too. */
#include "buf_lua.h"
#include "digest.h"
#include "escape.h"
#include "failure.h"
#include "opt.h"
#include "secret.h"
#include <lauxlib.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

/* The bytes of a string or a secret; what holds them is pushed. */
static const char *read_bytes(lua_State *L, int idx, const char *what, const char *name, size_t *len)
{
  return secret_test(L, idx) ? secret_read(L, idx, len) : opt_string(L, idx, what, name, len);
}

static const char *const hashes[] = {"sha1", "sha256", "sha512", NULL};

/* The code of the text at 3 with the key at 2. */
static size_t compute(lua_State *L, unsigned char code[HMAC_MAX])
{
  static const char *const names[] = {"hmac.sha1", "hmac.sha256", "hmac.sha512"};
  int hash = luaL_checkoption(L, 1, NULL, hashes);
  size_t key_len, len;
  const char *key = read_bytes(L, 2, names[hash], "key", &key_len);
  const char *text = read_bytes(L, 3, names[hash], "text", &len);
  if (key_len > INT32_MAX)
    failure_misuse(L, "%s: the key is too long", names[hash]);
  size_t n = hmac((enum hmac_hash)hash, key, key_len, text, len, code);
  if (n == 0)
    failure_memory(L);
  return n;
}

/* Writes the code as the text the caller wants. */
static void encode(struct buf *out, const unsigned char *code, size_t n, const char *encoding)
{
  const char *bytes = (const char *)code;
  if (strcmp(encoding, "hex") == 0)
    escape_hex(out, bytes, n, true);
  else if (strcmp(encoding, "bytes") == 0)
    buf_add(out, bytes, n);
  else
    escape_base64(out, bytes, n, strcmp(encoding, "base64url") == 0, strcmp(encoding, "base64") == 0);
}

/* hmac.core.code(hash, key, text, encoding) -> text */
static int code(lua_State *L)
{
  unsigned char bytes[HMAC_MAX];
  const char *encoding = luaL_checkstring(L, 4);
  if (secret_test(L, 2) || secret_test(L, 3))
    return failure_misuse(L, "hmac: of a secret comes a secret: where may it go?");
  size_t n = compute(L, bytes);
  struct buf *out = buf_push(L, 4 * HMAC_MAX);
  encode(out, bytes, n, encoding);
  if (!buf_ok(out))
    return failure_memory(L);
  lua_pushlstring(L, buf_str(out), out->len);
  return 1;
}

enum { PLACES_MAX = 32 };

/* The code goes where was said. */
static void push_bound(lua_State *L, const char *name, const struct buf *code)
{
  const char *places[PLACES_MAX + 1] = {NULL};
  lua_Integer count = luaL_len(L, 6);
  luaL_checkstack(L, PLACES_MAX + 8, "hmac");
  for (lua_Integer i = 1; i <= count && i <= PLACES_MAX; i++) {
    lua_rawgeti(L, 6, i);
    places[i - 1] = luaL_checkstring(L, -1);
  }
  secret_push(L, name, buf_str(code), code->len, places);
}

/* The code goes where key and text, as far as they are secrets, may go. */
static void push_inheriting(lua_State *L, const char *name, const struct buf *code)
{
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  secret_concat(L, 2);
  secret_push_derived(L, lua_gettop(L), name, buf_str(code), code->len);
}

/* hmac.core.secret(hash, key, text, encoding, name, places or nil) -> secret */
static int secret_code(lua_State *L)
{
  unsigned char bytes[HMAC_MAX];
  const char *encoding = luaL_checkstring(L, 4), *name = luaL_checkstring(L, 5);
  lua_settop(L, 6);
  size_t n = compute(L, bytes);
  struct buf *out = buf_push(L, 4 * HMAC_MAX);
  encode(out, bytes, n, encoding);
  wipe(bytes, sizeof bytes);
  if (!buf_ok(out))
    return failure_memory(L);
  if (lua_isnil(L, 6))
    push_inheriting(L, name, out);
  else
    push_bound(L, name, out);
  return 1;
}

/* hmac.core.verify(hash, key, text, code as bytes) -> boolean; takes as long for every wrong code */
static int verify(lua_State *L)
{
  unsigned char bytes[HMAC_MAX];
  size_t given_len, n = compute(L, bytes);
  const char *given = luaL_checklstring(L, 4, &given_len);
  lua_pushboolean(L, given_len == n && CRYPTO_memcmp(given, bytes, n) == 0);
  return 1;
}

int hmac_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"code", code}, {"secret", secret_code}, {"verify", verify}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
