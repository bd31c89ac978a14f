/* opt.c - strict options tables, and the nearest name to a mistyped one. */
#include "opt.h"
#include "failure.h"
#include "secret.h"
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* ---- the nearest name ------------------------------------------------------ */

enum { WORD_MAX = 63, SHORT = 3 /* where two other letters make another word */, FIELDS_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
  size_t m = a < b ? a : b;
  return m < c ? m : c;
}

/* Levenshtein distance; a word longer than WORD_MAX is near to none. */
static size_t distance(const char *a, const char *b)
{
  size_t la = strlen(a), lb = strlen(b), row[WORD_MAX + 1];
  if (la > WORD_MAX || lb > WORD_MAX)
    return SIZE_MAX;
  for (size_t j = 0; j <= lb; j++)
    row[j] = j;
  for (size_t i = 1; i <= la; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= lb; j++) {
      size_t above = row[j];
      row[j] = min3(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[lb];
}

const char *opt_nearest(const char *word, const char *const *candidates)
{
  const char *best = NULL;
  size_t len = strlen(word), least = len <= SHORT ? 2 : len / 3 + 2;
  for (; *candidates; candidates++) {
    size_t d = distance(word, *candidates);
    if (d < least) {
      least = d;
      best = *candidates;
    }
  }
  return best;
}

/* ---- reading ---------------------------------------------------------------- */

static const struct opt_field *find_field(const struct opt_field *fields, const char *name)
{
  for (; fields->name; fields++)
    if (strcmp(fields->name, name) == 0)
      return fields;
  return NULL;
}

/* Pushes the names, joined by commas. */
static const char *push_names(lua_State *L, const char *const *names)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const char *const *name = names; *name; name++) {
    luaL_addstring(&b, name == names ? "" : ", ");
    luaL_addstring(&b, *name);
  }
  luaL_pushresult(&b);
  return lua_tostring(L, -1);
}

static int unknown(lua_State *L, const char *what, const char *name, const struct opt_field *fields)
{
  const char *names[FIELDS_MAX + 1] = {0};
  for (size_t i = 0; fields[i].name && i < FIELDS_MAX; i++)
    names[i] = fields[i].name;
  struct fault f;
  fault_set(&f, "misuse", "misuse", "%s: unknown option '%.64s' (expected %s)", what, name, push_names(L, names));
  const char *near = opt_nearest(name, names);
  if (near)
    fault_hint(&f, "did you mean '%s'?", near);
  return failure_raise(L, &f, NULL);
}

void opt_push_names(lua_State *L, const struct opt_field *fields)
{
  lua_newtable(L);
  for (lua_Integer i = 0; fields[i].name; i++) {
    lua_pushstring(L, fields[i].name);
    lua_rawseti(L, -2, i + 1);
  }
}

/* The fields that are there, a bit for each: a table has few of those that it may have. */
static uint64_t check_names(lua_State *L, int idx, const char *what, const struct opt_field *fields)
{
  uint64_t there = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      failure_misuse(L, "%s: options are named, found a %s as a name", what, luaL_typename(L, -1));
    const char *name = lua_tostring(L, -1);
    const struct opt_field *f = find_field(fields, name);
    if (!f)
      unknown(L, what, name, fields);
    there |= UINT64_C(1) << (f - fields);
  }
  if (lua_getmetatable(L, idx)) {  // who knows what it inherits
    lua_pop(L, 1);
    there = UINT64_MAX;
  }
  return there;
}

static int wrong_type(lua_State *L, const char *what, const struct opt_field *f, const char *expected)
{
  return failure_misuse(L, "%s: option '%s' must be %s, not a %s", what, f->name, expected,
                        luaL_typename(L, -1));
}

/* A number says more than its type. */
static int wrong_number(lua_State *L, const char *what, const struct opt_field *f, const char *expected)
{
  if (lua_type(L, -1) != LUA_TNUMBER)
    return wrong_type(L, what, f, expected);
  return failure_misuse(L, "%s: option '%s' must be %s, not %s", what, f->name, expected,
                        luaL_tolstring(L, -1, NULL));
}

static void read_number(lua_State *L, const char *what, const struct opt_field *f, double *out)
{
  if (lua_type(L, -1) != LUA_TNUMBER || !isfinite(lua_tonumber(L, -1)))
    wrong_number(L, what, f, "a finite number");
  *out = lua_tonumber(L, -1);
}

static void read_integer(lua_State *L, const char *what, const struct opt_field *f, lua_Integer *out)
{
  int is = 0;
  *out = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is) : 0;
  if (!is)
    wrong_number(L, what, f, "an integer");
}

/* The value stays on the stack; *out is where. */
static bool read_kept(lua_State *L, const char *what, const struct opt_field *f, int *out)
{
  if (f->type == OPT_TABLE && !lua_istable(L, -1))
    wrong_type(L, what, f, "a table");
  if (f->type == OPT_FUNCTION && !lua_isfunction(L, -1))
    wrong_type(L, what, f, "a function");
  if (f->type == OPT_TEXT && lua_type(L, -1) != LUA_TSTRING && !secret_test(L, -1))
    wrong_type(L, what, f, "a string");
  *out = lua_gettop(L);
  return true;
}

/* The secret is on top. */
static void refuse_secret(lua_State *L, const char *what, const char *name)
{
  int idx = lua_gettop(L);
  const char *place = lua_pushfstring(L, "%s: option '%s'", what, name);
  secret_refuse(L, idx, place, NULL);
}

/* What stands behind a NUL would be lost without a word. */
static const char *read_string(lua_State *L, const char *what, const struct opt_field *f)
{
  if (secret_test(L, -1))
    refuse_secret(L, what, f->name);
  if (lua_type(L, -1) != LUA_TSTRING)
    wrong_type(L, what, f, "a string");
  const char *text = lua_tostring(L, -1);
  if (strlen(text) != lua_rawlen(L, -1))
    failure_misuse(L, "%s: option '%s' holds a NUL", what, f->name);
  return text;
}

/* Reads the value on top; true: it must stay there. */
static bool read_field(lua_State *L, const char *what, const struct opt_field *f, void *out)
{
  switch (f->type) {
  case OPT_STRING:
    *(const char **)out = read_string(L, what, f);
    return false;
  case OPT_NUMBER:
    read_number(L, what, f, out);
    return false;
  case OPT_INTEGER:
    read_integer(L, what, f, out);
    return false;
  case OPT_BOOLEAN:
    if (!lua_isboolean(L, -1))
      wrong_type(L, what, f, "true or false");
    *(bool *)out = lua_toboolean(L, -1);
    return false;
  default:
    return read_kept(L, what, f, out);
  }
}

void opt_read(lua_State *L, int idx, const char *what, const struct opt_field *fields, void *out)
{
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 32, what);
  if (!lua_istable(L, idx))
    failure_misuse(L, "%s: expected a table of options, not a %s", what, luaL_typename(L, idx));
  uint64_t there = check_names(L, idx, what, fields);
  for (const struct opt_field *f = fields; f->name; f++, there >>= 1) {
    if (!(there & 1) && !f->required)
      continue;
    if (lua_getfield(L, idx, f->name) == LUA_TNIL) {
      if (f->required)
        failure_misuse(L, "%s: option '%s' is required", what, f->name);
      lua_pop(L, 1);
    } else if (!read_field(L, what, f, (char *)out + f->offset)) {
      lua_pop(L, 1);
    }
  }
}

const char *opt_string(lua_State *L, int idx, const char *what, const char *name, size_t *len)
{
  if (secret_test(L, idx))
    failure_misuse(L, "%s: %s cannot be a secret", what, name);
  if (lua_isnoneornil(L, idx))
    failure_misuse(L, "%s: %s is required, a string", what, name);
  if (lua_type(L, idx) != LUA_TSTRING)
    failure_misuse(L, "%s: %s must be a string, not a %s", what, name, luaL_typename(L, idx));
  return lua_tolstring(L, idx, len);
}
