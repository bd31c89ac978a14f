/* http_loop.c - curl's multi handle on the loop: its sockets and its timer.
 *
 * Curl's sockets stand in an epoll set of ours, and the loop watches the set: a connection that
 * is kept alive stays in it between its exchanges, so that an exchange on one needs no call to
 * change what is watched. (One uv_poll a socket means up to eight calls a connection.) What
 * becomes readable while nobody wants it is taken out: the peer has closed it.
 *
 * Many requests that share a connection leave together: what they send in one turn is held back until
 * the last of them has written, for each packet costs more than what is in it. And what has ended
 * there is handed out in portions, so that the peer is at work on the next requests meanwhile.
 *
 * Invariants: 1. sockets[fd] is of the socket that has the number now: http_loop_open_socket and
 *                http_loop_close_socket see to it, as numbers come again.
 *             2. nothing is held back between turns.
 *             3. `rest` is active when curl has ended exchanges that were not taken. */
#include "http_curl.h"
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 64, KEPT_CONNECTIONS = 256, PORTION = 8 };

/* ---- what has ended ------------------------------------------------------------------------------ */

/* True for one of HTTP/2; its connection is known as shared from now on. */
static bool on_shared_connection(struct exchange *x)
{
  struct http_curl *h = x->http;
  long version = 0;
  if (x->https)
    curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_2_0)
    return false;
  struct http_socket *s = x->socket >= 0 && x->socket < h->socket_count ? &h->sockets[x->socket] : NULL;
  if (s && s->watched && !s->shared) {
    s->shared = true;
    h->shared++;
  }
  return true;
}

static void on_rest(uv_idle_t *rest);

/* At most so many of those on shared connections; the rest in the next turn. */
static void take_finished(struct http_curl *h, int portion)
{
  CURLMsg *m = NULL;
  int left;
  while (portion > 0 && (m = curl_multi_info_read(h->multi, &left))) {
    struct exchange *x;
    CURLcode code = m->data.result;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
    portion -= on_shared_connection(x);
    exchange_finish(x, code);
  }
  if (m && left)
    uv_idle_start(&h->rest, on_rest);
  else
    uv_idle_stop(&h->rest);
}

static void on_rest(uv_idle_t *rest)
{
  take_finished(rest->data, PORTION);
}

void http_loop_take_all(struct http_curl *h)
{
  if (uv_is_active((uv_handle_t *)&h->rest))
    take_finished(h, INT_MAX);
}

/* ---- sockets ------------------------------------------------------------------------------------ */

static struct http_socket *socket_at(struct http_curl *h, int fd)
{
  if (fd < h->socket_count)
    return &h->sockets[fd];
  int count = h->socket_count ? h->socket_count : 64;
  while (count <= fd)
    count *= 2;
  struct http_socket *list = realloc(h->sockets, (size_t)count * sizeof *list);
  if (!list)
    return NULL;
  memset(list + h->socket_count, 0, (size_t)(count - h->socket_count) * sizeof *list);
  h->sockets = list;
  h->socket_count = count;
  return &h->sockets[fd];
}

/* Makes the set watch what is wanted. False: it cannot. */
static bool watch(struct http_curl *h, int fd, struct http_socket *s)
{
  struct epoll_event e = {.events = s->wanted, .data.fd = fd};
  int what = s->wanted == 0 ? EPOLL_CTL_DEL : s->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (s->watched == s->wanted)
    return true;
  s->watched = s->wanted;
  return epoll_ctl(h->epoll, what, fd, &e) == 0;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *http, void *unused)
{
  struct http_curl *h = http;
  struct http_socket *s = socket_at(h, fd);
  struct exchange *x = NULL;
  (void)unused;
  if (!s)
    return -1;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  if (what == CURL_POLL_REMOVE) {
    s->wanted = 0;
    return 0;  // stays watched: who is kept alive is wanted again
  }
  if (x)
    x->socket = fd;
  s->wanted = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
  return watch(h, fd, s) ? 0 : -1;
}

static void forget(struct http_curl *h, int fd)
{
  if (fd >= h->socket_count)
    return;
  h->shared -= h->sockets[fd].shared;
  h->sockets[fd] = (struct http_socket){0};
}

/* Curl closes the socket of a connection that it gives up early without telling: the number comes
 * again, and what is known of it is of another socket. */
curl_socket_t http_loop_open_socket(void *http, curlsocktype purpose, struct curl_sockaddr *a)
{
  struct http_curl *h = http;
  int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
  (void)purpose;
  if (fd >= 0)
    forget(h, fd);
  return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

int http_loop_close_socket(void *http, curl_socket_t fd)
{
  struct http_curl *h = http;
  forget(h, fd);
  return close(fd);
}

double http_loop_active(const struct exchange *x)
{
  return x->socket >= 0 && x->socket < x->http->socket_count ? x->http->sockets[x->socket].active : 0;
}

/* ---- curl's turn --------------------------------------------------------------------------------- */

static void hold_back(struct http_curl *h, int on)
{
  for (int fd = 0, left = h->shared; left > 0 && fd < h->socket_count; fd++)
    if (h->sockets[fd].shared) {
      setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
      left--;
    }
}

/* Worth the two calls for each connection when there are more requests than these; and only when half as many
 * exchanges are under way besides, or the peer waits for what is held back. */
static bool is_worth_holding(const struct http_curl *h)
{
  return h->shared && h->begun > h->shared && 2 * h->under_way >= 3 * h->begun;
}

static void act(struct http_curl *h, curl_socket_t fd, int events)
{
  int running;
  bool together = is_worth_holding(h);
  h->begun = 0;
  if (together)
    hold_back(h, true);
  curl_multi_socket_action(h->multi, fd, events, &running);
  if (together)
    hold_back(h, false);
}

static void on_event(struct http_curl *h, const struct epoll_event *e)
{
  int fd = e->data.fd, flags = 0;
  struct http_socket *s = &h->sockets[fd];
  if (!s->wanted) {
    watch(h, fd, s);
    return;
  }
  unsigned events = e->events & (EPOLLERR | EPOLLHUP) ? s->wanted : e->events;
  if (events & EPOLLIN)
    flags |= CURL_CSELECT_IN;
  if (events & EPOLLOUT)
    flags |= CURL_CSELECT_OUT;
  s->active = http_now(h);
  act(h, fd, flags);
}

static void on_sockets(uv_poll_t *poll, int status, int readable)
{
  struct http_curl *h = poll->data;
  struct epoll_event events[EVENTS];
  (void)status, (void)readable;
  int n = epoll_wait(h->epoll, events, EVENTS, 0);
  for (int i = 0; i < n; i++)
    on_event(h, &events[i]);
  take_finished(h, PORTION);
}

/* ---- curl's timer -------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
  struct http_curl *h = timer->data;
  act(h, CURL_SOCKET_TIMEOUT, 0);
  take_finished(h, PORTION);
}

static int timer_wanted(CURLM *multi, long milliseconds, void *http)
{
  struct http_curl *h = http;
  (void)multi;
  if (milliseconds < 0)
    uv_timer_stop(&h->timer);
  else
    uv_timer_start(&h->timer, on_timer, (uint64_t)milliseconds, 0);
  return 0;
}

/* ---- the multi handle ------------------------------------------------------------------------------------ */

/* Only exchanges that are under way keep the loop going. */
void http_loop_count(struct http_curl *h, int change)
{
  h->under_way += change;
  h->begun += change > 0;
  if (h->under_way)
    uv_ref((uv_handle_t *)&h->poll);
  else
    uv_unref((uv_handle_t *)&h->poll);
}

static bool open_set(struct http_curl *h)
{
  h->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (h->epoll < 0)
    return false;
  if (uv_poll_init(h->loop, &h->poll, h->epoll) != 0) {
    close(h->epoll);
    h->epoll = -1;
    return false;
  }
  h->poll.data = h;
  uv_poll_start(&h->poll, UV_READABLE, on_sockets);
  uv_unref((uv_handle_t *)&h->poll);
  return true;
}

/* "" means the same to curl, which then makes the list for every exchange. */
static void list_encodings(struct http_curl *h)
{
  int has = curl_version_info(CURLVERSION_NOW)->features;
  snprintf(h->encodings, sizeof h->encodings, "%s%s%s", has & CURL_VERSION_LIBZ ? "deflate, gzip" : "identity",
           has & CURL_VERSION_BROTLI ? ", br" : "", has & CURL_VERSION_ZSTD ? ", zstd" : "");
}

bool http_loop_ready(struct http_curl *h)
{
  if (h->multi)
    return true;
  if (h->epoll < 0 && !open_set(h))
    return false;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  h->multi = curl_multi_init();
  if (!h->multi)
    return false;
  list_encodings(h);
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
  return true;
}

void http_loop_close(struct http_curl *h)
{
  http_spare_free(h);
  uv_idle_stop(&h->rest);
  curl_multi_cleanup(h->multi);
  free(h->sockets);
  h->sockets = NULL;
  h->socket_count = 0;
}
