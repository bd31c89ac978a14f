/* write_all.c - writing until everything is written; see write_all.h. */
#include "write_all.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* True when a write that failed may be tried again now. */
static bool may_try_again(int fd, int error)
{
  if (error != EAGAIN)
    return error == EINTR;
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

bool write_all(int fd, const char *data, size_t len)
{
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && !may_try_again(fd, errno))
      return false;
    if (n > 0) {
      data += n;
      len -= (size_t)n;
    }
  }
  return true;
}
