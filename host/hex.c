/* hex.c - the module "hex": bytes as hexadecimal digits. */
#include "buf_lua.h"
#include "escape.h"
#include "failure.h"
#include "opt.h"
#include <lauxlib.h>

/* hex.encode(bytes) -> digits, lower case */
static int encode(lua_State *L)
{
  size_t len;
  const char *data = opt_string(L, 1, "hex.encode", "bytes", &len);
  lua_settop(L, 1);
  struct buf *out = buf_push(L, BUF_LIMIT);
  escape_hex(out, data, len, true);
  if (!buf_ok(out))
    return failure_memory(L);
  lua_pushlstring(L, buf_str(out), out->len);
  return 1;
}

/* The digit's value, -1 when it is none. */
static int value_of(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  char lower = (char)(c | 32);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static int refuse(lua_State *L, const char *format, size_t at)
{
  struct fault f;
  fault_set(&f, "hex-invalid", "fatal", format, at);
  return failure_raise(L, &f, NULL);
}

/* hex.decode(digits) -> bytes; raises "hex-invalid" */
static int decode(lua_State *L)
{
  size_t len;
  const char *text = opt_string(L, 1, "hex.decode", "text", &len);
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, len / 2 + 1);
  for (size_t i = 0; i < len; i++) {
    int value = value_of(text[i]);
    if (value < 0)
      return refuse(L, "hex.decode: the text is not hexadecimal at byte %zu", i + 1);
    out[i / 2] = (char)(i % 2 ? out[i / 2] | value : value << 4);
  }
  if (len % 2)
    return refuse(L, "hex.decode: the text has %zu digits, and a byte takes two", len);
  luaL_pushresultsize(&b, len / 2);
  return 1;
}

int hex_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"decode", decode}, {"encode", encode}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
