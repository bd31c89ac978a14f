/* http_lua.c - the module "http.core": one exchange from Lua; lua/http.lua is the public half.
 *
 * Secrets in headers, body and parts are resolved here, each checked against where it goes, into
 * memory that is wiped when the call ends. Values that `secrets` names are
 * taken out of the reply before it becomes a Lua string. */
#include "buf_lua.h"
#include "effect.h"
#include "failure.h"
#include "files_lua.h"
#include "header_lines.h"
#include "headers.h"
#include "host.h"
#include "http_lua.h"
#include "http_recipient.h"
#include "http_route_lua.h"
#include "json_span.h"
#include "opt.h"
#include "order.h"
#include "secret.h"
#include "task.h"
#include "world.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

struct options {
  const char *url, *method;
  int secret_url, headers, body, parts, secrets, sigv4, policy;
  struct http_file_options files;
  struct http_route_options route;
  lua_Integer max_body;
  bool fresh;
};

/* What was not asked for depends on where the bodies go. */
#define UNSET LUA_MININTEGER

static const struct options defaults = {
  .method = "GET", .max_body = UNSET};

static const struct opt_field fields[] = {
  {"url", OPT_STRING, offsetof(struct options, url), true},
  {"secret_url", OPT_TEXT, offsetof(struct options, secret_url), false},  /* lua/http/secret_url.lua */
  {"method", OPT_STRING, offsetof(struct options, method), false},
  {"headers", OPT_TABLE, offsetof(struct options, headers), false},
  {"body", OPT_TEXT, offsetof(struct options, body), false},
  {"multipart", OPT_TABLE, offsetof(struct options, parts), false},
  {"secrets", OPT_TABLE, offsetof(struct options, secrets), false},
  {"sigv4", OPT_TABLE, offsetof(struct options, sigv4), false},
  HTTP_FILE_OPTIONS(files),
  HTTP_ROUTE_OPTIONS(route),
  {"max_body", OPT_INTEGER, offsetof(struct options, max_body), false},
  {"fresh", OPT_BOOLEAN, offsetof(struct options, fresh), false},
  /* lua/http.lua takes these out: they stand here for the error that lists what is known */
  {"json", OPT_ANY, offsetof(struct options, policy), false},
  {"form", OPT_ANY, offsetof(struct options, policy), false},
  {"unless", OPT_ANY, offsetof(struct options, policy), false},
  {"redirects", OPT_ANY, offsetof(struct options, policy), false},
  {"retry", OPT_ANY, offsetof(struct options, policy), false},
  {"idempotent", OPT_ANY, offsetof(struct options, policy), false},
  {"budget", OPT_ANY, offsetof(struct options, policy), false},
  {0},
};

/* ---- reading the request --------------------------------------------------------------- */

static const char *resolve(lua_State *L, int idx, const struct destination *where, const char *place, size_t *len)
{
  struct destination to = *where;
  to.place = place;
  return secret_resolve(L, idx, &to, len);
}

struct part_options {
  const char *name, *filename, *type, *from;
  int data;
};

static const struct opt_field part_fields[] = {
  {"name", OPT_STRING, offsetof(struct part_options, name), true},
  {"filename", OPT_STRING, offsetof(struct part_options, filename), false},
  {"type", OPT_STRING, offsetof(struct part_options, type), false},
  {"data", OPT_TEXT, offsetof(struct part_options, data), false},
  {"from", OPT_STRING, offsetof(struct part_options, from), false},
  {0},
};

/* Servers take a part for a file by its having a file's name. */
static const char *filename_of(const struct part_options *p)
{
  if (p->filename || !p->from)
    return p->filename;
  const char *slash = strrchr(p->from, '/');
  return slash ? slash + 1 : p->from;
}

/* Pushes what the part points into. */
static void read_part(lua_State *L, const struct destination *to, struct http_part *part, const char **file)
{
  struct part_options p = {0};
  char place[80];
  opt_read(L, -1, "http.request: multipart", part_fields, &p);
  if (p.type && p.type[strcspn(p.type, "\r\n")])
    failure_misuse(L, "http.request: multipart: the type of part '%s' holds a line break", p.name);
  if (!p.data == !p.from)
    failure_misuse(L, "http.request: multipart: part '%s' has either data or from", p.name);
  snprintf(place, sizeof place, "part '%.60s'", p.name);
  *part = (struct http_part){.name = p.name, .filename = filename_of(&p), .type = p.type};
  *file = p.from ? files_path(L, p.from) : NULL;
  if (p.data)
    part->data = resolve(L, p.data, to, place, &part->len);
}

/* Pushes the arrays of parts and of their files, and what they point into. */
static void read_parts(lua_State *L, const struct options *o, const struct destination *to, struct http_call *c)
{
  size_t n = o->parts ? lua_rawlen(L, o->parts) : 0;
  if (o->parts && n == 0)
    failure_misuse(L, "http.request: multipart is a list of {name=, data=, …} with at least one");
  struct http_part *parts = lua_newuserdatauv(L, sizeof *parts * (n + 1), 0);
  const char **files = lua_newuserdatauv(L, sizeof *files * (n + 1), 0);
  bool from_files = false;
  luaL_checkstack(L, (int)n * 3 + 20, "multipart");
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, o->parts, (lua_Integer)i + 1);
    read_part(L, to, &parts[i], &files[i]);
    from_files = from_files || files[i];
  }
  c->request.parts = n ? parts : NULL;
  c->request.part_count = n;
  c->files.part_files = from_files ? files : NULL;
}

static void read_limits(lua_State *L, const struct options *o)
{
  header_check_token(L, "http.request", "method", o->method);
  if (o->max_body < 0 && o->max_body != UNSET)
    failure_misuse(L, "http.request: max_body is a number of bytes");
  if (o->body && o->parts)
    failure_misuse(L, "http.request: body and multipart exclude each other");
}

/* "https://host/": a longer host that begins with it does not begin with its slash. */
static bool is_origin(const char *url)
{
  const char *authority = strstr(url, "://");
  size_t len = authority ? strcspn(authority + 3, "/?#@\\") : 0;
  return len > 0 && strcmp(authority + 3 + len, "/") == 0;
}

/* A URL that is a secret: `url` is what may be told of it, its origin. */
static void read_secret_url(lua_State *L, const struct options *o, const struct destination *at, struct http_call *c)
{
  struct destination to = *at;
  size_t len;
  if (!o->secret_url)
    return;
  if (c->has_files || c->streams || o->sigv4 || o->route.connect_to || o->route.unix_socket)
    failure_misuse(L, "http.request: a URL that is a secret goes with no file, stream, signature or other way");
  to.header = DESTINATION_URL;
  const char *url = resolve(L, o->secret_url, &to, "URL", &len);
  if (!is_origin(o->url) || strncmp(url, o->url, strlen(o->url)) != 0 || strlen(url) != len)
    failure_misuse(L, "http.request: the secret is no URL that begins with '%s'", o->url);
  c->request.url = url;
  c->request.shown = o->url;
}

/* ---- the reply ----------------------------------------------------------------------------- */

struct minted {
  const char *name;
  int to;
};

static const struct opt_field minted_fields[] = {
  {"name", OPT_STRING, offsetof(struct minted, name), true},
  {"to", OPT_TABLE, offsetof(struct minted, to), true},
  {0},
};

/* The list of bindings as C strings, which the table at idx anchors; pushes the list. */
static const char *const *read_bindings(lua_State *L, int idx)
{
  int n = (int)lua_rawlen(L, idx);
  const char **list = lua_newuserdatauv(L, sizeof *list * (size_t)(n + 1), 0);
  for (int i = 0; i < n; i++) {
    if (lua_rawgeti(L, idx, i + 1) != LUA_TSTRING)
      failure_misuse(L, "http.request: secrets: 'to' is a list of places");
    list[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[n] = NULL;
  return list;
}

/* Before anything is sent: afterwards the value would be lost, or stand in the body for all to see. */
static void check_minted(lua_State *L, int secrets)
{
  int top = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, secrets)) {  // pointer minted
    struct minted m = {0};
    const char *pointer = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (*pointer && *pointer != '/')
      failure_misuse(L, "http.request: secrets: '%s' is no JSON pointer: it begins with /", pointer);
    opt_read(L, -1, "http.request: secrets", minted_fields, &m);
    secret_check_bindings(L, m.name, read_bindings(L, m.to));
    lua_settop(L, top + 1);
  }
}

/* Replaces bytes from..to of the body; the old body is wiped. */
static bool replace_span(struct buf *body, size_t from, size_t to, const char *text)
{
  struct buf b;
  buf_init(&b, body->limit + 256);
  buf_add(&b, body->data, from);
  buf_add_str(&b, text);
  buf_add(&b, body->data + to, body->len - to);
  bool ok = buf_ok(&b);
  if (!ok) {
    buf_wipe(&b);
    return false;
  }
  buf_wipe(body);
  *body = b;
  return true;
}

/* Takes the string at the pointer (on top) out of the body and pushes its template. */
static void take_secret(lua_State *L, int secrets, struct http_exchange *x)
{
  struct minted m = {0};
  const char *pointer = lua_tostring(L, -1);
  size_t from, to;
  char note[128];
  lua_getfield(L, secrets, pointer);
  opt_read(L, -1, "http.request: secrets", minted_fields, &m);
  const char *const *bindings = read_bindings(L, m.to);
  if (!json_span(x->body.data, x->body.len, pointer, &from, &to)) {
    lua_pushnil(L);
    return;
  }
  struct buf *value = buf_push(L, x->body.len + 1);
  int at = lua_gettop(L);
  bool ok = json_unescape(x->body.data + from, to - from, value);
  if (ok)
    secret_push(L, m.name, value->data, value->len, bindings);
  lua_closeslot(L, at);
  snprintf(note, sizeof note, "[secret %.100s]", m.name);
  if (!ok || !replace_span(&x->body, from, to, note))
    failure_memory(L);
}

/* Pushes { pointer = template }. */
static void take_secrets(lua_State *L, struct http_exchange *x)
{
  lua_newtable(L);
  int result = lua_gettop(L);
  if (lua_getfield(L, 1, "secrets") != LUA_TTABLE || !x->body.data) {
    lua_settop(L, result);
    return;
  }
  order_keys(L, result + 1);
  int keys = lua_gettop(L), n = (int)lua_rawlen(L, keys);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    take_secret(L, result + 1, x);
    lua_pushvalue(L, keys + 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, result);
    lua_settop(L, keys);
  }
  lua_settop(L, result);
}

void http_reply_push(lua_State *L, struct http_exchange *x)
{
  lua_createtable(L, 0, 16);  // two more come from redirects and retries
  int reply = lua_gettop(L);
  take_secrets(L, x);
  lua_setfield(L, reply, "secrets");
  lua_pushinteger(L, x->status);
  lua_setfield(L, reply, "status");
  headers_push(L, buf_str(&x->headers));
  lua_getfield(L, -1, "cf-ray");
  lua_setfield(L, reply, "cf_ray");
  lua_getfield(L, -1, "etag");
  lua_setfield(L, reply, "etag");
  lua_setfield(L, reply, "headers");
  lua_pushlstring(L, buf_str(&x->body), x->body.len);
  lua_setfield(L, reply, "body");
  lua_pushstring(L, x->protocol);
  lua_setfield(L, reply, "protocol");
  lua_pushstring(L, x->address);
  lua_setfield(L, reply, "address");
  lua_getfield(L, 1, "url");
  lua_setfield(L, reply, "url");
  lua_pushinteger(L, (lua_Integer)x->received);
  lua_setfield(L, reply, "received");
  http_timing_push(L, &x->timing);
  lua_setfield(L, reply, "timing");
  lua_pushboolean(L, x->reused);
  lua_setfield(L, reply, "reused");
}

int http_fault_raise(lua_State *L, const struct http_exchange *x)
{
  lua_getfield(L, 1, "url");
  http_fault_push(L, x, lua_tostring(L, -1));
  return lua_error(L);
}

/* ---- the request ------------------------------------------------------------------------------ */

static void read_options(lua_State *L, const char *what, struct options *o)
{
  *o = defaults;
  luaL_checkstack(L, 40, "options");
  opt_read(L, 1, what, fields, o);
  read_limits(L, o);
}

void http_call_read(lua_State *L, const char *what, const struct file_operation *digest, struct http_call *c)
{
  struct options o;
  read_options(L, what, &o);
  *c = (struct http_call){.request = {.method = o.method, .url = o.url, .fresh = o.fresh}, .streams = c->streams};
  struct http_request *r = &c->request;
  luaL_checkstack(L, 20, "request");
  if (o.secrets)
    check_minted(L, o.secrets);
  const struct http_route way = http_route_of(&o.route);
  struct destination to = http_recipient(L, o.url, o.method, &way);
  http_recipient_headers(L, o.url, o.headers, &to);
  r->headers = header_lines_read(L, o.headers, what, &to);
  r->answers_secret = o.secrets != 0;
  if (o.body)
    r->body = resolve(L, o.body, &to, "body", &r->body_len);
  read_parts(L, &o, &to, c);
  http_files_read(L, what, &o.files, c);
  read_secret_url(L, &o, &to, c);
  bool whole = !c->has_files && !c->streams;
  http_route_read(L, what, &o.route, whole, r);
  r->max_body = o.max_body != UNSET ? (size_t)o.max_body : whole ? 16 << 20 : 1 << 30;
  if (digest)
    c->files.stamp = digest->stamp;
  if (o.sigv4)
    http_sign(L, what, o.sigv4, digest ? buf_str(&digest->data) : NULL, &to, r);
}

static int request_done(lua_State *L, int status, lua_KContext box)
{
  (void)status;
  struct http_exchange *x = (struct http_exchange *)effect_at(L, (int)box);
  if (x->fault.code)
    return http_fault_raise(L, x);
  luaL_checkstack(L, 20, "reply");
  http_reply_push(L, x);
  return 1;
}

static int run(lua_State *L, const struct file_operation *digest)
{
  struct http_call c = {.streams = false};
  struct task *task = task_current(L);
  http_call_read(L, "http.request", digest, &c);
  if (c.has_files)
    return http_files_run(L, &c);
  struct effect **box = effect_box(L);
  struct world_http *http = host_of(L)->world->http;
  *box = (struct effect *)http->start(http, &c.request, task_wake, task);
  return effect_wait(L, lua_gettop(L), request_done);
}

static int have_digest(lua_State *L, int status, lua_KContext box)
{
  struct file_operation *op = (struct file_operation *)effect_at(L, (int)box);
  (void)status;
  if (op->fault.code) {
    lua_getfield(L, 1, "from");
    return failure_raise(L, &op->fault, lua_tostring(L, -1));
  }
  return run(L, op);
}

/* A file has to be read whole before a request that signs it can begin. */
static int look_at_file(lua_State *L, const struct options *o)
{
  struct file_request r = {.action = FILE_DIGEST, .path = files_path(L, o->files.from)};
  struct task *task = task_current(L);
  struct world_files *files = host_of(L)->world->files;
  r.root = o->files.outside ? NULL : files_root(L);
  struct effect **box = effect_box(L);
  *box = (struct effect *)files->start(files, &r, task_wake, task);
  return effect_wait(L, lua_gettop(L), have_digest);
}

static int request(lua_State *L)
{
  lua_settop(L, 1);
  if (lua_istable(L, 1) && lua_getfield(L, 1, "from") != LUA_TNIL && lua_getfield(L, 1, "sigv4") != LUA_TNIL) {
    struct options o;
    read_options(L, "http.request", &o);
    if (o.files.from && o.sigv4 && http_sign_needs_digest(L, o.sigv4))
      return look_at_file(L, &o);
  }
  lua_settop(L, 1);
  return run(L, NULL);
}

int http_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"presign", http_presign}, {"request", request}, {"stream", http_stream}, {NULL, NULL}};
  http_stream_open(L);
  luaL_newlib(L, functions);
  opt_push_names(L, fields);
  lua_setfield(L, -2, "options");
  return 1;
}
