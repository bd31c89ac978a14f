/* mask_filter.c - the filter before the automaton; see mask_filter.h.
 *
 * The shortest piece decides: with m bytes and grams of q there are m - q + 1 places. Longer grams meet
 * ordinary text more seldom, shorter ones allow a wider stride. */
#include "mask_filter.h"
#include "locked.h"
#include <endian.h>
#include <string.h>

enum {
  SHORTEST_COUNTS = 32,  /* a wider stride gains nothing, and what follows the last look-up costs */
  BITS_A_GRAM = 24, BITS_AT_LEAST = 8,
  NEAR_WORDS = 16,       /* logarithm: half a megabyte is near to a processor, and better fuller than larger */
  BITS_A_HEAD = 32,
  FEW = 4096,            /* pieces: their grams may be shorter */
};

/* The two bits of a gram in its word; the hash has 32 bits at least. */
static unsigned in_word(uint64_t word, uint64_t hash)
{
  return (unsigned)(word >> (hash >> 39 & 63)) & (word >> (hash >> 33 & 63)) & 1;
}

/* 1 when the gram at a place may be one of a piece's. */
static unsigned probe(const struct mask_filter *f, const char *at)
{
  uint64_t gram;
  memcpy(&gram, at, sizeof gram);
  uint64_t hash = le64toh(gram) * f->factor;
  return in_word(f->words[hash >> f->shift], hash);
}

static unsigned gram_size(size_t shortest, size_t pieces)
{
  unsigned gram = pieces < FEW ? 5 : 7;
  size_t longest = shortest < 7 ? 4 : shortest < 10 ? 5 : shortest < 14 ? 6 : 7;
  gram = gram < longest ? gram : (unsigned)longest;
  return gram < shortest ? gram : (unsigned)shortest;
}

/* How many bits of a hash choose one of enough words. */
static unsigned log_words(size_t bits, unsigned least, unsigned most)
{
  unsigned log = least;
  while (log < most && ((size_t)64 << log) < bits)
    log++;
  return log;
}

static void insert(struct mask_filter *f, const char *text, size_t size)
{
  uint64_t gram = 0;
  memcpy(&gram, text, size);
  uint64_t hash = le64toh(gram) * f->factor;
  f->words[hash >> f->shift] |= (uint64_t)1 << (hash >> 39 & 63) | (uint64_t)1 << (hash >> 33 & 63);
}

/* The number of a head's bit. */
static uint32_t head_bit(const struct mask_filter *f, const char *at)
{
  uint32_t head;
  memcpy(&head, at, sizeof head);
  return head * 0x9e3779b1u >> f->head_shift;
}

static void insert_head(struct mask_filter *f, const char *text)
{
  uint32_t bit = head_bit(f, text);
  f->heads[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static bool reserve(struct mask_filter *f, size_t pieces)
{
  size_t grams = pieces * f->stride;
  unsigned words = log_words(grams * BITS_AT_LEAST, log_words(grams * BITS_A_GRAM, 9, NEAR_WORDS), 19);
  unsigned heads = log_words(pieces * BITS_A_HEAD, 7, 14);
  f->shift = 64 - words;
  f->head_shift = 32 - 6 - heads;
  f->count = ((size_t)1 << words) + ((size_t)1 << heads);
  f->words = locked_alloc(f->count * sizeof *f->words);
  f->heads = f->words ? f->words + ((size_t)1 << words) : NULL;
  return f->words;
}

bool mask_filter_build(struct mask_filter *f, const struct mask_piece *pieces, size_t n)
{
  size_t shortest = SHORTEST_COUNTS;
  for (size_t i = 0; i < n; i++)
    shortest = pieces[i].len < shortest ? pieces[i].len : shortest;
  unsigned gram = gram_size(shortest, n);
  /* The product's bits above 8 * gram depend on all of the gram's bytes and on no other. */
  *f = (struct mask_filter){.stride = (unsigned)shortest - gram + 1, .headless = shortest < MASK_HEAD,
                            .factor = 0x9e3779b97f4a7c15u << (64 - 8 * gram)};
  if (!reserve(f, n))
    return false;
  for (size_t i = 0; i < n; i++) {
    for (unsigned k = 0; k < f->stride; k++)
      insert(f, pieces[i].text + k, gram);
    if (!f->headless)
      insert_head(f, pieces[i].text);
  }
  return true;
}

void mask_filter_free(struct mask_filter *f)
{
  locked_free(f->words, f->count * sizeof *f->words);
  *f = (struct mask_filter){0};
}

/* Where a gram of a piece is there is another one beside it, unless the stride is one. */
static bool confirmed(const struct mask_filter *f, const char *data, size_t at, size_t len)
{
  if (f->stride == 1 || at == 0 || at + 1 + MASK_GRAM_LOAD > len)
    return true;
  return probe(f, data + at - 1) || probe(f, data + at + 1);
}

size_t mask_filter_next(const struct mask_filter *f, const char *data, size_t at, size_t len, bool *hit)
{
  enum { AT_ONCE = 4 };
  const size_t stride = f->stride;
  *hit = false;
  for (; at + (AT_ONCE - 1) * stride + MASK_GRAM_LOAD <= len; at += AT_ONCE * stride) {
    const char *p = data + at;
    unsigned any = probe(f, p) | probe(f, p + stride) | probe(f, p + 2 * stride) | probe(f, p + 3 * stride);
    for (size_t t = at; any && t < at + AT_ONCE * stride; t += stride)
      if (probe(f, data + t) && confirmed(f, data, t, len)) {
        *hit = true;
        return t;
      }
  }
  for (; at + MASK_GRAM_LOAD <= len; at += stride)
    if (probe(f, data + at)) {
      *hit = true;
      return at;
    }
  return at;
}

size_t mask_filter_begin(const struct mask_filter *f, const char *data, size_t at, size_t end, size_t len)
{
  if (f->headless)
    return at;
  for (; at < end && at + MASK_HEAD <= len; at++) {
    uint32_t bit = head_bit(f, data + at);
    if (f->heads[bit / 64] >> (bit % 64) & 1)
      break;
  }
  return at;
}
