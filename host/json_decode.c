/* json_decode.c - json.decode: one strict walk over the text that builds the value.
 *
 * Strict means RFC 8259 and what it leaves open decided: no name twice in an object,
 * integers that every reader knows exactly, nesting with a limit. The text ends in a NUL
 * (it is a Lua string), so looking one byte ahead is always allowed. */
#include "buf.h"
#include "failure.h"
#include "json.h"
#include "opt.h"
#include "utf8.h"
#include <ctype.h>
#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
  lua_State *L;
  const char *text, *at, *end;
  const char *name;  /* of the text, for errors; may be NULL */
  int depth;
};

static void read_value(struct reader *r);

/* ---- errors ---------------------------------------------------------------- */

enum { EXCERPT = 16 };

/* Says what stands at `at`. Never shows the inside of a string: the mask finds whole
 * secrets, and an excerpt could hold a part of one; the mark says where it was cut. */
static void excerpt(const struct reader *r, const char *at, char *out, size_t size)
{
  if (at >= r->end) {
    snprintf(out, size, "the end of the text");
  } else if (*at == '"') {
    snprintf(out, size, "a string");
  } else {
    const char *p = at;
    size_t n = (size_t)snprintf(out, size, "'");
    for (; p < r->end && p < at + EXCERPT && *p != '"' && *p != '\n'; p++)
      n += (size_t)snprintf(out + n, size - n, isprint((unsigned char)*p) ? "%c" : "\\x%02X",
                            (unsigned char)*p);
    snprintf(out + n, size - n, p < r->end && p > at + 1 ? "…'" : "'");
  }
}

static void locate(const struct reader *r, const char *at, int *line, int *column)
{
  *line = *column = 1;
  for (const char *p = r->text; p < at; p++) {
    if (*p == '\n') {
      ++*line;
      *column = 1;
    } else {
      *column += (*p & 0xc0) != 0x80;  // counts characters, not bytes
    }
  }
}

static void refuse(struct reader *r, const char *at, const char *format, ...)
  __attribute__((format(printf, 3, 4)));
static void refuse(struct reader *r, const char *at, const char *format, ...)
{
  char why[256];
  va_list ap;
  va_start(ap, format);
  format_cut(why, sizeof why, format, ap);
  va_end(ap);
  int line, column;
  locate(r, at, &line, &column);
  struct fault f;
  fault_set(&f, "json-invalid", "fatal", "json.decode: %s, line %d column %d: %s",
            r->name ? r->name : "the text", line, column, why);
  failure_raise(r->L, &f, r->name);
}

static void refuse_found(struct reader *r, const char *expected)
{
  char found[16 + 4 * EXCERPT];
  excerpt(r, r->at, found, sizeof found);
  refuse(r, r->at, "expected %s, found %s", expected, found);
}

/* ---- scalars ----------------------------------------------------------------- */

static void skip_space(struct reader *r)
{
  r->at += strspn(r->at, " \t\n\r");
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* The four hexadecimal digits at `at` as a number, -1 when they are none. */
static int hex4(const char *at)
{
  int code = 0;
  for (int i = 0; i < 4; i++) {
    if (!isxdigit((unsigned char)at[i]))
      return -1;
    code = code * 16 + (is_digit(at[i]) ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
  }
  return code;
}

/* \uXXXX, two of them when the first is half of a character. */
static const char *skip_unicode(struct reader *r, const char *at)
{
  int code = hex4(at + 2);
  if (code < 0)
    refuse(r, at, "\\u is followed by four hexadecimal digits");
  if (code < 0xd800 || code > 0xdfff)
    return at + 6;
  int low = code < 0xdc00 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8) : -1;
  if (low < 0xdc00 || low > 0xdfff)
    refuse(r, at, "\\u%04x is half of a character; the other half is missing", (unsigned)code);
  return at + 12;
}

static const char *skip_escape(struct reader *r, const char *at)
{
  if (at[1] == 'u')
    return skip_unicode(r, at);
  if (!at[1] || !strchr("\"\\/bfnrt", at[1]))
    refuse(r, at, "unknown escape after '\\' (known: \" \\ / b f n r t u)");
  return at + 2;
}

static const char *skip_character(struct reader *r, const char *at)
{
  unsigned char c = (unsigned char)*at;
  if (at == r->end)
    refuse(r, at, "the string is not closed");
  if (c < 0x20)
    refuse(r, at, "control character in a string; it is written as \\u%04x", c);
  size_t n = utf8_length(at, r->end);
  if (n == 0)
    refuse(r, at, "the text is not UTF-8");
  return at + n;
}

static void read_string(struct reader *r)
{
  bool escaped = false;
  const char *p = r->at + 1;
  while (*p != '"') {
    escaped |= *p == '\\';
    p = *p == '\\' ? skip_escape(r, p) : skip_character(r, p);
  }
  if (escaped) {
    lua_pushlstring(r->L, r->at, (size_t)(p + 1 - r->at));
    json_convert(r->L, "decode");
  } else {
    lua_pushlstring(r->L, r->at + 1, (size_t)(p - r->at - 1));
  }
  r->at = p + 1;
}

static const char *skip_digits(struct reader *r, const char *at, const char *after)
{
  if (!is_digit(*at))
    refuse(r, at, "a number has a digit after %s", after);
  while (is_digit(*at))
    at++;
  return at;
}

static void push_integer(struct reader *r, const char *end)
{
  bool negative = *r->at == '-';
  lua_Integer n = 0;
  for (const char *p = r->at + negative; p < end; p++) {
    n = n * 10 + (*p - '0');
    if (n > JSON_INTEGER_MAX)
      refuse(r, r->at, "the integer is beyond 2^53 and would lose digits");
  }
  lua_pushinteger(r->L, negative ? -n : n);
}

static void push_float(struct reader *r, const char *end)
{
  lua_pushlstring(r->L, r->at, (size_t)(end - r->at));
  json_convert(r->L, "decode");
  if (!isfinite(lua_tonumber(r->L, -1)))
    refuse(r, r->at, "the number is out of range");
}

static void read_number(struct reader *r)
{
  const char *p = r->at + (*r->at == '-');
  if (*p == '0' && is_digit(p[1]))
    refuse(r, r->at, "a number has no leading zeros");
  if (*p == '0' && (p[1] | 32) == 'x')
    refuse(r, r->at, "a number is decimal, not hexadecimal");
  p = skip_digits(r, p, "'-'");
  bool integer = *p != '.' && (*p | 32) != 'e';
  if (*p == '.')
    p = skip_digits(r, p + 1, "'.'");
  if ((*p | 32) == 'e') {
    p += p[1] == '+' || p[1] == '-';
    p = skip_digits(r, p + 1, "its exponent's 'e'");
  }
  if (integer)
    push_integer(r, p);
  else
    push_float(r, p);
  r->at = p;
}

static bool read_word(struct reader *r, const char *word)
{
  size_t n = strlen(word);
  if (strncmp(r->at, word, n) != 0)
    return false;
  r->at += n;
  return true;
}

/* ---- arrays and objects --------------------------------------------------------- */

static void enter(struct reader *r)
{
  if (++r->depth > JSON_DEPTH)
    refuse(r, r->at, "nesting is deeper than %d", JSON_DEPTH);
  luaL_checkstack(r->L, 8, "JSON");
  r->at++;
  skip_space(r);
}

/* True: another item follows; false: the container is closed. */
static bool more(struct reader *r, char close, const char *expected)
{
  skip_space(r);
  if (*r->at != ',' && *r->at != close)
    refuse_found(r, expected);
  bool another = *r->at++ == ',';
  skip_space(r);
  return another;
}

static void read_array(struct reader *r)
{
  enter(r);
  lua_newtable(r->L);
  json_mark_array(r->L);
  bool item = *r->at != ']';
  if (!item)
    r->at++;
  for (lua_Integer i = 1; item; i++) {
    read_value(r);
    lua_rawseti(r->L, -2, i);
    item = more(r, ']', "',' or ']'");
  }
  r->depth--;
}

static void read_name(struct reader *r)
{
  const char *start = r->at;
  if (*start != '"')
    refuse_found(r, "a name in double quotes");
  read_string(r);
  lua_pushvalue(r->L, -1);
  if (lua_rawget(r->L, -3) != LUA_TNIL)  // object name value
    refuse(r, start, "the name \"%.80s%s\" stands twice in one object", lua_tostring(r->L, -2),
           cut_mark(lua_tostring(r->L, -2), 80));
  lua_pop(r->L, 1);
}

static void read_object(struct reader *r)
{
  enter(r);
  lua_newtable(r->L);
  bool member = *r->at != '}';
  if (!member)
    r->at++;
  while (member) {
    read_name(r);
    skip_space(r);
    if (*r->at != ':')
      refuse_found(r, "':'");
    r->at++;
    skip_space(r);
    read_value(r);
    lua_rawset(r->L, -3);  // object name value
    member = more(r, '}', "',' or '}'");
  }
  r->depth--;
}

static void read_value(struct reader *r)
{
  if (*r->at == '{')
    read_object(r);
  else if (*r->at == '[')
    read_array(r);
  else if (*r->at == '"')
    read_string(r);
  else if (*r->at == '-' || is_digit(*r->at))
    read_number(r);
  else if (read_word(r, "true"))
    lua_pushboolean(r->L, true);
  else if (read_word(r, "false"))
    lua_pushboolean(r->L, false);
  else if (read_word(r, "null"))
    json_push_null(r->L);
  else
    refuse_found(r, "a value");
}

/* ---- Lua: json.decode(text, {name=}) -> value; raises "json-invalid" ----------- */

int json_decode(lua_State *L)
{
  static const struct opt_field fields[] = {{"name", OPT_STRING, 0, false}, {0}};
  size_t len;
  const char *text = opt_string(L, 1, "json.decode", "text", &len), *name = NULL;
  if (!lua_isnoneornil(L, 2))
    opt_read(L, 2, "json.decode", fields, &name);
  struct reader r = {.L = L, .text = text, .at = text, .end = text + len, .name = name};
  skip_space(&r);
  read_value(&r);
  skip_space(&r);
  if (r.at != r.end)
    refuse_found(&r, "the end of the text");
  return 1;
}
