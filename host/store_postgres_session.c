/* store_postgres_session.c - the store's connection; see store_postgres.h.
 *
 * A transaction is a pipeline: its queries and the end that commits them are sent together, and
 * cost one round trip. No transaction ever waits for its client, so a client that is stopped
 * leaves no locks behind.
 *
 * Nothing is kept in the server's session: no prepared statements, no settings that outlive the
 * transaction, no locks. A pooler may hand out another connection for each transaction.
 *
 * Nothing blocks for ever: the socket is polled against a deadline, so a server that is stopped
 * or cut off costs `answer` seconds. The server is told to give up a little earlier; it can say
 * why, and nothing stays behind. */
#include "real.h"
#include "store_postgres.h"
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ADDRESSES_MAX = 8, AT_ONCE = 4 };

/* ---- time ----------------------------------------------------------------------------------- */

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_for(double seconds)
{
  struct timespec t = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
  nanosleep(&t, NULL);
}

/* Full jitter: anything up to a bound that doubles from 0.1 s to 2 s, so that clients which lost
 * their server together do not come back together. */
static double backoff(int tries)
{
  unsigned random = 0;
  double bound = fmin(2, 0.1 * exp2(tries));
  return getentropy(&random, sizeof random) == 0 ? bound * (random / 4294967296.0) : bound / 2;
}

/* Waits for the socket. False: the deadline has passed. */
static bool await_socket(const PGconn *conn, short events, double deadline)
{
  double left = deadline - now();
  struct pollfd p = {.fd = PQsocket(conn), .events = events};
  if (left <= 0 || p.fd < 0)
    return false;
  poll(&p, 1, (int)(left * 1000) + 1);
  return true;
}

/* ---- faults --------------------------------------------------------------------------------- */

bool pg_out_of_memory(struct fault *f)
{
  fault_set(f, "out-of-memory", "fatal", "not enough memory");
  return false;
}

struct meaning {
  const char *sqlstate;  /* or how it begins */
  const char *code, *hint;
};

static const char to_primary[] = "the URL must lead to a server that takes writes: not to a "
                                 "standby, not to one that was made read-only";

/* What libpq refused itself: it wants another server, or another URL. */
static const struct meaning by_libpq = {
  "", "journal-denied", "the URL in DAVIT_STORE says how to connect: see its sslmode, sslrootcert and password"};

/* The first that fits counts. */
static const struct meaning meanings[] = {
  {"25006", "journal-denied", to_primary},
  {"42501", "journal-denied", "its owner may let this user in: grant usage on schema davit, and select, insert, "
                              "update, delete on all its tables; to make it takes create on the database"},
  {"28", "journal-denied", "check the user and the password in DAVIT_STORE, and the server's pg_hba.conf"},
  {"3D000", "journal-failed", "create the database first, with encoding UTF8"},
  {"53100", "journal-full", "the server's disk is full: free some space; the run stopped before its next effect"},
  {"55P03", "journal-busy", "another transaction keeps it locked: see pg_stat_activity and pg_locks"},
  {"57014", "journal-busy", "another transaction keeps it locked, or the server is overloaded: see pg_stat_activity"},
  {"40", "journal-busy", "many write to the same runs or leases at once: try again"},
  {"XX001", "journal-damaged", "the server's data are damaged: nothing was written; restore them"},
  {"XX002", "journal-damaged", "an index of the server is damaged: nothing was written; reindex it"},
  {"", "journal-failed", "the server's log has the details; nothing was written"},
};

static const struct meaning *meaning_of(const char *sqlstate)
{
  const struct meaning *m = meanings;
  if (!*sqlstate)
    return &by_libpq;
  while (strncmp(sqlstate, m->sqlstate, strlen(m->sqlstate)) != 0)
    m++;
  return m;
}

/* The connection is of no use, or its transaction is not its fault: a new one may do. */
static bool is_loss(const char *sqlstate)
{
  static const char *const losses[] = {"57P01", "57P02", "57P03", "57P05", "08", "53300", "25P03"};
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
    if (strncmp(sqlstate, losses[i], strlen(losses[i])) == 0)
      return true;
  return false;
}

static bool is_conflict(const char *sqlstate)
{
  return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

static enum pg_outcome lost(struct pg_session *s, const char *what, const char *text, int length,
                            struct fault *f)
{
  fault_set(f, "journal-lost", "fatal", "cannot %s the journal %s: %.*s", what, s->target.where,
            length, text);
  fault_hint(f, "is the server up, and reachable from here? the run stopped before its next effect "
                "and can be resumed");
  PQfinish(s->conn);
  s->conn = NULL;
  return PG_LOST;
}

static enum pg_outcome refused(const struct pg_session *s, const char *what, const char *text,
                               int length, const char *sqlstate, struct fault *f)
{
  const struct meaning *m = meaning_of(sqlstate);
  fault_set(f, m->code, "fatal", "cannot %s the journal %s: %.*s%s%s%s", what, s->target.where,
            length, text, *sqlstate ? " (" : "", sqlstate, *sqlstate ? ")" : "");
  fault_hint(f, "%s", m->hint);
  return is_conflict(sqlstate) ? PG_CONFLICT : PG_FAILED;
}

static const char *field(const PGresult *r, int which)
{
  const char *text = PQresultErrorField(r, which);
  return text ? text : "";
}

static int line_length(const char *text)
{
  return (int)strcspn(text, "\n");
}

/* ---- connecting ----------------------------------------------------------------------------- */

struct addresses {
  char list[ADDRESSES_MAX][64];
  size_t count;
  bool loopback;  /* all of them */
};

static void add_address(struct addresses *a, const char *address)
{
  snprintf(a->list[a->count++], sizeof *a->list, "%s", address);
  a->loopback = a->loopback && sql_is_loopback(address);
}

static const char *look_up(const char *host, struct addresses *a)
{
  struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  int code = getaddrinfo(host, NULL, &wanted, &found);
  for (const struct addrinfo *i = found; code == 0 && i && a->count < ADDRESSES_MAX; i = i->ai_next) {
    char address[64];
    if (getnameinfo(i->ai_addr, i->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
      add_address(a, address);
  }
  if (code == 0)
    freeaddrinfo(found);
  return code == 0 ? "the name has no address" : gai_strerror(code);
}

/* NULL, or why there are none. */
static const char *find_addresses(const char *host, struct addresses *a)
{
  *a = (struct addresses){.loopback = true};
  const char *why = NULL;
  if (real_is_localhost(host)) {
    add_address(a, "127.0.0.1");
    add_address(a, "::1");
  } else {
    why = look_up(host, a);
  }
  return a->count ? NULL : why;
}

/* libpq's steps to a session. False: it failed, or the deadline has passed. */
static bool complete_connection(PGconn *conn, double deadline)
{
  PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
  while (wanted == PGRES_POLLING_READING || wanted == PGRES_POLLING_WRITING) {
    if (!await_socket(conn, wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
      return false;
    wanted = PQconnectPoll(conn);
  }
  return wanted == PGRES_POLLING_OK;
}

static enum pg_outcome not_connected(struct pg_session *s, const char *what, struct fault *f)
{
  struct sql_refusal r = sql_refusal_of(s->conn);
  char silence[64];
  if (r.final) {
    enum pg_outcome outcome = refused(s, what, r.text, r.length, r.sqlstate, f);
    PQfinish(s->conn);
    s->conn = NULL;
    return outcome;
  }
  if (PQstatus(s->conn) == CONNECTION_BAD)
    return lost(s, what, r.text, r.length, f);
  int n = snprintf(silence, sizeof silence, "no session within %g s", s->limits.connect);
  return lost(s, what, silence, n, f);
}

static enum pg_outcome connect_to(struct pg_session *s, const char *what, const char *address,
                                  bool loopback, struct fault *f)
{
  s->conn = sql_connect_start(&s->target, s->target.host, address, loopback);
  if (!s->conn) {
    pg_out_of_memory(f);
    return PG_FAILED;
  }
  bool started = PQstatus(s->conn) != CONNECTION_BAD;
  if (!started || !complete_connection(s->conn, now() + s->limits.connect))
    return not_connected(s, what, f);
  if (PQsetnonblocking(s->conn, 1) != 0 || !PQenterPipelineMode(s->conn))
    return lost(s, what, "the session cannot be set up", 28, f);
  return PG_DONE;
}

/* What cannot be written in every encoding would be found out in mid-run. */
static enum pg_outcome check_encoding(struct pg_session *s, const char *what, struct fault *f)
{
  const char *encoding = PQparameterStatus(s->conn, "server_encoding");
  if (!encoding || strcmp(encoding, "UTF8") == 0)
    return PG_DONE;
  fault_set(f, "journal-failed", "fatal", "cannot %s the journal %s: the database has the encoding %s, "
            "not UTF8", what, s->target.where, encoding);
  fault_hint(f, "create database davit encoding 'UTF8' template template0, and name that one");
  return PG_FAILED;
}

static enum pg_outcome connect_session(struct pg_session *s, const char *what, struct fault *f)
{
  struct addresses a;
  const char *why = find_addresses(s->target.host, &a);
  if (why)
    return lost(s, what, why, line_length(why), f);
  enum pg_outcome outcome = PG_LOST;
  for (size_t i = 0; outcome == PG_LOST && i < a.count; i++)
    outcome = connect_to(s, what, a.list[i], a.loopback, f);
  if (outcome == PG_DONE)
    outcome = check_encoding(s, what, f);
  if (outcome == PG_DONE)
    outcome = pg_schema_prepare(s, f);
  if (outcome != PG_DONE) {
    PQfinish(s->conn);
    s->conn = NULL;
  }
  return outcome;
}

/* ---- one try -------------------------------------------------------------------------------- */

/* For this transaction only: true stands for "local". */
static bool send_limit(struct pg_session *s)
{
  char ms[32];
  const char *params[] = {ms};
  snprintf(ms, sizeof ms, "%.0f", s->limits.answer * 800);
  return PQsendQueryParams(s->conn, "select set_config('statement_timeout', $1, true)", 1, NULL,
                           params, NULL, NULL, 0);
}

static bool send_all(struct pg_session *s, const struct pg_transaction *t)
{
  bool ok = send_limit(s);
  for (size_t i = 0; ok && i < t->n; i++) {
    const struct pg_query *q = &t->queries[i];
    ok = PQsendQueryParams(s->conn, q->text, q->n, NULL, q->params, NULL, NULL, 0);
  }
  return ok && PQpipelineSync(s->conn);
}

/* True: PQgetResult will not block. Sends what is left on the way. */
static bool await_result(PGconn *conn, double deadline)
{
  for (;;) {
    int unsent = PQflush(conn);
    if (unsent < 0 || !PQisBusy(conn))
      return unsent >= 0;
    if (!await_socket(conn, unsent ? POLLIN | POLLOUT : POLLIN, deadline) || !PQconsumeInput(conn))
      return false;
  }
}

struct gathered {
  struct pg_reply *reply;
  PGresult *error;   /* the first one */
  size_t count;      /* results so far, with the limit's */
};

/* The results after an error only say that they were skipped. */
static void gather(struct gathered *g, PGresult *r)
{
  ExecStatusType status = PQresultStatus(r);
  bool fine = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
  if (fine && g->count > 0 && g->count <= PG_QUERIES_MAX)
    g->reply->results[g->count - 1] = r;
  else if (status == PGRES_FATAL_ERROR && !g->error)
    g->error = r;
  else
    PQclear(r);
  g->count++;
}

/* True: the server has said that the transaction has ended. */
static bool gather_all(PGconn *conn, double deadline, struct gathered *g)
{
  while (PQstatus(conn) == CONNECTION_OK && await_result(conn, deadline)) {
    PGresult *r = PQgetResult(conn);  /* NULL stands between the queries */
    if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
      PQclear(r);
      return true;
    }
    if (r)
      gather(g, r);
  }
  return false;
}

static enum pg_outcome broken(struct pg_session *s, const struct pg_transaction *t,
                              const PGresult *error, struct fault *f)
{
  const char *text = field(error, PG_DIAG_MESSAGE_PRIMARY);
  char silence[64];
  if (!*text)
    text = PQerrorMessage(s->conn);
  if (!*text) {
    snprintf(silence, sizeof silence, "no answer within %g s", s->limits.answer);
    text = silence;
  }
  return lost(s, t->what, text, line_length(text), f);
}

static enum pg_outcome judge(struct pg_session *s, const struct pg_transaction *t,
                             const PGresult *error, const char *sqlstate, struct fault *f)
{
  const char *index = field(error, PG_DIAG_CONSTRAINT_NAME);
  const char *text = field(error, PG_DIAG_MESSAGE_PRIMARY);
  if (t->done_by && strcmp(sqlstate, "23505") == 0 && strcmp(index, t->done_by) == 0)
    return PG_DONE;
  if (is_loss(sqlstate))
    return lost(s, t->what, text, line_length(text), f);
  return refused(s, t->what, text, line_length(text), sqlstate, f);
}

enum pg_outcome pg_try(struct pg_session *s, const struct pg_transaction *t,
                       struct pg_reply *reply, char sqlstate[6], struct fault *f)
{
  struct gathered g = {.reply = reply};
  enum pg_outcome outcome = PG_DONE;
  *reply = (struct pg_reply){0};
  bool ended = send_all(s, t) && gather_all(s->conn, now() + s->limits.answer, &g);
  snprintf(sqlstate, 6, "%.5s", field(g.error, PG_DIAG_SQLSTATE));
  if (!ended)
    outcome = broken(s, t, g.error, f);
  else if (g.error)
    outcome = judge(s, t, g.error, sqlstate, f);
  if (!ended || g.error)
    pg_reply_clear(reply);
  PQclear(g.error);
  return outcome;
}

void pg_reply_clear(struct pg_reply *reply)
{
  for (size_t i = 0; i < PG_QUERIES_MAX; i++)
    PQclear(reply->results[i]);
  *reply = (struct pg_reply){0};
}

/* ---- until the budget is used up --------------------------------------------------------------- */

static enum pg_outcome connect_and_try(struct pg_session *s, const struct pg_transaction *t,
                                       struct pg_reply *reply, struct fault *f)
{
  char sqlstate[6];
  enum pg_outcome outcome = s->conn ? PG_DONE : connect_session(s, t->what, f);
  return outcome == PG_DONE ? pg_try(s, t, reply, sqlstate, f) : outcome;
}

static void say_how_often(struct fault *f, int tries, double seconds)
{
  size_t n = strlen(f->message);
  snprintf(f->message + n, sizeof f->message - n, " (%d tries in %.0f s)", tries, seconds);
}

/* How long to wait before the next try. Conflicts are tried again at once, a few times: whoever was
 * in the way has just gone on. */
static double wait_before(enum pg_outcome outcome, int tries)
{
  if (outcome == PG_LOST)
    return backoff(tries - 1);
  return tries <= AT_ONCE ? 0 : backoff(tries - AT_ONCE);
}

/* The fault is the caller's only when all tries have failed. */
bool pg_run(struct pg_session *s, const struct pg_transaction *t, struct pg_reply *reply,
            struct fault *f)
{
  double began = now();
  struct fault why;
  *reply = (struct pg_reply){0};
  for (int tries = 1;; tries++) {
    enum pg_outcome outcome = connect_and_try(s, t, reply, &why);
    if (outcome == PG_DONE)
      return true;
    double wait = wait_before(outcome, tries);
    bool final = outcome == PG_FAILED;
    if (!final && now() + wait < began + s->limits.budget) {
      pause_for(wait);
      continue;
    }
    if (!final)
      say_how_often(&why, tries, now() - began);
    *f = why;
    return false;
  }
}

/* ---- the session ---------------------------------------------------------------------------- */

/* The store has faults of its own; only the words of sql_target_read fit. */
static bool unusable_url(struct fault *f)
{
  char why[sizeof f->message], hint[sizeof f->hint];
  memcpy(why, f->message, sizeof why);
  memcpy(hint, f->hint, sizeof hint);
  fault_set(f, "journal-failed", "fatal", "the journal's URL (DAVIT_STORE): %s", why);
  fault_hint(f, "%s", hint);
  return false;
}

bool pg_session_init(struct pg_session *s, const char *url, const struct pg_limits *limits,
                     struct fault *f)
{
  s->limits = *limits;
  return sql_target_read(&s->target, url, f) || unusable_url(f);
}

void pg_session_free(struct pg_session *s)
{
  PQfinish(s->conn);
  sql_target_free(&s->target);
}
