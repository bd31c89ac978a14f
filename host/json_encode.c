/* json_encode.c - json.encode: one walk over the value that writes the text.
 *
 * The text is the same for the same value: names stand in their fixed order (order.h), floats
 * have as many digits as it takes to read the same number back. What JSON cannot say is refused
 * with its path. A secret template ends the run of bytes written so far: runs and templates
 * are kept in a list and joined at the end, so no secret is ever in the buffer. */
#include "buf_lua.h"
#include "failure.h"
#include "json.h"
#include "opt.h"
#include "order.h"
#include "secret.h"
#include "utf8.h"
#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE = 1, PIECES = 3 };  /* stack indices in json_encode */
enum { INDENT_MAX = 8 };

struct step {
  const char *name;     /* a member, or NULL: */
  lua_Integer position; /* an item */
};

struct writer {
  lua_State *L;
  struct buf *text;
  lua_Integer indent;
  int depth, pieces;
  struct step path[JSON_DEPTH];
  const void *above[JSON_DEPTH]; /* the tables the walk is inside of */
};

static void write_value(struct writer *w);

/* ---- errors ------------------------------------------------------------------ */

static bool is_word(const char *name)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return *name && !(*name >= '0' && *name <= '9') && name[strspn(name, letters)] == 0;
}

/* "$.list[3]["a name"]"; a path that is too long ends with "…". */
static void path_text(const struct writer *w, char *out, size_t size)
{
  size_t n = (size_t)snprintf(out, size, "$");
  for (int i = 0; i < w->depth && n < size; i++) {
    const struct step *s = &w->path[i];
    if (!s->name)
      n += (size_t)snprintf(out + n, size - n, "[%lld]", (long long)s->position);
    else
      n += (size_t)snprintf(out + n, size - n, is_word(s->name) ? ".%s" : "[\"%s\"]", s->name);
  }
  if (n >= size)
    memcpy(out + size - sizeof "…", "…", sizeof "…");
}

static void refuse(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void refuse(struct writer *w, const char *format, ...)
{
  char why[200], path[256];
  va_list ap;
  va_start(ap, format);
  format_cut(why, sizeof why, format, ap);
  va_end(ap);
  path_text(w, path, sizeof path);
  failure_misuse(w->L, "json.encode: %s: %s", path, why);
}

/* ---- scalars ------------------------------------------------------------------ */

static void write_integer(struct writer *w, lua_Integer n)
{
  if (n > JSON_INTEGER_MAX || n < -JSON_INTEGER_MAX)
    refuse(w, "the integer %lld is beyond 2^53; write it as a string", (long long)n);
  buf_printf(w->text, "%lld", (long long)n);
}

static void write_float(struct writer *w, double x)
{
  char digits[32];
  if (!isfinite(x))
    refuse(w, "%s has no form in JSON", isnan(x) ? "NaN" : "infinity");
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, x);
    if (strtod(digits, NULL) == x)
      break;
  }
  buf_add_str(w->text, digits);
  // Read back, plain digits are an integer, which ends at 2^53 and has no -0.
  bool integral = x == 0 ? !signbit(x) : fabs(x) <= (double)JSON_INTEGER_MAX;
  if (!integral && !strpbrk(digits, ".e"))
    buf_add_str(w->text, ".0");
}

/* True when the string needs no escapes. */
static bool check_string(struct writer *w, const char *at, const char *end)
{
  bool plain = true;
  while (at < end) {
    size_t n = utf8_length(at, end);
    if (n == 0)
      refuse(w, "the string is not UTF-8; base64 carries other bytes");
    plain &= *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20;
    at += n;
  }
  return plain;
}

/* cjson escapes slashes too, which only HTML needs: people read the URLs in these texts. */
static void add_without_slash_escapes(struct buf *b, const char *at, const char *end)
{
  const char *run = at;
  for (; at < end; at++) {
    if (*at != '\\')
      continue;
    if (*++at == '/') {
      buf_add(b, run, (size_t)(at - 1 - run));
      run = at;
    }
  }
  buf_add(b, run, (size_t)(end - run));
}

/* Writes the string on top. */
static void write_string(struct writer *w)
{
  size_t len;
  const char *text = lua_tolstring(w->L, -1, &len);
  if (check_string(w, text, text + len)) {
    buf_add_char(w->text, '"');
    buf_add(w->text, text, len);
    buf_add_char(w->text, '"');
    return;
  }
  lua_pushvalue(w->L, -1);
  json_convert(w->L, "encode");
  text = lua_tolstring(w->L, -1, &len);
  add_without_slash_escapes(w->text, text, text + len);
  lua_pop(w->L, 1);
}

/* ---- pieces: what was written, as Lua values -------------------------------------- */

static void add_piece(struct writer *w)
{
  lua_rawseti(w->L, PIECES, ++w->pieces);
}

static void push_text(struct writer *w)
{
  if (!buf_ok(w->text))
    failure_memory(w->L);
  lua_pushlstring(w->L, buf_str(w->text), w->text->len);
  buf_free(w->text);
}

/* Writes the template on top. */
static void write_secret(struct writer *w)
{
  int template = lua_gettop(w->L);
  buf_add_char(w->text, '"');
  push_text(w);
  add_piece(w);
  secret_encode(w->L, template, ENCODE_JSON);
  add_piece(w);
  buf_add_char(w->text, '"');
}

/* Pushes the whole text: a string, or a template when it holds a secret. */
static void join_pieces(struct writer *w)
{
  push_text(w);
  if (w->pieces == 0)
    return;
  add_piece(w);
  luaL_checkstack(w->L, w->pieces + 8, "too many secrets in one JSON text");
  for (int i = 1; i <= w->pieces; i++)
    lua_rawgeti(w->L, PIECES, i);
  secret_concat(w->L, w->pieces);
}

/* ---- tables --------------------------------------------------------------------------- */

static void break_line(struct writer *w)
{
  if (w->indent == 0)
    return;
  buf_add_char(w->text, '\n');
  for (lua_Integer i = w->depth * w->indent; i > 0; i--)
    buf_add_char(w->text, ' ');
}

/* Begins the next item or member of the container that `opening` opens. */
static void separate(struct writer *w, char opening, bool first)
{
  buf_add_char(w->text, first ? opening : ',');
  break_line(w);
}

/* Writes the list on top. */
static void write_array(struct writer *w, lua_Integer n)
{
  struct step *here = &w->path[w->depth++];
  here->name = NULL;
  for (lua_Integer i = 1; i <= n; i++) {
    here->position = i;
    separate(w, '[', i == 1);
    lua_rawgeti(w->L, -1, i);
    write_value(w);
    lua_pop(w->L, 1);
  }
  w->depth--;
  if (n > 0)
    break_line(w);
  buf_add_str(w->text, n > 0 ? "]" : "[]");
}

/* Writes the table of n names on top. */
static void write_object(struct writer *w, lua_Integer n)
{
  struct step *here = &w->path[w->depth++];
  order_keys(w->L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(w->L, -1, i);  // table names name
    here->name = lua_tostring(w->L, -1);
    separate(w, '{', i == 1);
    write_string(w);
    buf_add_str(w->text, w->indent ? ": " : ":");
    lua_rawget(w->L, -3);  // table names value
    write_value(w);
    lua_pop(w->L, 1);
  }
  lua_pop(w->L, 1);
  w->depth--;
  if (n > 0)
    break_line(w);
  buf_add_str(w->text, n > 0 ? "}" : "{}");
}

/* What the keys of the table on top are. */
struct keys {
  lua_Integer names, items;
  bool others;  /* not a sequence from 1, or neither names nor positions */
};

static bool is_position(lua_State *L, int idx, lua_Integer n)
{
  return lua_isinteger(L, idx) && lua_tointeger(L, idx) >= 1 && lua_tointeger(L, idx) <= n;
}

static struct keys count_keys(struct writer *w)
{
  struct keys k = {0};
  lua_Integer n = (lua_Integer)lua_rawlen(w->L, -1);
  lua_pushnil(w->L);
  while (lua_next(w->L, -2)) {
    lua_pop(w->L, 1);
    if (lua_type(w->L, -1) == LUA_TSTRING)
      k.names++;
    else if (is_position(w->L, -1, n))
      k.items++;
    else
      k.others = true;
  }
  k.others |= k.items != n;
  return k;
}

/* Writes the table on top. */
static void write_table(struct writer *w)
{
  if (w->depth == JSON_DEPTH)
    refuse(w, "nesting is deeper than %d", JSON_DEPTH);
  luaL_checkstack(w->L, 16, "JSON");
  w->above[w->depth] = lua_topointer(w->L, -1);
  for (int i = 0; i < w->depth; i++)
    if (w->above[i] == w->above[w->depth])
      refuse(w, "the table contains itself");
  struct keys keys = count_keys(w);
  bool array = json_is_array(w->L, -1);
  if (keys.names > 0 && (array || keys.items > 0))
    refuse(w, "the table has names and positions; in JSON it is an object or an array");
  if (keys.others)
    refuse(w, "the keys must be names, or the positions 1 to n without gaps (json.null fills one)");
  if (array || keys.items > 0)
    write_array(w, keys.items);
  else
    write_object(w, keys.names);
}

/* Writes the value on top and leaves it there. */
static void write_value(struct writer *w)
{
  lua_State *L = w->L;
  int type = lua_type(L, -1);
  if (type == LUA_TTABLE)
    write_table(w);
  else if (type == LUA_TSTRING)
    write_string(w);
  else if (lua_isinteger(L, -1))
    write_integer(w, lua_tointeger(L, -1));
  else if (type == LUA_TNUMBER)
    write_float(w, lua_tonumber(L, -1));
  else if (type == LUA_TBOOLEAN)
    buf_add_str(w->text, lua_toboolean(L, -1) ? "true" : "false");
  else if (type == LUA_TLIGHTUSERDATA && !lua_touserdata(L, -1))
    buf_add_str(w->text, "null");
  else if (secret_test(L, -1))
    write_secret(w);
  else
    refuse(w, "a %s has no form in JSON", lua_typename(L, type));
}

/* ---- Lua: json.encode(value, {indent=}) -> text; raises a misuse with the path --------- */

static lua_Integer read_indent(lua_State *L, int idx)
{
  static const struct opt_field fields[] = {{"indent", OPT_INTEGER, 0, true}, {0}};
  lua_Integer indent = 0;
  if (lua_isnoneornil(L, idx))
    return 0;
  opt_read(L, idx, "json.encode", fields, &indent);
  if (indent < 1 || indent > INDENT_MAX)
    failure_misuse(L, "json.encode: option 'indent' must be 1 to %d", INDENT_MAX);
  return indent;
}

int json_encode(lua_State *L)
{
  if (lua_isnone(L, VALUE))
    return failure_misuse(L, "json.encode: expected a value");
  struct writer w = {.L = L, .indent = read_indent(L, 2)};
  lua_settop(L, 1);
  w.text = buf_push(L, BUF_LIMIT);
  lua_newtable(L);  // value text pieces
  lua_pushvalue(L, VALUE);
  write_value(&w);
  join_pieces(&w);
  return 1;
}
