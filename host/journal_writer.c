/* journal_writer.c - a queue, a thread that empties it, and the way back to the loop.
 *
 * An entry is in one of three lists: `queue` (to be written), the thread's own batch, or
 * `written` (to be told). The lock guards queue, written and stopping; everything else
 * belongs to the loop's thread, but for the batch.
 * Invariants: 1. entries are written in the order they were appended.
 *             2. the async handle keeps the loop alive exactly while entries are under way.
 *             3. an entry whose effect was freed is freed by the loop once it is written. */
#include "journal_writer.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64 };

struct entry {
  struct journal_write write;
  struct journal_event event;
  struct entry *next;
  bool abandoned, told;
};

struct list {
  struct entry *first, **end;
};

struct journal_writer {
  struct journal *journal;
  uv_loop_t *loop;
  uv_async_t *wake;  /* allocated apart: it closes later than the writer ends */
  uv_thread_t thread;
  uv_mutex_t lock;
  uv_cond_t filled;
  struct list queue, written;
  size_t under_way;
  bool running, stopping;
};

static void list_init(struct list *l)
{
  l->first = NULL;
  l->end = &l->first;
}

static void list_add(struct list *l, struct entry *e)
{
  e->next = NULL;
  *l->end = e;
  l->end = &e->next;
}

static struct entry *list_take(struct list *l)
{
  struct entry *e = l->first;
  if (e && !(l->first = e->next))
    l->end = &l->first;
  return e;
}

static void free_entry(struct entry *e)
{
  free((char *)e->event.run);
  free((char *)e->event.kind);
  free((char *)e->event.path);
  free((char *)e->event.data);
  free(e);
}

/* ---- the thread ------------------------------------------------------------------------ */

/* Waits for entries; 0: the writer stops and nothing is left. */
static size_t take_batch(struct journal_writer *w, struct entry **batch)
{
  size_t n = 0;
  uv_mutex_lock(&w->lock);
  while (!w->queue.first && !w->stopping)
    uv_cond_wait(&w->filled, &w->lock);
  while (n < BATCH && w->queue.first)
    batch[n++] = list_take(&w->queue);
  uv_mutex_unlock(&w->lock);
  return n;
}

static void write_batch(struct journal_writer *w, struct entry **batch, size_t n)
{
  const struct journal_event *events[BATCH];
  struct fault fault = {0};
  for (size_t i = 0; i < n; i++)
    events[i] = &batch[i]->event;
  journal_append(w->journal, events, n, &fault);
  uv_mutex_lock(&w->lock);
  for (size_t i = 0; i < n; i++) {
    batch[i]->write.fault = fault;
    list_add(&w->written, batch[i]);
  }
  uv_mutex_unlock(&w->lock);
  uv_async_send(w->wake);
}

static void run(void *writer)
{
  struct entry *batch[BATCH];
  for (size_t n; (n = take_batch(writer, batch)) > 0;)
    write_batch(writer, batch, n);
}

/* Signals are the loop's: the thread is started with all of them blocked. */
static bool start_thread(struct journal_writer *w)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  w->running = uv_thread_create(&w->thread, run, w) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return w->running;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void count(struct journal_writer *w, size_t under_way)
{
  w->under_way = under_way;
  if (under_way)
    uv_ref((uv_handle_t *)w->wake);
  else
    uv_unref((uv_handle_t *)w->wake);
}

/* Tells the owners; each may free its effect, this one or others, while it is told. */
static void tell(uv_async_t *wake)
{
  struct journal_writer *w = wake->data;
  for (;;) {
    uv_mutex_lock(&w->lock);
    struct entry *e = list_take(&w->written);
    uv_mutex_unlock(&w->lock);
    if (!e)
      return;
    count(w, w->under_way - 1);
    e->told = true;
    if (e->abandoned)
      free_entry(e);
    else
      effect_finish(&e->write.effect);
  }
}

static void destroy(struct effect *effect)
{
  struct entry *e = (struct entry *)effect;
  e->abandoned = true;
  if (e->told)
    free_entry(e);
}

static bool copy_event(struct journal_event *to, const struct journal_event *from)
{
  *to = (struct journal_event){.at = from->at, .run = strdup(from->run), .kind = strdup(from->kind),
                               .path = strdup(from->path), .data = strdup(from->data)};
  return to->run && to->kind && to->path && to->data;
}

struct journal_write *journal_writer_append(struct journal_writer *w, const struct journal_event *event,
                                            effect_done *done, void *arg)
{
  struct entry *e = calloc(1, sizeof *e);
  if (!e)
    return NULL;
  e->write.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  if (!copy_event(&e->event, event) || !(w->running || start_thread(w))) {
    free_entry(e);
    return NULL;
  }
  count(w, w->under_way + 1);
  uv_mutex_lock(&w->lock);
  list_add(&w->queue, e);
  uv_cond_signal(&w->filled);
  uv_mutex_unlock(&w->lock);
  return &e->write;
}

static void async_closed(uv_handle_t *wake)
{
  free(wake);
}

struct journal_writer *journal_writer_new(struct journal *j, uv_loop_t *loop)
{
  struct journal_writer *w = calloc(1, sizeof *w);
  uv_async_t *wake = w ? calloc(1, sizeof *wake) : NULL;
  if (!wake || uv_async_init(loop, wake, tell) != 0) {
    free(wake);
    free(w);
    return NULL;
  }
  *w = (struct journal_writer){.journal = j, .loop = loop, .wake = wake};
  wake->data = w;
  list_init(&w->queue);
  list_init(&w->written);
  uv_mutex_init(&w->lock);
  uv_cond_init(&w->filled);
  count(w, 0);
  return w;
}

/* Nobody is told any more: effects that their owners still hold stay theirs to free. */
static void let_go(struct journal_writer *w)
{
  for (struct entry *e; (e = list_take(&w->written));) {
    e->told = true;
    if (e->abandoned)
      free_entry(e);
  }
}

void journal_writer_free(struct journal_writer *w)
{
  if (!w)
    return;
  uv_mutex_lock(&w->lock);
  w->stopping = true;
  uv_cond_signal(&w->filled);
  uv_mutex_unlock(&w->lock);
  if (w->running)
    uv_thread_join(&w->thread);
  let_go(w);
  uv_close((uv_handle_t *)w->wake, async_closed);
  uv_cond_destroy(&w->filled);
  uv_mutex_destroy(&w->lock);
  free(w);
}
