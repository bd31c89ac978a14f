/* seal_write.c - seals; see seal.h.
 *
 * Chance comes from the world, as everywhere, so that a rehearsal repeats: the boxes are those of sealed_box.h, and the
 * stream's head is drawn, too. The library begins a stream by drawing one itself; but "pull" begins with one that is
 * given, to the same state. */
#include "seal_format.h"
#include "locked.h"
#include "sealed_box.h"
#include "world.h"
#include <stdlib.h>
#include <string.h>

struct keys {
  crypto_secretstream_xchacha20poly1305_state stream;
  unsigned char key[SEAL_STREAM_KEY];
  struct sealed_box_once once;
  unsigned char piece[SEAL_PIECE];  /* what came and is not sealed yet */
};

struct seal_writer {
  struct keys *keys;  /* locked */
  unsigned char start[SEAL_MAGIC_LEN + 1 + SEAL_KEYS_MAX * SEAL_SLOT + SEAL_HEAD];
  size_t start_len, held;
  bool begun;
};

static bool begin(struct seal_writer *w, struct world_random *random, const unsigned char (*keys)[SEAL_KEY],
                  size_t count)
{
  unsigned char *at = w->start + SEAL_MAGIC_LEN;
  memcpy(w->start, SEAL_MAGIC, SEAL_MAGIC_LEN);
  *at++ = (unsigned char)count;
  if (!random->fill(random, w->keys->key, sizeof w->keys->key))
    return false;
  for (size_t i = 0; i < count; i++, at += SEAL_SLOT) {
    memcpy(at, keys[i], SEAL_KEY);
    if (!sealed_box_seal(&w->keys->once, random, keys[i], w->keys->key, SEAL_STREAM_KEY, at + SEAL_KEY))
      return false;
  }
  w->start_len = seal_start_len(count);
  return random->fill(random, at, SEAL_HEAD) &&
         crypto_secretstream_xchacha20poly1305_init_pull(&w->keys->stream, at, w->keys->key) == 0;
}

struct seal_writer *seal_writer_new(struct world_random *random, const unsigned char (*keys)[SEAL_KEY], size_t count)
{
  struct seal_writer *w = sodium_init() >= 0 ? calloc(1, sizeof *w) : NULL;
  if (!w)
    return NULL;
  w->keys = locked_alloc(sizeof *w->keys);
  if (w->keys && count >= 1 && count <= SEAL_KEYS_MAX && begin(w, random, keys, count))
    return w;
  seal_writer_free(w);
  return NULL;
}

void seal_writer_free(struct seal_writer *w)
{
  if (w)
    locked_free(w->keys, sizeof *w->keys);
  free(w);
}

/* Seals the piece that is held. */
static bool seal_piece(struct seal_writer *w, unsigned char tag, struct buf *out)
{
  unsigned char sealed[SEAL_PIECE + SEAL_EXTRA];
  const unsigned char *before = w->begun ? NULL : w->start;
  size_t before_len = w->begun ? 0 : w->start_len;
  crypto_secretstream_xchacha20poly1305_push(&w->keys->stream, sealed, NULL, w->keys->piece, w->held, before,
                                             before_len, tag);
  buf_add(out, before, before_len);
  buf_add(out, sealed, w->held + SEAL_EXTRA);
  w->begun = true;
  w->held = 0;
  return buf_ok(out);
}

bool seal_writer_feed(struct seal_writer *w, const void *data, size_t len, struct buf *out)
{
  const unsigned char *from = data;
  while (len > 0) {
    size_t n = SEAL_PIECE - w->held < len ? SEAL_PIECE - w->held : len;
    memcpy(w->keys->piece + w->held, from, n);
    w->held += n;
    from += n;
    len -= n;
    if (w->held == SEAL_PIECE && !seal_piece(w, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE, out))
      return false;
  }
  return true;
}

bool seal_writer_end(struct seal_writer *w, struct buf *out)
{
  return seal_piece(w, crypto_secretstream_xchacha20poly1305_TAG_FINAL, out);
}
