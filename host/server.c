/* server.c - an HTTP(S) server: libmicrohttpd, without threads, on the event loop.
 *
 * libmicrohttpd brings an epoll descriptor, which the loop watches, and a timeout. Its
 * callbacks only record: when a request is complete its connection is suspended until
 * somebody answers or drops the request; then the connection is resumed and libmicrohttpd
 * asks once more, which is when the answer is queued.
 *
 * States of a request: RECEIVING -> WAITING -> TAKEN -> ANSWERED or DROPPED.
 * Ownership: a request belongs to its connection and, while TAKEN, to its taker as well; it is
 * freed when both have let go. A client that goes away is noticed when the answer is sent, one that ends its
 * side in the middle of its request at once (server_ends.c).
 * Invariants: 1. a connection is suspended exactly while its request is WAITING or TAKEN.
 *             2. r->connection is NULL exactly when libmicrohttpd has let go of the request. */
#include "server_mhd.h"
#include "authority.h"
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  HEADERS_MAX = 64 << 10,
  CONNECTION_MEMORY = 64 << 10,
  IDLE_SECONDS = 120,  /* until a client that says nothing loses its connection: there are a thousand at most */
};

/* ---- requests ------------------------------------------------------------------------- */

static struct request *new_request(struct server *s, struct MHD_Connection *c, const char *target)
{
  struct request *r = calloc(1, sizeof *r);
  if (!r)
    return NULL;
  r->server = s;
  r->connection = c;
  r->base.target = strdup(target);
  buf_init(&r->base.headers, HEADERS_MAX);
  buf_init(&r->base.body, s->max_body);
  *s->last = r;
  s->last = &r->next;
  return r;
}

static void unlink_request(struct request *r)
{
  struct server *s = r->server;
  struct request **at = &s->first;
  while (*at != r)
    at = &(*at)->next;
  *at = r->next;
  if (!*at)
    s->last = at;
  r->server = NULL;
}

/* Frees the request when neither the connection nor a taker has it. */
static void release(struct request *r)
{
  if (r->connection || r->held)
    return;
  if (r->server)
    unlink_request(r);
  if (r->response)
    MHD_destroy_response(r->response);
  buf_free(&r->base.headers);
  buf_free(&r->base.body);
  free(r->base.method);
  free(r->base.target);
  free(r);
}

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
  struct buf *b = arg;
  (void)kind;
  if (!*name)
    return MHD_YES;  // ": value"
  for (; *name; name++)
    buf_add_char(b, (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name));
  buf_printf(b, ": %s\n", value ? value : "");
  return MHD_YES;
}

static void set_address(struct request *r)
{
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  char host[INET6_ADDRSTRLEN] = "";
  const struct sockaddr *a = info ? info->client_addr : NULL;
  if (!a || uv_ip_name(a, host, sizeof host) != 0)
    return;
  int port = ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);  // same place for IPv6
  snprintf(r->base.address, sizeof r->base.address, a->sa_family == AF_INET6 ? "[%s]:%d" : "%s:%d",
           host, port);
}

/* The headers are there, the body is not. MHD_NO drops the connection. */
static enum MHD_Result begin(struct request *r, const char *method)
{
  r->begun = true;
  r->base.method = strdup(method);
  MHD_get_connection_values(r->connection, MHD_HEADER_KIND, add_header, &r->base.headers);
  set_address(r);
  return r->base.method && r->base.target && buf_ok(&r->base.headers) ? MHD_YES : MHD_NO;
}

static enum MHD_Result refuse_large(struct MHD_Connection *c)
{
  static const char text[] = "the request body is too large\n";
  struct MHD_Response *response =
    MHD_create_response_from_buffer(sizeof text - 1, (void *)text, MHD_RESPMEM_PERSISTENT);
  if (!response)
    return MHD_NO;
  enum MHD_Result queued = MHD_queue_response(c, MHD_HTTP_CONTENT_TOO_LARGE, response);
  MHD_destroy_response(response);
  return queued;
}

/* A body that does not say how long it is, is counted as it comes. */
static bool announces_too_much(const struct request *r)
{
  const char *length = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Length");
  return length && strtoull(length, NULL, 10) > r->server->max_body;
}

/* The request is complete: it waits, and whoever accepts is told. */
static enum MHD_Result hand_in(struct request *r)
{
  struct server_accept *a = r->server->accepting;
  MHD_suspend_connection(r->connection);
  r->state = WAITING;
  if (a) {
    r->server->accepting = NULL;
    a->server = NULL;
    a->request = server_take(r->server);
    effect_finish(&a->effect);
  }
  return MHD_YES;
}

/* ---- libmicrohttpd's callbacks ------------------------------------------------------------ */

/* Runs first, with the target as it was sent; the result becomes *request below. */
static void *on_target(void *server, const char *target, struct MHD_Connection *c)
{
  return new_request(server, c, target);
}

static enum MHD_Result on_request(void *server, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **request)
{
  struct request *r = *request;
  (void)path, (void)version;
  if (!r || ((struct server *)server)->closing)
    return MHD_NO;
  if (!r->begun)
    return announces_too_much(r) ? refuse_large(c) : begin(r, method);
  if (*len) {
    buf_add(&r->base.body, data, *len);
    *len = 0;
    return MHD_YES;
  }
  if (r->state == RECEIVING)
    return buf_ok(&r->base.body) ? hand_in(r) : refuse_large(c);
  return r->state == ANSWERED ? MHD_queue_response(c, r->status, r->response) : MHD_NO;
}

static void on_completed(void *server, struct MHD_Connection *c, void **request,
                         enum MHD_RequestTerminationCode code)
{
  struct request *r = *request;
  (void)server, (void)c, (void)code;
  if (!r)
    return;
  *request = NULL;
  r->connection = NULL;
  server_stream_lost(r);
  server_upgrade_lost(r);
  release(r);
}

/* Leaves the server with the TLS session, where on_certificate finds it. */
static void begin_connection(struct server *s, struct MHD_Connection *c, struct server_peer **peer)
{
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
  *peer = info ? server_peer_new(s, info->connect_fd) : NULL;
  info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (info)
    gnutls_session_set_ptr(info->tls_session, s);
}

static void on_connection(void *server, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
  struct server_peer *peer = *context;
  if (code == MHD_CONNECTION_NOTIFY_STARTED)
    begin_connection(server, c, &peer);
  else
    server_peer_free(server, peer);
  *context = code == MHD_CONNECTION_NOTIFY_STARTED ? peer : NULL;
}

static int on_certificate(gnutls_session_t session, const gnutls_datum_t *cas, int ca_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **certificates, unsigned *count, gnutls_privkey_t *key)
{
  struct server *s = gnutls_session_get_ptr(session);
  char name[256] = "";
  size_t size = sizeof name;
  unsigned type;
  struct fault fault;
  (void)cas, (void)ca_count, (void)algorithms, (void)algorithm_count;
  if (gnutls_server_name_get(session, name, &size, &type, 0) != GNUTLS_E_SUCCESS)
    name[0] = 0;
  const struct authority_leaf *leaf = authority_leaf(s->authority, name, &fault);
  if (!leaf)
    return -1;
  *certificates = (gnutls_pcert_st *)&leaf->certificate;
  *count = 1;
  *key = leaf->key;
  return 0;
}

/* ---- libmicrohttpd on the loop -------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* What libmicrohttpd wants to do at once it may do, a few times, or many times while it carries bytes of
 * WebSockets; then 1 ms passes. It wants to without end while a TLS client is silent, and a timer of 0 ms
 * that restarts itself would keep libuv from ever looking at a descriptor. */
static void run(struct server *s)
{
  enum { AT_ONCE = 4, CARRYING = 512 };
  MHD_UNSIGNED_LONG_LONG ms = 0;
  bool wants = true;
  for (int i = 0; wants && ms == 0 && (i < AT_ONCE || (i < CARRYING && server_carries(s))); i++) {
    MHD_run(s->daemon);
    wants = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
  }
  if (wants)
    uv_timer_start(&s->timer, on_timer, ms ? ms : 1, 0);
  else
    uv_timer_stop(&s->timer);
  server_ends_tell(s);
}

static void on_timer(uv_timer_t *timer)
{
  run(timer->data);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  run(poll->data);
}

void server_run_soon(struct server *s)
{
  uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* The connection goes on in the next turn of the loop. */
static void resume(struct request *r)
{
  MHD_resume_connection(r->connection);
  server_run_soon(r->server);
}

/* ---- answering --------------------------------------------------------------------------------- */

void server_queue(struct request *r, unsigned status, struct MHD_Response *response)
{
  r->status = status;
  r->response = response;
  if (r->state == TAKEN && r->connection) {
    r->state = ANSWERED;
    resume(r);
  }
  r->held = false;
  release(r);
}

void server_drop(struct server_request *base)
{
  struct request *r = (struct request *)base;
  if (!r)
    return;
  if (r->state == TAKEN && r->connection) {
    r->state = DROPPED;
    resume(r);
  }
  r->held = false;
  release(r);
}

/* ---- accepting ------------------------------------------------------------------------------------ */

struct server_request *server_take(struct server *s)
{
  struct request *r = s->first;
  while (r && r->state != WAITING)
    r = r->next;
  if (!r)
    return NULL;
  r->state = TAKEN;
  r->held = true;
  return &r->base;
}

bool server_accepting(const struct server *s)
{
  return s->accepting != NULL;
}

static void destroy_accept(struct effect *e)
{
  struct server_accept *a = (struct server_accept *)e;
  server_drop(a->request);
  if (a->server && a->server->accepting == a)
    a->server->accepting = NULL;
  free(a);
}

struct server_accept *server_accept(struct server *s, effect_done *done, void *arg)
{
  struct server_accept *a = calloc(1, sizeof *a);
  if (!a)
    return NULL;
  *a = (struct server_accept){.effect = {.destroy = destroy_accept, .done = done, .arg = arg}, .server = s};
  s->accepting = a;
  return a;
}

/* ---- the server -------------------------------------------------------------------------------------- */

/* On the address, or on the socket that listens already if there is one. */
static struct MHD_Daemon *start_daemon(struct server *s, const struct sockaddr_storage *at, int socket)
{
  unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE;
  flags |= at->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0;
  flags |= s->authority ? MHD_USE_TLS : 0;
  struct MHD_OptionItem more[] = {{MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
  int n = 0;
  if (s->authority)
    more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)on_certificate};
  if (socket >= 0)
    more[n] = (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, socket, NULL};
  return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,
                          MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)at,
                          MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
                          MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
                          MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                          MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

static bool watch(struct server *s, uv_loop_t *loop)
{
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  if (!info || uv_poll_init(loop, &s->poll, info->epoll_fd) != 0)
    return false;
  uv_timer_init(loop, &s->timer);
  s->poll.data = s->timer.data = s;
  uv_poll_start(&s->poll, UV_READABLE, on_events);
  return true;
}

int server_begin(struct server *s, uv_loop_t *loop, const struct sockaddr_storage *at, int socket)
{
  errno = 0;
  s->daemon = start_daemon(s, at, socket);
  if (!s->daemon)
    return errno ? errno : ENOMEM;
  s->port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
  if (watch(s, loop))
    return 0;
  MHD_stop_daemon(s->daemon);
  return ENOMEM;
}

struct server *server_new(uv_loop_t *loop, const struct server_options *o, struct fault *f)
{
  struct server *s = calloc(1, sizeof *s);
  if (!s) {
    fault_set(f, "server-failed", "fatal", "listening: %s", strerror(ENOMEM));
    return NULL;
  }
  *s = (struct server){.authority = o->authority, .max_body = o->max_body, .last = &s->first, .ends = -1};
  if (server_open_at(s, loop, o, f))
    return s;
  server_ends_close(s);
  free(s->path);
  free(s);
  return NULL;
}

int server_port(const struct server *s)
{
  return s->port;
}

/* libmicrohttpd must not stop while a connection is suspended. */
static void drop_all(struct server *s)
{
  s->closing = true;
  server_end_upgraded(s);
  for (struct request *r = s->first; r; r = r->next) {
    server_stream_stop(r);
    if (r->state == WAITING || r->state == TAKEN) {
      r->state = DROPPED;
      MHD_resume_connection(r->connection);
    }
  }
  MHD_run(s->daemon);
}

static void timer_closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void poll_closed(uv_handle_t *poll)
{
  struct server *s = poll->data;
  uv_close((uv_handle_t *)&s->timer, timer_closed);
}

void server_free(struct server *s)
{
  if (!s)
    return;
  uv_poll_stop(&s->poll);
  drop_all(s);
  MHD_stop_daemon(s->daemon);
  if (s->path)
    unlink(s->path);
  free(s->path);
  server_ends_close(s);
  while (s->first)
    unlink_request(s->first);  // what a taker still has
  if (s->accepting) {
    s->accepting->server = NULL;
    effect_finish(&s->accepting->effect);
  }
  uv_close((uv_handle_t *)&s->poll, poll_closed);
}
