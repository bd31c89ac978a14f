/* seal.h - sealed bytes: made for the holders of some private keys, and of use to nobody else. Knows nothing of
 * Lua, nor of files.
 *
 * What is sealed is
 *     "davit sealed 1\n", one byte: how many keys there are
 *     for each its public key, and the stream's own key sealed for it (crypto_box_seal)
 *     the head of a crypto_secretstream
 *     pieces of SEAL_PIECE bytes and SEAL_EXTRA of its own each; the last one is shorter and marked as the last.
 * The first piece authenticates everything before it, each piece itself and its place: bytes that were changed,
 * moved, cut off or added are noticed. Both sides keep one piece in memory, and their keys in locked memory. */
#ifndef SEAL_H
#define SEAL_H
#include "buf.h"
#include <stdbool.h>
#include <stddef.h>

struct world_random;

enum {
  SEAL_KEY = 32,
  SEAL_KEYS_MAX = 16,          /* public keys that one thing is sealed for */
  SEAL_PIECE = 64 << 10,
  SEAL_EXTRA = 17,
};

/* The public key that belongs to a private one. False: it is none. */
bool seal_public_key(const unsigned char *private, unsigned char public[SEAL_KEY]);

/* ---- keys as people see them ------------------------------------------------------------ */

#define SEAL_PUBLIC "davit-public-"
#define SEAL_PRIVATE "davit-private-"
enum { SEAL_TEXT = 64 };  /* room for either, with its NUL */

void seal_write_key(const char *prefix, const unsigned char key[SEAL_KEY], char text[SEAL_TEXT]);
/* Blanks around it are fine. False: it is no such key. */
bool seal_read_key(const char *prefix, const char *text, size_t len, unsigned char key[SEAL_KEY]);

/* ---- sealing ------------------------------------------------------------------------------ */

struct seal_writer;

/* Begins, for 1 to SEAL_KEYS_MAX public keys; NULL: no memory, or no chance. */
struct seal_writer *seal_writer_new(struct world_random *random, const unsigned char (*keys)[SEAL_KEY], size_t count);
/* Appends what is sealed by now to out. */
bool seal_writer_feed(struct seal_writer *w, const void *data, size_t len, struct buf *out);
/* Appends the rest: nothing comes after it. */
bool seal_writer_end(struct seal_writer *w, struct buf *out);
void seal_writer_free(struct seal_writer *w);

/* ---- opening ------------------------------------------------------------------------------ */

enum seal_result {
  SEAL_OK,
  SEAL_NO_SEAL,    /* it begins as nothing that was sealed */
  SEAL_NOT_OURS,   /* it is for other keys: seal_reader_keys() */
  SEAL_DAMAGED,    /* it was changed, or something stands behind its end */
  SEAL_CUT,        /* its end is missing */
  SEAL_NO_MEMORY,
};

struct seal_reader;

/* NULL: no memory. */
struct seal_reader *seal_reader_new(const unsigned char private[SEAL_KEY]);
/* Appends what is authentic by now. That all of it came is known when seal_reader_end() says so. */
enum seal_result seal_reader_feed(struct seal_reader *r, const void *data, size_t len, struct buf *out);
enum seal_result seal_reader_end(struct seal_reader *r, struct buf *out);
/* The public keys that it was sealed for, once that was read; else 0. */
size_t seal_reader_keys(const struct seal_reader *r, const unsigned char **keys);
void seal_reader_free(struct seal_reader *r);
#endif
