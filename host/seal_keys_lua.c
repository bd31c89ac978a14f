/* seal_keys_lua.c - the keys of a seal, read from arguments; see seal_keys_lua.h.
 *
 * In a rehearsal nobody has a private key: no secret's value is there. So what is sealed in one is sealed for one
 * more key, which everybody knows, and opened with that. */
#include "seal_keys_lua.h"
#include "failure.h"
#include "host.h"
#include "seal_format.h"
#include "secret.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>

static bool is_rehearsed(lua_State *L)
{
  struct world_environ *e = host_of(L)->world->environ;
  return e->stand_in(e, "DAVIT_ARTIFACT_KEY") != NULL;
}

static void rehearsed_pair(unsigned char public[SEAL_KEY], unsigned char private[SEAL_KEY])
{
  static const unsigned char seed[crypto_box_SEEDBYTES] = "known to every rehearsal";
  crypto_box_seed_keypair(public, private, seed);
}

void seal_check_keys(lua_State *L, int idx, const char *what, struct seal_keys *keys)
{
  lua_Integer n = lua_istable(L, idx) ? luaL_len(L, idx) : 0;
  if (n < 1 || n >= SEAL_KEYS_MAX)
    failure_misuse(L, "%s: it is sealed for 1 to %d keys", what, SEAL_KEYS_MAX - 1);
  for (lua_Integer i = 1; i <= n; i++) {
    size_t len = 0;
    const char *text = lua_geti(L, idx, i) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : "";
    if (!seal_read_key(SEAL_PUBLIC, text, len, keys->list[i - 1]))
      failure_misuse(L, "%s: '%s' is no public key: it begins with " SEAL_PUBLIC " and has 43 digits more", what,
                     text);
    lua_pop(L, 1);
  }
  keys->count = (size_t)n;
  if (is_rehearsed(L)) {
    unsigned char private[SEAL_KEY];
    rehearsed_pair(keys->list[keys->count++], private);
  }
}

void seal_check_private(lua_State *L, int idx, const char *what, unsigned char private[SEAL_KEY])
{
  unsigned char public[SEAL_KEY];
  size_t len;
  if (!secret_test(L, idx))
    failure_misuse(L, "%s: the key must be a secret, not a %s", what, luaL_typename(L, idx));
  if (is_rehearsed(L)) {
    rehearsed_pair(public, private);
    return;
  }
  const char *text = secret_read(L, idx, &len);
  bool is_key = seal_read_key(SEAL_PRIVATE, text, len, private);
  lua_pop(L, 1);
  if (is_key)
    return;
  struct fault f;
  fault_set(&f, "artifact-key", "fatal", "%s: %s holds no private key", what, luaL_tolstring(L, idx, NULL));
  fault_hint(&f, "it begins with " SEAL_PRIVATE " and has 43 digits more; 'davit artifact key FILE' makes one");
  failure_raise(L, &f, NULL);
}
