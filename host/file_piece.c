/* file_piece.c - an open file in pieces; see file_piece.h. */
#include "file_piece.h"
#include "digest.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, DIGEST_CHUNK = 256 << 10 };

/* ---- whether it is the same file still ------------------------------------------------------ */

/* FNV-1a: nobody chooses these numbers to deceive. */
static uint64_t mix(uint64_t hash, uint64_t number)
{
  for (int i = 0; i < 8; i++, number >>= 8)
    hash = (hash ^ (number & 255)) * 0x100000001b3;
  return hash;
}

bool file_stamp(int fd, double *size, uint64_t *stamp)
{
  struct stat st;
  if (fstat(fd, &st) != 0)
    return false;
  if (!S_ISREG(st.st_mode)) {
    errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    return false;
  }
  const uint64_t parts[] = {st.st_dev, st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
                            (uint64_t)st.st_mtim.tv_nsec};
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    hash = mix(hash, parts[i]);
  *size = (double)st.st_size;
  *stamp = hash ? hash : 1;
  return true;
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* As read(2), but only a real failure is one. */
static ssize_t read_at(int fd, void *to, size_t len, uint64_t offset)
{
  ssize_t n;
  do
    n = pread(fd, to, len, (off_t)offset);
  while (n < 0 && errno == EINTR);
  return n;
}

bool file_read_piece(int fd, uint64_t offset, size_t max, struct buf *to)
{
  char chunk[CHUNK];
  while (max > 0) {
    ssize_t n = read_at(fd, chunk, max < sizeof chunk ? max : sizeof chunk, offset);
    if (n <= 0)
      return n == 0;
    buf_add(to, chunk, (size_t)n);
    if (!buf_ok(to))
      return errno = ENOMEM, false;
    offset += (uint64_t)n;
    max -= (size_t)n;
  }
  return true;
}

/* ---- the digest --------------------------------------------------------------------------------- */

static bool digest_all(int fd, const atomic_bool *stop, struct digest *d, char *chunk)
{
  uint64_t offset = 0;
  ssize_t n;
  while (!*stop && (n = read_at(fd, chunk, DIGEST_CHUNK, offset)) != 0) {
    if (n < 0 || !digest_add(d, chunk, (size_t)n))
      return false;
    offset += (uint64_t)n;
  }
  return !*stop;
}

bool file_digest(int fd, const atomic_bool *stop, struct buf *to)
{
  char hex[SHA256_HEX + 1];
  errno = ENOMEM;
  struct digest *d = digest_new();
  char *chunk = malloc(DIGEST_CHUNK);
  bool ok = d && chunk && digest_all(fd, stop, d, chunk) && digest_hex(d, hex);
  free(chunk);
  digest_free(d);
  if (ok)
    buf_add(to, hex, SHA256_HEX);
  return ok && buf_ok(to);
}
