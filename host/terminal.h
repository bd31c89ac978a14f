/* terminal.h - telling a terminal that has gone from a disk that fails. */
#ifndef TERMINAL_H
#define TERMINAL_H
#include <stdbool.h>

/* True when `error` says that the terminal at fd hung up: the connection is lost, its window closed. */
bool terminal_is_gone(int fd, int error);
#endif
