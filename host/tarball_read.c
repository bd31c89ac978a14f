/* tarball_read.c - reads tar in zstd that nobody vouches for; see tarball.h.
 *
 * Bytes come from the source, are hashed, unpacked by zstd and given to libarchive's tar, which knows no
 * other format here. libarchive stops at the end of the tar without a look at what follows, and takes the end
 * of the bytes for it, too: so it is kept in mind where the last byte stood that is not zero, and that must
 * be before the end that libarchive found, with the two empty blocks that mark it behind. */
#include "tarball.h"
#include "files.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { END_MARK = 1024, WINDOW_LOG = 27 /* what zstd takes without being told: 128 MiB */ };
static const uint64_t RATIO_FROM = 64 << 20;  /* bytes unpacked until the ratio counts */

struct tarball_reader {
  struct tarball_source source;
  struct archive_limits limits;
  const atomic_bool *stop;
  struct archive *tar;
  ZSTD_DCtx *zstd;
  struct digest *digest;
  struct fault fault;
  char *in, *out;
  ZSTD_inBuffer given;
  size_t out_size;
  bool ended;           /* the source */
  bool inside;          /* a frame of zstd */
  uint64_t size;        /* read of the archive */
  uint64_t unpacked;    /* of the tar */
  uint64_t holes;       /* zeros of sparse files that are not in the tar */
  uint64_t last;        /* just behind its last byte that is not zero */
  uint64_t entries, bytes;
  uint64_t file_size, file_at;  /* of the entry: its size, and how much of it was handed out */
  const char *piece;    /* waits behind zeros of a sparse file */
  size_t piece_len;
  uint64_t piece_at;
};

/* ---- faults ---------------------------------------------------------------------------------- */

static bool failed(struct tarball_reader *r)
{
  char reason[128];
  int error = errno;
  fault_set(&r->fault, file_code(error), "fatal", "%s", strerror_r(error, reason, sizeof reason));
  return false;
}

static bool damaged(struct tarball_reader *r, const char *why)
{
  if (r->fault.code)
    return false;
  fault_set(&r->fault, "archive-damaged", "fatal", "%s", why);
  fault_hint(&r->fault, "an archive is tar in zstd, whole and with nothing behind it");
  return false;
}

static bool damaged_zstd(struct tarball_reader *r, size_t result)
{
  ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
  if (code == ZSTD_error_memory_allocation) {
    errno = ENOMEM;
    return failed(r);
  }
  if (code == ZSTD_error_frameParameter_windowTooLarge)
    return damaged(r, "its zstd asks for more than 128 MiB of memory");
  if (code == ZSTD_error_prefix_unknown)
    return damaged(r, r->unpacked == 0 ? "it is no zstd" : "something stands behind its end");
  return damaged(r, "its zstd is damaged");
}

static bool over(struct tarball_reader *r, const char *what, uint64_t limit, const char *option)
{
  fault_set(&r->fault, "archive-limit", "fatal", "it has more than %llu %s", (unsigned long long)limit, what);
  fault_hint(&r->fault, "%s raises the limit, if so much is expected", option);
  return false;
}

/* ---- from the source to the tar -------------------------------------------------------------- */

/* Gets more of the archive. False at its end, or with a fault. */
static bool fetch(struct tarball_reader *r)
{
  ssize_t n = r->ended ? 0 : r->source.read(r->source.arg, r->in, TARBALL_PIECE);
  if (n < 0)
    return failed(r);
  r->ended = n == 0;
  r->size += (uint64_t)n;
  r->given = (ZSTD_inBuffer){r->in, (size_t)n, 0};
  if (!digest_add(r->digest, r->in, (size_t)n)) {
    errno = ENOMEM;
    return failed(r);
  }
  return n > 0;
}

static uint64_t end_of_text(const char *data, size_t len)
{
  while (len > 0 && data[len - 1] == 0)
    len--;
  return len;
}

static bool check_ratio(struct tarball_reader *r)
{
  uint64_t bytes = r->unpacked + r->holes;
  if (bytes > RATIO_FROM && bytes / r->limits.ratio > r->size)
    return over(r, "bytes for each of its own", r->limits.ratio, "max_ratio");
  return true;
}

static bool account(struct tarball_reader *r, size_t len)
{
  uint64_t text = end_of_text(r->out, len);
  if (text > 0)
    r->last = r->unpacked + text;
  r->unpacked += len;
  return check_ratio(r);
}

/* Unpacks some more. 0 at the end, or with a fault. */
static size_t unpack(struct tarball_reader *r)
{
  ZSTD_outBuffer out = {r->out, r->out_size, 0};
  while (out.pos == 0) {
    if (r->stop && *r->stop) {
      errno = ECANCELED;
      return failed(r);
    }
    if (r->given.pos == r->given.size && !fetch(r) && (r->fault.code || !r->inside))
      return 0;
    size_t before = r->given.pos, left = ZSTD_decompressStream(r->zstd, &out, &r->given);
    if (ZSTD_isError(left))
      return damaged_zstd(r, left);
    r->inside = left != 0;
    if (r->inside && r->ended && out.pos == 0 && r->given.pos == before)
      return damaged(r, "it is cut off");
  }
  return account(r, out.pos) ? out.pos : 0;
}

static la_ssize_t give(struct archive *tar, void *arg, const void **data)
{
  struct tarball_reader *r = arg;
  *data = r->out;
  size_t n = r->fault.code ? 0 : unpack(r);
  if (!r->fault.code)
    return (la_ssize_t)n;
  archive_set_error(tar, EIO, "%s", r->fault.message);
  return ARCHIVE_FATAL;
}

/* ---- making it ------------------------------------------------------------------------------- */

static bool set_up(struct tarball_reader *r)
{
  r->out_size = ZSTD_DStreamOutSize() * 2;
  r->in = malloc(TARBALL_PIECE);
  r->out = malloc(r->out_size);
  r->zstd = ZSTD_createDCtx();
  r->digest = digest_new();
  r->tar = archive_read_new();
  return r->in && r->out && r->zstd && r->digest && r->tar &&
         !ZSTD_isError(ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax, WINDOW_LOG)) &&
         archive_read_support_format_tar(r->tar) == ARCHIVE_OK;
}

struct tarball_reader *tarball_reader_new(const struct tarball_source *source, const struct archive_limits *limits,
                                          const atomic_bool *stop)
{
  struct tarball_reader *r = calloc(1, sizeof *r);
  if (!r)
    return NULL;
  r->source = *source;
  r->limits = *limits;
  r->stop = stop;
  if (set_up(r)) {
    if (archive_read_open(r->tar, r, NULL, give, NULL) != ARCHIVE_OK)
      damaged(r, "it holds no tar");
    return r;
  }
  tarball_reader_free(r);
  return NULL;
}

void tarball_reader_free(struct tarball_reader *r)
{
  if (!r)
    return;
  archive_read_free(r->tar);
  ZSTD_freeDCtx(r->zstd);
  digest_free(r->digest);
  free(r->in);
  free(r->out);
  free(r);
}

const struct fault *tarball_fault(const struct tarball_reader *r)
{
  return r->fault.code ? &r->fault : NULL;
}

/* ---- entries --------------------------------------------------------------------------------- */

static const char *special_of(struct archive_entry *e)
{
  switch (archive_entry_filetype(e)) {
  case AE_IFCHR:
  case AE_IFBLK:
    return "a device";
  case AE_IFIFO:
    return "a pipe";
  case AE_IFSOCK:
    return "a socket";
  default:
    return "nothing that is known";
  }
}

static void read_kind(struct archive_entry *e, struct tarball_header *h)
{
  h->copies = archive_entry_hardlink(e);
  if (h->copies || archive_entry_filetype(e) == AE_IFREG) {
    h->kind = PACKED_FILE;
    h->executable = archive_entry_mode(e) & 0100;
    h->size = h->copies ? 0 : (uint64_t)archive_entry_size(e);
  } else if (archive_entry_filetype(e) == AE_IFDIR) {
    h->kind = PACKED_FOLDER;
  } else if (archive_entry_filetype(e) == AE_IFLNK) {
    h->kind = PACKED_LINK;
    h->target = archive_entry_symlink(e);
  } else {
    h->special = special_of(e);
  }
}

static bool check_limits(struct tarball_reader *r, const struct tarball_header *h)
{
  if (++r->entries > r->limits.entries)
    return over(r, "entries", r->limits.entries, "max_entries");
  if (h->size > r->limits.bytes || (r->bytes += h->size) > r->limits.bytes)
    return over(r, "bytes in files", r->limits.bytes, "max_bytes");
  return true;
}

bool tarball_next(struct tarball_reader *r, struct tarball_header *h)
{
  struct archive_entry *e;
  if (r->fault.code)
    return false;
  int result = archive_read_next_header(r->tar, &e);
  if (result == ARCHIVE_EOF)
    return false;
  if (result < ARCHIVE_WARN || result == ARCHIVE_RETRY)
    return damaged(r, r->entries == 0 ? "it holds no tar" : "its tar is damaged");
  *h = (struct tarball_header){.path = archive_entry_pathname(e)};
  read_kind(e, h);
  if (!h->path || (h->kind == PACKED_LINK && !h->target))
    return damaged(r, "an entry has no name");
  r->file_size = h->size;
  r->file_at = 0;
  r->piece_len = 0;
  return check_limits(r, h);
}

/* ---- the bytes of an entry ------------------------------------------------------------------- */

static const char zeros[4096];

/* Zeros up to where the next piece of a sparse file stands, or its end. */
static size_t give_zeros(struct tarball_reader *r, uint64_t until, const void **data)
{
  uint64_t gap = until - r->file_at;
  size_t n = gap < sizeof zeros ? (size_t)gap : sizeof zeros;
  r->file_at += n;
  r->holes += n;
  *data = zeros;
  return check_ratio(r) ? n : 0;
}

static size_t give_piece(struct tarball_reader *r, const void **data)
{
  size_t n = r->piece_len;
  if (r->piece_at > r->file_at)
    return give_zeros(r, r->piece_at, data);
  *data = r->piece;
  r->piece_len = 0;
  r->file_at += n;
  return n;
}

/* False at the entry's end, or with a fault. */
static bool next_piece(struct tarball_reader *r)
{
  const void *piece;
  la_int64_t at;
  int result = archive_read_data_block(r->tar, &piece, &r->piece_len, &at);
  if (result == ARCHIVE_EOF)
    return r->piece_len = 0, false;
  if (result != ARCHIVE_OK || at < 0 || (uint64_t)at < r->file_at || (uint64_t)at + r->piece_len > r->file_size)
    return damaged(r, "a file in it is cut off or damaged");
  r->piece = piece;
  r->piece_at = (uint64_t)at;
  return true;
}

size_t tarball_read(struct tarball_reader *r, const void **data)
{
  while (r->piece_len == 0 && !r->fault.code && r->file_at < r->file_size)
    if (!next_piece(r))
      break;
  if (r->fault.code)
    return 0;
  if (r->piece_len > 0)
    return give_piece(r, data);
  return r->file_at < r->file_size ? give_zeros(r, r->file_size, data) : 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

void tarball_close(struct tarball_reader *r, char sha256[SHA256_HEX + 1], uint64_t *size)
{
  uint64_t end = (uint64_t)archive_read_header_position(r->tar);
  while (!r->fault.code && unpack(r) > 0)
    ;
  if (!r->fault.code && r->last > end)
    damaged(r, "something stands behind its end");
  if (!r->fault.code && r->unpacked - end < END_MARK)
    damaged(r, "it is cut off");
  if (!r->fault.code && !digest_hex(r->digest, sha256)) {
    errno = ENOMEM;
    failed(r);
  }
  *size = r->size;
}

bool tarball_digest(struct tarball_reader *r, char sha256[SHA256_HEX + 1])
{
  struct fault why = r->fault;
  r->fault.code = NULL;
  while (!r->ended && !r->fault.code && !(r->stop && *r->stop))
    fetch(r);
  bool whole = r->ended && digest_hex(r->digest, sha256);
  r->fault = why;
  return whole;
}
