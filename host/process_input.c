/* process_input.c - what a running child reads, as fast as it reads it; see process_child.h. */
#include "process_child.h"
#include <errno.h>
#include <unistd.h>

void process_end_input(struct child *c)
{
  c->base.deaf = true;
  c->base.unwritten = 0;
  process_close_watch(&c->watches[INPUT]);
  buf_wipe(&c->input);
}

/* All was written: nothing is watched until there is more. */
static void rest_input(struct child *c)
{
  uv_poll_stop(&c->watches[INPUT].poll);
  buf_wipe(&c->input);
  buf_init(&c->input, BUF_LIMIT);
  c->written = 0;
}

/* EPIPE and the like are the child's decision not to read on. */
void process_on_input(uv_poll_t *poll, int status, int events)
{
  struct watch *w = poll->data;
  struct child *c = w->child;
  ssize_t n = status < 0 ? -1 : write(w->fd, c->input.data + c->written, c->input.len - c->written);
  if (n < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n > 0)
    c->written += (size_t)n;
  c->base.unwritten = c->input.len - c->written;
  if (n >= 0 && c->base.unwritten)
    return;
  if (n < 0 || !c->input_stays)
    process_end_input(c);
  else
    rest_input(c);
  process_changed(c);
}

bool process_write_input(struct process_child *base, const void *data, size_t len)
{
  struct child *c = (struct child *)base;
  struct watch *w = &c->watches[INPUT];
  if (w->fd < 0 || len == 0)
    return true;
  buf_add(&c->input, data, len);
  if (!buf_ok(&c->input))
    return false;
  c->base.unwritten = c->input.len - c->written;
  uv_poll_start(&w->poll, UV_WRITABLE, process_on_input);
  return true;
}

void process_close_input(struct process_child *base)
{
  struct child *c = (struct child *)base;
  c->input_stays = false;
  if (!c->base.unwritten)
    process_end_input(c);
}
