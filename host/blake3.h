/* blake3.h - the BLAKE3 hash of bytes that come one after the other. Knows nothing of Lua. */
#ifndef BLAKE3_H
#define BLAKE3_H
#include <stddef.h>
#include <stdint.h>

enum { BLAKE3_BYTES = 32, BLAKE3_BLOCK = 64, BLAKE3_DEPTH = 54 };

/* What has been hashed so far; it holds no memory of its own. The fields are blake3.c's. */
struct blake3 {
  uint32_t cv[8];                       /* of the chunk that is being filled */
  uint64_t chunk;                       /* its number */
  unsigned char block[BLAKE3_BLOCK];    /* its last block, not yet compressed */
  unsigned block_len, blocks;           /* bytes in that; blocks compressed before */
  uint32_t subtrees[BLAKE3_DEPTH][8];   /* complete ones to the left, the largest first */
  unsigned depth;
};

void blake3_begin(struct blake3 *b);
void blake3_add(struct blake3 *b, const void *data, size_t len);
/* Writes the hash of all that was added; more may be added afterwards. */
void blake3_end(const struct blake3 *b, unsigned char hash[BLAKE3_BYTES]);
#endif
