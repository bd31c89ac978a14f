/* The journal: events come back as they were written, in order; what cannot be read or written
 * is named and left alone; the writer's thread loses nothing. */
#include "journal.h"
#include "journal_writer.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static int make_folder(void **state)
{
  *state = strdup("/tmp/davit-journal-XXXXXX");
  return *state && mkdtemp(*state) ? 0 : -1;
}

static int remove_folder(void **state)
{
  char command[256];
  snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
  free(*state);
  return system(command);
}

static const char *file_in(void **state)
{
  static char file[256];
  snprintf(file, sizeof file, "%s/journal.db", (char *)*state);
  return file;
}

static struct journal_event numbered(int n)
{
  static char data[16];
  snprintf(data, sizeof data, "%d", n);
  return (struct journal_event){.at = n, .run = n % 2 ? "odd" : "even", .kind = "step", .path = "p", .data = data};
}

static void append_number(struct journal *j, int n)
{
  struct fault f;
  struct journal_event e = numbered(n);
  const struct journal_event *list[] = {&e};
  assert_true(journal_append(j, list, 1, &f));
}

struct seen {
  int count, last;
  bool ordered;
};

static bool look(void *arg, const struct journal_event *e)
{
  struct seen *s = arg;
  int n = atoi(e->data);
  s->ordered = s->ordered && n > s->last;
  s->last = n;
  s->count++;
  return true;
}

static struct seen read_back(struct journal *j, const char *run)
{
  struct fault f;
  struct seen s = {.last = -1, .ordered = true};
  assert_true(journal_read(j, run, NULL, look, &s, &f));
  return s;
}

static void events_come_back_in_order_by_run_and_after_reopening(void **state)
{
  struct fault f;
  struct journal *j = journal_new(file_in(state), &f);
  assert_non_null(j);
  for (int i = 0; i < 10; i++)
    append_number(j, i);
  journal_free(j);
  j = journal_new(file_in(state), &f);
  struct seen all = read_back(j, NULL), odd = read_back(j, "odd");
  assert_int_equal(all.count, 10);
  assert_true(all.ordered);
  assert_int_equal(odd.count, 5);
  journal_free(j);
  struct stat st;
  assert_int_equal(stat(file_in(state), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
  struct fault f;
  sqlite3 *db;
  sqlite3_open(file_in(state), &db);
  sqlite3_exec(db, "CREATE TABLE future(x); PRAGMA user_version = 99;", NULL, NULL, NULL);
  sqlite3_close(db);
  assert_null(journal_new(file_in(state), &f));
  assert_string_equal(f.code, "journal-newer");
  assert_non_null(strstr(f.message, "schema 99"));
}

static void a_file_that_is_no_database_is_refused(void **state)
{
  struct fault f;
  FILE *file = fopen(file_in(state), "w");
  for (int i = 0; i < 100; i++)
    fputs("this is no database ", file);
  fclose(file);
  assert_null(journal_new(file_in(state), &f));
  assert_string_equal(f.code, "journal-damaged");
}

static void a_folder_that_is_not_there_is_named(void **state)
{
  struct fault f;
  assert_null(journal_new("/nowhere/at/all/journal.db", &f));
  assert_string_equal(f.code, "journal-failed");
  assert_non_null(strstr(f.message, "/nowhere/at/all/journal.db"));
}

/* ---- the writer ------------------------------------------------------------------------------ */

static void note(void *arg)
{
  ++*(int *)arg;
}

static void many_writes_keep_their_order_and_every_owner_is_told(void **state)
{
  enum { N = 500 };
  struct fault f;
  uv_loop_t loop;
  struct journal_write *writes[N];
  int told = 0;
  uv_loop_init(&loop);
  struct journal *j = journal_new(file_in(state), &f);
  struct journal_writer *w = journal_writer_new(j, &loop);
  for (int i = 0; i < N; i++) {
    struct journal_event e = numbered(i);
    writes[i] = journal_writer_append(w, &e, note, &told);
    assert_non_null(writes[i]);
  }
  uv_run(&loop, UV_RUN_DEFAULT);  // ends because nothing is under way any more
  assert_int_equal(told, N);
  for (int i = 0; i < N; i++) {
    assert_null(writes[i]->fault.code);
    effect_free(&writes[i]->effect);
  }
  struct seen all = read_back(j, NULL);
  assert_int_equal(all.count, N);
  assert_true(all.ordered);
  journal_writer_free(w);
  journal_free(j);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void what_was_appended_is_written_although_nobody_waits(void **state)
{
  struct fault f;
  uv_loop_t loop;
  int told = 0;
  uv_loop_init(&loop);
  struct journal *j = journal_new(file_in(state), &f);
  struct journal_writer *w = journal_writer_new(j, &loop);
  struct journal_write *kept = NULL;
  for (int i = 0; i < 20; i++) {
    struct journal_event e = numbered(i);
    struct journal_write *write = journal_writer_append(w, &e, note, &told);
    if (i == 7)
      kept = write;
    else
      effect_free(&write->effect);
  }
  journal_writer_free(w);
  assert_int_equal(told, 0);
  effect_free(&kept->effect);
  assert_int_equal(read_back(j, NULL).count, 20);
  journal_free(j);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_write_that_fails_says_so_to_its_owner(void **state)
{
  struct fault f;
  uv_loop_t loop;
  sqlite3 *other;
  int told = 0;
  uv_loop_init(&loop);
  struct journal *j = journal_new(file_in(state), &f);
  sqlite3_open(file_in(state), &other);
  assert_int_equal(sqlite3_exec(other, "DROP TABLE event", NULL, NULL, NULL), SQLITE_OK);
  struct journal_writer *w = journal_writer_new(j, &loop);
  struct journal_event e = numbered(1);
  struct journal_write *write = journal_writer_append(w, &e, note, &told);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(told, 1);
  assert_string_equal(write->fault.code, "journal-failed");
  effect_free(&write->effect);
  journal_writer_free(w);
  journal_free(j);
  sqlite3_close(other);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
    IN_FOLDER(events_come_back_in_order_by_run_and_after_reopening),
    IN_FOLDER(a_newer_schema_is_refused_and_left_alone),
    IN_FOLDER(a_file_that_is_no_database_is_refused),
    IN_FOLDER(a_folder_that_is_not_there_is_named),
    IN_FOLDER(many_writes_keep_their_order_and_every_owner_is_told),
    IN_FOLDER(what_was_appended_is_written_although_nobody_waits),
    IN_FOLDER(a_write_that_fails_says_so_to_its_owner),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
