/* sql_lua.c - the module "sql.core": sessions on a database, and statements in them.
 *
 * The URL, the text and the parameters may be templates: their secrets are resolved for
 * the host that the URL names, which each session remembers. */
#include "class.h"
#include "effect.h"
#include "failure.h"
#include "field.h"
#include "host.h"
#include "opt.h"
#include "secret.h"
#include "sql.h"
#include "sql_url.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION "davit.sql"

enum { PARAMS_MAX = 65535 };  /* the protocol's limit */

/* PostgreSQL's numbers of the types that become something else than a string. */
enum { TYPE_BOOL = 16, TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23, TYPE_OID = 26,
       TYPE_FLOAT4 = 700, TYPE_FLOAT8 = 701 };

struct session {
  struct sql_session *sql;  /* NULL: closed */
  char host[256];
};

static struct world_sql *world_sql(lua_State *L)
{
  return host_of(L)->world->sql;
}

/* ---- failures ---------------------------------------------------------------------------- */

/* The server's words in a table; each is masked, as messages are. */
static void push_said(lua_State *L, const struct sql_operation *op)
{
  static const char *const names[SAID_COUNT] = {
    "severity", "message", "detail", "hint", "position", "internal_position", "internal_query",
    "where", "schema", "table", "column", "datatype", "constraint", "file", "line", "routine"};
  lua_createtable(L, 0, SAID_COUNT);
  for (int i = 0; i < SAID_COUNT; i++)
    failure_set(L, names[i], op->said[i], false);
}

/* The fault as an error value that also has sqlstate and position. */
static int raise_sql(lua_State *L, const struct sql_operation *op, const char *about)
{
  failure_push(L, &op->fault, about);
  if (op->sqlstate[0]) {
    field_text(L, "sqlstate", op->sqlstate);
  }
  if (op->position > 0) {
    field_integer(L, "position", op->position);
  }
  if (op->said[SAID_MESSAGE]) {
    push_said(L, op);
    lua_setfield(L, -2, "said");
  }
  return lua_error(L);
}

/* ---- connecting -------------------------------------------------------------------------- */

struct connect_options {
  int url;
  double timeout;
};

static const struct opt_field connect_fields[] = {
  {"url",     OPT_TEXT,   offsetof(struct connect_options, url),     true},
  {"timeout", OPT_NUMBER, offsetof(struct connect_options, timeout), false},
  {0},
};

static int session_close(lua_State *L)  /* also __close and __gc */
{
  struct session *s = luaL_checkudata(L, 1, SESSION);
  struct sql_session *sql = s->sql;
  s->sql = NULL;
  if (sql)
    world_sql(L)->close(sql);
  return 0;
}

/* options … box session: both were made before the connection, so that nothing can leak. */
static int connected(lua_State *L, int status, lua_KContext box)
{
  struct sql_operation *op = (struct sql_operation *)effect_at(L, (int)box);
  struct session *s = luaL_checkudata(L, (int)box - 1, SESSION);
  (void)status;
  if (op->fault.code)
    return raise_sql(L, op, s->host);
  s->sql = op->session;
  op->session = NULL;
  lua_pushvalue(L, (int)box - 1);
  return 1;
}

static struct session *new_session(lua_State *L)
{
  struct session *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct session){0};
  luaL_setmetatable(L, SESSION);
  return s;
}

static int bad_url(lua_State *L)
{
  struct fault f;
  fault_set(&f, "sql-url", "misuse", "sql.connect: the URL must name one host");
  fault_hint(&f, "write postgresql://user:password@host:port/database?sslmode=…");
  return failure_raise(L, &f, NULL);
}

/* sql.core.connect{url=, timeout=} -> session */
static int connect(lua_State *L)
{
  struct connect_options o = {.timeout = 10};
  struct destination to = {.kind = TO_SQL, .place = "option 'url'"};
  size_t len;
  lua_settop(L, 1);
  opt_read(L, 1, "sql.connect", connect_fields, &o);
  if (!(o.timeout > 0))
    return failure_misuse(L, "sql.connect: option 'timeout' must be above 0 seconds");
  struct task *task = task_current(L);
  const char *url = secret_resolve_found(L, o.url, &to, sql_url_host, &len);
  int resolved = lua_gettop(L);
  struct session *s = new_session(L);
  if (!sql_url_host(url, len, s->host, sizeof s->host))
    return bad_url(L);
  struct effect **box = effect_box(L);
  *box = (struct effect *)world_sql(L)->connect(world_sql(L), url, o.timeout, task_wake, task);
  lua_pushnil(L);
  lua_replace(L, resolved);  /* the bytes are not needed while the connection is made */
  return effect_wait(L, lua_gettop(L), connected);
}

/* ---- results ----------------------------------------------------------------------------- */

static void push_cell(lua_State *L, unsigned type, const char *text)
{
  switch (type) {
  case TYPE_BOOL:
    lua_pushboolean(L, text[0] == 't');
    break;
  case TYPE_INT8:
  case TYPE_INT2:
  case TYPE_INT4:
  case TYPE_OID:
    lua_pushinteger(L, strtoll(text, NULL, 10));
    break;
  case TYPE_FLOAT4:
  case TYPE_FLOAT8:
    lua_pushnumber(L, strtod(text, NULL));
    break;
  default:
    lua_pushstring(L, text);
  }
}

/* { "id", "name", … }; a name that is there twice would hide a value. */
static void push_columns(lua_State *L, const struct sql_operation *op)
{
  lua_createtable(L, (int)op->column_count, 0);
  lua_createtable(L, 0, (int)op->column_count);  // columns seen
  for (size_t c = 0; c < op->column_count; c++) {
    const char *name = op->columns[c].name;
    if (lua_getfield(L, -1, name) != LUA_TNIL)
      failure_misuse(L, "session:query: two columns are named '%s': name one with AS", name);
    lua_pop(L, 1);
    field_boolean(L, name, true);
    lua_pushstring(L, name);
    lua_rawseti(L, -3, (lua_Integer)c + 1);
  }
  lua_pop(L, 1);
}

/* columns rows -> the same; rows hold fields by name, a null is an absent field. */
static void fill_rows(lua_State *L, const struct sql_operation *op)
{
  const char *const *cell = op->cells;
  for (size_t r = 0; r < op->row_count; r++) {
    lua_createtable(L, 0, (int)op->column_count);  // columns rows row
    for (size_t c = 0; c < op->column_count; c++, cell++) {
      if (!*cell)
        continue;
      lua_rawgeti(L, -3, (lua_Integer)c + 1);
      push_cell(L, op->columns[c].type, *cell);
      lua_rawset(L, -3);
    }
    lua_rawseti(L, -2, (lua_Integer)r + 1);
  }
}

static int push_result(lua_State *L, const struct sql_operation *op)
{
  lua_createtable(L, 0, 3);
  push_columns(L, op);
  lua_createtable(L, (int)op->row_count, 0);  // result columns rows
  fill_rows(L, op);
  lua_setfield(L, -3, "rows");
  lua_setfield(L, -2, "columns");
  if (op->affected >= 0) {
    field_integer(L, "affected", op->affected);
  }
  return 1;
}

/* ---- results as the server sent them --------------------------------------------------------- */

static void push_fields(lua_State *L, const struct sql_operation *op)
{
  lua_createtable(L, (int)op->column_count, 0);
  for (size_t c = 0; c < op->column_count; c++) {
    const struct sql_column *column = &op->columns[c];
    lua_createtable(L, 0, 6);
    field_text(L, "name", column->name);
    field_integer(L, "type", column->type);
    field_integer(L, "table", column->table);
    field_integer(L, "number", column->number);
    field_integer(L, "size", column->size);
    field_integer(L, "modifier", column->modifier);
    lua_rawseti(L, -2, (lua_Integer)c + 1);
  }
}

/* Lists of texts; a null is sql.null, so that no list has holes. */
static void push_cells(lua_State *L, const struct sql_operation *op)
{
  const char *const *cell = op->cells;
  lua_createtable(L, (int)op->row_count, 0);
  for (size_t r = 0; r < op->row_count; r++) {
    lua_createtable(L, (int)op->column_count, 0);
    for (size_t c = 0; c < op->column_count; c++, cell++) {
      if (*cell)
        lua_pushstring(L, *cell);
      else
        lua_pushlightuserdata(L, NULL);
      lua_rawseti(L, -2, (lua_Integer)c + 1);
    }
    lua_rawseti(L, -2, (lua_Integer)r + 1);
  }
}

static int push_raw(lua_State *L, const struct sql_operation *op)
{
  lua_createtable(L, 0, 3);
  push_fields(L, op);
  lua_setfield(L, -2, "fields");
  push_cells(L, op);
  lua_setfield(L, -2, "rows");
  field_text(L, "command", op->command);
  return 1;
}

/* ---- the end of a statement ------------------------------------------------------------------ */

static const struct sql_operation *outcome(lua_State *L, lua_KContext box)
{
  const struct sql_operation *op = (struct sql_operation *)effect_at(L, (int)box);
  const struct session *s = luaL_checkudata(L, 1, SESSION);
  if (op->fault.code)
    raise_sql(L, op, s->host);
  return op;
}

static int queried(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  return push_result(L, outcome(L, box));
}

static int queried_raw(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  return push_raw(L, outcome(L, box));
}

/* ---- statements -------------------------------------------------------------------------- */

struct query_options {
  double timeout;
  bool raw;
};

static const struct opt_field query_fields[] = {
  {"timeout", OPT_NUMBER,  offsetof(struct query_options, timeout), false},
  {"raw",     OPT_BOOLEAN, offsetof(struct query_options, raw),     false},
  {0},
};

/* Pushes the bytes of the string or template at idx; a zero byte would cut them short. */
static const char *push_text(lua_State *L, int idx, const struct session *s, const char *place)
{
  struct destination to = {.kind = TO_SQL, .what = s->host, .place = place};
  size_t len;
  const char *text = secret_resolve(L, idx, &to, &len);
  if (strlen(text) != len)
    failure_misuse(L, "session:query: %s holds a zero byte, which SQL text cannot", place);
  return text;
}

/* Pushes what stands for the parameter at idx, as text; NULL is SQL's null. */
static const char *push_param(lua_State *L, int idx, const struct session *s, int number)
{
  char place[32];
  snprintf(place, sizeof place, "parameter %d", number);
  int type = lua_type(L, idx);
  if (type == LUA_TSTRING || secret_test(L, idx))
    return push_text(L, idx, s, place);
  if (type == LUA_TBOOLEAN)
    return lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false");
  if (type == LUA_TNUMBER) {
    lua_pushvalue(L, idx);
    return lua_tostring(L, -1);
  }
  if (type != LUA_TLIGHTUSERDATA || lua_touserdata(L, idx))
    failure_misuse(L, "session:query: %s must be a string, number, boolean or sql.null, not a %s",
                   place, luaL_typename(L, idx));
  lua_pushnil(L);
  return NULL;
}

static int count_params(lua_State *L)
{
  if (lua_isnoneornil(L, 3))
    return 0;
  if (!lua_istable(L, 3))
    failure_misuse(L, "session:query: the parameters must be a list, not a %s",
                   luaL_typename(L, 3));
  lua_Integer length = (lua_Integer)lua_rawlen(L, 3), entries = 0;
  for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1))
    entries++;
  if (entries != length)
    failure_misuse(L, "session:query: the parameters must be a list without holes: "
                      "write sql.null for a null");
  if (length > PARAMS_MAX)
    failure_misuse(L, "session:query: %d parameters at most", PARAMS_MAX);
  return (int)length;
}

/* Pushes the parameters' texts, and an array of pointers to them, which it returns. */
static const char **push_params(lua_State *L, const struct session *s, int n)
{
  luaL_checkstack(L, n + 16, "parameters");
  const char **params = lua_newuserdatauv(L, sizeof *params * (size_t)(n + 1), 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 3, i);
    params[i - 1] = push_param(L, lua_gettop(L), s, i);
    lua_remove(L, -2);
  }
  return params;
}

/* Unanchors the resolved bytes between two places of the stack: they have been sent. */
static void forget(lua_State *L, int from, int to)
{
  for (int i = from; i <= to; i++) {
    lua_pushnil(L);
    lua_replace(L, i);
  }
}

static void read_query(lua_State *L, struct query_options *o)
{
  if (lua_type(L, 2) != LUA_TSTRING && !secret_test(L, 2))
    failure_misuse(L, "session:query: the text must be a string, not a %s", luaL_typename(L, 2));
  if (!lua_isnil(L, 4))
    opt_read(L, 4, "session:query", query_fields, o);
  if (!(o->timeout > 0))
    failure_misuse(L, "session:query: option 'timeout' must be above 0 seconds");
}

/* session:query(text, {params}, {timeout=, raw=}) -> { rows=, columns=, affected= }, or raw
 * { fields=, rows=, command= } */
static int query(lua_State *L)
{
  struct session *s = luaL_checkudata(L, 1, SESSION);
  struct query_options o = {.timeout = 60};
  lua_settop(L, 4);
  read_query(L, &o);
  int n = count_params(L);
  if (!s->sql)
    return failure_misuse(L, "session:query: the session is closed");
  struct task *task = task_current(L);
  const char *text = push_text(L, 2, s, "the text");
  int first = lua_gettop(L);
  const char **params = push_params(L, s, n);
  struct effect **box = effect_box(L);
  int at = lua_gettop(L);
  *box = (struct effect *)world_sql(L)->query(s->sql, text, n || o.raw ? params : NULL, (size_t)n,
                                              o.timeout, task_wake, task);
  forget(L, first, at - 1);
  return effect_wait(L, at, o.raw ? queried_raw : queried);
}

static int session_tostring(lua_State *L)
{
  const struct session *s = luaL_checkudata(L, 1, SESSION);
  lua_pushfstring(L, "sql session on %s%s", s->host, s->sql ? "" : " (closed)");
  return 1;
}

int sql_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", session_close}, {"query", query}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"connect", connect}, {NULL, NULL}};
  class_new(L, SESSION, methods, session_close);
  class_event(L, SESSION, "__tostring", session_tostring);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, NULL);  /* the same value as json.null */
  lua_setfield(L, -2, "null");
  return 1;
}
