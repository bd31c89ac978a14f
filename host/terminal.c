/* terminal.c - telling a terminal that has gone from a disk that fails; see terminal.h.
 *
 * Both answer EIO. A terminal that hung up no longer says that it is one (isatty), but it is
 * still a character device. */
#include "terminal.h"
#include <errno.h>
#include <sys/stat.h>

bool terminal_is_gone(int fd, int error)
{
  struct stat st;
  return error == EIO && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode);
}
