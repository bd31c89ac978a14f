/* process_pty.h - a terminal of a child's own, which looks as ours does. */
#ifndef PROCESS_PTY_H
#define PROCESS_PTY_H
#include <stdbool.h>
#include <stddef.h>

/* Opens one of our terminal's size: what the child writes to *theirs is read from *ours.
 * False: see errno. */
bool process_pty_open(int *ours, int *theirs);
/* Makes it as large as our terminal is now; the child's foreground processes get SIGWINCH. */
void process_pty_resize(int ours);
/* Joins line ends in place: "\r\n" becomes "\n". A '\r' that ends the bytes waits in *held for
 * what follows, for which one byte stands free before `bytes`. Returns where they begin now. */
char *process_pty_join(bool *held, char *bytes, size_t *len);
#endif
