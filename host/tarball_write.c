/* tarball_write.c - writes tar in zstd; see tarball.h.
 *
 * Everything that could differ between two machines is given: owners 0 without names, one time for all, two
 * modes, and the locale "C", in which libarchive takes names for bytes. A pax header is there only where ustar
 * cannot say it: for names that are long or not ASCII, and large files. zstd
 * cuts its work into jobs by sizes alone, so the number of threads does not show, as long as there is one
 * beside the caller's. Its own checksum is left out: whoever reads the archive has its SHA-256. */
#include "tarball.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zstd.h>

enum { SAME_TIME = 315532800 /* 1980-01-01, which zip and tar both take */ };

struct tarball_writer {
  struct tarball_sink sink;
  struct archive *tar;
  struct archive_entry *entry;
  ZSTD_CCtx *zstd;
  struct digest *digest;
  uint64_t size;
  void *out;
  size_t out_size;
  bool failed;  /* with errno: libarchive asks no more */
};

/* libarchive's writer of tar calls it for kinds of entries that no tar holds; ours are files, folders and links. In the
 * static library it stands beside a table of all formats, whose libraries every start would load: with one of our own
 * none of that is linked. */
void __archive_write_entry_filetype_unsupported(struct archive *tar, struct archive_entry *entry, const char *format);
void __archive_write_entry_filetype_unsupported(struct archive *tar, struct archive_entry *entry, const char *format)
{
  archive_set_error(tar, EINVAL, "%s cannot hold this kind of entry", format);
}

/* ---- zstd, and what comes of it -------------------------------------------------------------- */

static bool put_out(struct tarball_writer *w, size_t len)
{
  if (len == 0)
    return true;
  w->size += len;
  return digest_add(w->digest, w->out, len) && w->sink.write(w->sink.arg, w->out, len);
}

/* Compresses some of it. *left: at the end, how much is inside still. */
static bool compress(struct tarball_writer *w, ZSTD_inBuffer *in, ZSTD_EndDirective end, size_t *left)
{
  ZSTD_outBuffer out = {w->out, w->out_size, 0};
  *left = ZSTD_compressStream2(w->zstd, &out, in, end);
  if (!ZSTD_isError(*left))
    return put_out(w, out.pos);
  errno = ENOMEM;
  return false;
}

static bool put_in(struct tarball_writer *w, const void *data, size_t len)
{
  ZSTD_inBuffer in = {data, len, 0};
  size_t left;
  while (in.pos < in.size)
    if (!compress(w, &in, ZSTD_e_continue, &left))
      return false;
  return true;
}

static bool put_end(struct tarball_writer *w)
{
  ZSTD_inBuffer in = {NULL, 0, 0};
  size_t left;
  do
    if (!compress(w, &in, ZSTD_e_end, &left))
      return false;
  while (left > 0);
  return true;
}

static la_ssize_t take(struct archive *tar, void *arg, const void *data, size_t len)
{
  struct tarball_writer *w = arg;
  (void)tar;
  if (!w->failed)
    w->failed = !put_in(w, data, len);
  return w->failed ? -1 : (la_ssize_t)len;
}

/* ---- making it ------------------------------------------------------------------------------- */

static bool set(ZSTD_CCtx *zstd, ZSTD_cParameter what, int value)
{
  return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, what, value));
}

static bool set_up_zstd(struct tarball_writer *w, int level, int threads)
{
  w->zstd = ZSTD_createCCtx();
  w->out_size = ZSTD_CStreamOutSize();
  w->out = malloc(w->out_size);
  return w->zstd && w->out && set(w->zstd, ZSTD_c_compressionLevel, level) &&
         set(w->zstd, ZSTD_c_nbWorkers, threads);
}

bool tarball_enter_locale(struct tarball_locale *l)
{
  l->own = newlocale(LC_ALL_MASK, "C", NULL);
  l->before = l->own ? uselocale(l->own) : NULL;
  return l->own != NULL;
}

void tarball_leave_locale(struct tarball_locale *l)
{
  uselocale(l->before);
  freelocale(l->own);
}

static bool set_up_tar(struct tarball_writer *w)
{
  w->tar = archive_write_new();
  w->entry = archive_entry_new();
  return w->tar && w->entry && archive_write_set_format_pax_restricted(w->tar) == ARCHIVE_OK &&
         archive_write_set_bytes_per_block(w->tar, 0) == ARCHIVE_OK &&
         archive_write_open(w->tar, w, NULL, take, NULL) == ARCHIVE_OK;
}

struct tarball_writer *tarball_writer_new(const struct tarball_sink *sink, int level, int threads)
{
  struct tarball_writer *w = calloc(1, sizeof *w);
  if (!w)
    return NULL;
  w->sink = *sink;
  w->digest = digest_new();
  if (w->digest && set_up_zstd(w, level, threads) && set_up_tar(w))
    return w;
  tarball_writer_free(w);
  errno = ENOMEM;
  return NULL;
}

void tarball_writer_free(struct tarball_writer *w)
{
  if (!w)
    return;
  w->failed = true;  /* libarchive would write the end */
  archive_write_free(w->tar);
  archive_entry_free(w->entry);
  ZSTD_freeCCtx(w->zstd);
  digest_free(w->digest);
  free(w->out);
  free(w);
}

/* ---- entries --------------------------------------------------------------------------------- */

/* What libarchive itself refuses has no errno. */
static bool succeeded(struct tarball_writer *w, bool ok)
{
  if (!ok && !w->failed)
    errno = EINVAL;
  return ok;
}

bool tarball_entry(struct tarball_writer *w, const struct packed_entry *e)
{
  struct archive_entry *a = archive_entry_clear(w->entry);
  static const mode_t types[] = {[PACKED_FILE] = S_IFREG, [PACKED_FOLDER] = S_IFDIR, [PACKED_LINK] = S_IFLNK};
  archive_entry_set_pathname(a, e->path);
  archive_entry_set_mode(a, types[e->kind] | (e->kind == PACKED_FILE && !e->executable ? 0644 : 0755));
  archive_entry_set_size(a, e->kind == PACKED_FILE ? (la_int64_t)e->size : 0);
  archive_entry_set_mtime(a, SAME_TIME, 0);
  if (e->target)
    archive_entry_set_symlink(a, e->target);
  return succeeded(w, archive_write_header(w->tar, a) >= ARCHIVE_WARN);
}

bool tarball_data(struct tarball_writer *w, const void *data, size_t len)
{
  return succeeded(w, archive_write_data(w->tar, data, len) == (la_ssize_t)len);
}

bool tarball_finish(struct tarball_writer *w, char sha256[SHA256_HEX + 1], uint64_t *size)
{
  bool whole = succeeded(w, archive_write_close(w->tar) == ARCHIVE_OK) && put_end(w) &&
               digest_hex(w->digest, sha256);
  *size = w->size;
  return whole;
}
