/* guard_message.c - a request and its descriptors as one message; see guard_keeper.h. */
#include "guard_keeper.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union guard_control {
  char bytes[CMSG_SPACE(sizeof(int) * (GUARD_DESCRIPTORS + GUARD_EXTRA))];
  struct cmsghdr align;
};

/* Takes the descriptors out of the message; false: some are missing. */
static bool take_descriptors(struct msghdr *m, const struct guard_request *r, int *fds)
{
  memset(fds, -1, sizeof *fds * (GUARD_DESCRIPTORS + GUARD_EXTRA));
  struct cmsghdr *c = CMSG_FIRSTHDR(m);
  if (!c || c->cmsg_type != SCM_RIGHTS)
    return false;
  int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof *fds);
  memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof *fds);
  if (r->extra <= GUARD_EXTRA && n == GUARD_DESCRIPTORS + (int)r->extra)
    return true;
  while (n > 0)
    close(fds[--n]);
  return false;
}

bool guard_receive(int socket, struct guard_order *order, bool *complete)
{
  union guard_control control;
  struct iovec part = {&order->request, sizeof order->request};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
  *complete = n == sizeof order->request && take_descriptors(&m, &order->request, order->fds);
  return n > 0 || (n < 0 && errno == EINTR);
}

bool guard_send(int socket, const struct guard_order *order, int flags)
{
  union guard_control control = {{0}};
  size_t fds = sizeof *order->fds * (GUARD_DESCRIPTORS + order->request.extra);
  struct iovec part = {(void *)&order->request, sizeof order->request};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                     .msg_controllen = CMSG_SPACE(fds)};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(fds);
  memcpy(CMSG_DATA(c), order->fds, fds);
  return sendmsg(socket, &m, MSG_NOSIGNAL | flags) >= 0;
}
