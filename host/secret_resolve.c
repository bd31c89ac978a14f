/* secret_resolve.c - the bytes of a template, for whom every secret in it is bound to; see secret.h.
 *
 * They are put together in the vault, for as long as what holds them stays on the stack. */
#include "secret_template.h"
#include "binding.h"
#include "class.h"
#include "digest.h"
#include "failure.h"
#include "host.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>

#define RESOLVED "davit.resolved"

/* ---- who may have them ------------------------------------------------------------------ */

/* The secret that may not go there: itself, or one it was derived from; NULL: it may. */
static const struct secret *kept_back(const struct secret *s, const struct destination *to)
{
  const struct secret *kept = NULL;
  for (struct secret **f = s->from; f && *f && !kept; f++)
    kept = kept_back(*f, to);
  if (s->from)
    return kept;
  for (char **b = s->bindings; *b; b++)
    if (binding_allows(*b, to))
      return NULL;
  return s;
}

/* The same for a template. */
static const struct secret *first_kept_back(const struct template *t, const struct destination *to)
{
  const struct secret *kept = NULL;
  for (size_t i = 0; i < t->count && !kept; i++)
    if (t->pieces[i].secret)
      kept = kept_back(t->pieces[i].secret, to);
  return kept;
}

/* "secret A may be sent to X and Y only" */
static void describe_bindings(const struct secret *s, struct buf *text)
{
  buf_printf(text, "secret %s %s", s->name, s->bindings[0] ? "may be sent to " : "is bound to no place");
  for (char **b = s->bindings; *b; b++)
    buf_printf(text, "%s%s", b == s->bindings ? "" : b[1] ? ", " : " and ", *b);
  buf_add_str(text, s->bindings[0] ? " only" : "");
}

static void describe_refusal(const struct secret *s, const struct destination *to, struct buf *text)
{
  describe_bindings(s, text);
  buf_add_str(text, s->bindings[0] ? ", not to " : " and may not be sent to ");
  binding_describe(to, (const char *const *)s->bindings, text);
  buf_printf(text, " (%s)", to->place);
}

static void refuse(lua_State *L, const struct secret *s, const struct destination *to)
{
  struct fault f;
  struct buf text;
  buf_init(&text, 4096);
  describe_refusal(s, to, &text);
  fault_set(&f, "secret-refused", "fatal", "%s", buf_str(&text));
  fault_hint(&f, "if it belongs there, add the place to what %s is bound to", s->name);
  buf_free(&text);
  failure_raise(L, &f, NULL);
}

static const struct secret *first_of(const struct template *t)
{
  size_t i = 0;
  while (!t->pieces[i].secret)
    i++;
  const struct secret *s = t->pieces[i].secret;
  while (s->from && s->from[0])
    s = s->from[0];
  return s;
}

int secret_refuse(lua_State *L, int idx, const char *place, const char *hint)
{
  struct fault f;
  struct buf text;
  buf_init(&text, 4096);
  buf_printf(&text, "%s cannot hold a secret: ", place);
  describe_bindings(first_of(secret_check(L, idx, place)), &text);
  fault_set(&f, "secret-refused", "fatal", "%s", buf_str(&text));
  if (hint)
    fault_hint(&f, "%s", hint);
  buf_free(&text);
  return failure_raise(L, &f, NULL);
}

/* ---- the bytes -------------------------------------------------------------------------- */

/* The bytes of a template for a moment. */
struct resolved {
  struct arena *vault;
  char *bytes;
  size_t len;
};

static int resolved_close(lua_State *L)  /* __close and __gc */
{
  struct resolved *r = luaL_checkudata(L, 1, RESOLVED);
  arena_free(r->vault, r->bytes, r->len + 1);
  r->bytes = NULL;
  return 0;
}

static struct resolved *push_resolved(lua_State *L)
{
  struct arena *vault = secret_vault(L);
  struct resolved *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = (struct resolved){.vault = vault};
  class_new(L, RESOLVED, NULL, resolved_close);
  luaL_setmetatable(L, RESOLVED);
  return r;
}

/* Appends the value of a reference after all its encodings. */
static void append_reference(const struct piece *p, struct buf *out)
{
  struct buf text;
  buf_init(&text, BUF_LIMIT);
  buf_add(&text, p->secret->value, p->secret->len);
  for (int i = 0; i < p->depth && buf_ok(&text); i++) {
    struct buf next;
    buf_init(&next, BUF_LIMIT);
    secret_write_encoded(&next, buf_str(&text), text.len, (enum secret_encoding)p->chain[i]);
    buf_wipe(&text);
    text = next;
  }
  buf_add(out, buf_str(&text), text.len);
  out->failed = out->failed || text.failed;
  buf_wipe(&text);
}

/* False: out of memory. */
static bool assemble(const struct template *t, struct resolved *r)
{
  struct buf all;
  buf_init(&all, BUF_LIMIT);
  for (size_t i = 0; i < t->count; i++)
    if (t->pieces[i].secret)
      append_reference(&t->pieces[i], &all);
    else
      buf_add(&all, t->pieces[i].text, t->pieces[i].len);
  r->bytes = buf_ok(&all) ? arena_alloc(r->vault, all.len + 1) : NULL;
  if (r->bytes) {
    memcpy(r->bytes, buf_str(&all), all.len + 1);
    r->len = all.len;
  }
  buf_wipe(&all);
  return r->bytes != NULL;
}

static void check_at(lua_State *L, const struct template *t, const struct destination *to, const char *what)
{
  struct destination at = *to;
  at.what = what;
  const struct secret *kept = first_kept_back(t, &at);
  if (kept)
    refuse(L, kept, &at);
}

/* Whoever gets it has to be meant. */
static void check_all(lua_State *L, const struct template *t, const struct destination *to)
{
  check_at(L, t, to, to->what);
  if (to->beyond)
    check_at(L, t, to, to->beyond);
  if (to->named)
    check_at(L, t, to, to->named);
}

bool secret_admitted(lua_State *L, int idx, const struct destination *to)
{
  const struct template *t = luaL_testudata(L, idx, SECRET_TEMPLATE);
  return !t || !first_kept_back(t, to);
}

static const char *push_string(lua_State *L, int idx, size_t *len)
{
  lua_pushvalue(L, idx);
  return lua_tolstring(L, -1, len);
}

/* The world may know that a secret is not to be used; of one that was derived it is asked for those it comes from. */
static void check_use(lua_State *L, struct world_environ *e, const struct secret *s)
{
  struct fault f;
  for (struct secret **from = s->from; from && *from; from++)
    check_use(L, e, *from);
  if (!s->from && !e->use_secret(e, s->name, &f))
    failure_raise(L, &f, s->name);
}

static struct resolved *push_bytes(lua_State *L, const struct template *t)
{
  struct world_environ *e = host_of(L)->world->environ;
  for (size_t i = 0; e->use_secret && i < t->count; i++)
    if (t->pieces[i].secret)
      check_use(L, e, t->pieces[i].secret);
  struct resolved *r = push_resolved(L);
  if (!assemble(t, r))
    failure_memory(L);
  return r;
}

const char *secret_resolve(lua_State *L, int idx, const struct destination *to, size_t *len)
{
  const struct template *t = luaL_testudata(L, idx, SECRET_TEMPLATE);
  luaL_checkstack(L, 6, "secret");
  if (!t)
    return push_string(L, idx, len);
  check_all(L, t, to);
  const struct resolved *r = push_bytes(L, t);
  *len = r->len;
  return r->bytes;
}

const char *secret_resolve_found(lua_State *L, int idx, const struct destination *to,
                                 secret_find *find, size_t *len)
{
  const struct template *t = luaL_testudata(L, idx, SECRET_TEMPLATE);
  char what[256];
  struct destination found = *to;
  luaL_checkstack(L, 6, "secret");
  if (!t)
    return push_string(L, idx, len);
  const struct resolved *r = push_bytes(L, t);
  if (!find(r->bytes, r->len, what, sizeof what))
    failure_misuse(L, "%s holds a secret and does not say where it leads", to->place);
  found.what = what;
  check_all(L, t, &found);
  *len = r->len;
  return r->bytes;
}

const char *secret_read(lua_State *L, int idx, size_t *len)
{
  const struct template *t = secret_check(L, idx, "secret");
  luaL_checkstack(L, 6, "secret");
  const struct resolved *r = push_bytes(L, t);
  *len = r->len;
  return r->bytes;
}

void secret_fingerprint(lua_State *L, int idx, int key)
{
  char hex[SHA256_HEX + 1];
  luaL_checkstack(L, 8, "secret");
  const struct template *t = secret_check(L, idx, "secret.fingerprint");
  const struct template *k = secret_check(L, key, "secret.fingerprint");
  const struct resolved *value = push_bytes(L, t), *keyed = push_bytes(L, k);
  if (!hmac_sha256_hex(keyed->bytes, keyed->len, value->bytes, value->len, hex))
    failure_memory(L);
  lua_pushlstring(L, hex, 16);
}

/* Blocks of HMAC-SHA-256 over the purpose and the block's number, as hexadecimal digits. */
void secret_derive(lua_State *L, int key, const char *purpose, size_t digits, const char *name,
                   const char *const *bindings)
{
  char hex[SECRET_DERIVED_MAX + SHA256_HEX + 1];
  luaL_checkstack(L, 8, "secret");
  const struct resolved *keyed = push_bytes(L, secret_check(L, key, "secret.derive"));
  if (keyed->len < SECRET_KEY_MIN)
    failure_misuse(L, "secret.derive: the key of %s has fewer than %d bytes: it could be guessed", name, SECRET_KEY_MIN);
  for (size_t at = 0; at < digits; at += SHA256_HEX) {
    const char *text = lua_pushfstring(L, "%s %d", purpose, (int)(at / SHA256_HEX));
    if (!hmac_sha256_hex(keyed->bytes, keyed->len, text, strlen(text), hex + at))
      failure_memory(L);
  }
  secret_push(L, name, hex, digits, bindings);
  wipe(hex, sizeof hex);
}
