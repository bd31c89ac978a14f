/* secret.c - secrets, and the templates that refer to them; see secret.h.
 *
 * A template is a list of pieces: literal bytes, or a reference to a secret with the
 * encodings its value passes through when it is resolved (secret_resolve.c). A secret counts its
 * references and goes with the last one. Its value and every resolved text live in the
 * vault, one locked arena of the Lua state, which is collected after all that use it.
 *
 * Ownership: a template owns its pieces, a piece its text and one reference.
 * Invariants: 1. a template refers to at least one secret; else it is a string.
 *             2. a userdata is complete enough for __gc before anything can raise. */
#include "secret_template.h"
#include "announce.h"
#include "binding.h"
#include "class.h"
#include "escape.h"
#include "failure.h"
#include "host.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define VAULT "davit.vault"

/* ---- the vault ------------------------------------------------------------------------ */

static const char VAULT_KEY = 0;  /* its address is the vault's place in the registry */

static int vault_gc(lua_State *L)
{
  arena_close(lua_touserdata(L, 1));
  return 0;
}

struct arena *secret_vault(lua_State *L)
{
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &VAULT_KEY) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    struct arena *a = lua_newuserdatauv(L, sizeof *a, 0);
    *a = (struct arena){.forgets = host_of(L)->real != NULL};  // a rehearsal forks, and goes on
    class_new(L, VAULT, NULL, vault_gc);
    luaL_setmetatable(L, VAULT);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &VAULT_KEY);
  }
  struct arena *a = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return a;
}

/* ---- secrets ---------------------------------------------------------------------------- */

static void release_secret(struct secret *s)
{
  if (!s || --s->references > 0)
    return;
  arena_free(s->vault, s->value, s->len);
  for (char **b = s->bindings; b && *b; b++)
    free(*b);
  for (struct secret **f = s->from; f && *f; f++)
    release_secret(*f);
  free(s->from);
  free(s->bindings);
  free(s->name);
  free(s);
}

static bool copy_bindings(struct secret *s, const char *const *bindings)
{
  size_t n = 0;
  while (bindings && bindings[n])
    n++;
  s->bindings = calloc(n + 1, sizeof *s->bindings);
  for (size_t i = 0; s->bindings && i < n; i++) {
    struct buf full;
    buf_init(&full, 4096);
    binding_normalise(bindings[i], &full);
    s->bindings[i] = buf_ok(&full) ? copy_str(buf_str(&full)) : NULL;
    buf_free(&full);
    if (!s->bindings[i])
      return false;
  }
  return s->bindings != NULL;
}

/* NULL: out of memory. */
static struct secret *new_secret(struct arena *vault, const char *name, const char *value,
                                 size_t len, const char *const *bindings)
{
  struct secret *s = calloc(1, sizeof *s);
  if (!s)
    return NULL;
  s->references = 1;
  s->vault = vault;
  s->name = copy_str(name);
  s->value = arena_alloc(vault, len);
  if (s->value) {
    memcpy(s->value, value, len);
    s->len = len;
  }
  if (s->name && s->value && copy_bindings(s, bindings))
    return s;
  release_secret(s);
  return NULL;
}

/* ---- templates ---------------------------------------------------------------------------- */

static int set_metatable(lua_State *L);

struct template *secret_check(lua_State *L, int idx, const char *what)
{
  struct template *t = luaL_testudata(L, idx, SECRET_TEMPLATE);
  if (!t)
    failure_misuse(L, "%s: expected a secret, not a %s", what, luaL_typename(L, idx));
  return t;
}

bool secret_test(lua_State *L, int idx)
{
  return luaL_testudata(L, idx, SECRET_TEMPLATE) != NULL;
}

/* Pushes a template with room for pieces, all empty literals. */
static struct template *push_template(lua_State *L, size_t room)
{
  luaL_checkstack(L, 6, "secret");
  struct template *t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = (struct template){0};
  set_metatable(L);
  t->pieces = calloc(room ? room : 1, sizeof *t->pieces);
  if (!t->pieces)
    failure_memory(L);
  return t;
}

static void free_template(struct template *t)
{
  for (size_t i = 0; i < t->count; i++) {
    release_secret(t->pieces[i].secret);
    wipe(t->pieces[i].text, t->pieces[i].len);
    free(t->pieces[i].text);
  }
  free(t->pieces);
  *t = (struct template){0};
}

static void add_literal(lua_State *L, struct template *t, const char *text, size_t len)
{
  char *copy = malloc(len + 1);
  if (!copy)
    failure_memory(L);
  memcpy(copy, text, len);
  copy[len] = 0;
  t->pieces[t->count++] = (struct piece){.text = copy, .len = len};
}

static void add_reference(struct template *t, const struct piece *p)
{
  p->secret->references++;
  t->pieces[t->count++] = *p;
}

static void add_piece(lua_State *L, struct template *t, const struct piece *p)
{
  if (p->secret)
    add_reference(t, p);
  else
    add_literal(L, t, p->text, p->len);
}

/* A connection string among the places holds a password that no mask knows: what stands before '@' is not shown. */
static void wrong_place(lua_State *L, const char *name, const char *place, const char *why)
{
  const char *at = strrchr(place, '@');
  failure_misuse(L, "secret %s cannot be bound to '%s%s': %s", name, at ? "…" : "", at ? at : place, why);
}

void secret_check_bindings(lua_State *L, const char *name, const char *const *bindings)
{
  for (; bindings && *bindings; bindings++) {
    struct buf full;
    buf_init(&full, 4096);
    const char *why = binding_normalise(*bindings, &full);
    buf_free(&full);
    if (why)
      wrong_place(L, name, *bindings, why);
  }
}

/* Pushes a template of one new secret. */
static void push_secret(lua_State *L, const char *name, const char *value, size_t len,
                        const char *const *bindings)
{
  struct arena *vault = secret_vault(L);
  struct template *t = push_template(L, 1);
  t->pieces[0].secret = new_secret(vault, name, value, len, bindings);
  if (!t->pieces[0].secret)
    failure_memory(L);
  t->count = 1;
}

void secret_push(lua_State *L, const char *name, const char *value, size_t len,
                 const char *const *bindings)
{
  secret_check_bindings(L, name, bindings);
  if (len == 0)
    failure_misuse(L, "secret %s is empty", name);
  announce_secret(L, name, value, len);
  push_secret(L, name, value, len, bindings);
}

/* Every secret of the template, each once. NULL: out of memory. */
static struct secret **list_secrets(const struct template *t)
{
  struct secret **list = calloc(t->count + 1, sizeof *list);
  size_t n = 0;
  for (size_t i = 0; list && i < t->count; i++) {
    size_t k = 0;
    while (k < n && list[k] != t->pieces[i].secret)
      k++;
    if (!t->pieces[i].secret || k < n)
      continue;
    t->pieces[i].secret->references++;
    list[n++] = t->pieces[i].secret;
  }
  return list;
}

void secret_push_derived(lua_State *L, int idx, const char *name, const char *value, size_t len)
{
  const struct template *from = secret_check(L, idx, name);
  secret_push(L, name, value, len, NULL);
  struct template *t = lua_touserdata(L, -1);
  t->pieces[0].secret->from = list_secrets(from);
  if (!t->pieces[0].secret->from)
    failure_memory(L);
}

void secret_rebind(lua_State *L, int idx, const char *name, const char *const *bindings)
{
  const struct template *t = secret_check(L, idx, "secret.bind");
  const struct piece *p = &t->pieces[0];
  if (t->count != 1 || p->depth > 0)
    failure_misuse(L, "secret.bind: expected one secret as it was read, not a template");
  if (p->secret->bindings[0] || p->secret->from)
    failure_misuse(L, "secret.bind: secret %s is bound already", p->secret->name);
  secret_check_bindings(L, name, bindings);
  push_secret(L, name, p->secret->value, p->secret->len, bindings);
}

/* ---- joining and encoding -------------------------------------------------------------------- */

/* Pieces in the value at idx; 0: it cannot be joined. */
static size_t pieces_at(lua_State *L, int idx)
{
  const struct template *t = luaL_testudata(L, idx, SECRET_TEMPLATE);
  int type = lua_type(L, idx);
  return t ? t->count : type == LUA_TSTRING || type == LUA_TNUMBER;
}

static void add_value(lua_State *L, struct template *t, int idx)
{
  const struct template *from = luaL_testudata(L, idx, SECRET_TEMPLATE);
  for (size_t i = 0; from && i < from->count; i++)
    add_piece(L, t, &from->pieces[i]);
  if (from)
    return;
  size_t len;
  lua_pushvalue(L, idx);
  const char *text = lua_tolstring(L, -1, &len);
  add_literal(L, t, text, len);
  lua_pop(L, 1);
}

void secret_concat(lua_State *L, int n)
{
  int first = lua_gettop(L) - n + 1;
  size_t room = 0;
  bool any = false;
  for (int i = first; i < first + n; i++) {
    size_t pieces = pieces_at(L, i);
    if (pieces == 0)
      failure_misuse(L, "a %s cannot be joined with a secret", luaL_typename(L, i));
    room += pieces;
    any = any || secret_test(L, i);
  }
  if (!any) {
    lua_concat(L, n);
    return;
  }
  struct template *t = push_template(L, room);
  for (int i = first; i < first + n; i++)
    add_value(L, t, i);
  lua_replace(L, first);
  lua_settop(L, first);
}

void secret_write_encoded(struct buf *out, const char *data, size_t len, enum secret_encoding encoding)
{
  static const struct percent_style uri = {.keep = "-._~"};
  if (encoding == ENCODE_JSON)
    escape_json(out, data, len, false);
  else
    escape_percent(out, data, len, &uri);
}

/* The literal text in an encoding, as a new piece. */
static void add_encoded(lua_State *L, struct template *t, const char *text, size_t len,
                        enum secret_encoding encoding)
{
  struct buf out;
  buf_init(&out, BUF_LIMIT);
  secret_write_encoded(&out, text, len, encoding);
  char *copy = buf_ok(&out) ? malloc(out.len + 1) : NULL;
  if (copy) {
    memcpy(copy, buf_str(&out), out.len + 1);
    t->pieces[t->count++] = (struct piece){.text = copy, .len = out.len};
  }
  buf_wipe(&out);
  if (!copy)
    failure_memory(L);
}

static void add_deeper(lua_State *L, struct template *t, const struct piece *p,
                       enum secret_encoding encoding)
{
  if (p->depth == SECRET_CHAIN)
    failure_misuse(L, "secret %s is encoded more than %d times", p->secret->name, SECRET_CHAIN);
  add_reference(t, p);
  struct piece *added = &t->pieces[t->count - 1];
  added->chain[added->depth++] = (unsigned char)encoding;
}

void secret_encode(lua_State *L, int idx, enum secret_encoding encoding)
{
  const struct template *from = secret_check(L, idx, "encoding");
  struct template *t = push_template(L, from->count);
  for (size_t i = 0; i < from->count; i++) {
    const struct piece *p = &from->pieces[i];
    if (p->secret)
      add_deeper(L, t, p, encoding);
    else
      add_encoded(L, t, p->text, p->len, encoding);
  }
}

/* ---- what Lua may do with a template: join it, name it, nothing else ------------------------------ */

static bool named_before(const struct template *t, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (t->pieces[k].secret && strcmp(t->pieces[k].secret->name, t->pieces[i].secret->name) == 0)
      return true;
  return false;
}

void secret_names(lua_State *L, int idx)
{
  const struct template *t = secret_check(L, idx, "secret.names");
  int n = 0;
  lua_newtable(L);
  for (size_t i = 0; i < t->count; i++)
    if (t->pieces[i].secret && !named_before(t, i)) {
      lua_pushstring(L, t->pieces[i].secret->name);
      lua_rawseti(L, -2, ++n);
    }
}

static int to_string(lua_State *L)
{
  const struct template *t = secret_check(L, 1, "tostring");
  luaL_Buffer b;
  lua_settop(L, 1);
  secret_names(L, 1);
  luaL_buffinit(L, &b);
  luaL_addstring(&b, t->count == 1 ? "[secret " : "[secret template: ");
  for (int i = 1; i <= (int)lua_rawlen(L, 2); i++) {
    if (i > 1)
      luaL_addstring(&b, ", ");
    lua_rawgeti(L, 2, i);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, ']');
  luaL_pushresult(&b);
  return 1;
}

static int concat(lua_State *L)
{
  lua_settop(L, 2);
  secret_concat(L, 2);
  return 1;
}

/* The event's name is the upvalue: "its length", "a field of it", … */
static int forbid(lua_State *L)
{
  int idx = secret_test(L, 1) ? 1 : 2;
  const char *text = luaL_tolstring(L, idx, NULL);
  return failure_misuse(L, "%s is opaque: %s cannot be had", text,
                        lua_tostring(L, lua_upvalueindex(1)));
}

static int template_gc(lua_State *L)
{
  free_template(luaL_checkudata(L, 1, SECRET_TEMPLATE));
  return 0;
}

/* Gives the template on top its metatable. */
static int set_metatable(lua_State *L)
{
  static const luaL_Reg methods[] = {
    {"__concat", concat}, {"__gc", template_gc}, {"__tostring", to_string}, {NULL, NULL}};
  static const struct { const char *event, *what; } forbidden[] = {
    {"__len", "its length"},         {"__index", "a field or method"},
    {"__newindex", "a field"},       {"__lt", "its order"},
    {"__le", "its order"},           {"__pairs", "a field"},
  };
  if (luaL_newmetatable(L, SECRET_TEMPLATE)) {
    luaL_setfuncs(L, methods, 0);
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
      lua_pushstring(L, forbidden[i].what);
      lua_pushcclosure(L, forbid, 1);
      lua_setfield(L, -2, forbidden[i].event);
    }
    lua_pushliteral(L, "secret");
    lua_setfield(L, -2, "__metatable");
    lua_pushliteral(L, "secret");
    lua_setfield(L, -2, "__name");
  }
  return lua_setmetatable(L, -2);
}
