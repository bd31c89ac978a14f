/* mask_scan.c - says fast where a line may be worth a look; see mask_scan.h.
 *
 * The first tests are done for many places without a branch: a processor guesses wrong at every
 * tenth, and that costs more than the tests. */
#include "mask_scan.h"
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BATCH_MIN = 8, BATCH = 128, MIN = MASK_SCAN_MIN, STEP = MASK_SCAN_STEP };

typedef signed char sixteen __attribute__((vector_size(16)));

static inline sixteen load(const char *s)
{
  sixteen bytes;
  memcpy(&bytes, s, sizeof bytes);
  return bytes;
}

/* Of a comparison's result. */
static inline bool any(sixteen truths)
{
#ifdef __SSE2__
  return _mm_movemask_epi8((__m128i)truths) != 0;
#else
  uint64_t halves[2];
  memcpy(halves, &truths, sizeof halves);
  return (halves[0] | halves[1]) != 0;
#endif
}

/* Blanks, line ends and most punctuation are below '+'; bytes beyond ASCII count as such. */
static inline bool has_gap(const char *s)
{
  return any(load(s) < '+');
}

static bool are_numbers(const char *s)
{
  sixteen bytes = load(s), letters = bytes | 0x20;
  return !any(~((bytes == ' ') | ((bytes >= '0') & (bytes <= ':')) | ((letters >= 'a') & (letters <= 'f'))));
}

/* What remains of the kinds that a place may be of. */
static unsigned kinds_at(const char *data, size_t at, size_t len, unsigned kinds)
{
  const char *s = data + at;
  if (kinds & MASK_SCAN_TEXT && at >= MIN && has_gap(s - MIN) && (at + 2 * MIN > len || has_gap(s + MIN)))
    kinds &= ~(unsigned)MASK_SCAN_TEXT;
  if (kinds & MASK_SCAN_NUMBERS && !are_numbers(s))
    kinds &= ~(unsigned)MASK_SCAN_NUMBERS;
  return kinds;
}

/* The kinds stand in the bits of a place that are always zero. */
size_t mask_scan(const char *data, size_t at, size_t len, unsigned *kinds)
{
  for (size_t batch = BATCH_MIN; at + MIN <= len; batch = batch < BATCH ? 2 * batch : BATCH) {
    uint16_t places[BATCH];
    size_t n = 0, count = (len - at - MIN) / STEP + 1;
    count = count < batch ? count : batch;
    for (size_t i = 0; i < count; i++) {
      sixteen bytes = load(data + at + STEP * i);
      unsigned maybe = (unsigned)!any(bytes < '+') | (unsigned)!any(bytes > 'f') << 1;
      places[n] = (uint16_t)(STEP * i | maybe);
      n += maybe != 0;
    }
    for (size_t i = 0; i < n; i++) {
      size_t place = at + places[i] / STEP * STEP;
      *kinds = kinds_at(data, place, len, places[i] % STEP);
      if (*kinds)
        return place;
    }
    at += STEP * count;
  }
  return at;
}
