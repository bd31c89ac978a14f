/* test_reading.c - the world for looking, over one in a struct that counts what reaches it. */
#include "reading.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- the world below ---------------------------------------------------------------------- */

static void stays(struct effect *e)
{
  (void)e;
}

/* What began below: one of each, as a test starts one at a time. */
static struct http_exchange exchange = {.effect = {.destroy = stays}};
static struct file_operation operation = {.effect = {.destroy = stays}};
static struct process_child child = {.effect = {.destroy = stays}};
static struct archive_operation archive = {.effect = {.destroy = stays}};

static struct http_exchange *start_exchange(struct world_http *w, const struct http_request *q, effect_done *d,
                             void *arg)
{
  (void)w, (void)q, (void)d, (void)arg;
  return &exchange;
}

static struct file_operation *start_file(struct world_files *w, const struct file_request *q, effect_done *d,
                             void *arg)
{
  (void)w, (void)q, (void)d, (void)arg;
  return &operation;
}

static struct process_child *start_child(struct world_process *w, const struct process_options *o,
                                         effect_done *d, void *arg)
{
  (void)w, (void)o, (void)d, (void)arg;
  return &child;
}

static struct archive_operation *pack(struct world_archive *w, const struct pack_request *q, effect_done *d,
                             void *arg)
{
  (void)w, (void)q, (void)d, (void)arg;
  return &archive;
}

static struct archive_operation *unpack(struct world_archive *w, const struct unpack_request *q, effect_done *d,
                             void *arg)
{
  (void)w, (void)q, (void)d, (void)arg;
  return &archive;
}

/* A database that answers in a later turn, when a test says so. */
struct database {
  struct world_sql base;
  char url[256], text[128];
  struct sql_operation connecting, asking;
  const char *cells[1];
  int open;  /* sessions, which are this struct itself */
};

static struct sql_operation *begin(struct sql_operation *op, effect_done *done, void *arg)
{
  *op = (struct sql_operation){.effect = {.destroy = stays, .done = done, .arg = arg}};
  return op;
}

static struct sql_operation *connect_below(struct world_sql *w, const char *url, double t, effect_done *done,
                                           void *arg)
{
  struct database *d = (struct database *)w;
  (void)t;
  snprintf(d->url, sizeof d->url, "%s", url);
  return begin(&d->connecting, done, arg);
}

static struct sql_operation *query_below(struct sql_session *s, const char *text, const char *const *p, size_t n,
                                         double t, effect_done *done, void *arg)
{
  struct database *d = (struct database *)s;
  (void)p, (void)n, (void)t;
  snprintf(d->text, sizeof d->text, "%s", text);
  return begin(&d->asking, done, arg);
}

static void close_below(struct sql_session *s)
{
  if (s)
    ((struct database *)s)->open--;
}

struct fixture {
  uv_loop_t loop;
  struct world under;
  struct world_http http;
  struct world_files files;
  struct world_process process;
  struct world_archive archive;
  struct database sql;
  struct world_websocket websocket;
  struct world_store store;
  struct reading *reading;
  struct world *world;
  int calls;
};

static int open_fixture(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  uv_loop_init(&f->loop);
  f->http.start = start_exchange;
  f->files.start = start_file;
  f->process.start = start_child;
  f->archive = (struct world_archive){pack, unpack};
  f->sql.base = (struct world_sql){connect_below, query_below, close_below};
  f->under = (struct world){.http = &f->http, .files = &f->files, .process = &f->process, .archive = &f->archive,
                            .sql = &f->sql.base, .websocket = &f->websocket, .store = &f->store};
  f->reading = reading_new(&f->under, &f->loop);
  f->world = reading_world(f->reading);
  *state = f;
  return 0;
}

static int close_fixture(void **state)
{
  struct fixture *f = *state;
  reading_free(f->reading);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  int busy = uv_loop_close(&f->loop), open = f->sql.open;
  free(f);
  return busy || open;
}

static void count(void *arg)
{
  ++*(int *)arg;
}

/* Ends a refusal, and frees it; its fault was the one of a plan. */
static void refused(struct fixture *f, struct effect *e, const struct fault *fault)
{
  int before = f->calls;
  assert_non_null(e);
  assert_false(e->finished);
  while (!e->finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  assert_int_equal(f->calls, before + 1);
  assert_string_equal(fault->code, "plan-effect");
  assert_string_equal(fault->class, "misuse");
  effect_free(e);
}

/* ---- HTTP, WebSockets, the store ------------------------------------------------------------- */

static struct http_exchange *ask(struct fixture *f, const char *method)
{
  struct http_request q = {.method = method, .url = "https://user:hunter2@api.example.com/things?token=hunter2"};
  return f->world->http->start(f->world->http, &q, count, &f->calls);
}

static void only_methods_that_ask_reach_a_service(void **state)
{
  struct fixture *f = *state;
  static const char *const asking[] = {"GET", "HEAD", "OPTIONS"};
  static const char *const changing[] = {"POST", "PUT", "PATCH", "DELETE", "get", "GETX", "QUERY"};
  for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
    assert_ptr_equal(ask(f, asking[i]), &exchange);
  for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) {
    struct http_exchange *x = ask(f, changing[i]);
    assert_ptr_not_equal(x, &exchange);
    refused(f, &x->effect, &x->fault);
  }
}

static void a_refusal_says_what_and_where_and_no_secret(void **state)
{
  struct fixture *f = *state;
  assert_null(reading_refused(f->reading));
  struct http_exchange *x = ask(f, "POST");
  assert_string_equal(x->fault.message, "a plan changes nothing, and this would send a POST to api.example.com/things");
  assert_non_null(strstr(x->fault.hint, "run.step"));
  assert_string_equal(reading_refused(f->reading), x->fault.message);
  refused(f, &x->effect, &x->fault);
  x = ask(f, "DELETE");
  refused(f, &x->effect, &x->fault);
  assert_non_null(strstr(reading_refused(f->reading), "a POST"));  /* the first one */
}

static void a_refusal_that_is_freed_before_its_end_never_reports(void **state)
{
  struct fixture *f = *state;
  effect_free(&ask(f, "POST")->effect);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  assert_int_equal(f->calls, 0);
}

static void websockets_and_stores_are_not_opened(void **state)
{
  struct fixture *f = *state;
  struct fault fault;
  struct websocket_request q = {.url = "wss://example.com/"};
  struct websocket_connect *c = f->world->websocket->connect(f->world->websocket, &q, count, &f->calls);
  refused(f, &c->effect, &c->fault);
  assert_null(f->world->store->open(f->world->store, "postgresql://user:hunter2@host/db", &fault));
  assert_string_equal(fault.code, "plan-effect");
  assert_null(strstr(fault.message, "hunter2"));
}

/* ---- files, archives, children ------------------------------------------------------------------ */

struct file_case {
  enum file_action action;
  const char *path, *to;
  bool passes;
};

static void files_are_written_below_the_folders_that_are_allowed_only(void **state)
{
  struct fixture *f = *state;
  static const struct file_case cases[] = {
    {FILE_READ, "/etc/x", NULL, true}, {FILE_LIST, "/etc", NULL, true}, {FILE_STAT, "/etc/x", NULL, true},
    {FILE_PIECE, "/etc/x", NULL, true}, {FILE_DIGEST, "/etc/x", NULL, true},
    {FILE_WRITE, "/p/tmp/x", NULL, true}, {FILE_MAKE, "/p/tmp", NULL, true}, {FILE_WRITE, "/p/tmpx", NULL, false},
    {FILE_WRITE, "/p/x", NULL, false}, {FILE_WRITE, "p/tmp/x", NULL, false}, {FILE_WRITE, "/p/tmp/../x", NULL, false},
    {FILE_REMOVE, "/p/tmp/..", NULL, false}, {FILE_WRITE, "/p/tmp/..x", NULL, true},
    {FILE_REMOVE, "/p/tmp/x", NULL, true},
    {FILE_EXTEND, "/p/x", NULL, false}, {FILE_MODE, "/p/x", NULL, false}, {FILE_APPEND, "/p/x", NULL, false},
    {FILE_COPY, "/p/x", "/p/tmp/x", true}, {FILE_COPY, "/p/tmp/x", "/p/x", false},
    {FILE_MOVE, "/p/x", "/p/tmp/x", false}, {FILE_MOVE, "/p/tmp/y", "/p/tmp/x", true},
    {FILE_BEGIN, "/p/.x", "/p/x", false}, {FILE_PLACE, "/p/tmp/.x", "/p/tmp/x", true}};
  assert_true(reading_allow_folder(f->reading, "/p/tmp/"));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct file_request q = {.action = cases[i].action, .path = cases[i].path, .to = cases[i].to};
    struct file_operation *o = f->world->files->start(f->world->files, &q, count, &f->calls);
    assert_int_equal(o == &operation, cases[i].passes);
    if (!cases[i].passes)
      refused(f, &o->effect, &o->fault);
  }
}

static void archives_are_written_likewise(void **state)
{
  struct fixture *f = *state;
  struct world_archive *a = f->world->archive;
  assert_true(reading_allow_folder(f->reading, "/p/tmp"));
  assert_ptr_equal(a->unpack(a, &(struct unpack_request){.from = "/p/a"}, count, &f->calls), &archive);
  struct unpack_request into = {.from = "/p/a", .into = "/p/tmp/a"};
  assert_ptr_equal(a->unpack(a, &into, count, &f->calls), &archive);
  assert_ptr_equal(a->pack(a, &(struct pack_request){.root = "/p", .to = "/p/tmp/a"}, count, &f->calls), &archive);
  into.into = "/p/b";
  struct archive_operation *o = a->unpack(a, &into, count, &f->calls);
  refused(f, &o->effect, &o->fault);
  o = a->pack(a, &(struct pack_request){.root = "/p", .to = "/p/a"}, count, &f->calls);
  refused(f, &o->effect, &o->fault);
}

static struct process_child *run(struct fixture *f, const char *const *argv)
{
  struct process_options o = {.argv = argv};
  return f->world->process->start(f->world->process, &o, count, &f->calls);
}

static void children_run_whose_first_words_are_allowed(void **state)
{
  struct fixture *f = *state;
  assert_true(reading_allow_command(f->reading, (const char *[]){"git", "status", NULL}));
  assert_false(reading_allow_command(f->reading, (const char *[]){NULL}));
  assert_ptr_equal(run(f, (const char *[]){"git", "status", NULL}), &child);
  assert_ptr_equal(run(f, (const char *[]){"git", "status", "-s", NULL}), &child);
  struct process_child *c = run(f, (const char *[]){"git", NULL});
  refused(f, &c->effect, &c->fault);
  c = run(f, (const char *[]){"git", "push", NULL});
  assert_non_null(strstr(c->fault.message, "would run 'git push'"));
  refused(f, &c->effect, &c->fault);
  c = run(f, (const char *[]){"/bin/sh", "-c", "git status", NULL});
  assert_non_null(strstr(c->fault.message, "would run 'git status'"));
  refused(f, &c->effect, &c->fault);
}

/* ---- databases ------------------------------------------------------------------------------------ */

static struct sql_operation *open_sql(struct fixture *f, const char *url)
{
  return f->world->sql->connect(f->world->sql, url, 10, count, &f->calls);
}

static void let_in(struct fixture *f)
{
  f->sql.open++;
  f->sql.connecting.session = (struct sql_session *)&f->sql;
  effect_finish(&f->sql.connecting.effect);
}

static void answer(struct fixture *f, const char *text)
{
  f->sql.cells[0] = text;
  f->sql.asking.cells = f->sql.cells;
  f->sql.asking.row_count = 1;
  effect_finish(&f->sql.asking.effect);
}

static void the_setting_travels_with_the_connection(void **state)
{
  struct fixture *f = *state;
  static const char *const urls[][2] = {
    {"postgresql://h/d", "postgresql://h/d?options=-c%20default_transaction_read_only%3Don"},
    {"postgresql://h/d?sslmode=require",
     "postgresql://h/d?sslmode=require&options=-c%20default_transaction_read_only%3Don"},
    {"postgresql://h/d?a=b&options=-c%20x%3D1",
     "postgresql://h/d?a=b&options=-c%20default_transaction_read_only%3Don%20-c%20x%3D1"},
    {"postgresql://h/d?options=e%3Dx&a=b",
     "postgresql://h/d?options=-c%20default_transaction_read_only%3Don%20e%3Dx&a=b"}};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    effect_free(&open_sql(f, urls[i][0])->effect);
    assert_string_equal(f->sql.url, urls[i][1]);
  }
}

static void a_session_is_had_once_the_server_says_that_it_is_read_only(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = open_sql(f, "postgresql://h/d");
  let_in(f);
  assert_string_equal(f->sql.text, "show default_transaction_read_only");
  assert_false(op->effect.finished);
  answer(f, "on");
  assert_true(op->effect.finished);
  assert_int_equal(f->calls, 1);
  assert_null(op->fault.code);
  assert_ptr_equal(op->session, (struct sql_session *)&f->sql);
  effect_free(&op->effect);  /* nobody took it: it is closed */
  assert_int_equal(f->sql.open, 0);
}

static void a_session_that_is_not_is_closed(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = open_sql(f, "postgresql://h/d");
  let_in(f);
  answer(f, "off");
  assert_string_equal(op->fault.code, "plan-effect");
  assert_null(op->session);
  effect_free(&op->effect);
  assert_int_equal(f->sql.open, 0);
}

static void what_went_wrong_on_the_way_is_told_as_it_was(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = open_sql(f, "postgresql://h/d");
  fault_set(&f->sql.connecting.fault, "sql-connect", "fatal", "connecting to h: no");
  strcpy(f->sql.connecting.sqlstate, "28P01");
  effect_finish(&f->sql.connecting.effect);
  assert_string_equal(op->fault.code, "sql-connect");
  assert_string_equal(op->sqlstate, "28P01");
  effect_free(&op->effect);
  op = open_sql(f, "postgresql://h/d");
  let_in(f);
  fault_set(&f->sql.asking.fault, "sql-lost", "unknown", "h: gone");
  effect_finish(&f->sql.asking.effect);
  assert_string_equal(op->fault.code, "sql-lost");
  effect_free(&op->effect);
  assert_int_equal(f->sql.open, 0);
}

static void given_up_while_it_asks_it_closes_the_session(void **state)
{
  struct fixture *f = *state;
  struct sql_operation *op = open_sql(f, "postgresql://h/d");
  let_in(f);
  effect_free(&op->effect);
  assert_int_equal(f->calls, 0);
  assert_int_equal(f->sql.open, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
    CASE(only_methods_that_ask_reach_a_service),
    CASE(a_refusal_says_what_and_where_and_no_secret),
    CASE(a_refusal_that_is_freed_before_its_end_never_reports),
    CASE(websockets_and_stores_are_not_opened),
    CASE(files_are_written_below_the_folders_that_are_allowed_only),
    CASE(archives_are_written_likewise),
    CASE(children_run_whose_first_words_are_allowed),
    CASE(the_setting_travels_with_the_connection),
    CASE(a_session_is_had_once_the_server_says_that_it_is_read_only),
    CASE(a_session_that_is_not_is_closed),
    CASE(what_went_wrong_on_the_way_is_told_as_it_was),
    CASE(given_up_while_it_asks_it_closes_the_session),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
