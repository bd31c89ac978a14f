/* server_ends.c - clients that end their side of the connection.
 *
 * libmicrohttpd learns of an end by reading nothing. Where the end comes together with the last bytes it may miss
 * it: it waits for the next edge after a read that did not fill its buffer, and there is none. A request that is
 * not whole would then hold its connection until that has been idle for long.
 *
 * So every connection is watched here, too, for its end alone, once. When all that came before was read and the
 * end has still to be, the socket is told again that nothing more will come, which is an edge. */
#include "server_mhd.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct server_peer {
  int fd;
  bool ended;                /* and not told yet: it stands in the server's list */
  struct server_peer *next;
};

bool server_ends_open(struct server *s)
{
  s->ends = epoll_create1(EPOLL_CLOEXEC);
  return s->ends >= 0;
}

void server_ends_close(struct server *s)
{
  if (s->ends >= 0)
    close(s->ends);
}

struct server_peer *server_peer_new(struct server *s, int fd)
{
  struct server_peer *p = calloc(1, sizeof *p);
  if (!p)
    return NULL;
  p->fd = fd;
  struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = p};
  if (epoll_ctl(s->ends, EPOLL_CTL_ADD, fd, &event) == 0)
    return p;
  free(p);
  return NULL;
}

static void unlink_peer(struct server *s, struct server_peer *p)
{
  struct server_peer **at = &s->ended;
  while (*at != p)
    at = &(*at)->next;
  *at = p->next;
  p->ended = false;
}

void server_peer_free(struct server *s, struct server_peer *p)
{
  if (!p)
    return;
  epoll_ctl(s->ends, EPOLL_CTL_DEL, p->fd, NULL);
  if (p->ended)
    unlink_peer(s, p);
  free(p);
}

static void note_ended(struct server *s)
{
  struct epoll_event events[64];
  int n = epoll_wait(s->ends, events, sizeof events / sizeof *events, 0);
  for (int i = 0; i < n; i++) {
    struct server_peer *p = events[i].data.ptr;
    p->ended = true;
    p->next = s->ended;
    s->ended = p;
  }
}

/* Bytes before the end are left to libmicrohttpd, which has not seen them yet or cannot take more now; it runs
 * again for these. */
void server_ends_tell(struct server *s)
{
  char byte;
  note_ended(s);
  for (struct server_peer *p = s->ended, *next; p; p = next) {
    next = p->next;
    if (recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
      continue;
    unlink_peer(s, p);
    shutdown(p->fd, SHUT_RD);
  }
}
