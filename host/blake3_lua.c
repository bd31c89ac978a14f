/* blake3_lua.c - the module "blake3": blake3.hash(text), and blake3.stream() for what comes in pieces. */
#include "blake3.h"
#include "class.h"
#include "digest.h"
#include "opt.h"
#include <lauxlib.h>

#define STREAM "blake3.stream"
_Static_assert(SHA256_HEX == 2 * BLAKE3_BYTES, "both hashes are as long");

static int push_hash(lua_State *L, const struct blake3 *b)
{
  unsigned char hash[BLAKE3_BYTES];
  char hex[SHA256_HEX + 1];
  blake3_end(b, hash);
  sha256_write_hex(hash, hex);
  lua_pushlstring(L, hex, SHA256_HEX);
  return 1;
}

/* blake3.hash(text) -> 64 hexadecimal digits */
static int hash(lua_State *L)
{
  struct blake3 b;
  size_t len;
  const char *text = opt_string(L, 1, "blake3.hash", "text", &len);
  blake3_begin(&b);
  blake3_add(&b, text, len);
  return push_hash(L, &b);
}

/* blake3.stream() */
static int stream(lua_State *L)
{
  struct blake3 *b = lua_newuserdatauv(L, sizeof *b, 0);
  blake3_begin(b);
  luaL_setmetatable(L, STREAM);
  return 1;
}

/* stream:add(text) */
static int add(lua_State *L)
{
  size_t len;
  struct blake3 *b = luaL_checkudata(L, 1, STREAM);
  const char *text = opt_string(L, 2, "blake3.stream: add", "text", &len);
  blake3_add(b, text, len);
  return 0;
}

/* stream:hash() -> 64 hexadecimal digits */
static int stream_hash(lua_State *L)
{
  return push_hash(L, luaL_checkudata(L, 1, STREAM));
}

int blake3_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"add", add}, {"hash", stream_hash}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"hash", hash}, {"stream", stream}, {NULL, NULL}};
  class_new(L, STREAM, methods, NULL);
  luaL_newlib(L, functions);
  return 1;
}
