/* server_websocket.c - requests that become WebSockets: libmicrohttpd hands over the socket, and a
 * session has it from then on.
 *
 * libmicrohttpd wants every socket back before it stops: `upgraded` lists them. With TLS the socket
 * is one end of a pair that libmicrohttpd serves while the loop lets it run. What it writes its answer
 * from has all memory of the connection by then, so that 4 bytes (0.9.75) go each way each time: it must be
 * let run often, or a large message takes minutes. */
#include "server_mhd.h"
#include "websocket_session.h"
#include "websocket_upgrade.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct upgraded {
  struct server *server;
  struct MHD_UpgradeResponseHandle *handle;
  int fd;
  int received;  /* bytes that waited for the session when server_carries() looked last */
  struct websocket *socket;
  struct upgraded *next;
};

/* ---- the socket as a transport ----------------------------------------------------------------- */

static long outcome(ssize_t n)
{
  if (n >= 0)
    return (long)n;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TRANSPORT_LATER : TRANSPORT_BROKEN;
}

static long read_bytes(void *upgraded, char *to, size_t room)
{
  return outcome(recv(((struct upgraded *)upgraded)->fd, to, room, MSG_DONTWAIT));
}

static long write_bytes(void *upgraded, const char *data, size_t len)
{
  return outcome(send(((struct upgraded *)upgraded)->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* The session has let go of the socket: libmicrohttpd closes it. */
static void close_socket(void *arg)
{
  struct upgraded *u = arg;
  struct upgraded **at = &u->server->upgraded;
  while (*at != u)
    at = &(*at)->next;
  *at = u->next;
  MHD_upgrade_action(u->handle, MHD_UPGRADE_ACTION_CLOSE);
  if (!u->server->closing)
    server_run_soon(u->server);
  free(u);
}

void server_end_upgraded(struct server *s)
{
  while (s->upgraded)
    websocket_session_break(s->upgraded->socket, "the server was closed");
}

/* Whether more than before has come out of the TLS connection, or something waits to go into it. */
static bool carries(struct upgraded *u)
{
  int received = 0, waiting = 0, before = u->received;
  if (ioctl(u->fd, FIONREAD, &received) != 0 || ioctl(u->fd, TIOCOUTQ, &waiting) != 0)
    return false;
  u->received = received;
  return received > before || waiting > 0;
}

bool server_carries(struct server *s)
{
  bool any = false;
  for (struct upgraded *u = s->authority ? s->upgraded : NULL; u; u = u->next)
    any |= carries(u);
  return any;
}

/* ---- handing over --------------------------------------------------------------------------------- */

static void finish(struct server_upgrade *u)
{
  u->request->upgrade = NULL;
  u->request = NULL;
  if (!u->socket)
    fault_set(&u->fault, "websocket-lost", "transient", "the client has gone before the WebSocket was open");
  effect_finish(&u->effect);
}

void server_upgrade_lost(struct request *r)
{
  if (r->upgrade)
    finish(r->upgrade);
}

static void on_upgrade(void *request, struct MHD_Connection *c, void *context, const char *first, size_t first_len,
                       MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
  struct request *r = request;
  struct server_upgrade *u = r->upgrade;
  struct upgraded *up = u ? malloc(sizeof *up) : NULL;
  (void)c, (void)context;
  if (!up) {
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);  // nobody wants it any more, or memory ends
    return;
  }
  struct server *s = r->server;
  *up = (struct upgraded){.server = s, .handle = handle, .fd = fd, .next = s->upgraded};
  s->upgraded = up;
  struct websocket_transport t = {.fd = fd, .read = read_bytes, .write = write_bytes, .close = close_socket, .arg = up};
  struct websocket_session_options o = {.server = true, .limits = u->limits, .about = r->base.address,
                                        .protocol = u->protocol, .first = first, .first_len = first_len};
  u->socket = up->socket = websocket_session_new(s->timer.loop, &t, &o);
  if (!up->socket)
    close_socket(up);
  finish(u);
}

/* ---- answering --------------------------------------------------------------------------------------- */

static void destroy(struct effect *e)
{
  struct server_upgrade *u = (struct server_upgrade *)e;
  if (u->request)
    u->request->upgrade = NULL;
  websocket_free(u->socket);
  free(u);
}

/* The value of a header among "name: value\n" lines, and its length; NULL: it is not there. */
static const char *find_value(const char *lines, const char *name, size_t *len)
{
  size_t n = strlen(name);
  for (; *lines; lines += *len + 1) {
    *len = strcspn(lines, "\n");
    if (*len > n + 1 && strncmp(lines, name, n) == 0 && lines[n] == ':') {
      *len -= n + 2;
      return lines + n + 2;
    }
  }
  return NULL;
}

/* The first protocol of ours that the client names, too. */
static void choose_protocol(struct server_upgrade *u, const char *lines, const char *const *ours)
{
  size_t len;
  const char *theirs = find_value(lines, "sec-websocket-protocol", &len);
  for (; theirs && ours && *ours && !u->protocol[0]; ours++)
    if (upgrade_lists(theirs, len, *ours, true))
      snprintf(u->protocol, sizeof u->protocol, "%s", *ours);
}

/* The answer, or NULL and *f. */
static struct MHD_Response *new_response(struct request *r, const struct server_upgrade *u, const char *key,
                                         const char *const *headers, struct fault *f)
{
  char accept[UPGRADE_ACCEPT + 1];
  struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, r);
  if (!response || !upgrade_accept(key, accept) ||
      MHD_add_response_header(response, "Upgrade", "websocket") != MHD_YES ||
      MHD_add_response_header(response, "Sec-WebSocket-Accept", accept) != MHD_YES ||
      (u->protocol[0] && MHD_add_response_header(response, "Sec-WebSocket-Protocol", u->protocol) != MHD_YES))
    fault_set(f, "out-of-memory", "fatal", "not enough memory for an answer");
  else if (server_add_lines(response, headers, f))
    return response;
  if (response)
    MHD_destroy_response(response);
  return NULL;
}

static const char *check(struct request *r, const char **key)
{
  size_t key_len;
  const char *wrong = upgrade_check(r->base.method, buf_str(&r->base.headers), key, &key_len);
  return wrong ? wrong : r->connection ? NULL : "the client has gone";
}

struct server_upgrade *server_upgrade(struct server_request *base, const struct server_upgrade_options *o,
                                      effect_done *done, void *arg, struct fault *f)
{
  struct request *r = (struct request *)base;
  const char *key, *wrong = check(r, &key);
  if (wrong) {
    fault_set(f, "server-upgrade", "fatal", "the request cannot become a WebSocket: %s", wrong);
    return NULL;
  }
  struct server_upgrade *u = calloc(1, sizeof *u);
  struct MHD_Response *response = NULL;
  if (u) {
    *u = (struct server_upgrade){.effect = {.destroy = destroy, .done = done, .arg = arg}, .limits = o->limits};
    choose_protocol(u, buf_str(&base->headers), o->protocols);
    response = new_response(r, u, key, o->headers, f);
  } else {
    fault_set(f, "out-of-memory", "fatal", "not enough memory for a WebSocket");
  }
  if (!response) {
    free(u);
    return NULL;
  }
  u->request = r;
  r->upgrade = u;
  server_queue(r, 101, response);
  return u;
}
