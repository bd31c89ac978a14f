/* process_guard.c - children in the real world: the guard starts them, the loop reads them.
 *
 * A child here is four descriptors watched by the loop: its input, its two outputs, and
 * the control socket to its keeper (guard.h), which reports how it started and ended.
 * Closing the control socket kills whatever the child left alive, so freeing a child and
 * dying are the same to it.
 *
 * Ownership: the memory of a child is released when it was freed and libuv has let go of
 * its last handle. Invariants: 1. a watch is open exactly while its fd is not -1.
 *                              2. nothing is reported after conclude() or destroy(). */
#include "process_child.h"
#include "process_find.h"
#include "process_pty.h"
#include "real.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  HELD_MS = (int)(PROCESS_HELD_SECONDS * 1000),
  READ_SIZE = 64 * 1024,
  LAST_READS = 16       /* of an output that is held: as much as a pipe can hold */
};

/* ---- the end of a child ----------------------------------------------------------- */

static void release(struct child *c)
{
  if (!c->freed || c->handles)
    return;
  buf_wipe(&c->input);
  free(c->program);
  free(c->path);
  free(c->cwd);
  free(c);
}

static void watch_closed(uv_handle_t *handle)
{
  struct watch *w = handle->data;
  w->child->handles--;
  release(w->child);
}

static void timer_closed(uv_handle_t *handle)
{
  struct child *c = handle->data;
  c->handles--;
  release(c);
}

void process_close_watch(struct watch *w)
{
  if (w->fd < 0)
    return;
  uv_close((uv_handle_t *)&w->poll, watch_closed);
  close(w->fd);
  w->fd = -1;
}

static void close_watches(struct child *c)
{
  for (int i = 0; i < WATCHES; i++)
    process_close_watch(&c->watches[i]);
}

static void leave_terminals(struct child *c)
{
  if (!c->link)
    return;
  *c->link = c->next;
  if (c->next)
    c->next->link = c->link;
  c->link = NULL;
  if (!c->guard->terminals)
    uv_signal_stop(&c->guard->resized);
}

static void close_handles(struct child *c)
{
  leave_terminals(c);
  close_watches(c);
  if (!uv_is_closing((uv_handle_t *)&c->timer))
    uv_close((uv_handle_t *)&c->timer, timer_closed);
}

static void end_output(struct child *c, int fd)
{
  if (c->watches[fd].fd < 0)
    return;
  process_close_watch(&c->watches[fd]);
  c->output(c->arg, fd, NULL, 0);
}

static void order(struct child *c, int what)
{
  if (c->watches[CONTROL].fd >= 0)
    send(c->watches[CONTROL].fd, &what, sizeof what, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void conclude(struct child *c)
{
  if (c->exited) {
    if (!c->ending)
      order(c, GUARD_LEAVE);
    end_output(c, OUTPUT);
    end_output(c, ERRORS);
  }
  close_handles(c);
  effect_finish(&c->base.effect);
}

static void destroy(struct effect *e)
{
  struct child *c = (struct child *)e;
  close_handles(c);
  c->freed = true;
  release(c);
}

/* ---- events --------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);
static void on_output(uv_poll_t *poll, int status, int events);

static bool outputs_ended(const struct child *c)
{
  return c->watches[OUTPUT].fd < 0 && c->watches[ERRORS].fd < 0;
}

/* A descendant may have been killed: a shell reports that as 128 + 9. */
static void look_for_oom(struct child *c)
{
  const struct process_memory *m = &c->guard->memory;
  struct process_child *b = &c->base;
  if (b->exit_code != 0 && !c->killed)
    process_memory_describe(m, c->oom_kills, process_memory_kills(m), b->oom, sizeof b->oom);
}

static void take_exit(struct child *c, const struct guard_report *r)
{
  int status = r->value;
  c->exited = true;
  c->base.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  c->base.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  c->base.core = WIFSIGNALED(status) && WCOREDUMP(status);
  c->base.peak = r->peak;
  look_for_oom(c);
  process_end_input(c);
  if (c->terminal && c->watches[OUTPUT].fd >= 0)
    uv_poll_start(&c->watches[OUTPUT].poll, UV_READABLE, on_output);
  if (outputs_ended(c)) {
    conclude(c);
    return;
  }
  uv_update_time(c->timer.loop);
  uv_timer_start(&c->timer, on_timer, HELD_MS, 0);
}

void process_changed(struct child *c)
{
  if (c->changed)
    c->changed(c->arg);
}

static void take_report(struct child *c, const struct guard_report *r)
{
  switch (r->event) {
  case GUARD_STARTED:
    c->base.pid = r->value;
    process_changed(c);
    break;
  case GUARD_FAILED:
    process_fault_start(&c->base.fault, &(struct process_place){c->program, c->path, c->cwd}, r->value);
    conclude(c);
    break;
  case GUARD_EXITED:
    take_exit(c, r);
    break;
  }
}

/* The control socket has ended: the keeper's work is done, or somebody killed it. */
static void control_ended(struct child *c)
{
  if (c->exited) {
    process_close_watch(&c->watches[CONTROL]);
    return;
  }
  process_fault_lost(&c->base.fault, &(struct process_place){.program = c->program}, true);
  conclude(c);
}

/* A keeper that ends with an order unread resets the connection (ECONNRESET, once); what it
 * had reported can still be read, which is why `status` does not matter here. */
static void on_control(uv_poll_t *poll, int status, int events)
{
  struct watch *w = poll->data;
  while (w->fd >= 0) {
    struct guard_report r;
    ssize_t n = recv(w->fd, &r, sizeof r, MSG_DONTWAIT);
    if (n == sizeof r)
      take_report(w->child, &r);
    else if (n < 0 && errno == EAGAIN)
      return;
    else if (n >= 0 || (errno != EINTR && errno != ECONNRESET))
      control_ended(w->child);
  }
}

static void take_output(struct child *c, int fd, char *bytes, size_t len)
{
  if (c->terminal)
    bytes = process_pty_join(&c->held_cr, bytes, &len);
  if (len)
    c->output(c->arg, fd, bytes, len);
}

/* What waits for the rest of a line end, then the end. A terminal that nobody has open stays until
 * the child exits: its session would be hung up. */
static void end_reading(struct child *c, int fd)
{
  if (c->terminal && !c->exited) {
    uv_poll_stop(&c->watches[fd].poll);
    return;
  }
  if (c->held_cr)
    c->output(c->arg, fd, "\r", 1);
  c->held_cr = false;
  end_output(c, fd);
}

/* Reads once; false: nothing there now, or the output has ended (EIO is a terminal's way). */
static bool read_output(struct watch *w)
{
  struct child *c = w->child;
  int fd = (int)(w - c->watches);
  char bytes[1 + READ_SIZE];
  if (w->fd < 0)
    return false;
  ssize_t n = read(w->fd, bytes + 1, READ_SIZE);
  if (n > 0) {
    take_output(c, fd, bytes + 1, (size_t)n);
    wipe(bytes + 1, (size_t)n);  // a program may print a secret (secret.command)
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    end_reading(c, fd);
  return n > 0;
}

static void on_output(uv_poll_t *poll, int status, int events)
{
  struct watch *w = poll->data;
  struct child *c = w->child;
  read_output(w);
  if (c->exited && outputs_ended(c))
    conclude(c);
}

/* A stalled loop runs its timers before it reads: what the child wrote is still there. */
static void on_timer(uv_timer_t *timer)
{
  struct child *c = timer->data;
  for (int fd = OUTPUT; c->exited && fd <= ERRORS; fd++)
    for (int i = 0; i < LAST_READS && read_output(&c->watches[fd]); i++)
      continue;
  c->base.held = c->exited && !outputs_ended(c);
  conclude(c);
}

/* ---- starting ------------------------------------------------------------------------- */

static bool watch(struct child *c, int which, int fd)
{
  static const uv_poll_cb callbacks[] = {process_on_input, on_output, on_output, on_control};
  struct watch *w = &c->watches[which];
  if (fd < 0)
    return true;
  int error = uv_poll_init(c->timer.loop, &w->poll, fd);
  if (error) {
    close(fd);
    errno = -error;
    return false;
  }
  w->fd = fd;
  w->poll.data = w;
  c->handles++;
  if (which != INPUT || c->input.len)
    uv_poll_start(&w->poll, which == INPUT ? UV_WRITABLE : UV_READABLE, callbacks[which]);
  return true;
}

static void watch_all(struct child *c, const int *fds)
{
  bool ok = true;
  for (int i = 0; i < WATCHES; i++)
    ok &= watch(c, i, fds[i]);
  if (!ok && !c->base.fault.code)
    process_fault_start(&c->base.fault, &(struct process_place){.program = c->program}, errno);
}

static void on_resized(uv_signal_t *handle, int signal)
{
  struct process_guard *g = handle->data;
  for (struct child *c = g->terminals; c; c = c->next)
    process_pty_resize(c->watches[OUTPUT].fd);
}

/* From now on its terminal follows the size of ours. */
static void join_terminals(struct child *c)
{
  struct process_guard *g = c->guard;
  if (!g->follows_size && uv_signal_init(g->loop, &g->resized) == 0) {
    g->follows_size = true;
    g->resized.data = g;
  }
  if (!g->follows_size)
    return;
  if (!g->terminals)
    uv_signal_start(&g->resized, on_resized, SIGWINCH);
  c->next = g->terminals;
  c->link = &g->terminals;
  if (c->next)
    c->next->link = &c->next;
  g->terminals = c;
}

static unsigned long long count_oom_kills(struct process_guard *g)
{
  if (!g->counts_memory)
    process_memory_open(&g->memory, "/proc/self/cgroup", "/sys/fs/cgroup", "/proc/vmstat");
  g->counts_memory = true;
  return process_memory_kills(&g->memory);
}

static const char *path_of(const char *const *env)
{
  for (; *env; env++)
    if (strncmp(*env, "PATH=", 5) == 0)
      return *env + 5;
  return NULL;
}

static bool copy_texts(struct child *c, const struct process_options *o)
{
  const char *path = path_of(o->env);
  c->program = copy_str(o->argv[0]);
  c->path = copy_str(path);
  c->cwd = copy_str(o->cwd);
  buf_init(&c->input, BUF_LIMIT);
  buf_add(&c->input, o->input, o->input ? o->input_len : 0);
  c->base.unwritten = c->input.len;
  return buf_ok(&c->input) && c->program && !path == !c->path && !o->cwd == !c->cwd;
}

static struct child *new_child(struct process_guard *g, const struct process_options *o)
{
  struct child *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->guard = g;
  for (int i = 0; i < WATCHES; i++)
    c->watches[i] = (struct watch){.child = c, .fd = -1};
  if (!copy_texts(c, o)) {
    c->freed = true;
    release(c);
    return NULL;
  }
  c->output = o->output;
  c->changed = o->changed;
  c->arg = o->output_arg;
  c->input_stays = o->input_open;
  uv_timer_init(g->loop, &c->timer);
  c->timer.data = c;
  c->handles = 1;
  return c;
}

static struct process_child *start(struct world_process *base, const struct process_options *o,
                                   effect_done *done, void *arg)
{
  struct process_guard *g = (struct process_guard *)base;
  struct child *c = new_child(g, o);
  int fds[WATCHES];
  if (!c)
    return NULL;
  c->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  c->oom_kills = count_oom_kills(g);
  process_start(c, o, fds);
  watch_all(c, fds);
  if (c->base.fault.code) {
    close_watches(c);
    uv_timer_start(&c->timer, on_timer, 0, 0);
  } else if (c->terminal) {
    join_terminals(c);
  }
  return &c->base;
}

/* ---- what it is told ------------------------------------------------------------------------- */

static void send_signal(struct process_child *base, int signal)
{
  struct child *c = (struct child *)base;
  c->ending |= signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM ||
               signal == SIGKILL;
  c->killed |= signal == SIGKILL;
  order(c, signal);
}

static bool alive(struct world_process *w, int pid)
{
  return kill(pid, 0) == 0 || errno == EPERM;
}

/* ---- the member --------------------------------------------------------------------------- */

struct world_process *process_guard_new(uv_loop_t *loop, int guard_fd)
{
  struct process_guard *g = calloc(1, sizeof *g);
  if (!g)
    return NULL;
  g->base = (struct world_process){start, send_signal, process_write_input, process_close_input, alive,
                                   process_runs};
  g->loop = loop;
  g->guard_fd = guard_fd;
  g->memory.fd = -1;
  return &g->base;
}

static void guard_closed(uv_handle_t *handle)
{
  free(handle->data);
}

void process_guard_free(struct world_process *base)
{
  struct process_guard *g = (struct process_guard *)base;
  if (!g)
    return;
  if (g->guard_fd >= 0)
    close(g->guard_fd);
  process_memory_close(&g->memory);
  if (g->follows_size)
    uv_close((uv_handle_t *)&g->resized, guard_closed);
  else
    free(g);
}
