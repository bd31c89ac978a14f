/* sql_pq.c - SQL sessions of the real world: libpq, never blocking, on libuv's loop.
 *
 * A connect operation asks the world for the host's addresses, because libpq's own look-up
 * blocks, hands them over as hostaddr and keeps the name for TLS. With --local only loopback
 * addresses are connected to, whatever the name is.
 *
 * A statement that ran out of time or was cancelled costs its session: the connection is closed
 * at once, and a cancel request is sent from the pool, because PQcancel blocks and because a
 * server does not notice that its client has gone until it has something to say.
 *
 * States: LOOKING_UP -> CONNECTING -> ENDED for a connect, RUNNING -> ENDED for a statement;
 * FAILING when an operation cannot begin: it ends in a later turn of the loop, as done() must
 * never run inside the call that starts it.
 * Ownership: a connect operation owns its session until someone takes it; a statement only
 * borrows one, and either may be freed first.
 * Invariants: 1. session->running is set exactly while an operation is CONNECTING or RUNNING.
 *             2. a session watches its socket only while it has a running operation, and never
 *                while libpq may replace the socket. */
#include "buf.h"
#include "pool.h"
#include "real.h"
#include "sql_connect.h"
#include "sql_result.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { LOOKING_UP, CONNECTING, RUNNING, FAILING, ENDED };
enum { ADDRESSES_MAX = 8 };

struct sql_pq {
  struct world_sql base;
  uv_loop_t *loop;
  const struct real_config *config;
  struct world_dns *dns;
};

struct sql_session {
  struct sql_pq *sql;
  PGconn *conn;  /* NULL before the connection and after it broke */
  struct watch *watch;
  struct operation *running;
  char where[SQL_WHERE_MAX];  /* user@host:port/database */
};

struct operation {
  struct sql_operation base;
  struct sql_pq *sql;
  struct sql_session *session;
  bool connects;
  enum state state;
  double timeout;
  uv_timer_t timer;
  struct sql_target target;  /* holds the password: wiped once libpq has it */
  struct dns_lookup *lookup;
  bool asked_ipv6;
  PGresult *result;
};

/* ---- watching a session's socket --------------------------------------------------------- */

struct watch {
  uv_poll_t poll;
  struct sql_session *session;
};

static void advance(struct operation *op);

static void watch_closed(uv_handle_t *poll)
{
  free(poll->data);
}

static void unwatch(struct sql_session *s)
{
  if (s->watch)
    uv_close((uv_handle_t *)&s->watch->poll, watch_closed);
  s->watch = NULL;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
  const struct watch *w = poll->data;
  (void)status, (void)events;
  advance(w->session->running);
}

static bool new_watch(struct sql_session *s)
{
  struct watch *w = malloc(sizeof *w);
  if (!w)
    return false;
  if (uv_poll_init(s->sql->loop, &w->poll, PQsocket(s->conn)) != 0) {
    free(w);
    return false;
  }
  w->poll.data = w;
  w->session = s;
  s->watch = w;
  return true;
}

static bool watch(struct sql_session *s, int events)
{
  return (s->watch || new_watch(s)) && uv_poll_start(&s->watch->poll, events, on_socket) == 0;
}

/* ---- the end of a session, and of an operation ------------------------------------------- */

static void disconnect(struct sql_session *s)
{
  unwatch(s);
  PQfinish(s->conn);
  s->conn = NULL;
}

static void end(struct operation *op)
{
  op->state = ENDED;
  uv_timer_stop(&op->timer);
  if (op->session && op->session->running == op) {
    op->session->running = NULL;
    unwatch(op->session);
  }
  effect_finish(&op->base.effect);
}

static void out_of_memory(struct operation *op)
{
  fault_set(&op->base.fault, "out-of-memory", "fatal", "%s: not enough memory",
            op->session->where);
}

struct cancel_request {
  uv_work_t work;
  PGcancel *cancel;
};

static void send_cancel(uv_work_t *work)
{
  struct cancel_request *c = work->data;
  char reason[256];
  PQcancel(c->cancel, reason, sizeof reason);  /* best effort: nobody waits for the outcome */
}

static void cancel_sent(uv_work_t *work, int status)
{
  struct cancel_request *c = work->data;
  (void)status;
  PQfreeCancel(c->cancel);
  free(c);
}

/* Asks the server to stop what the session runs. */
static void cancel_statement(struct sql_session *s)
{
  struct cancel_request *c = malloc(sizeof *c);
  if (!c)
    return;
  c->work.data = c;
  c->cancel = PQgetCancel(s->conn);
  if (c->cancel && pool_queue(s->sql->loop, &c->work, send_cancel, cancel_sent) == 0)
    return;
  PQfreeCancel(c->cancel);
  free(c);
}

static void timed_out(struct operation *op)
{
  struct fault *f = &op->base.fault;
  if (op->state == RUNNING) {
    cancel_statement(op->session);
    fault_set(f, "sql-timeout", "unknown", "%s: the statement took longer than %g s",
              op->session->where, op->timeout);
    fault_hint(f, "it was told to stop but may have been carried out: look before repeating it, "
                  "in a new session");
  } else {
    fault_set(f, "sql-timeout", "transient", "connecting to %s: no session within %g s",
              op->session->where, op->timeout);
  }
  if (op->lookup)
    effect_free(&op->lookup->effect);
  op->lookup = NULL;
  disconnect(op->session);
}

static void on_timer(uv_timer_t *timer)
{
  struct operation *op = timer->data;
  if (op->state != FAILING)
    timed_out(op);
  end(op);
}

static void start_timer(struct operation *op, double seconds)
{
  enum { LONGEST = 1000000000 };  /* seconds, so that the milliseconds fit */
  seconds = seconds < LONGEST ? seconds : LONGEST;
  uv_update_time(op->sql->loop);
  uv_timer_start(&op->timer, on_timer, seconds <= 0 ? 0 : (uint64_t)(seconds * 1000) + 1, 0);
}

static void fail_soon(struct operation *op)
{
  op->state = FAILING;
  start_timer(op, 0);
}

static void close_session(struct sql_session *s)
{
  if (!s)
    return;
  struct operation *op = s->running;
  if (op) {
    fault_set(&op->base.fault, "sql-lost", "unknown", "%s: the session was closed while a "
              "statement ran", s->where);
    cancel_statement(s);
    op->session = NULL;
    s->running = NULL;
    fail_soon(op);
  }
  disconnect(s);
  free(s);
}

static const char *or(const char *value, const char *instead)
{
  return value ? value : instead;
}

/* ---- addresses --------------------------------------------------------------------------- */

struct addresses {
  const char *list[ADDRESSES_MAX];
  size_t count;
};

static bool all_loopback(const struct addresses *a)
{
  for (size_t i = 0; i < a->count; i++)
    if (!sql_is_loopback(a->list[i]))
      return false;
  return true;
}

static bool is_address(const char *host)
{
  unsigned char bytes[16];
  return uv_inet_pton(AF_INET, host, bytes) == 0 || uv_inet_pton(AF_INET6, host, bytes) == 0;
}

/* "a,a,a" for n addresses: libpq wants as many names as addresses. */
static void repeat(struct buf *b, const char *text, size_t n)
{
  for (size_t i = 0; i < n; i++)
    buf_printf(b, "%s%s", i ? "," : "", text);
}

static void join(struct buf *b, const struct addresses *a)
{
  for (size_t i = 0; i < a->count; i++)
    buf_printf(b, "%s%s", i ? "," : "", a->list[i]);
}

/* ---- connecting -------------------------------------------------------------------------- */

static PGconn *connect_to(struct operation *op, const struct addresses *a)
{
  struct buf host, hostaddr;
  buf_init(&host, 1 << 16);
  buf_init(&hostaddr, 1 << 16);
  repeat(&host, op->target.host, a->count);
  join(&hostaddr, a);
  PGconn *conn = NULL;
  if (buf_ok(&host) && buf_ok(&hostaddr))
    conn = sql_connect_start(&op->target, buf_str(&host), buf_str(&hostaddr), all_loopback(a));
  buf_free(&host);
  buf_free(&hostaddr);
  return conn;
}

static int line_length(const char *text)
{
  return (int)strcspn(text, "\n");
}

static void connect_fault(struct operation *op)
{
  struct sql_refusal r = sql_refusal_of(op->session->conn);
  const char *class = r.final ? "fatal" : "transient";
  struct fault *f = &op->base.fault;
  memcpy(op->base.sqlstate, r.sqlstate, sizeof r.sqlstate);
  if (*r.sqlstate)
    fault_set(f, "sql-connect", class, "connecting to %s: %.*s (%s)", op->session->where,
              r.length, r.text, r.sqlstate);
  else
    fault_set(f, "sql-connect", class, "connecting to %s: %.*s", op->session->where, r.length,
              r.text);
  disconnect(op->session);
}

/* Begins to connect, or leaves the reason in the fault. libpq is asked for its next step only
 * once the socket is writable. */
static bool open_connection(struct operation *op, const struct addresses *a)
{
  struct sql_session *s = op->session;
  if (op->sql->config->local && !all_loopback(a)) {
    fault_set(&op->base.fault, "not-local", "fatal",
              "connecting to %s: --local reaches databases on loopback only", s->where);
    return false;
  }
  s->conn = connect_to(op, a);
  sql_target_free(&op->target);
  if (!s->conn) {
    out_of_memory(op);
    return false;
  }
  if (PQstatus(s->conn) == CONNECTION_BAD) {
    connect_fault(op);
    return false;
  }
  if (!watch(s, UV_WRITABLE)) {
    out_of_memory(op);
    return false;
  }
  op->state = CONNECTING;
  s->running = op;
  return true;
}

static void poll_connection(struct operation *op)
{
  struct sql_session *s = op->session;
  unwatch(s);  /* libpq may close the socket and open another under the same number */
  PostgresPollingStatusType wanted = PQconnectPoll(s->conn);
  if (wanted == PGRES_POLLING_READING || wanted == PGRES_POLLING_WRITING) {
    if (watch(s, wanted == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE))
      return;
    out_of_memory(op);
  } else if (wanted != PGRES_POLLING_OK || PQsetnonblocking(s->conn, 1) != 0) {
    connect_fault(op);
  } else {
    PQsetErrorVerbosity(s->conn, PQERRORS_DEFAULT);
    op->base.session = s;
    op->session = NULL;
    s->running = NULL;
    unwatch(s);
  }
  end(op);
}

/* ---- finding the host -------------------------------------------------------------------- */

static bool look_up(struct operation *op, const char *type);

static struct addresses found_addresses(const struct dns_lookup *l)
{
  struct addresses a = {0};
  for (size_t i = 0; i < l->count && a.count < ADDRESSES_MAX; i++)
    if (is_address(l->answers[i].data))
      a.list[a.count++] = l->answers[i].data;
  return a;
}

static bool only_ipv6(const struct operation *op)
{
  const struct fault *f = &op->lookup->fault;
  return f->code && strcmp(f->code, "dns-no-data") == 0 && !op->asked_ipv6;
}

/* True: the connection, or another look-up, is under way. */
static bool use_lookup(struct operation *op)
{
  struct dns_lookup *l = op->lookup;
  if (only_ipv6(op)) {
    op->asked_ipv6 = true;
    effect_free(&l->effect);
    op->lookup = NULL;
    return look_up(op, "AAAA");
  }
  struct fault *f = &op->base.fault;
  struct addresses a = found_addresses(l);
  if (a.count)
    return open_connection(op, &a);
  if (l->fault.code)
    fault_set(f, l->fault.code, l->fault.class, "connecting to %s: %s", op->session->where,
              l->fault.message);
  else
    fault_set(f, "dns-failed", "transient", "connecting to %s: the name has no address",
              op->session->where);
  return false;
}

static void looked_up(void *arg)
{
  struct operation *op = arg;
  if (!use_lookup(op))
    end(op);
}

static bool look_up(struct operation *op, const char *type)
{
  enum { LONGEST = 3600 };
  struct dns_question q = {.name = op->target.host, .type = type,
                           .timeout = op->timeout < LONGEST ? op->timeout : LONGEST};
  op->lookup = op->sql->dns->start(op->sql->dns, &q, looked_up, op);
  if (!op->lookup)
    out_of_memory(op);
  return op->lookup != NULL;
}

static bool find_host(struct operation *op)
{
  if (real_is_localhost(op->target.host))
    return open_connection(op, &(struct addresses){{"127.0.0.1", "::1"}, 2});
  if (is_address(op->target.host))
    return open_connection(op, &(struct addresses){{op->target.host}, 1});
  return look_up(op, "A");
}

/* ---- statements -------------------------------------------------------------------------- */

static bool is_error(const PGresult *r)
{
  switch (PQresultStatus(r)) {
  case PGRES_TUPLES_OK:
  case PGRES_COMMAND_OK:
  case PGRES_EMPTY_QUERY:
    return false;
  default:
    return r != NULL;
  }
}

static bool is_copy(const PGresult *r)
{
  ExecStatusType status = PQresultStatus(r);
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* The last result counts, but the first error is the one that says why. */
static void keep(struct operation *op, PGresult *r)
{
  if (is_error(op->result)) {
    PQclear(r);
    return;
  }
  PQclear(op->result);
  op->result = r;
}

static const char *field(const PGresult *r, int which)
{
  return or(PQresultErrorField(r, which), "");
}

/* The hint says what the server knows beside the message itself. */
static void describe(struct fault *f, const PGresult *r)
{
  const char *detail = field(r, PG_DIAG_MESSAGE_DETAIL), *hint = field(r, PG_DIAG_MESSAGE_HINT);
  fault_hint(f, "%s%s%s", detail, *detail && *hint ? " " : "", hint);
}

static void statement_fault(struct operation *op)
{
  const PGresult *r = op->result;
  struct fault *f = &op->base.fault;
  const char *position = field(r, PG_DIAG_STATEMENT_POSITION);
  const char *text = field(r, PG_DIAG_MESSAGE_PRIMARY);
  snprintf(op->base.sqlstate, sizeof op->base.sqlstate, "%.5s", field(r, PG_DIAG_SQLSTATE));
  op->base.position = atoi(position);
  if (!*text)
    text = PQresultErrorMessage(r);
  fault_set(f, "sql-error", "fatal", "%s: %s: %.*s%s%s (%s)", op->session->where,
            or(PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED), "ERROR"), line_length(text),
            text, *position ? ", at character " : "", position, op->base.sqlstate);
  describe(f, r);
  sql_result_said(&op->base, r);
}

/* The server's last words, if there were any, else libpq's. */
static void lost(struct operation *op)
{
  struct sql_session *s = op->session;
  const char *text = field(op->result, PG_DIAG_MESSAGE_PRIMARY);
  if (!*text)
    text = PQerrorMessage(s->conn);
  const char *sqlstate = field(op->result, PG_DIAG_SQLSTATE);
  snprintf(op->base.sqlstate, sizeof op->base.sqlstate, "%.5s", sqlstate);
  fault_set(&op->base.fault, "sql-lost", "unknown", "%s: the connection broke while a statement "
            "ran (%.*s)", s->where, line_length(text), text);
  fault_hint(&op->base.fault, "the statement may have been carried out: look before repeating it, "
                              "in a new session");
  disconnect(s);
}

/* COPY needs data to be fed or drained, which a statement here cannot; the protocol has no way
 * back to the next statement but the end of the copy. */
static void refuse_copy(struct operation *op)
{
  fault_set(&op->base.fault, "sql-error", "fatal",
            "%s: COPY from or to the client is not supported", op->session->where);
  fault_hint(&op->base.fault, "use INSERT and SELECT; this session is closed");
  disconnect(op->session);
}

static void conclude(struct operation *op)
{
  if (PQstatus(op->session->conn) == CONNECTION_BAD)
    lost(op);
  else if (is_error(op->result))
    statement_fault(op);
  else if (!op->result || !sql_result_fill(&op->base, op->result))
    out_of_memory(op);
  end(op);
}

/* Takes the results that have arrived. True: the statement has ended. */
static bool take_results(struct operation *op)
{
  PGconn *conn = op->session->conn;
  while (!PQisBusy(conn)) {
    PGresult *r = PQgetResult(conn);
    if (!r)
      return true;
    bool copy = is_copy(r);
    keep(op, r);
    if (copy)
      return true;
  }
  return false;
}

/* Sends what is left of the statement, and waits for the answer. */
static bool await_answer(struct operation *op)
{
  int unsent = PQflush(op->session->conn);
  return watch(op->session, unsent == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void read_answer(struct operation *op)
{
  bool alive = PQconsumeInput(op->session->conn);
  if (take_results(op) || !alive) {
    if (is_copy(op->result)) {
      refuse_copy(op);
      end(op);
      return;
    }
    conclude(op);
  } else if (!await_answer(op)) {
    out_of_memory(op);
    cancel_statement(op->session);
    disconnect(op->session);
    end(op);
  }
}

static void advance(struct operation *op)
{
  if (op->state == CONNECTING)
    poll_connection(op);
  else
    read_answer(op);
}

/* ---- the interface ----------------------------------------------------------------------- */

static void timer_closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void leave_session(struct operation *op)
{
  struct sql_session *s = op->session;
  if (s->running == op)
    s->running = NULL;
  if (op->connects) {
    close_session(s);
  } else if (op->state == RUNNING) {
    cancel_statement(s);
    disconnect(s);
  }
}

static void destroy(struct effect *e)
{
  struct operation *op = (struct operation *)e;
  if (op->lookup)
    effect_free(&op->lookup->effect);
  if (op->session)
    leave_session(op);
  close_session(op->base.session);
  sql_target_free(&op->target);
  PQclear(op->result);
  free(op->base.columns);
  free((void *)op->base.cells);
  uv_close((uv_handle_t *)&op->timer, timer_closed);
}

static struct operation *new_operation(struct sql_pq *sql, double timeout, effect_done *done,
                                       void *arg)
{
  struct operation *op = calloc(1, sizeof *op);
  if (!op)
    return NULL;
  op->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  op->base.affected = -1;
  op->sql = sql;
  op->state = ENDED;
  op->timeout = timeout;
  uv_timer_init(sql->loop, &op->timer);
  op->timer.data = op;
  return op;
}

static struct sql_operation *connect_start(struct world_sql *base, const char *url, double timeout,
                                           effect_done *done, void *arg)
{
  struct sql_pq *sql = (struct sql_pq *)base;
  struct sql_session *s = calloc(1, sizeof *s);
  struct operation *op = s ? new_operation(sql, timeout, done, arg) : NULL;
  if (!op) {
    free(s);
    return NULL;
  }
  s->sql = sql;
  op->session = s;
  op->connects = true;
  op->state = LOOKING_UP;
  if (!sql_target_read(&op->target, url, &op->base.fault)) {
    fail_soon(op);
    return &op->base;
  }
  memcpy(s->where, op->target.where, sizeof s->where);
  if (find_host(op))
    start_timer(op, timeout);
  else
    fail_soon(op);
  return &op->base;
}

static bool send_statement(PGconn *conn, const char *text, const char *const *params, size_t n)
{
  if (!params)
    return PQsendQuery(conn, text);
  return PQsendQueryParams(conn, text, (int)n, NULL, params, NULL, NULL, 0);
}

/* Why the session cannot run a statement now, in the fault; false when it can. */
static bool refuses(const struct sql_session *s, struct fault *f)
{
  if (s->running)
    fault_set(f, "sql-busy", "misuse", "%s: the session still runs another statement: give each "
              "task a session of its own", s->where);
  else if (!s->conn)
    fault_set(f, "sql-lost", "transient", "%s: the session ended earlier; nothing was sent",
              s->where);
  return f->code;
}

static struct sql_operation *query_start(struct sql_session *s, const char *text,
                                         const char *const *params, size_t n, double timeout,
                                         effect_done *done, void *arg)
{
  struct operation *op = new_operation(s->sql, timeout, done, arg);
  if (!op)
    return NULL;
  if (refuses(s, &op->base.fault)) {
    fail_soon(op);
    return &op->base;
  }
  op->session = s;
  op->state = RUNNING;
  s->running = op;
  if (send_statement(s->conn, text, params, n) && await_answer(op)) {
    start_timer(op, timeout);
  } else {
    lost(op);
    fail_soon(op);
  }
  return &op->base;
}

struct world_sql *sql_pq_new(uv_loop_t *loop, const struct real_config *config,
                             struct world_dns *dns)
{
  struct sql_pq *sql = calloc(1, sizeof *sql);
  if (sql)
    *sql = (struct sql_pq){{connect_start, query_start, close_session}, loop, config, dns};
  return sql ? &sql->base : NULL;
}

void sql_pq_free(struct world_sql *base)
{
  free(base);
}
