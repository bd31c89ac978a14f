/* http_sign_lua.c - requests signed for S3 and its like; see http_lua.h.
 *
 * The key may be a secret: it is resolved here, after a check against the URL, and no Lua string
 * ever holds it. What is signed goes to the world in memory that is wiped. */
#include "buf_lua.h"
#include "digest.h"
#include "failure.h"
#include "host.h"
#include "http_lua.h"
#include "mask.h"
#include "opt.h"
#include "secret.h"
#include "sigv4.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>
#include <strings.h>

struct sign_options {
  const char *region, *service;
  int key_id, key, token;
  bool unsigned_body;
};

static const struct opt_field sign_fields[] = {
  {"region", OPT_STRING, offsetof(struct sign_options, region), true},
  {"service", OPT_STRING, offsetof(struct sign_options, service), false},
  {"key_id", OPT_TEXT, offsetof(struct sign_options, key_id), true},
  {"key", OPT_TEXT, offsetof(struct sign_options, key), true},
  {"token", OPT_TEXT, offsetof(struct sign_options, token), false},
  {"unsigned", OPT_BOOLEAN, offsetof(struct sign_options, unsigned_body), false},
  {0},
};

/* ---- the option sigv4 ------------------------------------------------------------------------ */

/* What stands in headers and texts to sign must not end them. */
static void check_text(lua_State *L, const char *what, const char *place, const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
      failure_misuse(L, "%s: %s holds a control character", what, place);
  if (len == 0)
    failure_misuse(L, "%s: %s is empty", what, place);
}

static const char *resolve(lua_State *L, const char *what, int idx, const struct destination *where,
                           const char *place, const char *header)
{
  struct destination to = *where;
  to.place = place;
  to.header = header;
  size_t len;
  const char *text = secret_resolve(L, idx, &to, &len);
  check_text(L, what, place, text, len);
  return text;
}

/* Region and service stand between slashes in what is signed. */
static void check_word(lua_State *L, const char *what, const char *option, const char *word)
{
  if (!*word || strcspn(word, "/ \t\r\n,=") != strlen(word))
    failure_misuse(L, "%s: sigv4: '%s' is no %s", what, word, option);
}

/* Pushes the bytes that the key points to. */
static void read_key(lua_State *L, const char *what, int sigv4, const struct destination *to,
                     struct sign_options *o, struct sigv4_key *k)
{
  *o = (struct sign_options){.service = "s3"};
  luaL_checkstack(L, 20, "sigv4");
  opt_read(L, sigv4, "http.request: sigv4", sign_fields, o);
  check_word(L, what, "region", o->region);
  check_word(L, what, "service", o->service);
  *k = (struct sigv4_key){.region = o->region, .service = o->service};
  k->id = resolve(L, what, o->key_id, to, "sigv4 key_id", "authorization");
  k->secret = resolve(L, what, o->key, to, "sigv4 key", "authorization");
  if (o->token)
    k->token = resolve(L, what, o->token, to, "sigv4 token", "x-amz-security-token");
}

bool http_sign_needs_digest(lua_State *L, int sigv4)
{
  lua_getfield(L, sigv4, "unsigned");
  bool is_unsigned = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return !is_unsigned;
}

/* ---- signing ----------------------------------------------------------------------------------- */

static const char *payload(lua_State *L, const char *what, const struct sign_options *o, const char *digest,
                           const struct http_request *r, char hex[SHA256_HEX + 1])
{
  if (r->parts)
    failure_misuse(L, "%s: a multipart body cannot be signed: send the file with 'from'", what);
  if (o->unsigned_body && strncasecmp(r->url, "https://", 8) != 0)
    failure_misuse(L, "%s: sigv4: a body goes unsigned over https only", what);
  if (o->unsigned_body)
    return SIGV4_UNSIGNED;
  if (digest)
    return digest;
  if (!sha256_hex(r->body ? r->body : "", r->body_len, hex))
    failure_memory(L);
  return hex;
}

static void check_headers(lua_State *L, const char *what, const char *const *headers)
{
  for (; headers && *headers; headers++)
    if (strncasecmp(*headers, "authorization", 13) == 0 && strchr(":;", (*headers)[13]))
      failure_misuse(L, "%s: sigv4 makes the header 'authorization' itself", what);
}

static void check_outcome(lua_State *L, const char *what, enum sigv4_outcome outcome)
{
  if (outcome == SIGV4_NO_MEMORY)
    failure_memory(L);
  if (outcome == SIGV4_NO_URL)
    failure_misuse(L, "%s: sigv4 signs http and https URLs without a user's name", what);
}

/* Pushes the request's own headers and those that were added, in one list. */
static const char *const *join(lua_State *L, const char *const *own, const struct buf *added, size_t count)
{
  size_t n = 0;
  while (own && own[n])
    n++;
  const char **list = lua_newuserdatauv(L, (n + count + 1) * sizeof *list, 0), *p = buf_str(added);
  if (n)
    memcpy(list, own, n * sizeof *list);
  for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
    list[n + i] = p;
  list[n + count] = NULL;
  return list;
}

void http_sign(lua_State *L, const char *what, int sigv4, const char *digest, const struct destination *to,
               struct http_request *r)
{
  struct sign_options o;
  struct sigv4_key k;
  struct sigv4_signed out;
  char hex[SHA256_HEX + 1];
  struct world_clock *clock = host_of(L)->world->clock;
  check_headers(L, what, r->headers);
  read_key(L, what, sigv4, to, &o, &k);
  struct sigv4_request request = {.method = r->method, .url = r->url, .headers = r->headers,
                                  .payload = payload(L, what, &o, digest, r, hex), .now = clock->now(clock)};
  struct buf *url = buf_push(L, 0), *headers = buf_push(L, 0);
  enum sigv4_outcome outcome = sigv4_sign(&k, &request, &out);
  *url = out.url;  /* Lua's from now on */
  *headers = out.headers;
  check_outcome(L, what, outcome);
  r->url = buf_str(url);
  r->headers = join(L, r->headers, headers, out.header_count);
}

/* ---- presign ------------------------------------------------------------------------------------- */

struct presign_options {
  const char *url, *method;
  int sigv4;
  lua_Integer expires;
};

static const struct opt_field presign_fields[] = {
  {"url", OPT_STRING, offsetof(struct presign_options, url), true},
  {"method", OPT_STRING, offsetof(struct presign_options, method), false},
  {"sigv4", OPT_TABLE, offsetof(struct presign_options, sigv4), true},
  {"expires", OPT_INTEGER, offsetof(struct presign_options, expires), false},
  {0},
};

/* They stand in the URL for everybody to read. */
static void check_plain(lua_State *L, const struct sign_options *o)
{
  if (secret_test(L, o->key_id) || (o->token && secret_test(L, o->token)))
    failure_misuse(L, "http.presign: the URL shows key_id and token: they cannot be secrets");
}

/* The URL is for others to use, so it is no secret; but whoever reads it in a log could, too. */
static void mask_signature(lua_State *L, const char *url)
{
  static const char field[] = "X-Amz-Signature=";
  const char *at = strstr(url, field);
  size_t len = at ? strcspn(at + sizeof field - 1, "&#") : 0;
  if (len && mask_add(host_of(L)->mask, "presigned URL", at + sizeof field - 1, len) == MASK_NO_MEMORY)
    failure_memory(L);
}

int http_presign(lua_State *L)
{
  enum { WEEK = 604800 };
  struct presign_options p = {.method = "GET", .expires = 3600};
  struct sign_options o;
  struct sigv4_key k;
  struct sigv4_signed out;
  struct world_clock *clock = host_of(L)->world->clock;
  lua_settop(L, 1);
  opt_read(L, 1, "http.presign", presign_fields, &p);
  if (p.expires < 1 || p.expires > WEEK)
    return failure_misuse(L, "http.presign: expires is 1 to %d seconds", WEEK);
  const struct destination to = {.kind = TO_HTTP, .what = p.url, .method = p.method};
  read_key(L, "http.presign", p.sigv4, &to, &o, &k);
  check_plain(L, &o);
  struct sigv4_request request = {.method = p.method, .url = p.url, .payload = SIGV4_UNSIGNED,
                                  .now = clock->now(clock)};
  struct buf *url = buf_push(L, 0), *headers = buf_push(L, 0);
  enum sigv4_outcome outcome = sigv4_presign(&k, &request, (unsigned)p.expires, &out);
  *url = out.url;  /* Lua's from now on */
  *headers = out.headers;
  check_outcome(L, "http.presign", outcome);
  mask_signature(L, buf_str(url));
  lua_pushlstring(L, buf_str(url), url->len);
  return 1;
}
