/* digest.c - SHA-256, HMAC and base64 on libcrypto, and the modules "sha256" and "base64".
 *
 * libcrypto's base64 decoder forgives spaces, padding in the middle and left-over bits. So
 * the text is checked first, in blocks that are brought to the standard alphabet on the way. */
#include "digest.h"
#include "failure.h"
#include "opt.h"
#include "secret.h"
#include <lauxlib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* ---- SHA-256 --------------------------------------------------------------------------- */

void sha256_write_hex(const unsigned char *hash, char hex[SHA256_HEX + 1])
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < SHA256_HEX / 2; i++) {
    hex[2 * i] = digits[hash[i] >> 4];
    hex[2 * i + 1] = digits[hash[i] & 15];
  }
  hex[SHA256_HEX] = 0;
}

bool sha256_hex(const void *data, size_t len, char hex[SHA256_HEX + 1])
{
  unsigned char hash[SHA256_HEX / 2];
  if (EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL) != 1)
    return false;
  sha256_write_hex(hash, hex);
  return true;
}

size_t hmac(enum hmac_hash hash, const void *key, size_t key_len, const void *data, size_t len,
            unsigned char out[HMAC_MAX])
{
  const EVP_MD *md = hash == HMAC_SHA1 ? EVP_sha1() : hash == HMAC_SHA512 ? EVP_sha512() : EVP_sha256();
  unsigned n = 0;
  return HMAC(md, key, (int)key_len, data, len, out, &n) ? n : 0;
}

bool hmac_sha256_hex(const void *key, size_t key_len, const void *data, size_t len,
                     char hex[SHA256_HEX + 1])
{
  unsigned char hash[HMAC_MAX];
  if (!hmac(HMAC_SHA256, key, key_len, data, len, hash))
    return false;
  sha256_write_hex(hash, hex);
  return true;
}

/* ---- base64: encoding -------------------------------------------------------------------- */

/* Whole groups on both sides, and far below the int that libcrypto counts in. */
enum { PLAIN_BLOCK = 3 << 20, TEXT_BLOCK = 4 << 8 };

size_t base64_encoded_max(size_t len)
{
  return (len + 2) / 3 * 4 + 1;
}

static size_t to_url(char *text, size_t len)
{
  while (len > 0 && text[len - 1] == '=')
    text[--len] = 0;
  for (size_t i = 0; i < len; i++)
    text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
  return len;
}

size_t base64_encode(const void *data, size_t len, bool url, char *out)
{
  const unsigned char *from = data;
  size_t written = 0;
  *out = 0;
  while (len > 0) {
    size_t n = len < PLAIN_BLOCK ? len : PLAIN_BLOCK;
    written += (size_t)EVP_EncodeBlock((unsigned char *)out + written, from, (int)n);
    from += n;
    len -= n;
  }
  return url ? to_url(out, written) : written;
}

/* ---- base64: decoding ---------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The digit's standard form, 0 when it is none. */
static char standard(char c, bool url)
{
  if (url && (c == '+' || c == '/'))
    return 0;
  char plain = url && c == '-' ? '+' : url && c == '_' ? '/' : c;
  return plain && strchr(alphabet, plain) ? plain : 0;
}

/* How many of the last characters are padding; -1 when they are not as they should be. */
static int padding(const char *text, size_t len, bool url)
{
  int n = 0;
  while (n < 2 && (size_t)n < len && text[len - 1 - (size_t)n] == '=')
    n++;
  if (len % 4 == 0)
    return n;
  return url && n == 0 && len % 4 != 1 ? 0 : -1;
}

/* The last digit of a short group holds bits of no byte: they are zero. */
static bool left_over_bits(char last, size_t digits)
{
  static const unsigned masks[] = {0, 0, 15, 3};
  return digits % 4 && (unsigned)(strchr(alphabet, last) - alphabet) & masks[digits % 4];
}

size_t base64_decoded_max(size_t len)
{
  return (len + 3) / 4 * 3;
}

/* Fills the block with the next digits, the last group with zero bits. Returns its length,
 * 0 at a wrong digit, where *at stays. */
static size_t fill(unsigned char *block, const char *text, size_t digits, bool url, size_t *at)
{
  size_t n = 0;
  for (; n < TEXT_BLOCK && *at < digits; n++, ++*at) {
    block[n] = (unsigned char)standard(text[*at], url);
    if (!block[n])
      return 0;
  }
  if (*at == digits && left_over_bits((char)block[n - 1], digits)) {
    --*at;
    return 0;
  }
  while (n % 4)
    block[n++] = 'A';
  return n;
}

bool base64_decode(const char *text, size_t len, bool url, void *out, size_t *out_len)
{
  unsigned char block[TEXT_BLOCK], *to = out;
  int pad = padding(text, len, url);
  size_t digits = len - (pad > 0 ? (size_t)pad : 0), at = 0;
  *out_len = len;
  if (pad < 0)
    return false;
  while (at < digits) {
    size_t n = fill(block, text, digits, url, &at);
    if (n == 0) {
      *out_len = at;
      return false;
    }
    to += EVP_DecodeBlock(to, block, (int)n);
  }
  *out_len = digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0);
  return true;
}

/* ---- Lua: sha256(text) -> 64 hexadecimal digits --------------------------------------------- */

static int sha256(lua_State *L)
{
  char hex[SHA256_HEX + 1];
  size_t len;
  const char *text = opt_string(L, 1, "sha256", "text", &len);
  if (!sha256_hex(text, len, hex))
    return failure_memory(L);
  lua_pushlstring(L, hex, SHA256_HEX);
  return 1;
}

int sha256_open(lua_State *L)
{
  lua_pushcfunction(L, sha256);
  return 1;
}

/* ---- Lua: base64.encode(bytes, {url=}), base64.decode(text, {url=}) ------------------------- */

static bool read_url(lua_State *L, int idx, const char *what)
{
  static const struct opt_field fields[] = {{"url", OPT_BOOLEAN, 0, false}, {0}};
  bool url = false;
  if (!lua_isnoneornil(L, idx))
    opt_read(L, idx, what, fields, &url);
  return url;
}

static int encode_secret(lua_State *L)
{
  lua_pushboolean(L, read_url(L, 2, "base64.encode"));
  lua_replace(L, 2);
  return secret_base64(L);
}

static int encode(lua_State *L)
{
  size_t len;
  lua_settop(L, 2);
  if (secret_test(L, 1))
    return encode_secret(L);
  const char *data = opt_string(L, 1, "base64.encode", "bytes", &len);
  bool url = read_url(L, 2, "base64.encode");
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, base64_encoded_max(len));
  luaL_pushresultsize(&b, base64_encode(data, len, url, out));
  return 1;
}

static int refuse(lua_State *L, bool url, size_t at)
{
  struct fault f;
  fault_set(&f, "base64-invalid", "fatal", "base64.decode: the text is not base64 at byte %zu",
            at + 1);
  fault_hint(&f, url ? "with url = true the digits are A-Z a-z 0-9 - _"
                     : "the digits are A-Z a-z 0-9 + /, and = fills the last four; the alphabet "
                       "with - and _ is read with { url = true }");
  return failure_raise(L, &f, NULL);
}

static int decode(lua_State *L)
{
  size_t len, n;
  const char *text = opt_string(L, 1, "base64.decode", "text", &len);
  bool url = read_url(L, 2, "base64.decode");
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, base64_decoded_max(len));
  if (!base64_decode(text, len, url, out, &n))
    return refuse(L, url, n);
  luaL_pushresultsize(&b, n);
  return 1;
}

int base64_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"decode", decode}, {"encode", encode}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
