/* process_args.c - what a child is started with: checked, completed, secrets resolved.
 *
 * The environment is built here from a short list of inherited variables and those that are
 * named, in memory that is wiped as soon as the world has its copy. */
#include "process_args.h"
#include "process_recipient.h"
#include "buf_lua.h"
#include "failure.h"
#include "files_lua.h"
#include "host.h"
#include "opt.h"
#include "order.h"
#include "secret.h"
#include "world.h"
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ------------------------------------------------------------------------ */

static const struct process_args defaults = {
  .output = "capture", .timeout = INFINITY, .max_output = 1 << 20};

/* process.start knows those from START_FIELDS on; timeout, grace and check are Lua's. */
enum { START_FIELDS = 2 };

static const struct opt_field fields[] = {
  {"timeout", OPT_NUMBER, offsetof(struct process_args, timeout), false},
  {"check", OPT_BOOLEAN, offsetof(struct process_args, check), false},
  {"argv", OPT_TABLE, offsetof(struct process_args, argv), false},
  {"command", OPT_STRING, offsetof(struct process_args, command), false},
  {"env", OPT_TABLE, offsetof(struct process_args, env), false},
  {"cwd", OPT_STRING, offsetof(struct process_args, cwd), false},
  {"input", OPT_ANY, offsetof(struct process_args, input), false},
  {"fds", OPT_TABLE, offsetof(struct process_args, fds), false},
  {"output", OPT_STRING, offsetof(struct process_args, output), false},
  {"prefix", OPT_STRING, offsetof(struct process_args, prefix), false},
  {"merge", OPT_BOOLEAN, offsetof(struct process_args, merge), false},
  {"pty", OPT_ANY, offsetof(struct process_args, terminal), false},
  {"max_output", OPT_INTEGER, offsetof(struct process_args, max_output), false},
  {"memory", OPT_INTEGER, offsetof(struct process_args, memory), false},
  {"grace", OPT_NUMBER, offsetof(struct process_args, grace), false},
  {0},
};

static bool is_stream(const struct process_args *o)
{
  return strcmp(o->output, "stream") == 0;
}

static bool discards(const struct process_args *o)
{
  return strcmp(o->output, "discard") == 0;
}

/* input = { file = "path" } */
static void read_file_input(lua_State *L, struct process_args *o)
{
  static const struct opt_field file[] = {{"file", OPT_STRING, 0, true}, {0}};
  opt_read(L, o->input, "process: input", file, &o->input_file);
  if (!*o->input_file)
    failure_misuse(L, "%s: input.file is empty", o->what);
}

/* A text, a file, or true: what child:write() gives. */
static void read_input(lua_State *L, struct process_args *o)
{
  if (!o->input)
    return;
  int type = lua_type(L, o->input);
  bool text = type == LUA_TSTRING || secret_test(L, o->input);
  o->input_open = type == LUA_TBOOLEAN && lua_toboolean(L, o->input);
  if (type == LUA_TTABLE)
    read_file_input(L, o);
  else if (!text && !o->input_open)
    failure_misuse(L, "%s: 'input' must be a string, a secret, { file = PATH } or true, not a %s", o->what,
                   luaL_typename(L, o->input));
  if (o->input_open && strcmp(o->what, "process.run") == 0)
    failure_misuse(L, "process.run: input = true is for process.start, whose child:write() gives it");
}

static void check_output(lua_State *L, const struct process_args *o)
{
  if (!is_stream(o) && !discards(o) && strcmp(o->output, "capture") != 0)
    failure_misuse(L, "%s: output is 'stream', 'capture' or 'discard', not '%s'", o->what, o->output);
  if (o->prefix && !is_stream(o))
    failure_misuse(L, "%s: prefix goes with output = \"stream\"", o->what);
  if (o->terminal && !lua_isboolean(L, o->terminal))
    failure_misuse(L, "%s: 'pty' must be true or false, not a %s", o->what, luaL_typename(L, o->terminal));
  if (o->terminal && lua_toboolean(L, o->terminal) && discards(o))
    failure_misuse(L, "%s: pty goes with output that is not discarded", o->what);
}

static void check_options(lua_State *L, const struct process_args *o)
{
  if (!o->argv == !o->command)
    failure_misuse(L, "%s: give argv, a list, or command, a text for /bin/sh%s", o->what,
                   o->argv ? ", not both" : "");
  if (o->timeout <= 0 || o->grace < 0)
    failure_misuse(L, "%s: timeout is seconds above 0, grace seconds of at least 0", o->what);
  if (o->max_output < 0 || o->max_output > BUF_LIMIT / 4)
    failure_misuse(L, "%s: max_output is 0 to %d bytes", o->what, BUF_LIMIT / 4);
  if (o->memory < 0)
    failure_misuse(L, "%s: memory is a limit in bytes", o->what);
  check_output(L, o);
}

/* ---- argv and environment ------------------------------------------------------------- */

static int count_pairs(lua_State *L, int idx)
{
  int n = 0;
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
    n++;
  return n;
}

/* The argument is on top. */
static void refuse_argument(lua_State *L, const struct process_args *o, int i)
{
  int idx = lua_gettop(L);
  const char *place = lua_pushfstring(L, "%s: argv[%d]", o->what, i);
  secret_refuse(L, idx, place,
                "everybody on the machine can read the arguments of a program: use env, input or fds");
}

/* The i-th argument, anchored by the table: a program's arguments are no place for secrets. */
static const char *argument(lua_State *L, const struct process_args *o, int i)
{
  size_t len;
  lua_rawgeti(L, o->argv, i);
  if (secret_test(L, -1))
    refuse_argument(L, o, i);
  if (lua_type(L, -1) != LUA_TSTRING)
    failure_misuse(L, "%s: argv[%d] must be a string, not a %s", o->what, i, luaL_typename(L, -1));
  const char *text = lua_tolstring(L, -1, &len);
  if (strlen(text) != len || (i == 1 && len == 0))
    failure_misuse(L, "%s: argv[%d] is empty or holds a NUL", o->what, i);
  lua_pop(L, 1);
  return text;
}

static const char *const *read_argv(lua_State *L, const struct process_args *o)
{
  int n = o->argv ? (int)lua_rawlen(L, o->argv) : 3;
  if (n == 0 || (o->argv && count_pairs(L, o->argv) != n))
    failure_misuse(L, "%s: argv is a list of at least one string, without holes", o->what);
  const char **list = lua_newuserdatauv(L, sizeof *list * (size_t)(n + 1), 0);
  if (o->argv) {
    for (int i = 1; i <= n; i++)
      list[i - 1] = argument(L, o, i);
  } else {
    list[0] = "/bin/sh";
    list[1] = "-c";
    list[2] = o->command;
  }
  list[n] = NULL;
  return list;
}

/* What a program needs to find itself at home; everything else is named in env. */
static bool is_inherited(const char *entry, size_t len)
{
  static const char *const names[] = {
    "CI", "CLICOLOR", "COLORTERM", "HOME", "LANG", "LOGNAME", "NODE_EXTRA_CA_CERTS", "NO_COLOR", "PATH",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "TERM", "TMPDIR", "TZ", "USER", NULL};
  for (int i = 0; names[i]; i++)
    if (strlen(names[i]) == len && memcmp(names[i], entry, len) == 0)
      return true;
  return strncmp(entry, "LC_", 3) == 0;
}

/* As getenv() reads a list that names a variable twice: the first one counts. */
static bool is_repeated(char *const *entry, size_t len)
{
  for (char **e = environ; e < (char **)entry; e++)
    if (strncmp(*e, *entry, len) == 0 && (*e)[len] == '=')
      return true;
  return false;
}

static int add_inherited(lua_State *L, const struct process_args *o, struct buf *lines)
{
  int n = 0;
  for (char **e = environ; *e; e++) {
    size_t len = strcspn(*e, "=");
    if (!(*e)[len] || !is_inherited(*e, len) || is_repeated(e, len))
      continue;
    bool replaced = false;
    if (o->env) {
      lua_pushlstring(L, *e, len);
      replaced = lua_rawget(L, o->env) != LUA_TNIL;
      lua_pop(L, 1);
    }
    if (replaced)
      continue;
    buf_add(lines, *e, strlen(*e) + 1);
    n++;
  }
  return n;
}

/* Adds the variable whose name is on top; false as its value leaves it out. */
static int add_variable(lua_State *L, const struct process_args *o, const struct process_recipient *program,
                        struct buf *lines)
{
  size_t name_len, len;
  if (lua_type(L, -1) != LUA_TSTRING)
    failure_misuse(L, "%s: env is a table NAME = value", o->what);
  const char *name = lua_tolstring(L, -1, &name_len);
  if (!*name || strlen(name) != name_len || strchr(name, '='))
    failure_misuse(L, "%s: '%s' cannot be the name of a variable", o->what, name);
  lua_pushvalue(L, -1);
  lua_rawget(L, o->env);
  if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  if (lua_type(L, -1) != LUA_TSTRING && !secret_test(L, -1))
    failure_misuse(L, "%s: env.%s must be a string, or false to leave it out, not a %s", o->what,
                   name, luaL_typename(L, -1));
  char place[80];
  snprintf(place, sizeof place, "environment %.60s", name);
  struct destination to = process_destination(program, place);
  const char *value = secret_resolve(L, -1, &to, &len);
  if (memchr(value, 0, len))
    failure_misuse(L, "%s: env.%s holds a NUL", o->what, name);
  buf_add(lines, name, name_len);
  buf_add_char(lines, '=');
  buf_add(lines, value, len);
  buf_add_char(lines, 0);
  lua_pop(L, 2);
  return 1;
}

static int add_variables(lua_State *L, const struct process_args *o, const struct process_recipient *program,
                         struct buf *lines)
{
  int added = 0;
  if (!o->env)
    return 0;
  order_keys(L, o->env);
  int n = (int)lua_rawlen(L, -1);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    added += add_variable(L, o, program, lines);
    lua_pop(L, 1);
  }
  return added;
}

/* What --no-color says to us, for whoever neither inherits NO_COLOR nor is given it. */
static int add_plain(lua_State *L, const struct process_args *o, struct buf *lines)
{
  static const char plain[] = "NO_COLOR=1";
  bool named = false;
  if (o->env) {
    lua_pushliteral(L, "NO_COLOR");
    named = lua_rawget(L, o->env) != LUA_TNIL;
    lua_pop(L, 1);
  }
  if (named || !host_of(L)->plain || getenv("NO_COLOR"))
    return 0;
  buf_add(lines, plain, sizeof plain);
  return 1;
}

/* Pushes the variables, in memory that is wiped, and the list of pointers to them. */
static const char *const *read_env(lua_State *L, const struct process_args *o,
                                   const struct process_recipient *program)
{
  struct buf *lines = buf_push(L, BUF_LIMIT);
  int n = add_inherited(L, o, lines);
  n += add_variables(L, o, program, lines);
  n += add_plain(L, o, lines);
  if (!buf_ok(lines))
    failure_memory(L);
  return buf_push_list(L, lines, n);
}

/* ---- descriptors ------------------------------------------------------------------------ */

/* Reads what the child gets on that descriptor, if anything; the bytes are pushed. */
static bool read_extra(lua_State *L, const struct process_args *o, int number,
                       const struct process_recipient *program, struct process_extra *e)
{
  char place[32];
  snprintf(place, sizeof place, "descriptor %d", number);
  struct destination to = process_destination(program, place);
  int type = lua_rawgeti(L, o->fds, number);
  if (type == LUA_TNIL)
    return false;
  if (type != LUA_TSTRING && !secret_test(L, -1))
    failure_misuse(L, "%s: fds[%d] must be a string or a secret, not a %s", o->what, number,
                   luaL_typename(L, -1));
  *e = (struct process_extra){.number = number};
  e->data = secret_resolve(L, lua_gettop(L), &to, &e->len);
  if (e->len > PROCESS_EXTRA_MAX)
    failure_misuse(L, "%s: fds[%d] is larger than %d bytes: use input", o->what, number, PROCESS_EXTRA_MAX);
  return true;
}

/* Pushes the list, and what it points to. */
static void read_extras(lua_State *L, const struct process_args *o, const struct process_recipient *program,
                        struct process_options *p)
{
  enum { MOST = PROCESS_EXTRA_LAST - PROCESS_EXTRA_FIRST + 1 };
  if (!o->fds)
    return;
  struct process_extra *list = lua_newuserdatauv(L, sizeof *list * MOST, 0);
  luaL_checkstack(L, 3 * MOST, o->what);
  for (int number = PROCESS_EXTRA_FIRST; number <= PROCESS_EXTRA_LAST; number++)
    p->extra_count += read_extra(L, o, number, program, &list[p->extra_count]);
  if (count_pairs(L, o->fds) != (int)p->extra_count)
    failure_misuse(L, "%s: fds is a table of descriptors from %d to %d: fds = { [3] = … }", o->what,
                   PROCESS_EXTRA_FIRST, PROCESS_EXTRA_LAST);
  p->extra = list;
}

/* ---- for process_lua.c ------------------------------------------------------------------ */

void process_args_read(lua_State *L, const char *what, struct process_args *o)
{
  bool start = strcmp(what, "process.start") == 0;
  *o = defaults;
  o->what = what;
  opt_read(L, 1, what, start ? fields + START_FIELDS : fields, o);
  check_options(L, o);
  read_input(L, o);
}

/* Who looks at our terminal sees there what a child shows on its own. */
static bool wants_terminal(lua_State *L, const struct process_args *o)
{
  struct world_environ *e = host_of(L)->world->environ;
  return o->terminal ? lua_toboolean(L, o->terminal)
                     : is_stream(o) && e->is_terminal(e, STDERR_FILENO);
}

/* The project's folder; NULL: it is the working folder, or there is none. */
static const char *folder(lua_State *L)
{
  const char *here = files_path(L, ".");
  return strcmp(here, ".") == 0 ? NULL : files_root(L);
}

/* The PATH that the child is given. A secret is none that could be looked through. */
static const char *path_of(lua_State *L, const struct process_args *o)
{
  const char *ours = getenv("PATH");
  if (!o->env || lua_getfield(L, o->env, "PATH") == LUA_TNIL)
    return ours;
  bool removed = lua_isboolean(L, -1);
  const char *path = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : removed ? NULL : "/nonexistent";
  lua_pop(L, 1);  /* the table keeps it */
  return path;
}

int process_args_resolve(lua_State *L, const struct process_args *o, struct process_options *p,
                         struct process_recipient *program)
{
  luaL_checkstack(L, 20, o->what);
  p->cwd = o->cwd ? files_path(L, o->cwd) : folder(L);
  p->argv = read_argv(L, o);
  *program = (struct process_recipient){
    .world = host_of(L)->world->process, .place = {p->argv[0], path_of(L, o), p->cwd}, .root = files_root(L)};
  int env = lua_gettop(L) + 1;
  p->env = read_env(L, o, program);
  read_extras(L, o, program, p);
  p->terminal = wants_terminal(L, o);
  p->terminal_optional = !o->terminal;
  p->merged = o->merge;
  p->memory = (size_t)o->memory;
  p->input_file = o->input_file ? files_path(L, o->input_file) : NULL;
  p->input_open = o->input_open;
  if (!o->input || o->input_file || o->input_open)
    return env;
  struct destination to = process_destination(program, "input");
  p->input = secret_resolve(L, o->input, &to, &p->input_len);
  return env;
}
