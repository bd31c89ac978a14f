/* The store in a file: older schemas come up, what cannot be used is named and left alone, what was
 * acknowledged survives a kill, and no clock that is moved frees or keeps a lease. */
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static int make_folder(void **state)
{
  *state = strdup("/tmp/davit-sqlite-XXXXXX");
  return *state && mkdtemp(*state) && chmod(*state, 0755) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
  char command[256];
  snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", (char *)*state, (char *)*state);
  free(*state);
  return system(command);
}

static const char *file_in(void **state)
{
  static char file[256];
  snprintf(file, sizeof file, "%s/journal.db", (char *)*state);
  return file;
}

static struct store *open_file(const char *file)
{
  struct fault f;
  struct store *s = store_sqlite_new(file, store_clock_system(), &f);
  if (!s)
    fail_msg("%s: %s", f.code, f.message);
  return s;
}

static struct fault refused(const char *file)
{
  struct fault f = {0};
  struct store *s = store_sqlite_new(file, store_clock_system(), &f);
  assert_null(s);
  assert_non_null(f.code);
  assert_string_equal(f.class, "fatal");
  assert_non_null(strstr(f.message, file));
  assert_true(f.hint[0]);
  return f;
}

static bool append_text(struct store *s, const char *run, const char *data, struct fault *f)
{
  struct store_event e = {.at = 1, .run = run, .kind = "k", .path = "p", .data = data};
  const struct store_event *list[] = {&e};
  return s->ops->append(s, list, 1, f);
}

static void append_number(struct store *s, int n)
{
  struct fault f;
  char data[16];
  snprintf(data, sizeof data, "%d", n);
  if (!append_text(s, "a", data, &f))
    fail_msg("%s: %s", f.code, f.message);
}

/* The numbers must be 0, 1, 2, … */
static bool count_number(void *arg, const struct store_event *e)
{
  int *count = arg;
  assert_int_equal(atoi(e->data), *count);
  ++*count;
  return true;
}

static int count_numbers(struct store *s)
{
  struct fault f;
  int count = 0;
  if (!s->ops->events(s, &(struct store_filter){.run = "a"}, count_number, &count, &f))
    fail_msg("%s: %s", f.code, f.message);
  return count;
}

/* ---- the file's bytes ----------------------------------------------------------------------------- */

struct bytes {
  char *data;
  size_t len;
};

static struct bytes read_bytes(const char *file)
{
  struct bytes b = {0};
  struct stat st;
  FILE *f = fopen(file, "r");
  assert_non_null(f);
  assert_int_equal(fstat(fileno(f), &st), 0);
  b.data = malloc((size_t)st.st_size + 1);
  b.len = fread(b.data, 1, (size_t)st.st_size, f);
  fclose(f);
  return b;
}

static void write_bytes(const char *file, const char *data, size_t len)
{
  FILE *f = fopen(file, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, len, f), len);
  fclose(f);
}

/* Opens the file, which must be refused with the code and stay as it is. */
static void refused_and_left_alone(const char *file, const char *code)
{
  struct bytes before = read_bytes(file);
  assert_string_equal(refused(file).code, code);
  struct bytes after = read_bytes(file);
  assert_int_equal(before.len, after.len);
  assert_memory_equal(before.data, after.data, before.len);
  free(before.data);
  free(after.data);
}

static void exec(const char *file, const char *sql)
{
  sqlite3 *db;
  char *error = NULL;
  assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
    fail_msg("%s", error);
  sqlite3_close(db);
}

/* ---- opening ---------------------------------------------------------------------------------------- */

static void events_are_there_after_reopening_and_nobody_else_may_read_them(void **state)
{
  struct stat st;
  struct store *s = open_file(file_in(state));
  for (int i = 0; i < 10; i++)
    append_number(s, i);
  s->ops->free(s);
  s = open_file(file_in(state));
  assert_int_equal(count_numbers(s), 10);
  s->ops->free(s);
  assert_int_equal(stat(file_in(state), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void memory_is_a_place_too(void **state)
{
  (void)state;
  struct store *s = open_file(":memory:");
  append_number(s, 0);
  assert_int_equal(count_numbers(s), 1);
  s->ops->free(s);
}

static const char schema_1[] =
  "PRAGMA journal_mode = WAL;"
  "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, at REAL NOT NULL,"
  " kind TEXT NOT NULL, path TEXT NOT NULL, data TEXT NOT NULL);"
  "CREATE INDEX event_run ON event(run, seq);"
  "PRAGMA user_version = 1;"
  "INSERT INTO event(run, at, kind, path, data) VALUES"
  " ('a', 10, 'run-started', '', '{\"recipe\":\"preview\"}'),"
  " ('b', 11, 'run-started', '', '{}'),"
  " ('a', 12, 'step-started', 'x', 'null'),"
  " ('c', 13, 'run-started', '', '{}'),"
  " ('a', 14, 'run-finished', '', '{\"ok\":true,\"made\":[]}'),"
  " ('b', 15, 'run-finished', '', '{\"ok\":false}'),"
  " ('d', 16, 'run-started', '', '{}'),"
  " ('d', 17, 'run-finished', '', 'cut off');"
  "DELETE FROM event WHERE seq = 8;"
  "INSERT INTO event(run, at, kind, path, data) VALUES ('d', 17, 'run-finished', '', 'cut off');";

static bool describe_run(void *text, const struct store_run *r)
{
  char line[128];
  snprintf(line, sizeof line, "%s %s %s %g-%g %lld;", r->run, r->status, r->first, r->started, r->changed, r->events);
  strcat(text, line);
  return true;
}

static bool describe_event(void *text, const struct store_event *e)
{
  char line[128];
  snprintf(line, sizeof line, "%lld %s %g %s %s %s;", e->seq, e->run, e->at, e->kind, e->path, e->data);
  strcat(text, line);
  return true;
}

static void schema_1_comes_up_with_its_events_and_what_became_of_its_runs(void **state)
{
  struct fault f;
  char text[2048] = "";
  exec(file_in(state), schema_1);
  struct store *s = open_file(file_in(state));
  assert_true(s->ops->runs(s, &(struct store_runs_filter){0}, describe_run, text, &f));
  assert_string_equal(text, "d running {} 16-17 2;c running {} 13-13 1;b failed {} 11-15 2;"
                            "a done {\"recipe\":\"preview\"} 10-14 3;");
  *text = 0;
  assert_true(s->ops->events(s, &(struct store_filter){.run = "a"}, describe_event, text, &f));
  assert_string_equal(text, "1 a 10 run-started  {\"recipe\":\"preview\"};3 a 12 step-started x null;"
                            "5 a 14 run-finished  {\"ok\":true,\"made\":[]};");
  assert_true(append_text(s, "e", "{}", &f));
  *text = 0;
  assert_true(s->ops->events(s, &(struct store_filter){.after = 8}, describe_event, text, &f));
  assert_string_equal(text, "9 d 17 run-finished  cut off;10 e 1 k p {};");
  s->ops->free(s);
  s = open_file(file_in(state));
  s->ops->free(s);
}

/* An upgrade that cannot end leaves schema 1 behind: here its event table has a column too few. */
static void an_upgrade_that_fails_changes_nothing(void **state)
{
  exec(file_in(state), "PRAGMA journal_mode = WAL;"
                       "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT, at REAL);"
                       "CREATE INDEX event_run ON event(run);"
                       "INSERT INTO event(run, at) VALUES('a', 1); PRAGMA user_version = 1;");
  refused_and_left_alone(file_in(state), "journal-failed");
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
  exec(file_in(state), "CREATE TABLE future(x); PRAGMA user_version = 99;");
  assert_non_null(strstr(refused(file_in(state)).message, "schema 99"));
  refused_and_left_alone(file_in(state), "journal-newer");
}

static void another_programs_database_is_refused_and_left_alone(void **state)
{
  exec(file_in(state), "CREATE TABLE bookmark(url);");
  refused_and_left_alone(file_in(state), "journal-damaged");
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
  static const char text[] = "this is no database, and it is longer than the header of one would be: "
                             "one hundred bytes, so SQLite reads it";
  write_bytes(file_in(state), text, sizeof text);
  refused_and_left_alone(file_in(state), "journal-damaged");
}

/* SQLite takes a file of one byte for an empty one. */
static void a_file_that_was_cut_off_is_refused_and_left_alone(void **state)
{
  struct store *s = open_file(file_in(state));
  for (int i = 0; i < 300; i++)
    append_number(s, i);
  s->ops->free(s);
  struct bytes whole = read_bytes(file_in(state));
  for (size_t len = 2; len < whole.len; len += len < 200 ? 1 : 509) {
    write_bytes(file_in(state), whole.data, len);
    refused_and_left_alone(file_in(state), "journal-damaged");
  }
  write_bytes(file_in(state), whole.data, whole.len);
  s = open_file(file_in(state));
  assert_int_equal(count_numbers(s), 300);
  s->ops->free(s);
  free(whole.data);
}

/* Bytes in the middle are seen when they are read; that is an error, never a crash or wrong events. */
static void damage_inside_is_found_where_it_is_read(void **state)
{
  struct fault f = {0};
  int count = 0;
  struct store *s = open_file(file_in(state));
  for (int i = 0; i < 300; i++)
    append_number(s, i);
  s->ops->free(s);
  struct bytes whole = read_bytes(file_in(state));
  memset(whole.data + 4096 * 3, 0xA5, 4096 * 2);
  write_bytes(file_in(state), whole.data, whole.len);
  free(whole.data);
  s = store_sqlite_new(file_in(state), store_clock_system(), &f);
  if (s) {
    assert_false(s->ops->events(s, &(struct store_filter){.run = "a"}, count_number, &count, &f));
    s->ops->free(s);
  }
  assert_string_equal(f.code, "journal-damaged");
}

static void a_folder_that_is_not_there_is_named(void **state)
{
  (void)state;
  assert_string_equal(refused("/nowhere/at/all/journal.db").code, "journal-failed");
}

static void two_that_open_a_new_file_at_once_both_get_it(void **state)
{
  for (int round = 0; round < 20; round++) {
    char file[300];
    int status, failed = 0;
    snprintf(file, sizeof file, "%s-%d", file_in(state), round);
    for (int i = 0; i < 4; i++)
      if (fork() == 0) {
        struct fault f;
        struct store *s = store_sqlite_new(file, store_clock_system(), &f);
        _exit(s && append_text(s, "a", "{}", &f) ? 0 : 1);
      }
    for (int i = 0; i < 4; i++)
      failed += wait(&status) < 0 || status != 0;
    assert_int_equal(failed, 0);
  }
}

/* ---- rights, room -------------------------------------------------------------------------------------- */

/* Runs f(file) as somebody without the rights of root; its exit code. */
static int as_nobody(int (*f)(const char *file), const char *file)
{
  int status;
  pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
      _exit(100);
    _exit(f(file));
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* 0: refused with "journal-denied" */
static int is_denied(const char *file)
{
  struct fault f = {0};
  struct store *s = store_sqlite_new(file, store_clock_system(), &f);
  if (!s)
    return strcmp(f.code, "journal-denied") != 0;
  return append_text(s, "a", "{}", &f) ? 2 : 3;
}

static void a_folder_that_may_not_be_written_is_denied(void **state)
{
  assert_int_equal(chmod(*state, 0555), 0);
  assert_int_equal(as_nobody(is_denied, file_in(state)), 0);
  assert_int_equal(access(file_in(state), F_OK), -1);
}

static void a_file_that_may_only_be_read_is_denied_and_left_alone(void **state)
{
  struct store *s = open_file(file_in(state));
  append_number(s, 0);
  s->ops->free(s);
  struct bytes before = read_bytes(file_in(state));
  assert_int_equal(chmod(file_in(state), 0444) | chmod(*state, 0777), 0);
  assert_int_equal(as_nobody(is_denied, file_in(state)), 0);
  assert_int_equal(chmod(*state, 0555), 0);
  assert_int_equal(as_nobody(is_denied, file_in(state)), 0);
  struct bytes after = read_bytes(file_in(state));
  assert_int_equal(before.len, after.len);
  assert_memory_equal(before.data, after.data, before.len);
  free(before.data);
  free(after.data);
}

/* Appends until the disk is full. 0: it said so, and what was acknowledged before is there. */
static int fills_up(const char *file)
{
  struct fault f = {0};
  char data[2000];
  int written = 0;
  struct rlimit limit = {200000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
  struct store *s = open_file(file);
  memset(data, 'x', sizeof data);
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  for (bool ok = true; ok && written < 1000; written += ok) {
    snprintf(data, sizeof data, "%d", written);
    data[strlen(data)] = ' ';
    data[sizeof data - 1] = 0;
    ok = append_text(s, "a", data, &f);
  }
  if (written == 1000 || strcmp(f.code, "journal-full") != 0)
    return 1;
  if (append_text(s, "a", data, &f))
    return 2;
  setrlimit(RLIMIT_FSIZE, &none);
  if (count_numbers(s) != written)
    return 3;
  append_number(s, written);
  return count_numbers(s) == written + 1 ? 0 : 4;
}

static void a_full_disk_is_named_and_the_store_goes_on_when_there_is_room(void **state)
{
  int status;
  pid_t child = fork();
  if (child == 0)
    _exit(fills_up(file_in(state)));
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void a_file_that_somebody_else_writes_for_long_is_busy(void **state)
{
  struct fault f = {0};
  sqlite3 *other;
  struct store *s = open_file(file_in(state));
  assert_int_equal(sqlite3_open(file_in(state), &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  assert_false(append_text(s, "a", "0", &f));
  assert_string_equal(f.code, "journal-busy");
  sqlite3_close(other);
  append_number(s, 0);
  assert_int_equal(count_numbers(s), 1);
  s->ops->free(s);
}

/* ---- kill -9 ---------------------------------------------------------------------------------------------- */

/* Appends numbers and says each when it is written. */
static void append_and_say(const char *file, int fd)
{
  struct store *s = open_file(file);
  for (int i = count_numbers(s);; i++) {
    append_number(s, i);
    if (write(fd, &i, sizeof i) != sizeof i)
      _exit(1);
  }
}

static void what_was_acknowledged_is_there_after_kill_9(void **state)
{
  int said = -1;
  for (int round = 0; round < 20; round++) {
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0)
      append_and_say(file_in(state), fds[1]);
    close(fds[1]);
    for (int i = 0; i < 20 + 7 * round; i++)
      assert_int_equal(read(fds[0], &said, sizeof said), sizeof said);
    kill(child, SIGKILL);
    while (read(fds[0], &said, sizeof said) == sizeof said)
      ;
    close(fds[0]);
    waitpid(child, &status, 0);
    struct store *s = open_file(file_in(state));
    assert_true(count_numbers(s) > said);
    s->ops->free(s);
  }
}

/* ---- clocks ------------------------------------------------------------------------------------------------ */

struct times {
  double now, wall;
};

static double now_of(void *times)
{
  return ((struct times *)times)->now;
}

static double wall_of(void *times)
{
  return ((struct times *)times)->wall;
}

static struct store *open_at(const char *file, const struct store_clock *clock)
{
  struct fault f;
  struct store *s = store_sqlite_new(file, clock, &f);
  if (!s)
    fail_msg("%s: %s", f.code, f.message);
  return s;
}

static bool nobody(void *arg, const struct store_lease *l)
{
  (void)arg, (void)l;
  return true;
}

static bool takes(struct store *s, const char *run, double seconds)
{
  struct fault f;
  long long token;
  struct store_claim c = {.name = "web", .run = run, .host = "machine", .pid = 1, .seconds = seconds};
  if (!s->ops->take(s, &c, &token, nobody, NULL, &f))
    fail_msg("%s: %s", f.code, f.message);
  return token != 0;
}

static void a_wall_clock_that_is_moved_neither_frees_nor_keeps_a_lease(void **state)
{
  struct fault f;
  struct times t = {1000, 1.8e9};
  struct store_clock clock = {now_of, wall_of, &t, "boot 1"};
  struct store *a = open_at(file_in(state), &clock), *b = open_at(file_in(state), &clock);
  assert_true(takes(a, "a", 30));
  t.wall += 86400;
  assert_false(takes(b, "b", 30));
  assert_true(append_text(a, "a", "{}", &f));
  t.wall -= 10 * 86400;
  assert_false(takes(b, "b", 30));
  t.now += 31;
  assert_true(takes(b, "b", 30));
  assert_false(append_text(a, "a", "{}", &f));
  assert_string_equal(f.code, "lease-lost");
  a->ops->free(a);
  b->ops->free(b);
}

static void after_another_boot_the_wall_clock_judges(void **state)
{
  struct times before = {90000, 1.8e9}, after = {5, 1.8e9 + 20};
  struct store_clock old = {now_of, wall_of, &before, "boot 1"}, new = {now_of, wall_of, &after, "boot 2"};
  struct store *a = open_at(file_in(state), &old);
  assert_true(takes(a, "a", 30));
  a->ops->free(a);
  struct store *b = open_at(file_in(state), &new);
  assert_false(takes(b, "b", 30));
  after.wall += 11;
  assert_true(takes(b, "b", 30));
  b->ops->free(b);
}

static void the_machines_clock_grows_and_names_its_boot(void **state)
{
  (void)state;
  char one[64], two[64];
  const struct store_clock *c = store_clock_system();
  double at = c->now(c->arg);
  assert_true(c->now(c->arg) >= at && at > 0);
  store_clock_boot(c, one, sizeof one);
  store_clock_boot(c, two, sizeof two);
  assert_true(strlen(one) >= 8);
  assert_string_equal(one, two);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
    IN_FOLDER(events_are_there_after_reopening_and_nobody_else_may_read_them),
    cmocka_unit_test(memory_is_a_place_too),
    IN_FOLDER(schema_1_comes_up_with_its_events_and_what_became_of_its_runs),
    IN_FOLDER(an_upgrade_that_fails_changes_nothing),
    IN_FOLDER(a_newer_schema_is_refused_and_left_alone),
    IN_FOLDER(another_programs_database_is_refused_and_left_alone),
    IN_FOLDER(a_file_that_is_no_database_is_refused_and_left_alone),
    IN_FOLDER(a_file_that_was_cut_off_is_refused_and_left_alone),
    IN_FOLDER(damage_inside_is_found_where_it_is_read),
    cmocka_unit_test(a_folder_that_is_not_there_is_named),
    IN_FOLDER(two_that_open_a_new_file_at_once_both_get_it),
    IN_FOLDER(a_folder_that_may_not_be_written_is_denied),
    IN_FOLDER(a_file_that_may_only_be_read_is_denied_and_left_alone),
    IN_FOLDER(a_full_disk_is_named_and_the_store_goes_on_when_there_is_room),
    IN_FOLDER(a_file_that_somebody_else_writes_for_long_is_busy),
    IN_FOLDER(what_was_acknowledged_is_there_after_kill_9),
    IN_FOLDER(a_wall_clock_that_is_moved_neither_frees_nor_keeps_a_lease),
    IN_FOLDER(after_another_boot_the_wall_clock_judges),
    cmocka_unit_test(the_machines_clock_grows_and_names_its_boot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
