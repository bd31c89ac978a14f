/* process_pty.c - a terminal of a child's own, which looks as ours does; see process_pty.h.
 *
 * Nobody types there: it neither echoes nor waits for a line, and a program that asks its terminal
 * a question, past its standard input, finds the end at once instead of waiting for ever. */
#include "process_pty.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct winsize our_size(void)
{
  static const int ours[] = {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO};
  struct winsize size;
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (ioctl(ours[i], TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
      return size;
  return (struct winsize){.ws_row = 24, .ws_col = 80};
}

static bool set_quiet(int terminal)
{
  struct termios t;
  if (tcgetattr(terminal, &t) != 0)
    return false;
  t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL);
  t.c_oflag &= ~(tcflag_t)ONLCR;
  t.c_cc[VMIN] = 0;
  t.c_cc[VTIME] = 0;
  return tcsetattr(terminal, TCSANOW, &t) == 0;
}

/* The peer is opened without its name: the folder of terminals need not be mounted here. */
static int open_peer(int ours)
{
  int locked = 0;
  if (ioctl(ours, TIOCSPTLCK, &locked) != 0)
    return -1;
  return ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static void close_end(int *fd)
{
  int error = errno;
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
  errno = error;
}

bool process_pty_open(int *ours, int *theirs)
{
  *theirs = -1;
  *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*ours >= 0)
    *theirs = open_peer(*ours);
  if (*theirs >= 0 && set_quiet(*theirs)) {
    process_pty_resize(*ours);
    return true;
  }
  close_end(ours);
  close_end(theirs);
  return false;
}

void process_pty_resize(int ours)
{
  struct winsize size = our_size();
  ioctl(ours, TIOCSWINSZ, &size);
}

char *process_pty_join(bool *held, char *bytes, size_t *len)
{
  size_t n = *len, to = 0;
  if (*held && n > 0 && bytes[0] != '\n') {
    *--bytes = '\r';
    n++;
  }
  *held = n > 0 ? bytes[n - 1] == '\r' : *held;
  n -= n > 0 && *held;
  for (size_t i = 0; i < n; i++)
    if (bytes[i] != '\r' || i + 1 == n || bytes[i + 1] != '\n')
      bytes[to++] = bytes[i];
  *len = to;
  return bytes;
}
