/* permit.c - a world that asks before each effect; see permit.h.
 *
 * What may begin is the effect of the world below, which may outlive this one; what may not is a refusal
 * (refusal.h). */
#include "permit.h"
#include "permit_name.h"
#include "refusal.h"
#include <stdlib.h>
#include <string.h>

struct permit {
  struct world world;
  struct world *under;
  uv_loop_t *loop;
  permit_judge *judge;
  void *arg;
  struct permit_folders folders;
  struct world_http http;
  struct world_websocket websocket;
  struct world_sql sql;
  struct world_dns dns;
  struct world_process process;
  struct world_files files;
  struct world_archive archive;
  struct world_environ environ;
};

#define PERMIT_OF(member, m) ((struct permit *)((char *)(m) - offsetof(struct permit, member)))

/* ---- asking ---------------------------------------------------------------------------------- */

/* Frees the name. */
static bool may(struct permit *p, const char *kind, struct buf *name, struct fault *f)
{
  bool named = buf_ok(name);
  if (!named)
    fault_set(f, "out-of-memory", "fatal", "not enough memory to name an effect");
  bool ok = named && p->judge(p->arg, kind, buf_str(name), f);
  buf_free(name);
  return ok;
}

/* Of a path that is not Davit's own. `inside`: what is meant below it, "" for itself. */
static bool may_touch(struct permit *p, const char *kind, const char *path, const char *inside, struct fault *f)
{
  struct buf name;
  buf_init(&name, BUF_LIMIT);
  permit_name_path(&name, &p->folders, path);
  if (buf_ok(&name) && permit_is_own(buf_str(&name))) {
    buf_free(&name);
    return true;
  }
  if (*inside && buf_ok(&name) && strcmp(buf_str(&name), ".") == 0)
    name.len = 0, inside++;  // all of the project: "**"
  buf_add_str(&name, inside);
  return may(p, kind, &name, f);
}

static bool may_ask(struct permit *p, const char *method, const char *url, const struct http_route *way, struct fault *f)
{
  struct buf name;
  buf_init(&name, BUF_LIMIT);
  permit_name_request(&name, method, url, way);
  return may(p, "requests", &name, f);
}

#define REFUSE(type) refusal_new(p->loop, sizeof(struct type), done, arg, &f)

/* ---- HTTP, WebSockets, SQL, names --------------------------------------------------------------- */

static struct http_exchange *start_exchange(struct world_http *w, const struct http_request *q, effect_done *done,
                                            void *arg)
{
  struct permit *p = PERMIT_OF(http, w);
  struct fault f;
  if (may_ask(p, q->method, q->url, &q->route, &f))
    return p->under->http->start(p->under->http, q, done, arg);
  return REFUSE(http_exchange);
}

static struct websocket_connect *connect_websocket(struct world_websocket *w, const struct websocket_request *q,
                                                   effect_done *done, void *arg)
{
  struct permit *p = PERMIT_OF(websocket, w);
  struct fault f;
  if (may_ask(p, "GET", q->url, &q->route, &f))
    return p->under->websocket->connect(p->under->websocket, q, done, arg);
  return REFUSE(websocket_connect);
}

static struct sql_operation *connect_sql(struct world_sql *w, const char *url, double timeout, effect_done *done, void *arg)
{
  struct permit *p = PERMIT_OF(sql, w);
  struct fault f;
  struct buf name;
  buf_init(&name, BUF_LIMIT);
  permit_name_database(&name, url);
  if (may(p, "databases", &name, &f))
    return p->under->sql->connect(p->under->sql, url, timeout, done, arg);
  return REFUSE(sql_operation);
}

static struct dns_lookup *look_up(struct world_dns *w, const struct dns_question *q, effect_done *done, void *arg)
{
  struct permit *p = PERMIT_OF(dns, w);
  struct fault f;
  struct buf name;
  buf_init(&name, BUF_LIMIT);
  buf_printf(&name, "%s %s", q->type, q->name);
  if (may(p, "lookups", &name, &f))
    return p->under->dns->start(p->under->dns, q, done, arg);
  return REFUSE(dns_lookup);
}

/* ---- children ------------------------------------------------------------------------------------- */

static struct process_child *start_child(struct world_process *w, const struct process_options *o, effect_done *done,
                                         void *arg)
{
  struct permit *p = PERMIT_OF(process, w);
  struct fault f;
  struct buf name;
  buf_init(&name, BUF_LIMIT);
  permit_name_command(&name, &p->folders, o->argv, o->cwd);
  if (may(p, "commands", &name, &f) && (!o->input_file || may_touch(p, "reads", o->input_file, "", &f)))
    return p->under->process->start(p->under->process, o, done, arg);
  return REFUSE(process_child);
}

static bool alive(struct world_process *w, int pid)
{
  struct world_process *under = PERMIT_OF(process, w)->under->process;
  return under->alive(under, pid);
}

static bool runs(struct world_process *w, const struct process_place *started, const char *name)
{
  struct world_process *under = PERMIT_OF(process, w)->under->process;
  return under->runs(under, started, name);
}

/* ---- files and archives ----------------------------------------------------------------------------- */

/* What an action does to its path and to where it leads: 'r' reads it, 'w' writes it, 'l' lists it, ' ' neither. */
static const char touches[][3] = {
  [FILE_READ] = "r ", [FILE_WRITE] = "w ", [FILE_LIST] = "l ", [FILE_REMOVE] = "w ", [FILE_STAT] = "  ",
  [FILE_MAKE] = "w ", [FILE_EXTEND] = "w ", [FILE_COPY] = "rw", [FILE_MOVE] = "ww", [FILE_MODE] = "w ",
  [FILE_PIECE] = "r ", [FILE_DIGEST] = "r ", [FILE_BEGIN] = " w", [FILE_APPEND] = " w", [FILE_PLACE] = " w"};

static bool may_be_touched(struct permit *p, char how, const char *path, struct fault *f)
{
  if (how == ' ' || !path)
    return true;
  return may_touch(p, how == 'w' ? "writes" : "reads", path, how == 'l' ? "/**" : "", f);
}

static struct file_operation *start_file(struct world_files *w, const struct file_request *q, effect_done *done, void *arg)
{
  struct permit *p = PERMIT_OF(files, w);
  const char *how = touches[q->action];
  struct fault f;
  if (may_be_touched(p, how[0], q->path, &f) && may_be_touched(p, how[1], q->to, &f))
    return p->under->files->start(p->under->files, q, done, arg);
  return REFUSE(file_operation);
}

static char *name_beside(struct world_files *w, const char *place)
{
  struct world_files *under = PERMIT_OF(files, w)->under->files;
  return under->name_beside(under, place);
}

static struct archive_operation *pack(struct world_archive *w, const struct pack_request *q, effect_done *done, void *arg)
{
  struct permit *p = PERMIT_OF(archive, w);
  struct fault f;
  if (may_touch(p, "reads", q->root, "/**", &f) && may_touch(p, "writes", q->to, "", &f))
    return p->under->archive->pack(p->under->archive, q, done, arg);
  return REFUSE(archive_operation);
}

static struct archive_operation *unpack(struct world_archive *w, const struct unpack_request *q, effect_done *done,
                                        void *arg)
{
  struct permit *p = PERMIT_OF(archive, w);
  struct fault f;
  if (may_touch(p, "reads", q->from, "", &f) && (!q->into || may_touch(p, "writes", q->into, "/**", &f)))
    return p->under->archive->unpack(p->under->archive, q, done, arg);
  return REFUSE(archive_operation);
}

/* ---- the machine ---------------------------------------------------------------------------------------- */

#define ENVIRON_UNDER(e) PERMIT_OF(environ, e)->under->environ

static const char *get(struct world_environ *e, const char *name)
{
  return ENVIRON_UNDER(e)->get(ENVIRON_UNDER(e), name);
}

static const char *get_secret(struct world_environ *e, const char *name)
{
  return ENVIRON_UNDER(e)->get_secret(ENVIRON_UNDER(e), name);
}

static bool hide(struct world_environ *e, const char *name)
{
  return ENVIRON_UNDER(e)->hide(ENVIRON_UNDER(e), name);
}

static const char *stand_in(struct world_environ *e, const char *name)
{
  return ENVIRON_UNDER(e)->stand_in(ENVIRON_UNDER(e), name);
}

static bool is_terminal(struct world_environ *e, int fd)
{
  return ENVIRON_UNDER(e)->is_terminal(ENVIRON_UNDER(e), fd);
}

static bool use_secret(struct world_environ *e, const char *name, struct fault *f)
{
  struct permit *p = PERMIT_OF(environ, e);
  return p->judge(p->arg, "secrets", name, f);
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

static void assemble(struct permit *p)
{
  const struct world *under = p->under;
  p->http = (struct world_http){start_exchange, under->http->resume};
  p->websocket = (struct world_websocket){connect_websocket};
  p->sql = (struct world_sql){connect_sql, under->sql->query, under->sql->close};
  p->dns = (struct world_dns){look_up};
  p->process = (struct world_process){start_child, under->process->kill, under->process->write,
                                      under->process->close_input, alive, runs};
  p->files = (struct world_files){start_file, name_beside, under->files->alone};
  p->archive = (struct world_archive){pack, unpack};
  p->environ = (struct world_environ){get, get_secret, hide, stand_in, is_terminal, use_secret};
  p->world = *under;
  p->world.http = &p->http;
  p->world.websocket = &p->websocket;
  p->world.sql = &p->sql;
  p->world.dns = &p->dns;
  p->world.process = &p->process;
  p->world.files = &p->files;
  p->world.archive = &p->archive;
  p->world.environ = &p->environ;
}

struct permit *permit_new(struct world *under, uv_loop_t *loop, const char *root, permit_judge *judge, void *arg)
{
  struct permit *p = calloc(1, sizeof *p);
  if (!p)
    return NULL;
  p->under = under;
  p->loop = loop;
  p->judge = judge;
  p->arg = arg;
  if (!permit_folders_find(&p->folders, root)) {
    permit_free(p);
    return NULL;
  }
  assemble(p);
  return p;
}

void permit_free(struct permit *p)
{
  if (!p)
    return;
  permit_folders_free(&p->folders);
  free(p);
}

struct world *permit_world(struct permit *p)
{
  return &p->world;
}

struct world *permit_under(struct permit *p)
{
  return p->under;
}

bool permit_matches(const char *pattern, const char *name)
{
  const char *star = NULL, *star_at = NULL, *deep = NULL, *deep_at = NULL;
  for (;;) {
    if (pattern[0] == '*' && pattern[1] == '*') {
      deep = pattern += 2;
      deep_at = name;
      star = NULL;  // what is behind decides alone: nothing before has to take another part of the name
    } else if (*pattern == '*') {
      star = ++pattern;
      star_at = name;
    } else if (*pattern == *name) {
      if (!*name)
        return true;
      pattern++, name++;
    } else if (star && *star_at && *star_at != '/') {
      name = ++star_at;
      pattern = star;
    } else if (deep && *deep_at) {
      name = ++deep_at;
      pattern = deep;
      star = NULL;
    } else {
      return false;
    }
  }
}
