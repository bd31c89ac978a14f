/* file_piece.h - reading an open file in pieces: what the threads of the pool do with one.
 * Knows nothing of Lua, nor of who asks. */
#ifndef FILE_PIECE_H
#define FILE_PIECE_H
#include "buf.h"
#include <stdatomic.h>
#include <stdint.h>

/* Of a regular file: its size, and a number that is another one when it was changed or replaced.
 * False with errno; a folder is EISDIR, what else has no size EINVAL. */
bool file_stamp(int fd, double *size, uint64_t *stamp);
/* Appends `max` bytes from the offset on, fewer at the end of the file. False with errno. */
bool file_read_piece(int fd, uint64_t offset, size_t max, struct buf *to);
/* Appends the SHA-256 of the whole file as hexadecimal digits. False with errno, or stopped. */
bool file_digest(int fd, const atomic_bool *stop, struct buf *to);
#endif
