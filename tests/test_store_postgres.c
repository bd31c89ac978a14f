/* test_store_postgres.c - the store in PostgreSQL, against a real server: what it keeps, and what
 * it does when the server, the line or the other side fails. Without PostgreSQL's programs these
 * tests are skipped. */
#include "postgres_server.h"
#include "store_postgres.h"
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <cmocka.h>

static const struct pg_limits usual = {.budget = 20, .connect = 5, .answer = 10};
static const struct pg_limits hasty = {.budget = 1, .connect = 0.3, .answer = 0.5};
static const struct pg_limits patient = {.budget = 1, .connect = 60, .answer = 3};
static const struct pg_limits listening = {.budget = 1, .connect = 60, .answer = 0.5};

/* ---- a world of its own: one server, a database for each test ------------------------------------ */

struct world {
  struct postgres_server *server;
  int databases;
  char database[32], url[256];
  struct store *store;
  struct fault fault;
};

static int open_world(void **state)
{
  struct world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  w->server = postgres_server_start(false);
  *state = w;
  return 0;
}

static int close_world(void **state)
{
  struct world *w = *state;
  postgres_server_stop(w->server);
  free(w);
  return 0;
}

static struct store *open_store(struct world *w, const struct pg_limits *limits)
{
  struct store *s = store_postgres_open(w->url, limits, &w->fault);
  assert_non_null(s);
  return s;
}

static void use_database(struct world *w, const char *options)
{
  char text[256];
  snprintf(w->database, sizeof w->database, "test%d", ++w->databases);
  snprintf(text, sizeof text, "create database %s %s", w->database, options);
  postgres_server_sql(w->server, "postgres", text);
  postgres_server_url(w->server, 0, w->database, w->url, sizeof w->url);
}

static int open_database(void **state)
{
  struct world *w = *state;
  if (!w->server)
    return 0;
  use_database(w, "");
  w->store = open_store(w, &usual);
  return 0;
}

static int close_database(void **state)
{
  struct world *w = *state;
  if (w->store)
    w->store->ops->free(w->store);
  w->store = NULL;
  return 0;
}

static struct world *need(void **state)
{
  struct world *w = *state;
  if (!w->server) {
    print_message("there is no PostgreSQL on this machine (/usr/lib/postgresql)\n");
    skip();
  }
  return w;
}

static long long sql(const struct world *w, const char *text)
{
  return postgres_server_sql(w->server, w->database, text);
}

/* ---- words for what a store does ----------------------------------------------------------------- */

static void must(struct world *w, bool ok)
{
  if (!ok)
    fail_msg("%s: %s; %s", w->fault.code, w->fault.message, w->fault.hint);
}

static bool write_one(struct store *s, const char *run, const char *data, struct fault *f)
{
  const struct store_event e = {.at = 1000.5, .run = run, .kind = "step", .path = "a/b", .data = data};
  const struct store_event *list[] = {&e};
  return s->ops->append(s, list, 1, f);
}

static bool write_number(struct store *s, int n, struct fault *f)
{
  char data[16];
  snprintf(data, sizeof data, "%d", n);
  return write_one(s, "r1", data, f);
}

static bool ignore_lease(void *arg, const struct store_lease *l)
{
  (void)arg, (void)l;
  return true;
}

static long long take(struct store *s, const char *run, double seconds, struct fault *f)
{
  const struct store_claim c = {.name = "preview/1", .run = run, .host = "here", .pid = getpid(), .seconds = seconds};
  long long token;
  return s->ops->take(s, &c, &token, ignore_lease, NULL, f) ? token : -1;
}

static void refuses(struct world *w, bool done, const char *code, const char *words)
{
  assert_false(done);
  assert_string_equal(w->fault.code, code);
  assert_null(strstr(w->fault.message, "hunter2"));
  assert_null(strstr(w->fault.hint, "hunter2"));
  if (!strstr(w->fault.message, words))
    fail_msg("'%s' is not in '%s'", words, w->fault.message);
}

static pid_t in_a_child(void)
{
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  return pid;
}

static int end_of(pid_t pid)
{
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void pause_ms(long ms)
{
  nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- the schema ---------------------------------------------------------------------------------- */

static void processes_that_start_at_once_make_one_schema(void **state)
{
  enum { PROCESSES = 6, EVENTS = 5 };
  struct world *w = need(state);
  pid_t pids[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    pids[i] = in_a_child();
    if (pids[i] > 0)
      continue;
    struct store *s = open_store(w, &usual);
    for (int n = 0; n < EVENTS; n++)
      if (!write_number(s, n, &w->fault))
        _exit(1);
    s->ops->free(s);
    _exit(0);
  }
  for (int i = 0; i < PROCESSES; i++)
    assert_int_equal(end_of(pids[i]), 0);
  assert_int_equal(sql(w, "select count(*) from davit.version"), 1);
  assert_int_equal(sql(w, "select count(*) from davit.event"), PROCESSES * EVENTS);
  assert_int_equal(sql(w, "select events from davit.run"), PROCESSES * EVENTS);
}

static void a_newer_schema_is_refused_and_left_as_it_is(void **state)
{
  struct world *w = need(state);
  must(w, write_number(w->store, 1, &w->fault));
  sql(w, "insert into davit.version values (99)");
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 2, &w->fault), "journal-newer", "has schema 99");
  s->ops->free(s);
  assert_int_equal(sql(w, "select count(*) from davit.event"), 1);
  assert_int_equal(sql(w, "select max(version) from davit.version"), 99);
}

static void a_schema_that_the_owner_made_is_used(void **state)
{
  struct world *w = need(state);
  char text[256];
  sql(w, "create role runner login password '" "hunter2 it''s" "'");
  snprintf(text, sizeof text, "revoke create on database %s from public; create schema davit authorization runner",
           w->database);
  sql(w, text);
  snprintf(w->url, sizeof w->url, "postgresql://runner:hunter2%%20it%%27s@127.0.0.1:%d/%s", w->server->port,
           w->database);
  struct store *s = open_store(w, &usual);
  must(w, write_number(s, 1, &w->fault));
  s->ops->free(s);
  sql(w, "drop owned by runner; drop role runner");
}

/* ---- what cannot work is said at once ------------------------------------------------------------- */

static void a_url_that_cannot_be_used_is_refused(void **state)
{
  static const char *const urls[] = {
    "nonsense", "postgresql://u:hunter2@a,b/db", "postgresql://u:hunter2@/db", "mysql://u:hunter2@a/db",
    "postgresql://u:hunter2@a:port/db", "postgresql://u:hunter2@a/db?host=b", "postgresql://u:hunter2@a/db?oops=1",
    "postgresql://u:hunter2/x@a/db", "postgresql://u:12/hunter2@a/db"};
  struct world *w = *state;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
    refuses(w, store_postgres_new(urls[i], &w->fault), "journal-failed", "DAVIT_STORE");
}

static void a_wrong_password_is_refused(void **state)
{
  struct world *w = need(state);
  snprintf(w->url, sizeof w->url, "postgresql://davit:hunter2@127.0.0.1:%d/%s", w->server->port, w->database);
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 1, &w->fault), "journal-denied", "password authentication failed");
  assert_null(strstr(w->fault.message, "tries"));
  s->ops->free(s);
}

static void a_server_without_tls_is_refused_when_the_url_requires_it(void **state)
{
  struct world *w = need(state);
  strcat(w->url, "?sslmode=require");
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 1, &w->fault), "journal-denied", "does not support SSL");
  assert_non_null(strstr(w->fault.hint, "sslmode"));
  s->ops->free(s);
}

static void a_database_that_is_not_there_says_what_to_create(void **state)
{
  struct world *w = need(state);
  postgres_server_url(w->server, 0, "nowhere", w->url, sizeof w->url);
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 1, &w->fault), "journal-failed", "\"nowhere\" does not exist");
  assert_non_null(strstr(w->fault.hint, "create the database"));
  s->ops->free(s);
}

static void a_server_that_takes_no_writes_is_refused(void **state)
{
  struct world *w = need(state);
  char text[128];
  must(w, write_number(w->store, 1, &w->fault));
  snprintf(text, sizeof text, "alter database %s set default_transaction_read_only = on", w->database);
  postgres_server_sql(w->server, "postgres", text);
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 2, &w->fault), "journal-denied", "read-only transaction");
  assert_non_null(strstr(w->fault.hint, "standby"));
  s->ops->free(s);
}

static void a_user_without_rights_is_refused(void **state)
{
  struct world *w = need(state);
  must(w, write_number(w->store, 1, &w->fault));
  sql(w, "create role guest login password '" "hunter2 it''s" "'");
  snprintf(w->url, sizeof w->url, "postgresql://guest:hunter2%%20it%%27s@127.0.0.1:%d/%s", w->server->port,
           w->database);
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 2, &w->fault), "journal-denied", "permission denied");
  assert_non_null(strstr(w->fault.hint, "grant"));
  s->ops->free(s);
  sql(w, "drop role guest");
}

static void a_database_that_cannot_hold_all_characters_is_refused(void **state)
{
  struct world *w = need(state);
  use_database(w, "encoding 'LATIN1' template template0");
  struct store *s = open_store(w, &usual);
  refuses(w, write_number(s, 1, &w->fault), "journal-failed", "LATIN1");
  s->ops->free(s);
}

/* Each call gives up soon, which a server on a busy machine may have to be forgiven a few times. */
static void must_in_the_end(struct world *w, struct store *s, int n)
{
  bool done = false;
  for (int i = 0; i < 60 && !done; i++)
    done = write_number(s, n, &w->fault);
  must(w, done);
}

static void a_run_that_another_transaction_keeps_locked_is_busy(void **state)
{
  struct world *w = need(state);
  must(w, write_number(w->store, 1, &w->fault));
  PGconn *other = postgres_server_connect(w->server, w->database);
  PQclear(PQexec(other, "begin; select from davit.run for update"));
  struct store *s = open_store(w, &patient);
  refuses(w, write_number(s, 2, &w->fault), "journal-busy", "statement timeout");
  PQfinish(other);
  must_in_the_end(w, s, 3);
  s->ops->free(s);
  assert_int_equal(sql(w, "select count(distinct data) from davit.event"), 2);
}

static void a_transaction_leaves_nothing_in_the_session(void **state)
{
  struct world *w = need(state);
  double left;
  assert_int_equal(take(w->store, "r1", 60, &w->fault), 1);
  must(w, write_number(w->store, 1, &w->fault));
  must(w, w->store->ops->renew(w->store, &left, ignore_lease, NULL, &w->fault));
  must(w, w->store->ops->release(w->store, "preview/1", &w->fault));
  PGconn *conn = ((struct pg_store *)w->store)->session.conn;
  assert_true(PQexitPipelineMode(conn));
  PGresult *r = PQexec(conn, "select current_setting('statement_timeout'),"
                             " (select count(*) from pg_prepared_statements),"
                             " (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory')");
  for (int i = 0; i < 3; i++)
    assert_string_equal(PQgetvalue(r, 0, i), "0");
  PQclear(r);
}

/* ---- what is read page by page -------------------------------------------------------------------- */

enum { MANY = 2345 };

static void write_many(struct world *w, bool as_runs)
{
  static char runs[MANY][16];
  static struct store_event events[MANY];
  const struct store_event *list[MANY];
  for (int i = 0; i < MANY; i++) {
    snprintf(runs[i], sizeof runs[i], "run%04d", as_runs ? i : 0);
    events[i] = (struct store_event){.at = i, .run = runs[i], .kind = "k", .path = "p", .data = runs[i]};
    list[i] = &events[i];
  }
  must(w, w->store->ops->append(w->store, list, MANY, &w->fault));
}

static bool count_event(void *arg, const struct store_event *e)
{
  int *count = arg;
  assert_true(e->at == *count);
  ++*count;
  return true;
}

static bool count_run(void *arg, const struct store_run *r)
{
  int *count = arg;
  assert_true(r->started == MANY - 1 - *count);
  assert_string_equal(r->run, r->first);
  ++*count;
  return true;
}

static void many_events_are_read_in_order(void **state)
{
  struct world *w = need(state);
  const struct store_filter all = {0}, of_run = {.run = "run0000"};
  int count = 0;
  write_many(w, false);
  must(w, w->store->ops->events(w->store, &all, count_event, &count, &w->fault));
  assert_int_equal(count, MANY);
  count = 0;
  must(w, w->store->ops->events(w->store, &of_run, count_event, &count, &w->fault));
  assert_int_equal(count, MANY);
}

static void many_runs_are_read_newest_first_and_no_more_than_wanted(void **state)
{
  struct world *w = need(state);
  const struct store_runs_filter all = {0}, some = {.limit = 1234};
  int count = 0;
  write_many(w, true);
  must(w, w->store->ops->runs(w->store, &all, count_run, &count, &w->fault));
  assert_int_equal(count, MANY);
  count = 0;
  must(w, w->store->ops->runs(w->store, &some, count_run, &count, &w->fault));
  assert_int_equal(count, 1234);
}

/* ---- servers and lines that fail ------------------------------------------------------------------ */

/* A port of loopback that takes connections and never answers; or, closed, refuses them. */
static int silent_port(int *port)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(fd, 16), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
  *port = ntohs(at.sin_port);
  return fd;
}

static struct store *store_at(struct world *w, int port)
{
  snprintf(w->url, sizeof w->url, "postgresql://davit:hunter2@127.0.0.1:%d/db?sslmode=disable", port);
  return open_store(w, &hasty);
}

static void a_server_that_is_not_there_is_lost_after_the_budget(void **state)
{
  struct world *w = *state;
  int port;
  close(silent_port(&port));
  struct store *s = store_at(w, port);
  refuses(w, write_number(s, 1, &w->fault), "journal-lost", "Connection refused");
  assert_non_null(strstr(w->fault.message, "tries in"));
  s->ops->free(s);
}

static void a_server_that_never_answers_is_lost_after_the_budget(void **state)
{
  struct world *w = *state;
  int port, fd = silent_port(&port);
  struct store *s = store_at(w, port);
  refuses(w, write_number(s, 1, &w->fault), "journal-lost", "no session within 0.3 s");
  s->ops->free(s);
  close(fd);
}

static void a_server_that_falls_silent_is_lost_after_the_budget(void **state)
{
  struct world *w = need(state);
  struct postgres_line line = postgres_line_start(w->server);
  postgres_server_url(w->server, line.port, w->database, w->url, sizeof w->url);
  must(w, write_number(w->store, 1, &w->fault));
  struct store *s = open_store(w, &listening);
  line.state->times = 1;
  line.state->how = CUT_ANSWERS;
  refuses(w, write_number(s, 2, &w->fault), "journal-lost", "no answer within 0.5 s");
  line.state->how = CUT_NOTHING;
  must_in_the_end(w, s, 3);
  s->ops->free(s);
  postgres_line_stop(&line);
  assert_int_equal(sql(w, "select count(distinct data) from davit.event where data in ('1', '3')"), 2);
}

static void write_through_cuts(struct world *w, enum cut how)
{
  enum { EVENTS = 20 };
  struct postgres_line line = postgres_line_start(w->server);
  postgres_server_url(w->server, line.port, w->database, w->url, sizeof w->url);
  struct store *s = open_store(w, &usual);
  line.state->how = how;
  for (int i = 0; i < EVENTS; i++) {
    line.state->times = 1;
    w->fault.code = NULL;
    must(w, write_number(s, i, &w->fault));
    assert_null(w->fault.code);
    assert_int_equal(line.state->times, 0);
  }
  s->ops->free(s);
  postgres_line_stop(&line);
  assert_int_equal(sql(w, "select count(*) from davit.event"), EVENTS);
  assert_int_equal(sql(w, "select count(distinct data) from davit.event"), EVENTS);
  assert_int_equal(sql(w, "select events from davit.run"), EVENTS);
}

static void a_commit_whose_reply_was_lost_is_written_once(void **state)
{
  write_through_cuts(need(state), CUT_REPLY);
}

static void a_commit_that_comes_after_its_sender_has_gone_is_written_once(void **state)
{
  write_through_cuts(need(state), CUT_SENDER);
}

static void a_written_batch_is_acknowledged_although_its_lease_is_gone_since(void **state)
{
  struct world *w = need(state);
  struct postgres_line line = postgres_line_start(w->server);
  postgres_server_url(w->server, line.port, w->database, w->url, sizeof w->url);
  struct store *s = open_store(w, &usual);
  assert_int_equal(take(s, "r1", 60, &w->fault), 1);
  must(w, write_number(s, 1, &w->fault));
  sql(w, "create function lose() returns trigger language plpgsql as $$ begin"
         " update davit.lease set token = 7; return null; end $$;"
         "create trigger lose after insert on davit.event for each statement execute function lose()");
  line.state->times = 1;
  line.state->how = CUT_REPLY;
  must(w, write_number(s, 2, &w->fault));
  refuses(w, write_number(s, 3, &w->fault), "lease-lost", "preview/1");
  s->ops->free(s);
  postgres_line_stop(&line);
  assert_int_equal(sql(w, "select count(*) from davit.event"), 2);
}

/* Writes 0, 1, 2 … and tells the pipe of each that was acknowledged. */
static void write_and_tell(struct world *w, int pipe, int events)
{
  struct store *s = open_store(w, &usual);
  for (int n = 0; n < events; n++)
    if (!write_number(s, n, &w->fault) || write(pipe, &n, sizeof n) != sizeof n) {
      fprintf(stderr, "%d: %s\n", n, w->fault.message);
      _exit(1);
    }
  s->ops->free(s);
  _exit(0);
}

static pid_t start_writer(struct world *w, int *told, int events)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t pid = in_a_child();
  if (pid == 0) {
    close(ends[0]);
    write_and_tell(w, ends[1], events);
  }
  close(ends[1]);
  *told = ends[0];
  return pid;
}

/* Reads until so many more are acknowledged; false: the writer has ended. */
static bool await_events(int told, int count)
{
  int n;
  while (count-- > 0)
    if (read(told, &n, sizeof n) != sizeof n)
      return false;
  return true;
}

static void all_are_there_once(struct world *w, int events)
{
  assert_int_equal(sql(w, "select count(*) from davit.event"), events);
  assert_int_equal(sql(w, "select count(distinct data) from davit.event"), events);
  assert_int_equal(sql(w, "select events from davit.run"), events);
}

static void a_server_that_is_killed_and_comes_back_loses_and_doubles_nothing(void **state)
{
  enum { EVENTS = 400, KILLS = 3 };
  struct world *w = need(state);
  int told;
  pid_t writer = start_writer(w, &told, EVENTS);
  for (int i = 0; i < KILLS; i++) {
    assert_true(await_events(told, 80));
    postgres_server_kill(w->server);
    postgres_server_restart(w->server);
  }
  await_events(told, EVENTS);
  close(told);
  assert_int_equal(end_of(writer), 0);
  all_are_there_once(w, EVENTS);
}

static void connections_that_are_dropped_at_random_lose_and_double_nothing(void **state)
{
  enum { EVENTS = 200 };
  struct world *w = need(state);
  unsigned seed = 1;
  int told;
  must(w, write_one(w->store, "r1", "first", &w->fault));
  pid_t writer = start_writer(w, &told, EVENTS);
  PGconn *killer = postgres_server_connect(w->server, w->database);
  while (await_events(told, 1 + rand_r(&seed) % 5)) {
    PQclear(PQexec(killer, "select pg_terminate_backend(pid) from pg_stat_activity"
                           " where datname = current_database() and pid <> pg_backend_pid()"));
    nanosleep(&(struct timespec){.tv_nsec = rand_r(&seed) % 3000000}, NULL);
  }
  PQfinish(killer);
  close(told);
  assert_int_equal(end_of(writer), 0);
  all_are_there_once(w, EVENTS + 1);
}

static void writers_of_one_run_do_not_stop_each_other_under_strict_isolation(void **state)
{
  enum { EVENTS = 60 };
  struct world *w = need(state);
  char text[128];
  snprintf(text, sizeof text, "alter database %s set default_transaction_isolation = 'serializable'", w->database);
  postgres_server_sql(w->server, "postgres", text);
  int told[2];
  pid_t writers[2];
  for (int i = 0; i < 2; i++)
    writers[i] = start_writer(w, &told[i], EVENTS);
  for (int i = 0; i < 2; i++) {
    await_events(told[i], EVENTS);
    close(told[i]);
    assert_int_equal(end_of(writers[i]), 0);
  }
  assert_int_equal(sql(w, "select count(*) from davit.event"), 2 * EVENTS);
}

/* ---- leases between processes ---------------------------------------------------------------------- */

static void a_holder_that_was_stopped_cannot_write_over_its_successor(void **state)
{
  struct world *w = need(state);
  int ready[2], go[2];
  char byte = 0;
  assert_int_equal(pipe(ready) | pipe(go), 0);
  pid_t holder = in_a_child();
  if (holder == 0) {
    struct store *s = open_store(w, &usual);
    if (take(s, "r1", 0.3, &w->fault) != 1 || !write_number(s, 1, &w->fault))
      _exit(1);
    raise(write(ready[1], &byte, 1) == 1 ? SIGSTOP : SIGKILL);
    bool refused = !write_number(s, 2, &w->fault) && strcmp(w->fault.code, "lease-lost") == 0 &&
                   strstr(w->fault.message, "taken over by run r2");
    s->ops->free(s);
    _exit(refused ? 0 : 2);
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  int status;
  assert_int_equal(waitpid(holder, &status, WUNTRACED), holder);
  assert_true(WIFSTOPPED(status));
  long long token = 0;
  while (token == 0) {
    token = take(w->store, "r2", 60, &w->fault);
    pause_ms(20);
  }
  assert_int_equal(token, 2);
  kill(holder, SIGCONT);
  assert_int_equal(end_of(holder), 0);
  must(w, write_one(w->store, "r2", "mine", &w->fault));
  assert_int_equal(sql(w, "select count(*) from davit.event"), 2);
}

int main(void)
{
#define WITH_DATABASE(f) cmocka_unit_test_setup_teardown(f, open_database, close_database)
  const struct CMUnitTest tests[] = {
    WITH_DATABASE(processes_that_start_at_once_make_one_schema),
    WITH_DATABASE(a_newer_schema_is_refused_and_left_as_it_is),
    WITH_DATABASE(a_schema_that_the_owner_made_is_used),
    cmocka_unit_test(a_url_that_cannot_be_used_is_refused),
    WITH_DATABASE(a_wrong_password_is_refused),
    WITH_DATABASE(a_server_without_tls_is_refused_when_the_url_requires_it),
    WITH_DATABASE(a_database_that_is_not_there_says_what_to_create),
    WITH_DATABASE(a_server_that_takes_no_writes_is_refused),
    WITH_DATABASE(a_user_without_rights_is_refused),
    WITH_DATABASE(a_database_that_cannot_hold_all_characters_is_refused),
    WITH_DATABASE(a_run_that_another_transaction_keeps_locked_is_busy),
    WITH_DATABASE(a_transaction_leaves_nothing_in_the_session),
    WITH_DATABASE(many_events_are_read_in_order),
    WITH_DATABASE(many_runs_are_read_newest_first_and_no_more_than_wanted),
    cmocka_unit_test(a_server_that_is_not_there_is_lost_after_the_budget),
    cmocka_unit_test(a_server_that_never_answers_is_lost_after_the_budget),
    WITH_DATABASE(a_server_that_falls_silent_is_lost_after_the_budget),
    WITH_DATABASE(a_commit_whose_reply_was_lost_is_written_once),
    WITH_DATABASE(a_commit_that_comes_after_its_sender_has_gone_is_written_once),
    WITH_DATABASE(a_written_batch_is_acknowledged_although_its_lease_is_gone_since),
    WITH_DATABASE(a_server_that_is_killed_and_comes_back_loses_and_doubles_nothing),
    WITH_DATABASE(connections_that_are_dropped_at_random_lose_and_double_nothing),
    WITH_DATABASE(writers_of_one_run_do_not_stop_each_other_under_strict_isolation),
    WITH_DATABASE(a_holder_that_was_stopped_cannot_write_over_its_successor),
  };
  return cmocka_run_group_tests(tests, open_world, close_world);
}
