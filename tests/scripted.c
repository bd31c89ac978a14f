/* scripted.c - the scripted world; see scripted.h.
 *
 * An effect is answered by the script when it starts, and finishes when the scheduler
 * waits: time jumps to the earliest effect or timer, so nothing ever sleeps. */
#include "scripted.h"
#include "host.h"
#include "mask.h"
#include "store.h"
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What every scripted effect has beside its public struct, which comes after it. */
struct pending {
  struct pending *next;
  double due;
};

struct scripted {
  struct world world;
  struct world_clock clock;
  struct world_http http;
  struct world_sql sql;
  struct world_dns dns;
  struct world_process process;
  struct world_random random;
  struct world_files files;
  struct world_store store;
  struct store_clock store_clock;
  struct host host;  /* of the script's state */
  lua_State *L;
  double start, now;
  struct pending *pending;
  unsigned long long seed;
};

#define FROM(member, pointer) ((struct scripted *)((char *)(pointer) - offsetof(struct scripted, member)))

/* ---- effects that finish when the clock says so ---------------------------------------- */

static struct effect *effect_of(struct pending *p)
{
  return (struct effect *)(p + 1);
}

static void unlink_pending(struct scripted *s, struct pending *p)
{
  for (struct pending **at = &s->pending; *at; at = &(*at)->next)
    if (*at == p) {
      *at = p->next;
      return;
    }
}

/* Which world an effect belongs to stands behind its done and arg in the same block. */
struct owner {
  struct scripted *s;
  void (*release)(struct effect *e);
};

static struct owner *owner_of(struct effect *e)
{
  return (struct owner *)((struct pending *)e - 1) - 1;
}

static void destroy(struct effect *e)
{
  struct owner *o = owner_of(e);
  unlink_pending(o->s, (struct pending *)e - 1);
  o->release(e);
  free(o);
}

static void *new_effect(struct scripted *s, size_t size, effect_done *done, void *arg,
                        void (*release)(struct effect *))
{
  struct owner *o = calloc(1, sizeof *o + sizeof(struct pending) + size);
  if (!o)
    return NULL;
  *o = (struct owner){s, release};
  struct pending *p = (struct pending *)(o + 1);
  *effect_of(p) = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  p->due = s->now;
  p->next = s->pending;
  s->pending = p;
  return effect_of(p);
}

static struct pending *earliest(struct scripted *s)
{
  struct pending *best = NULL;
  for (struct pending *p = s->pending; p; p = p->next)
    if (!best || p->due <= best->due)  /* equal times: the one that started first */
      best = p;
  return best;
}

static double now(struct world_clock *c)
{
  return FROM(clock, c)->now;
}

static bool wait_until(struct world_clock *c, double until)
{
  struct scripted *s = FROM(clock, c);
  struct pending *p = earliest(s);
  if (p && p->due <= until) {
    s->now = p->due > s->now ? p->due : s->now;
    unlink_pending(s, p);
    effect_finish(effect_of(p));
    return true;
  }
  if (until == INFINITY)
    return false;
  s->now = until > s->now ? until : s->now;
  return true;
}

/* ---- asking the script -------------------------------------------------------------------- */

static void set_string(lua_State *L, const char *key, const char *value, size_t len)
{
  lua_pushlstring(L, value, len);
  lua_setfield(L, -2, key);
}

static void begin(struct scripted *s, const char *function)
{
  lua_settop(s->L, 1);
  lua_getfield(s->L, 1, function);
}

/* Calls the function below its nargs arguments; leaves 3 results from index 2. A script that
 * raises is a broken test: it ends the program with the script's message. */
static void ask(struct scripted *s, int nargs)
{
  lua_pushnumber(s->L, s->now);
  if (lua_pcall(s->L, nargs + 1, 3, 0) != LUA_OK) {
    fprintf(stderr, "scripted world: %s\n", luaL_tolstring(s->L, -1, NULL));
    abort();
  }
}

/* Reads the field `delay` of the table at index 2 into the effect's due time. */
static void read_delay(struct scripted *s, struct effect *e)
{
  if (!lua_istable(s->L, 2))
    return;
  lua_getfield(s->L, 2, "delay");
  ((struct pending *)e - 1)->due += lua_tonumber(s->L, -1);
  lua_pop(s->L, 1);
}

/* Fault texts outlive the script's strings: code and class are compared, never freed. */
static const char *constant(const char *text)
{
  static const char *const known[] = {
    "http-refused", "http-timeout", "http-lost", "http-tls", "dns-not-found", "dns-failed",
    "sql-error", "sql-lost", "file-not-found", "pending", "transient", "unknown", "fatal", NULL};
  for (int i = 0; known[i]; i++)
    if (text && strcmp(known[i], text) == 0)
      return known[i];
  return "fatal";
}

/* fault = {code, class, message} in the table at index 2. */
static void read_fault(struct scripted *s, struct fault *f)
{
  lua_State *L = s->L;
  if (!lua_istable(L, 2) || lua_getfield(L, 2, "fault") != LUA_TTABLE)
    return;
  lua_geti(L, -1, 1);
  lua_geti(L, -2, 2);
  lua_geti(L, -3, 3);
  fault_set(f, constant(lua_tostring(L, -3)), constant(lua_tostring(L, -2)), "%s",
            lua_tostring(L, -1));
  lua_pop(L, 4);
}

/* ---- http -------------------------------------------------------------------------------------- */

static void release_http(struct effect *e)
{
  struct http_exchange *x = (struct http_exchange *)e;
  buf_free(&x->headers);
  buf_free(&x->body);
}

/* https://host[:port]/path?query -> fields of the request table on top */
static void push_url(lua_State *L, const char *url)
{
  const char *host = strstr(url, "://") + 3;
  size_t host_len = strcspn(host, "/?:");
  const char *path = host + strcspn(host, "/?");
  size_t path_len = strcspn(path, "?");
  set_string(L, "host", host, host_len);
  set_string(L, "path", path_len ? path : "/", path_len ? path_len : 1);
  const char *query = path[path_len] == '?' ? path + path_len + 1 : "";
  set_string(L, "query", query, strlen(query));
}

static void push_headers(lua_State *L, const struct http_request *r)
{
  lua_newtable(L);
  for (const char *const *h = r->headers; h && *h; h++) {
    char name[128];
    size_t n = strcspn(*h, ":;");
    for (size_t i = 0; i <= n && i < sizeof name; i++)
      name[i] = (char)(i == n ? 0 : (*h)[i] >= 'A' && (*h)[i] <= 'Z' ? (*h)[i] + 32 : (*h)[i]);
    lua_pushstring(L, (*h)[n] == ':' ? *h + n + 2 : "");
    lua_setfield(L, -2, name);
  }
  lua_pushliteral(L, "davit/test");
  lua_setfield(L, -2, "user-agent");
  if (r->parts) {
    lua_pushliteral(L, "multipart/form-data; boundary=scripted-boundary");
    lua_setfield(L, -2, "content-type");
  }
  lua_setfield(L, -2, "headers");
}

static void push_body(lua_State *L, const struct http_request *r)
{
  struct buf b;
  buf_init(&b, BUF_LIMIT);
  if (r->body)
    buf_add(&b, r->body, r->body_len);
  for (size_t i = 0; i < r->part_count; i++) {
    const struct http_part *p = &r->parts[i];
    buf_printf(&b, "--scripted-boundary\r\nContent-Disposition: form-data; name=\"%s\"", p->name);
    if (p->filename)
      buf_printf(&b, "; filename=\"%s\"", p->filename);
    if (p->type)
      buf_printf(&b, "\r\nContent-Type: %s", p->type);
    buf_add_str(&b, "\r\n\r\n");
    buf_add(&b, p->data, p->len);
    buf_add_str(&b, "\r\n");
  }
  if (r->parts)
    buf_add_str(&b, "--scripted-boundary--\r\n");
  set_string(L, "body", buf_str(&b), b.len);
  buf_free(&b);
}

static void read_response(struct scripted *s, struct http_exchange *x)
{
  lua_State *L = s->L;
  lua_getfield(L, 2, "status");
  x->status = (int)lua_tointeger(L, -1);
  if (lua_getfield(L, 2, "headers") == LUA_TTABLE) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      lua_pushvalue(L, -2);
      buf_printf(&x->headers, "%s: %s\n", lua_tostring(L, -1), lua_tostring(L, -2));
      lua_pop(L, 2);
    }
  }
  size_t len;
  lua_getfield(L, 2, "body");
  const char *body = lua_tolstring(L, -1, &len);
  if (body)
    buf_add(&x->body, body, len);
}

static struct http_exchange *http_start(struct world_http *h, const struct http_request *r,
                                        effect_done *done, void *arg)
{
  struct scripted *s = FROM(http, h);
  struct http_exchange *x = new_effect(s, sizeof *x, done, arg, release_http);
  if (!x)
    return NULL;
  buf_init(&x->headers, 1 << 20);
  buf_init(&x->body, BUF_LIMIT);
  begin(s, "http");
  lua_newtable(s->L);
  set_string(s->L, "method", r->method, strlen(r->method));
  push_url(s->L, r->url);
  push_headers(s->L, r);
  push_body(s->L, r);
  ask(s, 1);
  read_fault(s, &x->fault);
  if (!x->fault.code)
    read_response(s, x);
  read_delay(s, &x->effect);
  return x;
}

/* ---- dns ------------------------------------------------------------------------------------------ */

static void release_dns(struct effect *e)
{
  free(((struct dns_lookup *)e)->answers);
}

static struct dns_lookup *dns_start(struct world_dns *d, const struct dns_question *q,
                                    effect_done *done, void *arg)
{
  struct scripted *s = FROM(dns, d);
  struct dns_lookup *l = new_effect(s, sizeof *l, done, arg, release_dns);
  if (!l)
    return NULL;
  begin(s, "dns");
  lua_pushstring(s->L, q->name);
  lua_pushstring(s->L, q->type);
  ask(s, 2);
  size_t n = lua_istable(s->L, 2) ? lua_rawlen(s->L, 2) : 0;
  l->answers = calloc(n + 1, sizeof *l->answers);
  l->count = n;
  for (size_t i = 0; i < n; i++) {
    lua_geti(s->L, 2, (lua_Integer)i + 1);
    lua_getfield(s->L, -1, "type");
    lua_getfield(s->L, -2, "data");
    snprintf(l->answers[i].type, sizeof l->answers[i].type, "%s", lua_tostring(s->L, -2));
    snprintf(l->answers[i].data, sizeof l->answers[i].data, "%s", lua_tostring(s->L, -1));
    lua_settop(s->L, 4);
  }
  if (n == 0)
    fault_set(&l->fault, "dns-not-found", "pending", "no name server knows %s", q->name);
  return l;
}

/* ---- sql -------------------------------------------------------------------------------------------- */

struct sql_session {
  struct scripted *s;
  char *url;
};

static void sql_close(struct sql_session *session)
{
  if (!session)
    return;
  free(session->url);
  free(session);
}

static void release_sql(struct effect *e)
{
  struct sql_operation *o = (struct sql_operation *)e;
  for (size_t i = 0; i < o->column_count; i++)
    free((char *)o->columns[i].name);
  for (size_t i = 0; i < o->column_count * o->row_count; i++)
    free((char *)o->cells[i]);
  free(o->columns);
  free((void *)o->cells);
  sql_close(o->session);
}

static struct sql_operation *sql_connect(struct world_sql *w, const char *url, double timeout,
                                         effect_done *done, void *arg)
{
  struct scripted *s = FROM(sql, w);
  struct sql_operation *o = new_effect(s, sizeof *o, done, arg, release_sql);
  (void)timeout;
  if (!o)
    return NULL;
  o->session = calloc(1, sizeof *o->session);
  if (o->session)
    *o->session = (struct sql_session){s, strdup(url)};
  return o;
}

static void read_columns(lua_State *L, struct sql_operation *o)
{
  lua_getfield(L, 2, "columns");
  o->column_count = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
  o->columns = calloc(o->column_count + 1, sizeof *o->columns);
  for (size_t i = 0; i < o->column_count; i++) {
    lua_geti(L, -1, (lua_Integer)i + 1);
    char *name = strdup(lua_tostring(L, -1)), *colon = name ? strchr(name, ':') : NULL;
    o->columns[i].name = name;
    o->columns[i].type = colon ? (unsigned)atoi(colon + 1) : 25;  /* text */
    if (colon)
      *colon = 0;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_rows(lua_State *L, struct sql_operation *o)
{
  lua_getfield(L, 2, "rows");
  o->row_count = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
  const char **cells = calloc(o->row_count * o->column_count + 1, sizeof *cells);
  for (size_t i = 0; i < o->row_count * o->column_count; i++) {
    lua_geti(L, -1, (lua_Integer)(i / o->column_count) + 1);
    lua_geti(L, -1, (lua_Integer)(i % o->column_count) + 1);
    cells[i] = copy_str(lua_tostring(L, -1));
    lua_pop(L, 2);
  }
  o->cells = cells;
  lua_pop(L, 1);
}

static struct sql_operation *sql_query(struct sql_session *session, const char *text,
                                       const char *const *params, size_t param_count,
                                       double timeout, effect_done *done, void *arg)
{
  struct scripted *s = session->s;
  struct sql_operation *o = new_effect(s, sizeof *o, done, arg, release_sql);
  (void)timeout;
  if (!o)
    return NULL;
  begin(s, "sql");
  lua_pushstring(s->L, session->url);
  lua_pushstring(s->L, text);
  lua_newtable(s->L);
  for (size_t i = 0; i < param_count; i++) {
    lua_pushstring(s->L, params[i]);
    lua_seti(s->L, -2, (lua_Integer)i + 1);
  }
  ask(s, 3);
  read_fault(s, &o->fault);
  if (lua_istable(s->L, 2)) {
    read_columns(s->L, o);
    read_rows(s->L, o);
    lua_getfield(s->L, 2, "affected");
    o->affected = lua_isinteger(s->L, -1) ? (long)lua_tointeger(s->L, -1) : -1;
  }
  return o;
}

/* ---- processes ----------------------------------------------------------------------------------------- */

static void release_nothing(struct effect *e)
{
  (void)e;
}

static void push_list(lua_State *L, const char *const *list)
{
  lua_newtable(L);
  for (int i = 0; list && list[i]; i++) {
    lua_pushstring(L, list[i]);
    lua_seti(L, -2, i + 1);
  }
}

static void hand_output(const struct process_options *o, int fd, lua_State *L, int idx)
{
  size_t len;
  const char *text = lua_tolstring(L, idx, &len);
  if (!o->output)
    return;
  if (text)
    o->output(o->output_arg, fd, text, len);
  o->output(o->output_arg, fd, NULL, 0);
}

static struct process_child *process_start(struct world_process *w, const struct process_options *o,
                                           effect_done *done, void *arg)
{
  struct scripted *s = FROM(process, w);
  struct process_child *c = new_effect(s, sizeof *c, done, arg, release_nothing);
  if (!c)
    return NULL;
  begin(s, "process");
  push_list(s->L, o->argv);
  lua_pushstring(s->L, o->cwd);
  push_list(s->L, o->env);
  ask(s, 3);
  c->pid = 4242;
  c->exit_code = (int)lua_tointeger(s->L, 2);
  hand_output(o, 1, s->L, 3);
  hand_output(o, 2, s->L, 4);
  return c;
}

static void process_kill(struct process_child *c, int signal)
{
  c->exit_code = -1;
  c->signal = signal;
}

/* ---- files, randomness ------------------------------------------------------------------------------------ */

static void release_file(struct effect *e)
{
  buf_free(&((struct file_operation *)e)->data);
}

static void read_list(lua_State *L, struct buf *names)
{
  size_t n = lua_rawlen(L, 2);
  for (size_t i = 1; i <= n; i++) {
    lua_geti(L, 2, (lua_Integer)i);
    buf_add_str(names, lua_tostring(L, -1));
    buf_add_char(names, 0);
    lua_pop(L, 1);
  }
}

static struct file_operation *file_start(struct world_files *w, const struct file_request *r,
                                         effect_done *done, void *arg)
{
  static const char *const actions[] = {
    [FILE_READ] = "read", [FILE_WRITE] = "write", [FILE_LIST] = "list", [FILE_REMOVE] = "remove",
    [FILE_STAT] = "stat", [FILE_MAKE] = "make"};
  struct scripted *s = FROM(files, w);
  struct file_operation *f = new_effect(s, sizeof *f, done, arg, release_file);
  if (!f)
    return NULL;
  buf_init(&f->data, BUF_LIMIT);
  begin(s, "file");
  lua_pushstring(s->L, actions[r->action]);
  lua_pushstring(s->L, r->path);
  lua_pushlstring(s->L, r->data ? r->data : "", r->len);
  ask(s, 3);
  size_t len;
  if (lua_isnil(s->L, 2))
    fault_set(&f->fault, "file-not-found", "fatal", "%s: no such file", r->path);
  else if (r->action == FILE_READ)
    buf_add(&f->data, lua_tostring(s->L, 2), (lua_tolstring(s->L, 2, &len), len));
  else if (r->action == FILE_LIST)
    read_list(s->L, &f->data);
  f->size = lua_tonumber(s->L, 2);
  f->is_folder = lua_toboolean(s->L, 3);
  return f;
}

/* xorshift: every run draws the same numbers. */
static bool fill(struct world_random *w, void *bytes, size_t n)
{
  struct scripted *s = FROM(random, w);
  unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++) {
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    p[i] = (unsigned char)(s->seed >> 32);
  }
  return true;
}

/* ---- the store --------------------------------------------------------------------------------------------- */

static double store_now(void *s)
{
  return ((struct scripted *)s)->now;
}

static struct store *open_store(struct world_store *w, const char *place, struct fault *fault)
{
  return store_sqlite_new(place, &FROM(store, w)->store_clock, fault);
}

/* ---- the world ------------------------------------------------------------------------------------------------ */

static void assemble(struct scripted *s, double start)
{
  s->start = s->now = start;
  s->seed = 88172645463325252ull;
  s->clock = (struct world_clock){now, now, wait_until};
  s->http.start = http_start;
  s->dns.start = dns_start;
  s->sql = (struct world_sql){sql_connect, sql_query, sql_close};
  s->process = (struct world_process){process_start, process_kill};
  s->files.start = file_start;
  s->random.fill = fill;
  s->store.open = open_store;
  s->store_clock = (struct store_clock){store_now, store_now, s, "scripted"};
  s->world = (struct world){.clock = &s->clock, .http = &s->http, .sql = &s->sql, .dns = &s->dns,
                            .process = &s->process, .random = &s->random, .files = &s->files, .store = &s->store};
}

/* The script's state has Davit's pure modules and, to read its fixtures, plain io. */
static bool load(struct scripted *s, const char *script)
{
  s->host = (struct host){.world = &s->world, .mask = mask_new()};
  s->L = host_open(&s->host);
  if (!s->L)
    return false;
  lua_pushcfunction(s->L, luaopen_io);
  lua_call(s->L, 0, 1);
  lua_setglobal(s->L, "io");
  lua_settop(s->L, 0);
  if (luaL_loadfile(s->L, script) == LUA_OK && lua_pcall(s->L, 0, 1, 0) == LUA_OK)
    return true;
  fprintf(stderr, "scripted world: %s\n", luaL_tolstring(s->L, -1, NULL));
  return false;
}

struct scripted *scripted_new(const char *script, double start)
{
  struct scripted *s = calloc(1, sizeof *s);
  if (!s)
    return NULL;
  assemble(s, start);
  if (load(s, script))
    return s;
  scripted_free(s);
  return NULL;
}

void scripted_free(struct scripted *s)
{
  if (s->L)
    host_close(s->L);
  mask_free(s->host.mask);
  free(s);
}

struct world *scripted_world(struct scripted *s)
{
  return &s->world;
}

lua_State *scripted_state(struct scripted *s)
{
  lua_settop(s->L, 1);
  return s->L;
}

double scripted_elapsed(const struct scripted *s)
{
  return s->now - s->start;
}
