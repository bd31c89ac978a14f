/* rehearsal_sql.c - SQL sessions, answered by the models' ledger. */
#include "rehearsal_world.h"
#include <stdlib.h>
#include <string.h>

struct sql_session {
  struct rehearsal *r;
  lua_Integer id;
};

static void close_session(struct sql_session *s)
{
  if (!s)
    return;
  rehearsal_begin(s->r, "close");
  lua_pushinteger(s->r->L, s->id);
  rehearsal_ask(s->r, 1, NULL);
  free(s);
}

static void release(struct effect *e)
{
  struct sql_operation *o = (struct sql_operation *)e;
  for (size_t i = 0; i < o->column_count; i++)
    free((char *)o->columns[i].name);
  for (size_t i = 0; o->cells && i < o->column_count * o->row_count; i++)
    free((char *)o->cells[i]);
  free(o->columns);
  free((void *)o->cells);
  free((char *)o->command);
  close_session(o->session);
}

static void short_of_memory(struct sql_operation *o)
{
  o->row_count = 0;
  fault_set(&o->fault, "out-of-memory", "fatal", "not enough memory for the answer");
}

/* Nobody waits longer for an answer that is late: the models have said what it is then. */
static void give_up_after(struct effect *e, double seconds)
{
  struct pending *p = rehearsal_pending(e);
  if (seconds > 0 && p->due > p->r->now + seconds)
    p->due = p->r->now + seconds;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static struct sql_session *new_session(struct rehearsal *r)
{
  struct sql_session *s = malloc(sizeof *s);
  lua_getfield(r->L, ANSWER, "session");
  if (s)
    *s = (struct sql_session){r, lua_tointeger(r->L, -1)};
  lua_settop(r->L, ANSWER);
  return s;
}

static struct sql_operation *start_connect(struct world_sql *w, const char *url, double timeout,
                                           effect_done *done, void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(sql, w);
  const char *at = strrchr(url, '@');
  rehearsal_before(r, POINT_SQL, "connect %.*s", at ? (int)strcspn(at + 1, "/?") : 0, at ? at + 1 : "");
  struct sql_operation *o = rehearsal_effect(r, sizeof *o, done, arg, release);
  if (!o)
    return NULL;
  rehearsal_begin(r, "connect");
  lua_pushstring(r->L, url);
  rehearsal_ask(r, 1, &o->effect);
  give_up_after(&o->effect, timeout);
  if (!rehearsal_fault(r, &o->fault, o->sqlstate) && !(o->session = new_session(r)))
    short_of_memory(o);
  rehearsal_note(r, "sql connect %.*s -> %s", at ? (int)strcspn(at + 1, "/?") : 0, at ? at + 1 : "",
                 o->fault.code ? o->fault.code : "connected");
  rehearsal_after(r, POINT_SQL);
  return o;
}

/* ---- statements --------------------------------------------------------------------------------- */

/* "name" or "name:type oid"; text when there is none. */
static bool read_column(lua_State *L, struct sql_column *c)
{
  const char *text = lua_tostring(L, -1);
  char *name = copy_str(text ? text : "");
  if (!name)
    return false;
  char *colon = strchr(name, ':');
  *c = (struct sql_column){.name = name, .type = colon ? (unsigned)atoi(colon + 1) : 25, .size = -1,
                           .modifier = -1};
  if (colon)
    *colon = 0;
  return true;
}

static bool read_columns(lua_State *L, struct sql_operation *o)
{
  if (lua_getfield(L, ANSWER, "columns") != LUA_TTABLE)
    return true;
  size_t n = lua_rawlen(L, -1);
  o->columns = calloc(n + 1, sizeof *o->columns);
  for (; o->columns && o->column_count < n; o->column_count++) {
    lua_rawgeti(L, -1, (lua_Integer)o->column_count + 1);
    if (!read_column(L, &o->columns[o->column_count]))
      return false;
    lua_pop(L, 1);
  }
  return o->columns != NULL;
}

static bool read_rows(lua_State *L, struct sql_operation *o)
{
  if (lua_getfield(L, ANSWER, "rows") != LUA_TTABLE)
    return true;
  size_t rows = lua_rawlen(L, -1), n = rows * o->column_count;
  const char **cells = calloc(n + 1, sizeof *cells);
  if (!cells)
    return false;
  o->cells = cells;
  o->row_count = rows;
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)(i / o->column_count) + 1);
    lua_rawgeti(L, -1, (lua_Integer)(i % o->column_count) + 1);
    const char *text = lua_tostring(L, -1);
    cells[i] = copy_str(text);
    if (text && !cells[i])
      return false;
    lua_pop(L, 2);
  }
  return true;
}

static void read_result(struct rehearsal *r, struct sql_operation *o)
{
  if (rehearsal_fault(r, &o->fault, o->sqlstate))
    return;
  if (!read_columns(r->L, o) || !read_rows(r->L, o))
    short_of_memory(o);
  lua_getfield(r->L, ANSWER, "affected");
  o->affected = lua_isinteger(r->L, -1) ? (long)lua_tointeger(r->L, -1) : -1;
  lua_getfield(r->L, ANSWER, "command");
  o->command = copy_str(lua_tostring(r->L, -1));
  lua_settop(r->L, ANSWER);
}

static struct sql_operation *start_query(struct sql_session *s, const char *text, const char *const *params,
                                         size_t param_count, double timeout, effect_done *done, void *arg)
{
  struct rehearsal *r = s->r;
  (void)timeout;
  rehearsal_before(r, POINT_SQL, "%.100s", text);
  struct sql_operation *o = rehearsal_effect(r, sizeof *o, done, arg, release);
  if (!o)
    return NULL;
  rehearsal_begin(r, "query");
  lua_pushinteger(r->L, s->id);
  lua_pushstring(r->L, text);
  lua_createtable(r->L, (int)param_count, 0);
  for (size_t i = 0; i < param_count; i++) {
    lua_pushstring(r->L, params[i]);
    lua_rawseti(r->L, -2, (lua_Integer)i + 1);
  }
  rehearsal_ask(r, 3, &o->effect);
  read_result(r, o);
  rehearsal_note(r, "sql %.100s -> %s", text, o->fault.code ? o->sqlstate : "done");
  rehearsal_after(r, POINT_SQL);
  return o;
}

void rehearsal_sql_open(struct world_sql *w)
{
  *w = (struct world_sql){start_connect, start_query, close_session};
}
