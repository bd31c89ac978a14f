/* postgres_server.c - see postgres_server.h. PostgreSQL refuses to run as root: its programs run
 * as nobody then. */
#include "postgres_server.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PROGRAMS "/usr/lib/postgresql"

/* ---- programs -------------------------------------------------------------------------------- */

static void pause_ms(long ms)
{
  nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static int newest_version(void)
{
  DIR *d = opendir(PROGRAMS);
  int newest = 0;
  for (struct dirent *e; d && (e = readdir(d));)
    if (atoi(e->d_name) > newest)
      newest = atoi(e->d_name);
  if (d)
    closedir(d);
  return newest;
}

static void become_nobody(void)
{
  const struct passwd *nobody = getpwnam("nobody");
  if (geteuid() != 0)
    return;
  if (!nobody || setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0)
    _exit(127);
}

/* The server ends with the test, however the test ends. */
static pid_t run(const struct postgres_server *s, const char *program, char **arguments)
{
  char path[256], log[128];
  snprintf(path, sizeof path, "%s/%s", s->programs, program);
  arguments[0] = path;  // its neighbours are looked for beside it
  snprintf(log, sizeof log, "%s/log", s->folder);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid > 0)
    return pid;
  become_nobody();
  if (chdir(s->folder) != 0)  // nobody may not be allowed where the tests run
    _exit(127);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, 1);
  dup2(fd, 2);
  execv(path, arguments);
  _exit(127);
}

static int wait_for(pid_t pid)
{
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

/* ---- the server ------------------------------------------------------------------------------ */

static int listen_on_loopback(int *port)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(fd, 64), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
  *port = ntohs(at.sin_port);
  return fd;
}

static void make_folder(struct postgres_server *s)
{
  const struct passwd *nobody = getpwnam("nobody");
  char file[128];
  strcpy(s->folder, "/tmp/davit-postgres-XXXXXX");
  assert_non_null(mkdtemp(s->folder));
  snprintf(file, sizeof file, "%s/password", s->folder);
  FILE *f = fopen(file, "w");
  assert_non_null(f);
  fputs(POSTGRES_PASSWORD "\n", f);
  fclose(f);
  if (geteuid() == 0 && (chown(s->folder, nobody->pw_uid, nobody->pw_gid) ||
                         chown(file, nobody->pw_uid, nobody->pw_gid)))
    fail_msg("chown %s", s->folder);
}

static void make_cluster(const struct postgres_server *s)
{
  char data[128], file[128];
  snprintf(data, sizeof data, "%s/data", s->folder);
  snprintf(file, sizeof file, "--pwfile=%s/password", s->folder);
  char *arguments[] = {"initdb", "-D", data, "-U", "davit", "-A", "scram-sha-256", file, "-E", "UTF8",
                       "--locale=C", "--no-sync", NULL};
  assert_int_equal(wait_for(run(s, "initdb", arguments)), 0);
}

static void serve(struct postgres_server *s)
{
  char data[128], port[16];
  snprintf(data, sizeof data, "%s/data", s->folder);
  snprintf(port, sizeof port, "%d", s->port);
  char *arguments[] = {"postgres", "-D", data, "-p", port, "-c", s->durable ? "fsync=on" : "fsync=off", "-c",
                       "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c",
                       s->durable ? "max_connections=1100" : "max_connections=50", NULL};
  s->pid = run(s, "postgres", arguments);
}

static bool answers(const struct postgres_server *s)
{
  char url[256];
  postgres_server_url(s, 0, "postgres", url, sizeof url);
  return PQping(url) == PQPING_OK;
}

static bool has_ended(struct postgres_server *s)
{
  return waitpid(s->pid, NULL, WNOHANG) == s->pid;
}

/* After a SIGKILL the server's children use its memory for a moment longer, and it refuses. */
static void await(struct postgres_server *s)
{
  for (int i = 0; i < 1200 && !answers(s); i++) {
    pause_ms(25);
    if (has_ended(s))
      serve(s);
  }
  assert_true(answers(s));
}

struct postgres_server *postgres_server_start(bool durable)
{
  int version = newest_version();
  if (!version)
    return NULL;
  struct postgres_server *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->durable = durable;
  snprintf(s->programs, sizeof s->programs, "%s/%d/bin", PROGRAMS, version);
  make_folder(s);
  make_cluster(s);
  close(listen_on_loopback(&s->port));
  serve(s);
  await(s);
  return s;
}

void postgres_server_kill(struct postgres_server *s)
{
  kill(s->pid, SIGKILL);
  wait_for(s->pid);
}

void postgres_server_restart(struct postgres_server *s)
{
  serve(s);
  await(s);
}

void postgres_server_stop(struct postgres_server *s)
{
  char command[128];
  if (!s)
    return;
  kill(s->pid, SIGQUIT);
  wait_for(s->pid);
  snprintf(command, sizeof command, "rm -rf %s", s->folder);
  assert_int_equal(system(command), 0);
  free(s);
}

void postgres_server_url(const struct postgres_server *s, int port, const char *database, char *url, size_t size)
{
  snprintf(url, size, "postgresql://davit:hunter2%%20it%%27s@127.0.0.1:%d/%s", port ? port : s->port, database);
}

static void ignore_notice(void *arg, const PGresult *notice)
{
  (void)arg, (void)notice;
}

PGconn *postgres_server_connect(const struct postgres_server *s, const char *database)
{
  char url[256];
  postgres_server_url(s, 0, database, url, sizeof url);
  PGconn *conn = PQconnectdb(url);
  assert_int_equal(PQstatus(conn), CONNECTION_OK);
  PQsetNoticeReceiver(conn, ignore_notice, NULL);
  return conn;
}

long long postgres_server_sql(const struct postgres_server *s, const char *database, const char *text)
{
  PGconn *conn = postgres_server_connect(s, database);
  PGresult *r = PQexec(conn, text);
  if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
    fail_msg("%s: %s", text, PQresultErrorMessage(r));
  long long cell = PQntuples(r) ? atoll(PQgetvalue(r, 0, 0)) : 0;
  PQclear(r);
  PQfinish(conn);
  return cell;
}

/* ---- the line -------------------------------------------------------------------------------- */

enum { PAIRS_MAX = 32 };

struct pair {
  int client, server;  /* -1: closed */
  bool marked;         /* the words were sent */
};

struct relay {
  int listener, to_port;
  struct postgres_line_state *state;
  struct pair pairs[PAIRS_MAX];
  int count;
};

static void hang_up(int *fd)
{
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static void hang_up_both(struct pair *p)
{
  hang_up(&p->client);
  hang_up(&p->server);
}

static void accept_pair(struct relay *r)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                           .sin_port = htons((uint16_t)r->to_port)};
  struct pair p = {accept(r->listener, NULL, NULL), socket(AF_INET, SOCK_STREAM, 0), false};
  int slot = 0;
  while (slot < r->count && (r->pairs[slot].client >= 0 || r->pairs[slot].server >= 0))
    slot++;
  if (slot == PAIRS_MAX || connect(p.server, (struct sockaddr *)&to, sizeof to) != 0) {
    hang_up_both(&p);
    return;
  }
  r->pairs[slot] = p;
  r->count += slot == r->count;
}

static bool is_cut(const struct relay *r, const struct pair *p, enum cut how)
{
  return p->marked && r->state->times > 0 && r->state->how == how;
}

static void from_client(struct relay *r, struct pair *p)
{
  char bytes[65536];
  ssize_t n = read(p->client, bytes, sizeof bytes);
  if (n <= 0 || (p->server >= 0 && write(p->server, bytes, (size_t)n) != n)) {
    hang_up_both(p);
    return;
  }
  p->marked = p->marked || memmem(bytes, (size_t)n, "davit.append(", 13);
  if (is_cut(r, p, CUT_SENDER)) {
    r->state->times--;
    hang_up(&p->client);
  }
}

/* A transaction has ended when the server says that it is ready for the next. */
static bool ends_transaction(const char *bytes, ssize_t n)
{
  return n >= 6 && memcmp(bytes + n - 6, "Z\0\0\0\5I", 6) == 0;
}

static void from_server(struct relay *r, struct pair *p)
{
  char bytes[65536];
  ssize_t n = read(p->server, bytes, sizeof bytes);
  if (n <= 0) {
    hang_up_both(p);
  } else if (is_cut(r, p, CUT_REPLY)) {
    if (!ends_transaction(bytes, n))
      return;
    r->state->times--;
    hang_up_both(p);
  } else if (p->client < 0 ? ends_transaction(bytes, n) : write(p->client, bytes, (size_t)n) != n) {
    hang_up_both(p);
  }
}

static void step(struct relay *r)
{
  struct pollfd polls[1 + 2 * PAIRS_MAX] = {{.fd = r->listener, .events = POLLIN}};
  int pairs = r->count;
  for (int i = 0; i < pairs; i++) {
    bool silent = is_cut(r, &r->pairs[i], CUT_ANSWERS);
    polls[1 + 2 * i] = (struct pollfd){.fd = r->pairs[i].client, .events = POLLIN};
    polls[2 + 2 * i] = (struct pollfd){.fd = silent ? -1 : r->pairs[i].server, .events = POLLIN};
  }
  poll(polls, (nfds_t)(1 + 2 * pairs), -1);
  for (int i = 0; i < pairs; i++) {
    if (polls[1 + 2 * i].revents && r->pairs[i].client >= 0)
      from_client(r, &r->pairs[i]);
    if (polls[2 + 2 * i].revents && r->pairs[i].server >= 0 && !is_cut(r, &r->pairs[i], CUT_ANSWERS))
      from_server(r, &r->pairs[i]);
  }
  if (polls[0].revents)
    accept_pair(r);
}

struct postgres_line postgres_line_start(const struct postgres_server *s)
{
  struct relay r = {.to_port = s->port};
  struct postgres_line l = {0};
  r.listener = listen_on_loopback(&l.port);
  r.state = l.state = mmap(NULL, sizeof *l.state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(l.state != MAP_FAILED);
  l.pid = fork();
  assert_true(l.pid >= 0);
  if (l.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    for (;;)
      step(&r);
  }
  close(r.listener);
  return l;
}

void postgres_line_stop(struct postgres_line *l)
{
  kill(l->pid, SIGKILL);
  wait_for(l->pid);
  munmap(l->state, sizeof *l->state);
}
