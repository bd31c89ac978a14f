/* yaml.c - the module "yaml.core": one document of YAML 1.2 as a Lua value, and where its keys stand.
 *
 * libyaml turns the text into events; the walk here builds the value from them and refuses
 * what would be read otherwise than it was meant. Every refusal names line and column and
 * says how to write it. null is json.null, a list carries json's mark, a key is always a
 * string. An alias is copied, so that no two places share a table; the copies are counted. */
#include "buf.h"
#include "class.h"
#include "failure.h"
#include "json.h"
#include "opt.h"
#include "yaml_reader.h"
#include "yaml_scalar.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define READER "davit.yaml.reader"
#define CORE_TAG "tag:yaml.org,2002:"

enum { DEPTH_MAX = 64, COPIES_MAX = 10000, PATH_LENGTH_MAX = 1000 };
enum { TEXT = 1, LINES = 4, ANCHORS, ROOT };  /* stack indices in decode */

static void read_node(struct reader *r, int path);

/* ---- events -------------------------------------------------------------------------------- */

static void next_event(struct reader *r)
{
  yaml_event_delete(&r->event);
  if (!yaml_parser_parse(&r->parser, &r->event))
    yaml_refuse_parse(r);
}

static void enter(struct reader *r)
{
  if (++r->depth > DEPTH_MAX)
    yaml_refuse(r, r->event.start_mark, NULL, "nesting is deeper than %d", DEPTH_MAX);
  luaL_checkstack(r->L, 16, "YAML");
}

/* ---- anchors and aliases -------------------------------------------------------------------- */

/* Pushes the anchor's name, or nil; the event that holds it will be gone when it is needed. */
static void push_anchor(struct reader *r, const yaml_char_t *anchor)
{
  lua_pushstring(r->L, (const char *)anchor);
}

/* anchor value -> value, which the anchor now names */
static void name_value(struct reader *r)
{
  lua_insert(r->L, -2);
  if (lua_isnil(r->L, -1)) {
    lua_pop(r->L, 1);
    return;
  }
  lua_pushvalue(r->L, -2);
  lua_rawset(r->L, ANCHORS);
}

static void copy(struct reader *r);

/* table -> table copy */
static void copy_table(struct reader *r)
{
  lua_State *L = r->L;
  enter(r);
  lua_newtable(L);
  if (json_is_array(L, -2))
    json_mark_array(L);
  lua_pushnil(L);
  while (lua_next(L, -3)) {  // table copy key value
    copy(r);
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  r->depth--;
}

/* Replaces the value on top by a copy. The limit stops texts of few lines that stand for
 * millions of values. */
static void copy(struct reader *r)
{
  if (++r->copies > COPIES_MAX)
    yaml_refuse(r, r->event.start_mark, NULL, "aliases stand for more than %d values", COPIES_MAX);
  if (!lua_istable(r->L, -1))
    return;
  copy_table(r);
  lua_remove(r->L, -2);
}

static void read_alias(struct reader *r)
{
  const char *name = (const char *)r->event.data.alias.anchor;
  lua_pushstring(r->L, name);
  if (lua_rawget(r->L, ANCHORS) == LUA_TNIL)
    yaml_refuse(r, r->event.start_mark, "an anchor stands before its aliases, and outside of itself",
                "the alias '*%s' has no anchor '&%s' before it", name, name);
  copy(r);
}

/* ---- scalars --------------------------------------------------------------------------------- */

/* The core schema's name of a tag ("str"), "" for none; refuses all others. `known` is a list
 * between spaces. */
static const char *read_tag(struct reader *r, const yaml_char_t *tag, const char *known)
{
  const char *name = tag ? (const char *)tag : "";
  size_t prefix = strlen(CORE_TAG);
  if (!*name || strcmp(name, "!") == 0)
    return *name ? "str" : name;
  char wanted[16];
  if (strncmp(name, CORE_TAG, prefix) == 0) {
    snprintf(wanted, sizeof wanted, " %.12s ", name + prefix);
    if (strstr(known, wanted))
      return name + prefix;
  }
  yaml_refuse(r, r->event.start_mark, "leave the tag out; quotes make a text",
              "the tag '%s' is not known here", name);
  return NULL;
}

static void push_scalar(lua_State *L, const struct scalar *s, const char *text, size_t len)
{
  if (s->kind == SCALAR_NULL)
    json_push_null(L);
  else if (s->kind == SCALAR_BOOLEAN)
    lua_pushboolean(L, s->boolean);
  else if (s->kind == SCALAR_INTEGER)
    lua_pushinteger(L, s->integer);
  else if (s->kind == SCALAR_FLOAT)
    lua_pushnumber(L, s->number);
  else
    lua_pushlstring(L, text, len);
}

/* Makes the scalar what its tag says, or refuses. */
static void apply_tag(struct reader *r, struct scalar *s, const char *tag, const char *text)
{
  static const char *const tags[] = {"str", "null", "bool", "int", "float"};
  if (s->kind == SCALAR_INTEGER && strcmp(tag, "float") == 0) {
    s->kind = SCALAR_FLOAT;
    s->number = (double)s->integer;
  }
  if (strcmp(tag, "str") != 0 && strcmp(tag, tags[s->kind]) != 0)
    yaml_refuse(r, r->event.start_mark, "leave the tag out, or change the value",
                "'%.60s%s' is not what its tag !!%s says", text, cut_mark(text, 60), tag);
}

static void read_scalar(struct reader *r)
{
  const char *text = (const char *)r->event.data.scalar.value;
  size_t len = r->event.data.scalar.length;
  const char *tag = read_tag(r, r->event.data.scalar.tag, " str null bool int float ");
  bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  struct scalar s = {.kind = SCALAR_TEXT};
  if (*tag ? strcmp(tag, "str") != 0 : plain)
    s = scalar_read(text, len);
  if (s.kind == SCALAR_REFUSED)
    yaml_refuse(r, r->event.start_mark, s.hint, "%s: '%.60s%s'", s.why, text, cut_mark(text, 60));
  if (*tag)
    apply_tag(r, &s, tag, text);
  push_anchor(r, r->event.data.scalar.anchor);
  push_scalar(r->L, &s, text, len);
  name_value(r);
}

/* ---- lists and mappings ---------------------------------------------------------------------- */

/* Below a path that is too long everything has that path: else it would be written out again for
 * each of its items, and a megabyte of text could take gigabytes. */
static bool is_long(struct reader *r, int path)
{
  return lua_rawlen(r->L, path) > PATH_LENGTH_MAX;
}

/* Notes the line of the event under the path on top. */
static void note_line(struct reader *r)
{
  if (is_long(r, -1))
    return;
  lua_pushvalue(r->L, -1);
  lua_pushinteger(r->L, (lua_Integer)r->event.start_mark.line + 1);
  lua_rawset(r->L, LINES);
}

static void read_list(struct reader *r, int path)
{
  lua_State *L = r->L;
  enter(r);
  read_tag(r, r->event.data.sequence_start.tag, " seq ");
  push_anchor(r, r->event.data.sequence_start.anchor);
  lua_newtable(L);
  json_mark_array(L);
  next_event(r);
  for (lua_Integer i = 1; r->event.type != YAML_SEQUENCE_END_EVENT; i++) {
    if (is_long(r, path))
      lua_pushvalue(L, path);
    else
      lua_pushfstring(L, "%s[%I]", lua_tostring(L, path), (LUAI_UACINT)i);
    note_line(r);
    read_node(r, lua_gettop(L));
    lua_rawseti(L, -3, i);  // anchor list path value
    lua_pop(L, 1);
    next_event(r);
  }
  name_value(r);
  r->depth--;
}

static void check_key(struct reader *r)
{
  if (r->event.type != YAML_SCALAR_EVENT)
    yaml_refuse(r, r->event.start_mark, NULL, "a key is a text, not a list, a mapping or an alias");
  const char *text = (const char *)r->event.data.scalar.value;
  read_tag(r, r->event.data.scalar.tag, " str ");
  if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
    return;
  if (!*text)
    yaml_refuse(r, r->event.start_mark, NULL, "a key is missing before ':'");
  if (strcmp(text, "<<") == 0)
    yaml_refuse(r, r->event.start_mark, "write the members out", "merge keys are not part of YAML 1.2");
}

/* Refuses the key below the path on top when its mapping, below it, has it already. */
static void check_unique(struct reader *r, const char *text)
{
  lua_State *L = r->L;
  lua_pushvalue(L, -2);
  bool is_new = lua_rawget(L, -4) == LUA_TNIL;  // mapping key path value
  lua_pop(L, 1);
  if (is_new)
    return;
  static const char hint[] = "a key stands once in its mapping";
  lua_rawget(L, LINES);
  int line = (int)lua_tointeger(L, -1);
  if (line > 0)
    yaml_refuse(r, r->event.start_mark, hint, "the key '%.80s%s' stands already on line %d", text,
                cut_mark(text, 80), line);
  yaml_refuse(r, r->event.start_mark, hint, "the key '%.80s%s' stands there already", text, cut_mark(text, 80));
}

/* mapping -> mapping key path; notes the path's line */
static void read_key(struct reader *r, int path)
{
  lua_State *L = r->L;
  check_key(r);
  const char *text = (const char *)r->event.data.scalar.value, *parent = lua_tostring(L, path);
  push_anchor(r, r->event.data.scalar.anchor);
  lua_pushlstring(L, text, r->event.data.scalar.length);
  name_value(r);
  if (is_long(r, path))
    lua_pushvalue(L, path);
  else
    lua_pushfstring(L, "%s%s%s", parent, *parent ? "." : "", text);
  check_unique(r, text);
  note_line(r);
}

static void read_mapping(struct reader *r, int path)
{
  lua_State *L = r->L;
  enter(r);
  read_tag(r, r->event.data.mapping_start.tag, " map ");
  push_anchor(r, r->event.data.mapping_start.anchor);
  lua_newtable(L);
  next_event(r);
  while (r->event.type != YAML_MAPPING_END_EVENT) {
    read_key(r, path);
    next_event(r);
    read_node(r, lua_gettop(L));
    lua_remove(L, -2);
    lua_rawset(L, -3);  // anchor mapping key value
    next_event(r);
  }
  name_value(r);
  r->depth--;
}

/* Pushes the value that begins with the last event, and reads its events to the end. `path`
 * is the stack index of its path. */
static void read_node(struct reader *r, int path)
{
  if (r->event.type == YAML_SEQUENCE_START_EVENT)
    read_list(r, path);
  else if (r->event.type == YAML_MAPPING_START_EVENT)
    read_mapping(r, path);
  else if (r->event.type == YAML_ALIAS_EVENT)
    read_alias(r);
  else
    read_scalar(r);
}

/* ---- the document ---------------------------------------------------------------------------- */

/* Pushes the only document's value; of a text without any, null. */
static void read_document(struct reader *r)
{
  next_event(r);  // the stream's start
  next_event(r);
  if (r->event.type == YAML_STREAM_END_EVENT) {
    json_push_null(r->L);
    return;
  }
  next_event(r);
  read_node(r, ROOT);
  next_event(r);  // the document's end
  next_event(r);
  if (r->event.type != YAML_STREAM_END_EVENT)
    yaml_refuse(r, r->event.start_mark, "one text holds one document; remove '---'",
                "a second document starts here");
}

static int reader_close(lua_State *L)  /* __close and __gc */
{
  struct reader *r = lua_touserdata(L, 1);
  yaml_event_delete(&r->event);
  yaml_parser_delete(&r->parser);
  return 0;
}

/* Pushes a reader of the text, to be closed. */
static struct reader *new_reader(lua_State *L, const char *name)
{
  size_t len;
  const char *text = lua_tolstring(L, TEXT, &len);
  size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;  // some editors write one
  struct reader *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = (struct reader){.L = L, .name = name, .text = text + mark, .end = text + len};
  luaL_setmetatable(L, READER);
  lua_toclose(L, -1);
  if (!yaml_parser_initialize(&r->parser))
    failure_memory(L);
  yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, len - mark);
  return r;
}

/* yaml.decode(text, {name=}) -> value, { path = line }; raises "yaml-invalid" */
static int decode(lua_State *L)
{
  static const struct opt_field fields[] = {{"name", OPT_STRING, 0, false}, {0}};
  const char *name = "yaml";
  size_t len;
  opt_string(L, TEXT, "yaml.decode", "text", &len);
  if (!lua_isnoneornil(L, 2))
    opt_read(L, 2, "yaml.decode", fields, &name);
  lua_settop(L, 2);
  struct reader *r = new_reader(L, name);  // text options reader
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "");
  yaml_check_breaks(r);
  read_document(r);
  lua_pushvalue(L, LINES);
  return 2;
}

/* yaml.core.is_text(text) -> whether it is text without quotes, too, and not a number, null … */
static int is_text(lua_State *L)
{
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_pushboolean(L, scalar_read(text, len).kind == SCALAR_TEXT);
  return 1;
}

int yaml_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"decode", decode}, {"is_text", is_text}, {NULL, NULL}};
  class_new(L, READER, NULL, reader_close);
  luaL_newlib(L, functions);
  return 1;
}
