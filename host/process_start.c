/* process_start.c - what a child is given when it starts; see process_child.h.
 *
 * A request carries descriptors alone: the folder, the standard streams, the control socket, and
 * memory with the arguments and the environment, which therefore have no limit here. */
#include "guard_keeper.h"
#include "process_child.h"
#include "process_pty.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GUARD_PATIENCE = 2000 };  /* ms that a busy guard may take to accept a request */

/* ---- descriptors ---------------------------------------------------------------------------- */

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

_Static_assert(PROCESS_EXTRA_LAST - PROCESS_EXTRA_FIRST < GUARD_EXTRA, "a request has room for all");

/* All of it has room in the pipe, so nobody has to go on writing while the child runs. */
static bool open_extra(const struct process_extra *e, int *theirs)
{
  int write_end;
  if (!open_pipe(&write_end, theirs, 1))
    return false;
  bool ok = fcntl(write_end, F_SETFL, O_NONBLOCK) == 0 &&
            (fcntl(write_end, F_GETPIPE_SZ) >= PROCESS_EXTRA_MAX ||
             fcntl(write_end, F_SETPIPE_SZ, PROCESS_EXTRA_MAX) >= 0) &&
            write_all(write_end, e->data, e->len);
  close(write_end);
  return ok;
}

static bool open_extras(const struct process_options *o, struct guard_request *r, int *theirs)
{
  for (size_t i = 0; i < o->extra_count; i++) {
    r->numbers[i] = o->extra[i].number;
    if (!open_extra(&o->extra[i], &theirs[GUARD_DESCRIPTORS + i]))
      return false;
  }
  r->extra = (uint32_t)o->extra_count;
  return true;
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

/* What cannot be read, a folder for one, is told here rather than by a program that reads it. */
static int open_file(const char *file)
{
  struct stat st;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return -1;
  if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode) && fcntl(fd, F_SETFL, 0) == 0)
    return fd;
  close(fd);
  errno = EISDIR;
  return -1;
}

static bool open_input(struct child *c, const struct process_options *o, int *ours, int *theirs)
{
  if (o->input_open || c->input.len)
    return open_pipe(&ours[INPUT], theirs, 1);
  if (!o->input_file)
    return open_null(theirs);
  *theirs = open_file(o->input_file);
  return *theirs >= 0;
}

static bool duplicate(int fd, int *copy)
{
  *copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return *copy >= 0;
}

static bool open_terminal(struct child *c, int *ours, int *theirs)
{
  int *out = &theirs[GUARD_STDOUT];
  c->terminal = process_pty_open(&ours[OUTPUT], out) && duplicate(*out, &theirs[GUARD_STDERR]);
  return c->terminal;
}

static bool open_pipes(const struct process_options *o, int *ours, int *theirs)
{
  int *out = &theirs[GUARD_STDOUT], *err = &theirs[GUARD_STDERR];
  if (!o->output)
    return open_null(out) && open_null(err);
  return open_pipe(&ours[OUTPUT], out, 0) &&
         (o->merged ? duplicate(*out, err) : open_pipe(&ours[ERRORS], err, 0));
}

static bool open_outputs(struct child *c, const struct process_options *o, int *ours, int *theirs)
{
  if (o->terminal && open_terminal(c, ours, theirs))
    return true;
  if (o->terminal && !o->terminal_optional)
    return false;
  return open_pipes(o, ours, theirs);
}

static uint32_t add_strings(struct buf *b, const char *const *list)
{
  uint32_t n = 0;
  for (; list[n]; n++)
    buf_add(b, list[n], strlen(list[n]) + 1);
  return n;
}

/* Arguments and environment travel in memory that has a descriptor: they have no limit here. */
static bool open_strings(const struct child *c, const struct process_options *o, struct guard_request *r,
                         int *theirs)
{
  struct buf b;
  buf_init(&b, BUF_LIMIT);
  *r = (struct guard_request){.terminal = c->terminal, .memory = o->memory};
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
static bool send_request(int guard_fd, const struct guard_order *order)
{
  for (int waited = 0; waited < GUARD_PATIENCE; waited++) {
    if (guard_send(guard_fd, order, MSG_DONTWAIT))
      return true;
    if (errno != EAGAIN && errno != EINTR && errno != ETOOMANYREFS && errno != ENOBUFS)
      return false;
    poll(NULL, 0, 1);
  }
  return false;
}

static void close_list(const int *fds, int n)
{
  for (int i = 0; i < n; i++)
    if (fds[i] >= 0)
      close(fds[i]);
}

/* ---- the start -------------------------------------------------------------------------------- */

static bool open_all(struct child *c, const struct process_options *o, const struct process_place *place,
                     struct guard_request *r, int *ours, int *theirs)
{
  struct fault *f = &c->base.fault;
  theirs[GUARD_FOLDER] = open(o->cwd ? o->cwd : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (theirs[GUARD_FOLDER] < 0)
    process_fault_folder(f, place, errno);
  else if (!open_input(c, o, ours, &theirs[GUARD_STDIN]))
    o->input_file ? process_fault_input(f, place, o->input_file, errno) : process_fault_start(f, place, errno);
  else if (!open_outputs(c, o, ours, theirs) || !open_control(&ours[CONTROL], &theirs[GUARD_CONTROL]) ||
           !open_strings(c, o, r, &theirs[GUARD_STRINGS]) || !open_extras(o, r, theirs))
    process_fault_start(f, place, errno);
  return !f->code;
}

void process_start(struct child *c, const struct process_options *o, int *ours)
{
  struct guard_order order;
  struct process_place place = {c->program, c->path, c->cwd};
  memset(ours, -1, sizeof *ours * WATCHES);
  memset(order.fds, -1, sizeof order.fds);
  if (open_all(c, o, &place, &order.request, ours, order.fds) && !send_request(c->guard->guard_fd, &order))
    process_fault_lost(&c->base.fault, &place, false);
  close_list(order.fds, GUARD_DESCRIPTORS + GUARD_EXTRA);
}
