/* sealed_box_lua.c - the module "sealed_box.core": sealed boxes. The model of GitHub gives out public keys and opens
 * what it is sent; the provider seals secrets for them, each of which has to be admitted where its box is sent to.
 * What recipes seal for files and outputs is seal_lua.c's. */
#include "buf_lua.h"
#include "failure.h"
#include "host.h"
#include "sealed_box.h"
#include "secret.h"
#include "world.h"
#include <lauxlib.h>

static const unsigned char *check_bytes(lua_State *L, int idx, size_t wanted, const char *what)
{
  size_t len;
  const char *bytes = luaL_checklstring(L, idx, &len);
  if (len != wanted)
    failure_misuse(L, "sealed_box: the %s has %d bytes, not %d", what, (int)wanted, (int)len);
  return (const unsigned char *)bytes;
}

/* sealed_box.core.public_key(seed of 32 bytes) -> 32 bytes */
static int public_key(lua_State *L)
{
  unsigned char public[SEALED_BOX_KEY];
  if (!sealed_box_public(check_bytes(L, 1, SEALED_BOX_SEED, "seed"), public))
    return failure_memory(L);
  lua_pushlstring(L, (const char *)public, sizeof public);
  return 1;
}

/* Room for so many bytes; the buffer is pushed. */
static struct buf *push_room(lua_State *L, size_t len)
{
  struct buf *b = buf_push(L, BUF_LIMIT);
  buf_reserve(b, len + 1);
  if (!buf_ok(b))
    failure_memory(L);
  return b;
}

static int push_box(lua_State *L, const unsigned char *public, const char *text, size_t len)
{
  struct sealed_box_once once;
  struct buf *box = push_room(L, len + SEALED_BOX_EXTRA);
  bool sealed = sealed_box_seal(&once, host_of(L)->world->random, public, text, len, (unsigned char *)box->data);
  wipe(&once, sizeof once);
  if (!sealed)
    return failure_misuse(L, "sealed_box: this is no public key");
  lua_pushlstring(L, box->data, len + SEALED_BOX_EXTRA);
  return 1;
}

/* sealed_box.core.seal(public key, text) -> box */
static int seal(lua_State *L)
{
  size_t len;
  const unsigned char *public = check_bytes(L, 1, SEALED_BOX_KEY, "public key");
  const char *text = luaL_checklstring(L, 2, &len);
  return push_box(L, public, text, len);
}

/* sealed_box.core.seal_secret(public key, secret, url, method) -> box, which nobody opens but who is asked at the
 * URL; raises "secret-refused" for a secret that may not be sent there in a body */
static int seal_secret(lua_State *L)
{
  size_t len;
  lua_settop(L, 4);
  const unsigned char *public = check_bytes(L, 1, SEALED_BOX_KEY, "public key");
  struct destination to = {.kind = TO_HTTP, .what = luaL_checkstring(L, 3), .method = luaL_checkstring(L, 4),
                           .place = "a sealed value"};
  const char *value = secret_resolve(L, 2, &to, &len);
  return push_box(L, public, value, len);
}

/* sealed_box.core.unseal(seed, box) -> text; nil: it is none, or for another key */
static int unseal(lua_State *L)
{
  size_t len;
  const unsigned char *seed = check_bytes(L, 1, SEALED_BOX_SEED, "seed");
  const char *box = luaL_checklstring(L, 2, &len);
  if (len < SEALED_BOX_EXTRA)
    return 0;
  struct buf *text = push_room(L, len - SEALED_BOX_EXTRA);
  if (!sealed_box_unseal(seed, (const unsigned char *)box, len, (unsigned char *)text->data))
    return 0;
  lua_pushlstring(L, text->data, len - SEALED_BOX_EXTRA);
  return 1;
}

int sealed_box_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"public_key", public_key}, {"seal", seal}, {"seal_secret", seal_secret},
                                       {"unseal", unseal}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
