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
#include "buf.h"
#include "guard.h"
#include "process.h"
#include "real.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT, OUTPUT, ERRORS, CONTROL, WATCHES };

enum {
  HELD_MS = (int)(PROCESS_HELD_SECONDS * 1000),
  READ_SIZE = 64 * 1024,
  LAST_READS = 16,      /* of an output that is held: as much as a pipe can hold */
  GUARD_PATIENCE = 2000 /* ms that a busy guard may take to accept a request */
};

struct process_guard {
  struct world_process base;
  uv_loop_t *loop;
  int guard_fd;
};

struct child;

struct watch {
  uv_poll_t poll;
  struct child *child;
  int fd;
};

struct child {
  struct process_child base;
  process_output *output;
  effect_done *started;
  void *arg;
  struct watch watches[WATCHES];
  uv_timer_t timer;   /* after the exit: how long outputs may stay open; or reports a fault */
  int handles;        /* that libuv has not let go of */
  char *program, *path;
  struct buf input;
  size_t written;
  bool exited, freed;
  bool ending;        /* was told to end: its descendants end with it */
};

/* ---- the end of a child ----------------------------------------------------------- */

static void release(struct child *c)
{
  if (!c->freed || c->handles)
    return;
  buf_wipe(&c->input);
  free(c->program);
  free(c->path);
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

static void close_watch(struct watch *w)
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
    close_watch(&c->watches[i]);
}

static void close_handles(struct child *c)
{
  close_watches(c);
  if (!uv_is_closing((uv_handle_t *)&c->timer))
    uv_close((uv_handle_t *)&c->timer, timer_closed);
}

static void end_output(struct child *c, int fd)
{
  if (c->watches[fd].fd < 0)
    return;
  close_watch(&c->watches[fd]);
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

/* ---- faults ------------------------------------------------------------------------- */

static void set_not_found(struct child *c)
{
  struct fault *f = &c->base.fault;
  if (strchr(c->program, '/')) {
    fault_set(f, "process-not-found", "fatal", "cannot start '%.200s': there is no such file",
              c->program);
    fault_hint(f, "a relative path counts from the folder the program starts in (cwd)");
    return;
  }
  fault_set(f, "process-not-found", "fatal",
            "cannot start '%.100s': not found in the folders of PATH: %.300s", c->program, c->path);
  fault_hint(f, "install it, name its path, or pass env = { PATH = … }");
}

static void set_failed(struct child *c, int error)
{
  struct fault *f = &c->base.fault;
  fault_set(f, "process-failed", "fatal", "cannot start '%.200s': %s", c->program, strerror(error));
  if (error == EACCES)
    fault_hint(f, "is the file executable (chmod +x), and may its folder be entered?");
  else if (error == ENOEXEC)
    fault_hint(f, "it is no program for this machine, or its first line names none: "
                  "'#!/usr/bin/env …'");
  else if (error == E2BIG)
    fault_hint(f, "its arguments and environment are too long: use input or a file");
  else if (error == EMFILE || error == ENFILE)
    fault_hint(f, "run fewer at once, or raise 'ulimit -n'");
}

static void set_start_fault(struct child *c, int error)
{
  if (error == ENOENT || error == ENOTDIR)
    set_not_found(c);
  else
    set_failed(c, error);
}

static void set_folder_fault(struct child *c, const char *folder, int error)
{
  fault_set(&c->base.fault, "process-failed", "fatal",
            "cannot start '%.100s' in the folder '%.250s': %s", c->program, folder ? folder : ".",
            strerror(error));
}

static void set_lost(struct child *c, bool sent)
{
  struct fault *f = &c->base.fault;
  fault_set(f, "process-lost", sent ? "unknown" : "fatal", "the guard of '%.200s' has ended: %s",
            c->program, sent ? "how far the program came is not known" : "it was not started");
  fault_hint(f, "something killed Davit's helper process, perhaps for want of memory");
}

/* ---- events --------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static bool outputs_ended(const struct child *c)
{
  return c->watches[OUTPUT].fd < 0 && c->watches[ERRORS].fd < 0;
}

static void take_exit(struct child *c, int status)
{
  c->exited = true;
  c->base.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  c->base.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  c->base.core = WIFSIGNALED(status) && WCOREDUMP(status);
  close_watch(&c->watches[INPUT]);
  if (outputs_ended(c)) {
    conclude(c);
    return;
  }
  uv_update_time(c->timer.loop);
  uv_timer_start(&c->timer, on_timer, HELD_MS, 0);
}

static void take_report(struct child *c, const struct guard_report *r)
{
  switch (r->event) {
  case GUARD_STARTED:
    c->base.pid = r->value;
    if (c->started)
      c->started(c->arg);
    break;
  case GUARD_FAILED:
    set_start_fault(c, r->value);
    conclude(c);
    break;
  case GUARD_EXITED:
    take_exit(c, r->value);
    break;
  }
}

/* The control socket has ended: the keeper's work is done, or somebody killed it. */
static void control_ended(struct child *c)
{
  if (c->exited) {
    close_watch(&c->watches[CONTROL]);
    return;
  }
  set_lost(c, true);
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

/* Reads once; false: nothing there now, or the output has ended. */
static bool read_output(struct watch *w)
{
  struct child *c = w->child;
  int fd = (int)(w - c->watches);
  char bytes[READ_SIZE];
  if (w->fd < 0)
    return false;
  ssize_t n = read(w->fd, bytes, sizeof bytes);
  if (n > 0)
    c->output(c->arg, fd, bytes, (size_t)n);
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    end_output(c, fd);
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

/* EPIPE and the like are the child's decision not to read on. */
static void on_input(uv_poll_t *poll, int status, int events)
{
  struct watch *w = poll->data;
  struct child *c = w->child;
  ssize_t n = status < 0 ? -1 : write(w->fd, c->input.data + c->written, c->input.len - c->written);
  if (n < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n > 0)
    c->written += (size_t)n;
  if (n < 0 || c->written == c->input.len) {
    close_watch(w);
    buf_wipe(&c->input);
  }
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

static bool open_pipe(int *ours, int *theirs, int our_side)
{
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return false;
  *ours = ends[our_side];
  *theirs = ends[!our_side];
  return true;
}

static bool open_null(int *theirs)
{
  *theirs = open("/dev/null", O_RDWR | O_CLOEXEC);
  return *theirs >= 0;
}

static bool open_control(int *ours, int *theirs)
{
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return false;
  *ours = ends[0];
  *theirs = ends[1];
  return true;
}

static bool open_streams(struct child *c, const struct process_options *o, int *ours, int *theirs)
{
  return (c->input.len ? open_pipe(&ours[INPUT], &theirs[GUARD_STDIN], 1)
                       : open_null(&theirs[GUARD_STDIN])) &&
         (o->output ? open_pipe(&ours[OUTPUT], &theirs[GUARD_STDOUT], 0) &&
                        open_pipe(&ours[ERRORS], &theirs[GUARD_STDERR], 0)
                    : open_null(&theirs[GUARD_STDOUT]) && open_null(&theirs[GUARD_STDERR])) &&
         open_control(&ours[CONTROL], &theirs[GUARD_CONTROL]);
}

static uint32_t add_strings(struct buf *b, const char *const *list)
{
  uint32_t n = 0;
  for (; list[n]; n++)
    buf_add(b, list[n], strlen(list[n]) + 1);
  return n;
}

/* Arguments and environment travel in memory that has a descriptor: they have no limit here. */
static bool open_strings(const struct process_options *o, struct guard_request *r, int *theirs)
{
  struct buf b;
  buf_init(&b, BUF_LIMIT);
  r->argc = add_strings(&b, o->argv);
  r->envc = add_strings(&b, o->env);
  *theirs = memfd_create("davit-strings", MFD_CLOEXEC);
  errno = *theirs < 0 ? errno : ENOMEM;
  bool ok = *theirs >= 0 && buf_ok(&b) && write_all(*theirs, b.data, b.len);
  buf_wipe(&b);
  return ok;
}

/* The guard may be behind with many requests, each of which holds descriptors in flight:
 * a moment later there is room. */
static bool send_request(int guard_fd, const struct guard_request *r, const int *theirs)
{
  union {
    char bytes[CMSG_SPACE(sizeof(int) * GUARD_DESCRIPTORS)];
    struct cmsghdr align;
  } control = {{0}};
  struct iovec part = {(void *)r, sizeof *r};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int) * GUARD_DESCRIPTORS);
  memcpy(CMSG_DATA(c), theirs, sizeof(int) * GUARD_DESCRIPTORS);
  for (int waited = 0; waited < GUARD_PATIENCE; waited++) {
    if (sendmsg(guard_fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
      return true;
    if (errno != EAGAIN && errno != EINTR && errno != ETOOMANYREFS && errno != ENOBUFS)
      return false;
    poll(NULL, 0, 1);
  }
  return false;
}

static bool watch(struct child *c, int which, int fd)
{
  static const uv_poll_cb callbacks[] = {on_input, on_output, on_output, on_control};
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
  uv_poll_start(&w->poll, which == INPUT ? UV_WRITABLE : UV_READABLE, callbacks[which]);
  return true;
}

static bool watch_all(struct child *c, const int *fds)
{
  bool ok = true;
  for (int i = 0; i < WATCHES; i++)
    ok &= watch(c, i, fds[i]);
  return ok;
}

static void close_list(const int *fds, int n)
{
  for (int i = 0; i < n; i++)
    if (fds[i] >= 0)
      close(fds[i]);
}

/* Starts it, or sets the fault. */
static void launch(struct child *c, const struct process_options *o, int guard_fd)
{
  int ours[WATCHES], theirs[GUARD_DESCRIPTORS];
  struct guard_request r;
  memset(ours, -1, sizeof ours);
  memset(theirs, -1, sizeof theirs);
  theirs[GUARD_FOLDER] = open(o->cwd ? o->cwd : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (theirs[GUARD_FOLDER] < 0) {
    set_folder_fault(c, o->cwd, errno);
  } else if (!open_streams(c, o, ours, theirs) || !open_strings(o, &r, &theirs[GUARD_STRINGS])) {
    set_failed(c, errno);
    close_list(ours, WATCHES);
  } else if (!watch_all(c, ours)) {
    set_failed(c, errno);
  } else if (!send_request(guard_fd, &r, theirs)) {
    set_lost(c, false);
  }
  close_list(theirs, GUARD_DESCRIPTORS);
}

static const char *path_of(const char *const *env)
{
  for (; *env; env++)
    if (strncmp(*env, "PATH=", 5) == 0)
      return *env + 5;
  return "(not set)";
}

static struct child *new_child(uv_loop_t *loop, const struct process_options *o)
{
  struct child *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  for (int i = 0; i < WATCHES; i++)
    c->watches[i] = (struct watch){.child = c, .fd = -1};
  buf_init(&c->input, BUF_LIMIT);
  buf_add(&c->input, o->input, o->input ? o->input_len : 0);
  c->program = copy_str(o->argv[0]);
  c->path = copy_str(path_of(o->env));
  if (!buf_ok(&c->input) || !c->program || !c->path) {
    c->freed = true;
    release(c);
    return NULL;
  }
  uv_timer_init(loop, &c->timer);
  c->timer.data = c;
  c->handles = 1;
  return c;
}

static struct process_child *start(struct world_process *base, const struct process_options *o,
                                   effect_done *done, void *arg)
{
  struct process_guard *g = (struct process_guard *)base;
  struct child *c = new_child(g->loop, o);
  if (!c)
    return NULL;
  c->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  c->output = o->output;
  c->started = o->started;
  c->arg = o->output_arg;
  launch(c, o, g->guard_fd);
  if (c->base.fault.code) {
    close_watches(c);
    uv_timer_start(&c->timer, on_timer, 0, 0);
  }
  return &c->base;
}

static void send_signal(struct process_child *base, int signal)
{
  struct child *c = (struct child *)base;
  c->ending |= signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM ||
               signal == SIGKILL;
  order(c, signal);
}

/* ---- the member --------------------------------------------------------------------------- */

struct world_process *process_guard_new(uv_loop_t *loop, int guard_fd)
{
  struct process_guard *g = calloc(1, sizeof *g);
  if (!g)
    return NULL;
  g->base = (struct world_process){start, send_signal};
  g->loop = loop;
  g->guard_fd = guard_fd;
  return &g->base;
}

void process_guard_free(struct world_process *base)
{
  struct process_guard *g = (struct process_guard *)base;
  if (!g)
    return;
  if (g->guard_fd >= 0)
    close(g->guard_fd);
  free(g);
}
