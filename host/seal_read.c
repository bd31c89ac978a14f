/* seal_read.c - opens what was sealed; see seal.h.
 *
 * What comes is held until it is a whole piece: the start first, whose length its number of keys tells. A piece
 * of full length is never the last one, and the last one is known at the end only. */
#include "seal_format.h"
#include "locked.h"
#include <stdlib.h>
#include <string.h>

struct opened {
  crypto_secretstream_xchacha20poly1305_state stream;
  unsigned char private[SEAL_KEY], public[SEAL_KEY], key[SEAL_STREAM_KEY];
  unsigned char piece[SEAL_PIECE];
};

struct seal_reader {
  struct opened *keys;  /* locked */
  unsigned char start[SEAL_MAGIC_LEN + 1 + SEAL_KEYS_MAX * SEAL_SLOT + SEAL_HEAD];
  unsigned char public[SEAL_KEYS_MAX * SEAL_KEY];
  unsigned char held[SEAL_PIECE + SEAL_EXTRA];
  size_t start_len, start_wanted, count, held_len;
  bool first;           /* the next piece is the first */
};

struct seal_reader *seal_reader_new(const unsigned char private[SEAL_KEY])
{
  struct seal_reader *r = sodium_init() >= 0 ? calloc(1, sizeof *r) : NULL;
  if (!r)
    return NULL;
  r->keys = locked_alloc(sizeof *r->keys);
  if (!r->keys) {
    seal_reader_free(r);
    return NULL;
  }
  memcpy(r->keys->private, private, SEAL_KEY);
  r->start_wanted = SEAL_MAGIC_LEN + 1;
  r->first = true;
  return r;
}

void seal_reader_free(struct seal_reader *r)
{
  if (r)
    locked_free(r->keys, sizeof *r->keys);
  free(r);
}

size_t seal_reader_keys(const struct seal_reader *r, const unsigned char **keys)
{
  *keys = r->public;
  return r->count;
}

/* ---- the start ----------------------------------------------------------------------------- */

/* The beginning alone, which says how much more there is. */
static enum seal_result read_count(struct seal_reader *r)
{
  size_t count = r->start[SEAL_MAGIC_LEN];
  if (memcmp(r->start, SEAL_MAGIC, SEAL_MAGIC_LEN) != 0)
    return SEAL_NO_SEAL;
  if (count < 1 || count > SEAL_KEYS_MAX)
    return SEAL_DAMAGED;
  r->start_wanted = seal_start_len(count);
  return SEAL_OK;
}

static enum seal_result open_stream(struct seal_reader *r)
{
  const unsigned char *slot = r->start + SEAL_MAGIC_LEN + 1, *ours = NULL;
  size_t count = r->start[SEAL_MAGIC_LEN];
  struct opened *k = r->keys;
  if (!seal_public_key(k->private, k->public))
    return SEAL_NOT_OURS;
  for (size_t i = 0; i < count; i++, slot += SEAL_SLOT) {
    memcpy(r->public + i * SEAL_KEY, slot, SEAL_KEY);
    if (memcmp(slot, k->public, SEAL_KEY) == 0)
      ours = slot;
  }
  r->count = count;
  if (!ours)
    return SEAL_NOT_OURS;
  if (crypto_box_seal_open(k->key, ours + SEAL_KEY, SEAL_BOX, k->public, k->private) != 0 ||
      crypto_secretstream_xchacha20poly1305_init_pull(&k->stream, slot, k->key) != 0)
    return SEAL_DAMAGED;
  return SEAL_OK;
}

/* Takes of the data what the start still wants; moves both on. */
static enum seal_result take_start(struct seal_reader *r, const unsigned char **data, size_t *len)
{
  while (r->start_len < r->start_wanted && *len > 0) {
    size_t n = r->start_wanted - r->start_len < *len ? r->start_wanted - r->start_len : *len;
    memcpy(r->start + r->start_len, *data, n);
    r->start_len += n;
    *data += n;
    *len -= n;
    if (r->start_len < r->start_wanted)
      break;
    enum seal_result result = r->start_len == SEAL_MAGIC_LEN + 1 ? read_count(r) : open_stream(r);
    if (result != SEAL_OK)
      return result;
  }
  return SEAL_OK;
}

/* ---- the pieces ------------------------------------------------------------------------------ */

static enum seal_result open_piece(struct seal_reader *r, bool last, struct buf *out)
{
  unsigned char tag;
  unsigned long long len;
  int wrong = crypto_secretstream_xchacha20poly1305_pull(&r->keys->stream, r->keys->piece, &len, &tag, r->held,
                                                         r->held_len, r->first ? r->start : NULL,
                                                         r->first ? r->start_len : 0);
  if (wrong)
    return SEAL_DAMAGED;
  if ((tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL) != last)
    return last ? SEAL_CUT : SEAL_DAMAGED;
  buf_add(out, r->keys->piece, (size_t)len);
  r->first = false;
  r->held_len = 0;
  return buf_ok(out) ? SEAL_OK : SEAL_NO_MEMORY;
}

enum seal_result seal_reader_feed(struct seal_reader *r, const void *data, size_t len, struct buf *out)
{
  const unsigned char *from = data;
  enum seal_result result = take_start(r, &from, &len);
  while (result == SEAL_OK && len > 0) {
    size_t room = sizeof r->held - r->held_len, n = room < len ? room : len;
    memcpy(r->held + r->held_len, from, n);
    r->held_len += n;
    from += n;
    len -= n;
    if (r->held_len == sizeof r->held)
      result = open_piece(r, false, out);
  }
  return result;
}

enum seal_result seal_reader_end(struct seal_reader *r, struct buf *out)
{
  if (r->start_len < SEAL_MAGIC_LEN && memcmp(r->start, SEAL_MAGIC, r->start_len) != 0)
    return SEAL_NO_SEAL;
  if (r->start_len == 0)
    return SEAL_NO_SEAL;
  if (r->count == 0 || r->held_len < SEAL_EXTRA)
    return SEAL_CUT;
  /* A piece that was cut is not authentic: then nobody can tell whether it was changed as well. */
  enum seal_result result = open_piece(r, true, out);
  return result == SEAL_DAMAGED ? SEAL_CUT : result;
}
