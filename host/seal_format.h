/* seal_format.h - what sealing (seal_write.c) and opening (seal_read.c) share: the beginning of what is sealed. */
#ifndef SEAL_FORMAT_H
#define SEAL_FORMAT_H
#include "seal.h"
#include <sodium.h>

#define SEAL_MAGIC "davit sealed 1\n"

enum {
  SEAL_MAGIC_LEN = sizeof SEAL_MAGIC - 1,
  SEAL_STREAM_KEY = crypto_secretstream_xchacha20poly1305_KEYBYTES,
  SEAL_BOX = SEAL_STREAM_KEY + crypto_box_SEALBYTES,
  SEAL_SLOT = SEAL_KEY + SEAL_BOX,                 /* of one key: itself, and the stream's key sealed for it */
  SEAL_HEAD = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
};

_Static_assert(SEAL_KEY == crypto_box_PUBLICKEYBYTES && SEAL_KEY == crypto_box_SECRETKEYBYTES, "keys are crypto_box's");
_Static_assert(SEAL_EXTRA == crypto_secretstream_xchacha20poly1305_ABYTES, "pieces are crypto_secretstream's");

/* Bytes before the pieces. */
static inline size_t seal_start_len(size_t keys)
{
  return SEAL_MAGIC_LEN + 1 + keys * SEAL_SLOT + SEAL_HEAD;
}
#endif
