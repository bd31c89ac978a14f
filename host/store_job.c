/* store_job.c - copies requests and results of a store, and runs them; see store_job.h. */
#include "store_job.h"
#include <stdlib.h>
#include <string.h>

/* A copied string; the job's list of them is freed with it. */
struct store_text {
  struct store_text *next;
  char bytes[];
};

/* ---- copying ------------------------------------------------------------------------------------ */

/* Puts a copy into *text, unless that is NULL. */
static bool keep(struct store_job *j, const char **text)
{
  if (!*text)
    return true;
  size_t size = strlen(*text) + 1;
  struct store_text *t = malloc(sizeof *t + size);
  if (!t)
    return false;
  memcpy(t->bytes, *text, size);
  t->next = j->texts;
  j->texts = t;
  *text = t->bytes;
  return true;
}

static bool keep_event(struct store_job *j, struct store_event *e)
{
  return keep(j, &e->run) && keep(j, &e->kind) && keep(j, &e->path) && keep(j, &e->data) && keep(j, &e->status);
}

static bool keep_run(struct store_job *j, struct store_run *r)
{
  return keep(j, &r->run) && keep(j, &r->status) && keep(j, &r->first);
}

static bool keep_lease(struct store_job *j, struct store_lease *l)
{
  return keep(j, &l->name) && keep(j, &l->run) && keep(j, &l->host) && keep(j, &l->request);
}

static bool keep_events(struct store_job *j)
{
  struct store_request *r = &j->request;
  struct store_event *copies = calloc(r->count + 1, sizeof *copies);
  const struct store_event *from = r->events;
  r->events = copies;
  bool ok = copies != NULL;
  for (size_t i = 0; ok && i < r->count; i++) {
    copies[i] = from[i];
    ok = keep_event(j, &copies[i]);
  }
  return ok;
}

static bool keep_request(struct store_job *j)
{
  struct store_request *r = &j->request;
  return keep_events(j) && keep(j, &r->filter.run) && keep(j, &r->filter.kind) && keep(j, &r->runs.run) &&
         keep(j, &r->runs.status) && keep(j, &r->claim.name) && keep(j, &r->claim.run) &&
         keep(j, &r->claim.host) && keep(j, &r->name) && keep(j, &r->request);
}

struct store_job *store_job_new(const struct store_request *r)
{
  struct store_job *j = calloc(1, sizeof *j);
  if (!j)
    return NULL;
  j->request = *r;
  if (keep_request(j))
    return j;
  store_job_free(j);
  return NULL;
}

void store_job_free(struct store_job *j)
{
  for (struct store_text *t = j->texts, *next; t; t = next) {
    next = t->next;
    free(t);
  }
  free((void *)j->request.events);
  free(j->rows);
  free(j);
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static bool no_memory(struct store_job *j)
{
  fault_set(&j->fault, "out-of-memory", "fatal", "not enough memory");
  return false;
}

static union store_row *add_row(struct store_job *j)
{
  if (j->row_count == j->row_size) {
    size_t size = j->row_size ? 2 * j->row_size : 16;
    union store_row *rows = realloc(j->rows, size * sizeof *rows);
    if (!rows)
      return NULL;
    j->rows = rows;
    j->row_size = size;
  }
  return &j->rows[j->row_count++];
}

static bool each_event(void *job, const struct store_event *e)
{
  union store_row *row = add_row(job);
  return (row && (row->event = *e, keep_event(job, &row->event))) || no_memory(job);
}

static bool each_run(void *job, const struct store_run *r)
{
  union store_row *row = add_row(job);
  return (row && (row->run = *r, keep_run(job, &row->run))) || no_memory(job);
}

static bool each_lease(void *job, const struct store_lease *l)
{
  union store_row *row = add_row(job);
  return (row && (row->lease = *l, keep_lease(job, &row->lease))) || no_memory(job);
}

/* ---- running ----------------------------------------------------------------------------------------- */

/* One transaction; the fault is every job's. */
static void append(struct store_job *const *jobs, size_t n, struct store *s)
{
  size_t count = 0, at = 0;
  struct fault fault = {0};
  for (size_t i = 0; i < n; i++)
    count += jobs[i]->request.count;
  const struct store_event **events = malloc((count + 1) * sizeof *events);
  for (size_t i = 0; events && i < n; i++)
    for (size_t e = 0; e < jobs[i]->request.count; e++)
      events[at++] = &jobs[i]->request.events[e];
  if (!events)
    fault_set(&fault, "out-of-memory", "fatal", "not enough memory");
  else if (s->ops->append(s, events, count, &fault))
    fault.code = NULL;
  free(events);
  for (size_t i = 0; i < n; i++)
    jobs[i]->fault = fault;
}

void store_job_run_group(struct store_job *const *jobs, size_t n, struct store_keeper *k)
{
  struct store *s = store_keeper_store(k);
  append(jobs, n, s);
  const char *code = jobs[0]->fault.code;
  if (n > 1 && code && strcmp(code, "lease-lost") == 0)
    for (size_t i = 0; i < n; i++)
      append(&jobs[i], 1, s);
}

static bool run(struct store_job *j, struct store_keeper *k)
{
  const struct store_request *r = &j->request;
  struct store *s = store_keeper_store(k);
  switch (r->call) {
  case STORE_EVENTS:
    return s->ops->events(s, &r->filter, each_event, j, &j->fault);
  case STORE_RUNS:
    return s->ops->runs(s, &r->runs, each_run, j, &j->fault);
  case STORE_TAKE:
    return store_keeper_take(k, &r->claim, &j->token, each_lease, j, &j->fault);
  case STORE_RELEASE:
    return store_keeper_release(k, r->name, &j->fault);
  case STORE_ASK:
    return s->ops->ask(s, r->name, r->request, &j->asked, &j->fault);
  case STORE_LEASES:
    return s->ops->leases(s, r->name, each_lease, j, &j->fault);
  default:
    return s->ops->forget(s, r->name, &j->fault);
  }
}

/* A store sets the fault when it fails; what could not be copied is a failure that it does not know. */
void store_job_run(struct store_job *j, struct store_keeper *k)
{
  if (j->request.call == STORE_APPEND)
    store_job_run_group(&j, 1, k);
  else if (!run(j, k) && !j->fault.code)
    fault_set(&j->fault, "journal-failed", "fatal", "the journal failed and does not say why");
}
