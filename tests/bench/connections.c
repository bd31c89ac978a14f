/* connections.c - what the store in PostgreSQL can do on this machine: a table.
 *
 *   connections [quick]    quick: so little that its figures mean nothing
 *
 * The server is one of its own that waits for the disk. Each process has connections of its own. */
#include "../postgres_server.h"
#include "store.h"
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { DATA = 500, EVENTS = 60 };

struct bench {
  int seconds;  /* of each rate */
  int runs;     /* whose size is measured */
  int each;     /* connections of each process that holds many */
  struct postgres_server *server;
  char url[256];
};

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(bool ok, const struct fault *f)
{
  if (ok)
    return;
  fprintf(stderr, "%s: %s\n", f->code, f->message);
  exit(1);
}

static struct store *open_store(const struct bench *b)
{
  struct fault f;
  struct store *s = store_postgres_new(b->url, &f);
  check(s, &f);
  return s;
}

static void append(struct store *s, const char *run)
{
  char data[DATA + 1];
  struct fault f;
  memset(data, 'x', DATA);
  data[DATA] = 0;
  const struct store_event e = {.at = 1767268800.123456, .run = run, .kind = "step-finished",
                                .path = "deploy/upload worker", .data = data};
  const struct store_event *list[] = {&e};
  check(s->ops->append(s, list, 1, &f), &f);
}

static bool ignore(void *arg, const struct store_lease *l)
{
  (void)arg, (void)l;
  return true;
}

static void take(struct store *s, const char *name, double seconds)
{
  struct fault f;
  long long token;
  const struct store_claim c = {.name = name, .run = name, .host = "runner", .pid = 1, .seconds = seconds};
  check(s->ops->take(s, &c, &token, ignore, NULL, &f) && token, &f);
}

/* Appended to a file that grows, or over one that has its size, as the server's log has. */
static void raw_writes(const struct bench *b, const char *label, bool grown)
{
  char file[128], record[DATA] = {0};
  snprintf(file, sizeof file, "%s/raw", b->server->folder);
  FILE *f = fopen(file, "w");
  double until = now() + b->seconds / 2.0;
  long n = 0;
  for (int i = 0; grown && i < 100000; i++)
    fwrite(record, sizeof record, 1, f);
  if (!f || fflush(f) != 0 || fsync(fileno(f)) != 0 || lseek(fileno(f), 0, SEEK_SET) != 0)
    exit(1);
  for (; now() < until; n++)
    if (write(fileno(f), record, sizeof record) < 0 || fdatasync(fileno(f)) != 0)
      exit(1);
  fclose(f);
  printf("%-44s %8.0f a second\n", label, (double)n / (b->seconds / 2.0));
}

/* ---- many at once ------------------------------------------------------------------------------- */

typedef void work(struct store *s, const char *name);

static void work_until(const struct bench *b, work *w, int i, int to)
{
  char name[32];
  long n = 0;
  struct store *s = open_store(b);
  snprintf(name, sizeof name, "preview-%d", i);
  w(s, name);
  for (double until = now() + b->seconds; now() < until; n++)
    w(s, name);
  s->ops->free(s);
  _exit(write(to, &n, sizeof n) == sizeof n ? 0 : 1);
}

/* How often a second so many processes do the work, all together. */
static double rate(const struct bench *b, work *w, int processes)
{
  int ends[2];
  long n, all = 0;
  if (pipe(ends) != 0)
    exit(1);
  for (int i = 0; i < processes; i++)
    if (fork() == 0)
      work_until(b, w, i, ends[1]);
  for (int i = 0; i < processes; i++)
    all += read(ends[0], &n, sizeof n) == sizeof n ? n : 0;
  for (int i = 0; i < processes; i++)
    wait(NULL);
  close(ends[0]);
  close(ends[1]);
  return (double)all / b->seconds;
}

static void take_and_release(struct store *s, const char *name)
{
  struct fault f;
  take(s, name, 30);
  check(s->ops->release(s, name, &f), &f);
}

/* What the holder of a lease does beside its work. */
static void look_for_requests(struct store *s, const char *name)
{
  struct fault f;
  double left;
  check(s->ops->renew(s, &left, ignore, NULL, &f), &f);
  if (left > 1e9)
    take(s, name, 3600);
}

static void measure_rates(const struct bench *b)
{
  static const int processes[] = {1, 4, 16, 64};
  for (size_t i = 0; i < sizeof processes / sizeof *processes; i++)
    printf("appends, %2d connections %*s %8.0f a second\n", processes[i], 20, "", rate(b, append, processes[i]));
  printf("%-44s %8.0f a second\n", "looks for requests, 1 connection", rate(b, look_for_requests, 1));
  postgres_server_sql(b->server, "postgres", "truncate davit.lease");
  printf("%-44s %8.0f a second\n", "take and release, 1 connection", rate(b, take_and_release, 1));
  printf("%-44s %8.0f a second\n", "take and release, 16 connections", rate(b, take_and_release, 16));
}

/* ---- many holders -------------------------------------------------------------------------------- */

enum { PROCESSES = 10, LARGEST = 100, ROUNDS = 4 };

static double renew_all(const struct bench *b, struct store **stores)
{
  struct fault f;
  double left, began = now();
  for (int i = 0; i < b->each; i++)
    check(stores[i]->ops->renew(stores[i], &left, ignore, NULL, &f), &f);
  return now() - began;
}

/* Takes the leases; then, each time it is told to, renews them and tells how long that took. */
static void hold_many(const struct bench *b, int who, int to, int from)
{
  struct store *stores[LARGEST];
  char name[32], go;
  for (int i = 0; i < b->each; i++) {
    snprintf(name, sizeof name, "holder-%d-%d", who, i);
    stores[i] = open_store(b);
    take(stores[i], name, 3600);
  }
  double took = 0;
  for (int round = 0; round <= ROUNDS; round++) {
    if (write(to, &took, sizeof took) != sizeof took || read(from, &go, 1) != 1)
      _exit(1);
    took = renew_all(b, stores);
  }
  _exit(write(to, &took, sizeof took) == sizeof took ? 0 : 1);
}

/* The time of the slowest, and all go on. */
static double next_round(int from)
{
  double took, longest = 0;
  for (int i = 0; i < PROCESSES; i++)
    if (read(from, &took, sizeof took) != sizeof took)
      exit(1);
    else if (took > longest)
      longest = took;
  return longest;
}

/* aged: all have used up a quarter of their time, so that each renewal writes. The first round is
 * not counted: the server's processes learn the tables then. */
static void measure_holders(const struct bench *b, const char *label, bool aged)
{
  int up[2], down[PROCESSES][2];
  double took = 0;
  if (pipe(up) != 0)
    exit(1);
  for (int i = 0; i < PROCESSES; i++)
    if (pipe(down[i]) != 0 || fork() == 0)
      hold_many(b, i, up[1], down[i][0]);
  next_round(up[0]);
  for (int round = 0; round <= ROUNDS; round++) {
    if (aged)
      postgres_server_sql(b->server, "postgres", "update davit.lease set expires = expires - interval '1000 s'");
    for (int i = 0; i < PROCESSES; i++)
      if (write(down[i][1], "", 1) != 1)
        exit(1);
    took += next_round(up[0]) * (round > 0);
  }
  for (int i = 0; i < PROCESSES; i++)
    wait(NULL);
  int width = printf("%s, %d connections", label, PROCESSES * b->each);
  printf("%*s %8.0f a second\n", 44 - width, "", PROCESSES * b->each * ROUNDS / took);
}

/* ---- size ---------------------------------------------------------------------------------------- */

static void measure_size(const struct bench *b)
{
  char run[64];
  struct store *s = open_store(b);
  postgres_server_sql(b->server, "postgres", "truncate davit.run, davit.event");
  for (int event = 0; event < EVENTS; event++)
    for (int r = 0; r < b->runs; r++) {
      snprintf(run, sizeof run, "preview-20260101-120000-%04d", r);
      append(s, run);
    }
  s->ops->free(s);
  static const char *const tables[] = {"davit.event", "davit.run", "davit.event_batch", "davit.event_run",
                                       "davit.event_pkey"};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    char text[128], label[64];
    snprintf(text, sizeof text, "select pg_total_relation_size('%s')", tables[i]);
    snprintf(label, sizeof label, "a run of %d events: %s", EVENTS, tables[i]);
    printf("%-44s %8lld bytes\n", label, postgres_server_sql(b->server, "postgres", text) / b->runs);
  }
  printf("%-44s %8lld bytes\n", "the same by davit.run", postgres_server_sql(b->server, "postgres",
         "select avg(bytes)::bigint from davit.run"));
}

int main(int argc, char **argv)
{
  bool quick = argc > 1 && strcmp(argv[1], "quick") == 0;
  struct bench b = {quick ? 1 : 4, quick ? 5 : 200, quick ? 2 : LARGEST, postgres_server_start(true), ""};
  if (!b.server) {
    fputs("there is no PostgreSQL on this machine\n", stderr);
    return 1;
  }
  setbuf(stdout, NULL);
  postgres_server_url(b.server, 0, "postgres", b.url, sizeof b.url);
  printf("events of %d bytes, %d s each\n", DATA, b.seconds);
  raw_writes(&b, "write and fdatasync, a file that grows", false);
  raw_writes(&b, "write and fdatasync, a file that is there", true);
  measure_rates(&b);
  measure_holders(&b, "renewals that write", true);
  postgres_server_sql(b.server, "postgres", "truncate davit.lease");
  measure_holders(&b, "looks for requests", false);
  measure_size(&b);
  postgres_server_stop(b.server);
  return 0;
}
