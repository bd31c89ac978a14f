/* tarball.h - an archive as a stream of bytes: tar in zstd, with the SHA-256 of what is written or read.
 * libarchive knows tar, libzstd the rest; libarchive's own zstd would neither tell more data behind the end
 * nor bound what it unpacks. Knows nothing of Lua. */
#ifndef TARBALL_H
#define TARBALL_H
#include "archives.h"
#include <locale.h>
#include <stdatomic.h>
#include <sys/types.h>

enum { TARBALL_PIECE = 256 << 10 };  /* how much is read and written at once */

/* The locale "C" for this thread: in another one libarchive would convert names. Writers and readers are used
 * between entering and leaving it. False: out of memory. */
struct tarball_locale {
  locale_t own, before;
};
bool tarball_enter_locale(struct tarball_locale *l);
void tarball_leave_locale(struct tarball_locale *l);

/* ---- writing (tarball_write.c) --------------------------------------------------------------- */

/* Where the bytes go. False with errno. */
struct tarball_sink {
  bool (*write)(void *arg, const void *data, size_t len);
  void *arg;
};

struct tarball_writer;

/* `threads` compress; the bytes do not depend on how many. NULL: errno. */
struct tarball_writer *tarball_writer_new(const struct tarball_sink *, int level, int threads);
void tarball_writer_free(struct tarball_writer *w);
/* Begins an entry; of a file, its bytes follow. These return false with errno. */
bool tarball_entry(struct tarball_writer *w, const struct packed_entry *e);
bool tarball_data(struct tarball_writer *w, const void *data, size_t len);
/* Nothing more comes. */
bool tarball_finish(struct tarball_writer *w, char sha256[SHA256_HEX + 1], uint64_t *size);

/* ---- reading (tarball_read.c) ---------------------------------------------------------------- */

/* Where the bytes come from: how many, 0 at the end, -1 with errno. */
struct tarball_source {
  ssize_t (*read)(void *arg, void *to, size_t len);
  void *arg;
};

struct tarball_header {
  const char *path;    /* as it stands there */
  const char *target;  /* of a symbolic link, else NULL */
  const char *copies;  /* the path of the file that a hard link is, else NULL */
  const char *special; /* what it is that it must not be: "a device"; else NULL */
  enum packed_kind kind;
  bool executable;
  uint64_t size;
};

struct tarball_reader;

/* NULL: out of memory. `stop` may be NULL. */
struct tarball_reader *tarball_reader_new(const struct tarball_source *, const struct archive_limits *,
                                          const atomic_bool *stop);
void tarball_reader_free(struct tarball_reader *r);
/* The next entry; false at the end, or with a fault. */
bool tarball_next(struct tarball_reader *r, struct tarball_header *h);
/* The next bytes of the entry, which stay until the next call; 0 at its end, or with a fault. */
size_t tarball_read(struct tarball_reader *r, const void **data);
/* After the end: reads what is left, which must be nothing. */
void tarball_close(struct tarball_reader *r, char sha256[SHA256_HEX + 1], uint64_t *size);
/* The digest of the whole archive, after whatever went wrong: the rest is only hashed. False: it cannot be read. */
bool tarball_digest(struct tarball_reader *r, char sha256[SHA256_HEX + 1]);
/* Why it went wrong, or NULL: "archive-damaged", "archive-limit", or a file's fault; without saying which
 * archive. */
const struct fault *tarball_fault(const struct tarball_reader *r);
#endif
