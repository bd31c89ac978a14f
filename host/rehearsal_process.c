/* rehearsal_process.c - children that never run: the models say how they end and what they print. */
#include "rehearsal_world.h"
#include <string.h>

enum { STAND_IN_PID = 4242 };

/* A child with what its owner will be given when it ends. */
struct stand_in {
  struct process_child child;
  process_output *output;
  void *output_arg;
  bool merged;
  struct buf texts[2];  /* of its descriptors 1 and 2 */
};

static void release(struct effect *e)
{
  struct stand_in *s = (struct stand_in *)e;
  buf_free(&s->texts[0]);
  buf_free(&s->texts[1]);
}

static bool deliver(struct effect *e)
{
  struct stand_in *s = (struct stand_in *)e;
  s->child.deaf = true;
  for (int i = 0; i < 2 && s->output && !s->child.fault.code; i++)
    if (s->texts[i].len)
      s->output(s->output_arg, s->merged ? 1 : i + 1, buf_str(&s->texts[i]), s->texts[i].len);
  for (int fd = 1; fd <= (s->merged ? 1 : 2) && s->output && !s->child.fault.code; fd++)
    s->output(s->output_arg, fd, NULL, 0);
  return true;
}

/* Of `sh -c COMMAND` the command. */
static const char *command_of(const char *const *argv)
{
  size_t len = strlen(argv[0]);
  bool is_shell = len >= 2 && strcmp(argv[0] + len - 2, "sh") == 0;
  return is_shell && argv[1] && strcmp(argv[1], "-c") == 0 && argv[2] ? argv[2] : argv[0];
}

static void push_argv(lua_State *L, const char *const *argv)
{
  lua_newtable(L);
  for (int i = 0; argv[i]; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static void read_text(lua_State *L, const char *field, struct buf *to)
{
  size_t len;
  lua_getfield(L, ANSWER, field);
  const char *text = lua_tolstring(L, -1, &len);
  buf_init(to, BUF_LIMIT);
  if (text)
    buf_add(to, text, len);
  lua_settop(L, ANSWER);
}

static void read_ending(struct rehearsal *r, struct stand_in *s)
{
  if (rehearsal_fault(r, &s->child.fault, NULL))
    return;
  s->child.pid = STAND_IN_PID;
  lua_getfield(r->L, ANSWER, "exit");
  s->child.exit_code = (int)lua_tointeger(r->L, -1);
  lua_settop(r->L, ANSWER);
  read_text(r->L, "output", &s->texts[0]);
  read_text(r->L, "errors", &s->texts[1]);
}

static struct process_child *start(struct world_process *w, const struct process_options *o,
                                   effect_done *done, void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(process, w);
  rehearsal_before(r, POINT_PROCESS, "%s in %s", command_of(o->argv), o->cwd ? o->cwd : ".");
  struct stand_in *s = rehearsal_effect(r, sizeof *s, done, arg, release);
  if (!s)
    return NULL;
  s->output = o->output;
  s->output_arg = o->output_arg;
  s->merged = o->merged || o->terminal;
  s->child.deaf = !o->input_open;
  rehearsal_pending(&s->child.effect)->deliver = deliver;
  rehearsal_begin(r, "process");
  push_argv(r->L, o->argv);
  lua_pushstring(r->L, o->cwd ? o->cwd : ".");
  lua_pushstring(r->L, o->input_file);
  rehearsal_ask(r, 3, &s->child.effect);
  read_ending(r, s);
  rehearsal_note(r, "process %s in %s -> %d", command_of(o->argv), o->cwd ? o->cwd : ".", s->child.exit_code);
  rehearsal_after(r, POINT_PROCESS);
  return &s->child;
}

static void kill_child(struct process_child *c, int signal)
{
  struct pending *p = rehearsal_pending(&c->effect);
  c->exit_code = -1;
  c->signal = signal;
  p->due = p->r->now;
}

/* A stand-in reads whatever it is given. */
static bool take_input(struct process_child *c, const void *data, size_t len)
{
  return true;
}

static void end_input(struct process_child *c)
{
  c->deaf = true;
}

/* No process of the machine is in this world, and the stand-ins have one number among them. */
static bool alive(struct world_process *w, int pid)
{
  struct rehearsal *r = REHEARSAL_OF(process, w);
  for (struct pending *p = r->pending; p; p = p->next)
    if (pid == STAND_IN_PID && p->release == release)
      return true;
  return false;
}

/* No file of the machine is looked at: the name decides, which the binding has compared. */
static bool runs(struct world_process *w, const struct process_place *started, const char *name)
{
  (void)w, (void)started, (void)name;
  return true;
}

void rehearsal_process_open(struct world_process *w)
{
  *w = (struct world_process){start, kill_child, take_input, end_input, alive, runs};
}
