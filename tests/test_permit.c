/* test_permit.c - a world that names each effect and asks before it begins. */
#include "permit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a world below that only counts ------------------------------------------------------------ */

struct below {
  struct world world;
  struct world_http http;
  struct world_websocket websocket;
  struct world_sql sql;
  struct world_dns dns;
  struct world_process process;
  struct world_files files;
  struct world_archive archive;
  struct world_environ environ;
  int begun;
};

static struct below *counting;  /* of the test that runs: the members know only themselves */

static void *begun(void)
{
  counting->begun++;
  return NULL;
}

static struct http_exchange *begin_http(struct world_http *w, const struct http_request *q, effect_done *done, void *arg)
{
  return begun();
}

static struct sql_operation *begin_sql(struct world_sql *w, const char *url, double timeout, effect_done *done, void *arg)
{
  return begun();
}

static struct process_child *begin_process(struct world_process *w, const struct process_options *o, effect_done *done,
                                           void *arg)
{
  return begun();
}

static struct file_operation *begin_file(struct world_files *w, const struct file_request *q, effect_done *done, void *arg)
{
  return begun();
}

/* ---- what is asked ------------------------------------------------------------------------------- */

struct scene {
  struct below below;
  uv_loop_t loop;
  struct permit *permit;
  char asked[600];
  bool refuses;
  int ended;
};

static bool judge(void *arg, const char *kind, const char *what, struct fault *f)
{
  struct scene *s = arg;
  size_t n = strlen(s->asked);
  snprintf(s->asked + n, sizeof s->asked - n, "%s%s %s", n ? " | " : "", kind, what);
  if (s->refuses)
    fault_set(f, "manifest-refused", "fatal", "not here");
  return !s->refuses;
}

static int set_up(void **state)
{
  struct scene *s = calloc(1, sizeof *s);
  struct below *b = &s->below;
  counting = b;
  b->world = (struct world){.http = &b->http, .websocket = &b->websocket, .sql = &b->sql, .dns = &b->dns,
                            .process = &b->process, .files = &b->files, .archive = &b->archive, .environ = &b->environ};
  b->http.start = begin_http;
  b->sql.connect = begin_sql;
  b->process.start = begin_process;
  b->files.start = begin_file;
  uv_loop_init(&s->loop);
  s->permit = permit_new(&b->world, &s->loop, ".", judge, s);
  *state = s;
  return s->permit ? 0 : -1;
}

static int tear_down(void **state)
{
  struct scene *s = *state;
  permit_free(s->permit);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&s->loop), 0);
  free(s);
  return 0;
}

static void count_end(void *arg)
{
  ((struct scene *)arg)->ended++;
}

static struct http_exchange *request(struct scene *s, const char *method, const char *url)
{
  struct world_http *http = permit_world(s->permit)->http;
  return http->start(http, &(struct http_request){.method = method, .url = url}, count_end, s);
}

static void file(struct scene *s, enum file_action action, const char *path, const char *to)
{
  struct world_files *files = permit_world(s->permit)->files;
  files->start(files, &(struct file_request){.action = action, .path = path, .to = to}, count_end, s);
}

static void command(struct scene *s, const char *const *argv, const char *cwd)
{
  struct world_process *process = permit_world(s->permit)->process;
  process->start(process, &(struct process_options){.argv = argv, .cwd = cwd}, count_end, s);
}

/* ---- names ------------------------------------------------------------------------------------------ */

static void a_request_is_named_without_who_asks_and_without_its_query(void **state)
{
  struct scene *s = *state;
  request(s, "POST", "https://user:word@example.com/a/b?token=1#here");
  request(s, "GET", "http://example.com");
  assert_string_equal(s->asked, "requests POST https://example.com/a/b | requests GET http://example.com/");
  assert_int_equal(s->below.begun, 2);
}

static void a_request_that_goes_another_way_says_so(void **state)
{
  struct scene *s = *state;
  struct world_http *http = permit_world(s->permit)->http;
  http->start(http, &(struct http_request){.method = "GET", .url = "http://a/x", .route.connect_to = "192.0.2.1:80"}, count_end, s);
  http->start(http, &(struct http_request){.method = "GET", .url = "http://a/x", .route.proxy = "http://u:p@proxy:1?q"},
              count_end, s);
  assert_string_equal(s->asked, "requests GET http://a/x by 192.0.2.1:80 | requests GET http://a/x by http://proxy:1/");
}

static void a_database_is_named_without_its_password(void **state)
{
  struct scene *s = *state;
  struct world_sql *sql = permit_world(s->permit)->sql;
  sql->connect(sql, "postgresql://owner:pass@word@db.example.com:5432/main?sslmode=require", 1, count_end, s);
  assert_string_equal(s->asked, "databases owner@db.example.com:5432/main");
}

static void a_command_is_named_by_its_words_and_its_folder(void **state)
{
  struct scene *s = *state;
  command(s, (const char *const[]){"/bin/sh", "-c", "node build.mjs", NULL}, "./apps/web/../api");
  command(s, (const char *const[]){"tool", "a b", "it's", NULL}, NULL);
  assert_string_equal(s->asked, "commands node build.mjs in apps/api | commands tool 'a b' 'it'\\''s' in .");
}

static void a_file_is_named_by_its_place_in_the_project(void **state)
{
  struct scene *s = *state;
  char whole[4200], here[4096];
  snprintf(whole, sizeof whole, "%s/a//./b", getcwd(here, sizeof here));
  file(s, FILE_READ, whole, NULL);
  file(s, FILE_WRITE, "./x/../y", NULL);
  file(s, FILE_COPY, "a", "/elsewhere/b");
  file(s, FILE_LIST, ".", NULL);
  file(s, FILE_LIST, "c", NULL);
  assert_string_equal(s->asked, "reads a/b | writes y | reads a | writes /elsewhere/b | reads ** | reads c/**");
}

static void looking_whether_a_file_is_there_and_davits_own_folder_are_asked_of_nobody(void **state)
{
  struct scene *s = *state;
  s->refuses = true;
  file(s, FILE_STAT, "/etc/passwd", NULL);
  file(s, FILE_WRITE, ".davit/journal", NULL);
  file(s, FILE_LIST, "./.davit", NULL);
  assert_string_equal(s->asked, "");
  assert_int_equal(s->below.begun, 3);
}

static void the_way_up_and_back_leads_out_of_davits_own_folder(void **state)
{
  struct scene *s = *state;
  file(s, FILE_WRITE, ".davit/../davit.yaml", NULL);
  file(s, FILE_WRITE, ".davits/x", NULL);
  assert_string_equal(s->asked, "writes davit.yaml | writes .davits/x");
}

/* ---- refusing ------------------------------------------------------------------------------------------ */

static void what_is_refused_never_begins_and_ends_later_with_the_fault(void **state)
{
  struct scene *s = *state;
  s->refuses = true;
  struct http_exchange *x = request(s, "GET", "https://example.com/");
  assert_int_equal(s->below.begun, 0);
  assert_int_equal(s->ended, 0);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  assert_int_equal(s->ended, 1);
  assert_true(x->effect.finished);
  assert_string_equal(x->fault.code, "manifest-refused");
  effect_free(&x->effect);
}

static void a_refusal_that_is_freed_under_way_tells_nobody(void **state)
{
  struct scene *s = *state;
  s->refuses = true;
  effect_free(&request(s, "GET", "https://example.com/")->effect);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  assert_int_equal(s->ended, 0);
}

static void a_secret_is_asked_for_by_its_name(void **state)
{
  struct scene *s = *state;
  struct world_environ *e = permit_world(s->permit)->environ;
  struct fault f;
  assert_true(e->use_secret(e, "TOKEN", &f));
  s->refuses = true;
  assert_false(e->use_secret(e, "TOKEN", &f));
  assert_string_equal(s->asked, "secrets TOKEN | secrets TOKEN");
}

/* ---- patterns -------------------------------------------------------------------------------------------- */

static void a_star_stands_for_anything_but_a_slash_and_two_for_anything(void **state)
{
  static const char *const match[][2] = {
    {"a", "a"}, {"*", ""}, {"a*c", "abbc"}, {"a/*/c", "a/b/c"}, {"a/**", "a/b/c"}, {"**/c", "a/b/c"}, {"a*b*c", "aXbYbZc"},
    {"**.js", "a/b.js"}, {"a/**/b*d", "a/x/bc/y/bcd"}, {"GET https://*.a/*", "GET https://x-1.y.a/z"}, {"**", ""}};
  static const char *const differ[][2] = {
    {"a", "b"}, {"a", "ab"}, {"ab", "a"}, {"a/*", "a/b/c"}, {"*", "a/b"}, {"a*c", "ab/c"}, {"", "a"}, {"a/**", "a"},
    {"**/c*", "a/b/c/d"}};
  for (size_t i = 0; i < sizeof match / sizeof *match; i++)
    assert_true(permit_matches(match[i][0], match[i][1]));
  for (size_t i = 0; i < sizeof differ / sizeof *differ; i++)
    assert_false(permit_matches(differ[i][0], differ[i][1]));
}

static void many_stars_take_no_time(void **state)
{
  char name[4001];
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = 0;
  assert_false(permit_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
  assert_false(permit_matches("**a**a**a**a**a**a**a**a**b", name));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(a_request_is_named_without_who_asks_and_without_its_query), TEST(a_request_that_goes_another_way_says_so),
    TEST(a_database_is_named_without_its_password), TEST(a_command_is_named_by_its_words_and_its_folder),
    TEST(a_file_is_named_by_its_place_in_the_project),
    TEST(looking_whether_a_file_is_there_and_davits_own_folder_are_asked_of_nobody),
    TEST(the_way_up_and_back_leads_out_of_davits_own_folder),
    TEST(what_is_refused_never_begins_and_ends_later_with_the_fault),
    TEST(a_refusal_that_is_freed_under_way_tells_nobody), TEST(a_secret_is_asked_for_by_its_name),
    cmocka_unit_test(a_star_stands_for_anything_but_a_slash_and_two_for_anything), cmocka_unit_test(many_stars_take_no_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
