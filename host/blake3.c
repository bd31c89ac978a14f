/* blake3.c - BLAKE3 as its specification describes it, in portable C; see blake3.h.
 *
 * The input is cut into chunks of 1 KiB, the leaves of a binary tree whose left subtrees are complete. A node is
 * compressed block by block into a chaining value of eight words, and that of the root, marked as such, is the hash.
 *
 * Invariants: 1. a block is compressed only when more input follows it, as the last one of all carries the mark.
 *             2. `subtrees` has one entry for every bit that is set in the number of finished chunks. */
#include "blake3.h"
#include <string.h>

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };
enum { CHUNK_BLOCKS = 16, ROUNDS = 7 };

static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Which word of the block each round takes where: the permutation of the specification, applied again and again. */
static const unsigned char schedule[ROUNDS][16] = {
  {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
  {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
  {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
  {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
  {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
  {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* ---- one node ------------------------------------------------------------------------------ */

/* What a node is compressed of; its chaining value is taken, or, of the root, the hash. */
struct node {
  uint32_t cv[8];
  unsigned char block[BLAKE3_BLOCK];
  uint64_t counter;
  uint32_t len, flags;
};

static uint32_t word_at(const unsigned char *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_word(unsigned char *p, uint32_t word)
{
  for (int i = 0; i < 4; i++)
    p[i] = (unsigned char)(word >> 8 * i);
}

static uint32_t rotate(uint32_t word, int bits)
{
  return word >> bits | word << (32 - bits);
}

static inline void quarter(uint32_t v[16], int a, int b, int c, int d, uint32_t x, uint32_t y)
{
  v[a] += v[b] + x;
  v[d] = rotate(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = rotate(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = rotate(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = rotate(v[b] ^ v[c], 7);
}

static inline void mix_round(uint32_t v[16], const uint32_t m[16], const unsigned char *s)
{
  quarter(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
  quarter(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
  quarter(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
  quarter(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
  quarter(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
  quarter(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
  quarter(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
  quarter(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/* The chaining value of a block behind another one's; `to` may be `cv`. */
static void compress(const uint32_t cv[8], const unsigned char *block, uint32_t len, uint64_t counter, uint32_t flags,
                     uint32_t to[8])
{
  uint32_t v[16], m[16];
  for (int i = 0; i < 16; i++)
    m[i] = word_at(block + 4 * i);
  memcpy(v, cv, 8 * sizeof *v);
  memcpy(v + 8, iv, 4 * sizeof *v);
  v[12] = (uint32_t)counter;
  v[13] = (uint32_t)(counter >> 32);
  v[14] = len;
  v[15] = flags;
  for (int i = 0; i < ROUNDS; i++)
    mix_round(v, m, schedule[i]);
  for (int i = 0; i < 8; i++)
    to[i] = v[i] ^ v[i + 8];
}

static void node_value(const struct node *n, uint32_t to[8])
{
  compress(n->cv, n->block, n->len, n->counter, n->flags, to);
}

static struct node parent_of(const uint32_t left[8], const uint32_t right[8])
{
  struct node n = {.len = BLAKE3_BLOCK, .flags = PARENT};
  memcpy(n.cv, iv, sizeof n.cv);
  for (int i = 0; i < 8; i++) {
    put_word(n.block + 4 * i, left[i]);
    put_word(n.block + 32 + 4 * i, right[i]);
  }
  return n;
}

/* ---- the chunk that is being filled ----------------------------------------------------------- */

static void begin_chunk(struct blake3 *b, uint64_t number)
{
  memcpy(b->cv, iv, sizeof b->cv);
  b->chunk = number;
  b->block_len = b->blocks = 0;
}

static uint32_t start_flag(const struct blake3 *b)
{
  return b->blocks == 0 ? CHUNK_START : 0;
}

/* The chunk as a node: its last block, filled up with zeros. */
static struct node chunk_node(const struct blake3 *b)
{
  struct node n = {.counter = b->chunk, .len = b->block_len, .flags = start_flag(b) | CHUNK_END};
  memcpy(n.cv, b->cv, sizeof n.cv);
  memcpy(n.block, b->block, b->block_len);
  return n;
}

/* Puts a finished chunk into the tree: it completes as many subtrees as its number, counted from one, has zero
 * bits at the end. */
static void end_chunk(struct blake3 *b)
{
  uint32_t value[8];
  struct node n = chunk_node(b);
  node_value(&n, value);
  for (uint64_t count = b->chunk + 1; count % 2 == 0; count /= 2) {
    n = parent_of(b->subtrees[--b->depth], value);
    node_value(&n, value);
  }
  memcpy(b->subtrees[b->depth++], value, sizeof value);
  begin_chunk(b, b->chunk + 1);
}

static void end_block(struct blake3 *b)
{
  if (b->blocks == CHUNK_BLOCKS - 1) {
    end_chunk(b);
    return;
  }
  compress(b->cv, b->block, BLAKE3_BLOCK, b->chunk, start_flag(b), b->cv);
  b->blocks++;
  b->block_len = 0;
}

/* ---- hashing ---------------------------------------------------------------------------------- */

void blake3_begin(struct blake3 *b)
{
  b->depth = 0;
  begin_chunk(b, 0);
}

void blake3_add(struct blake3 *b, const void *data, size_t len)
{
  const unsigned char *from = data;
  while (len > 0) {
    if (b->block_len == BLAKE3_BLOCK)
      end_block(b);
    size_t room = BLAKE3_BLOCK - b->block_len, n = len < room ? len : room;
    memcpy(b->block + b->block_len, from, n);
    b->block_len += (unsigned)n;
    from += n;
    len -= n;
  }
}

void blake3_end(const struct blake3 *b, unsigned char hash[BLAKE3_BYTES])
{
  uint32_t value[8];
  struct node n = chunk_node(b);
  for (unsigned i = b->depth; i > 0; i--) {
    node_value(&n, value);
    n = parent_of(b->subtrees[i - 1], value);
  }
  n.counter = 0;
  n.flags |= ROOT;
  node_value(&n, value);
  for (int i = 0; i < 8; i++)
    put_word(hash + 4 * i, value[i]);
}
