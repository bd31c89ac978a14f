/* write_all.h - writes all of it, however little the system takes at once. */
#ifndef WRITE_ALL_H
#define WRITE_ALL_H
#include <stdbool.h>
#include <stddef.h>

/* Waits where the descriptor does not block. False: errno says why. */
bool write_all(int fd, const char *data, size_t len);
#endif
