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
typedef unsigned char unsigned_sixteen __attribute__((vector_size(16)));

static inline sixteen load(const char *s)
{
  sixteen bytes;
  memcpy(&bytes, s, sizeof bytes);
  return bytes;
}

/* One bit for each comparison that holds. */
static inline unsigned held(sixteen truths)
{
#ifdef __SSE2__
  return (unsigned)_mm_movemask_epi8((__m128i)truths);
#else
  uint64_t halves[2];
  memcpy(halves, &truths, sizeof halves);
  for (int i = 0; i < 2; i++)
    halves[i] = (halves[i] & 0x8080808080808080u) * 0x0002040810204081u >> 56;
  return (unsigned)(halves[0] | halves[1] << 8);
#endif
}

/* Blanks, line ends and most punctuation are below '+'; bytes beyond ASCII count as such. */
static inline unsigned gaps(sixteen bytes)
{
  return held(bytes < '+');
}

/* Most of what is in no number: punctuation below '0' and letters beyond 'f'. */
static inline unsigned no_numbers(sixteen bytes)
{
  sixteen raised = (sixteen)((unsigned_sixteen)bytes + (0x7f - '/'));
  return held((bytes > 'f') | (raised > 0x7f - '/' + ' '));
}

/* Something where the same place of all four columns of four bytes has a gap. */
static inline unsigned columns(unsigned gaps)
{
  unsigned pairs = gaps & gaps >> 4;
  return pairs & pairs >> 8;
}

/* True when one of two small numbers is 0, without a branch. */
static inline unsigned one_is_zero(unsigned a, unsigned b)
{
  return ((a - 1) | (b - 1)) >> 31;
}

/* True when a place may be worth a look, without a branch: what comes is small. */
static inline unsigned may_be(unsigned gaps, unsigned no_numbers)
{
  return ((gaps - 1) | (no_numbers - 1) | (0u - columns(gaps))) >> 31;
}

static bool are_numbers(const char *s)
{
  sixteen bytes = load(s), letters = bytes | 0x20;
  return !held(~((bytes == ' ') | ((bytes >= '0') & (bytes <= ':')) | ((letters >= 'a') & (letters <= 'f'))));
}

/* Behind a blank: a character, one and its backslash, an octal byte, nothing. */
static bool is_column(const char *s)
{
  if (s[0] == ' ')
    return s[1] == ' ' || s[1] == '\\';
  return (s[0] & s[1] & s[2] & '0') == '0' && (s[0] | s[1] | s[2]) <= '7';
}

/* Columns of four as od -c writes them, that are not all blank. */
static bool are_columns(const char *s)
{
  if (!held(load(s) != ' '))
    return false;
  for (size_t i = 0; i < 4; i++)
    if (s[i] == ' ' && s[i + 4] == ' ' && s[i + 8] == ' ' && s[i + 12] == ' ' && is_column(s + i + 1) &&
        is_column(s + i + 5) && is_column(s + i + 9))
      return true;
  return false;
}

static inline bool is_text(const char *data, size_t at, size_t len)
{
  if (gaps(load(data + at)))
    return false;
  return at < MIN || at + 2 * MIN > len || one_is_zero(gaps(load(data + at - MIN)), gaps(load(data + at + MIN)));
}

static inline unsigned kinds_at(const char *data, size_t at, size_t len)
{
  return (is_text(data, at, len) ? MASK_SCAN_TEXT : 0) | (are_numbers(data + at) || are_columns(data + at) ? MASK_SCAN_DUMP : 0);
}

size_t mask_scan(const char *data, size_t at, size_t len, unsigned *kinds)
{
  for (size_t batch = BATCH_MIN; at + MIN <= len; batch = batch < BATCH ? 2 * batch : BATCH) {
    uint16_t places[BATCH];
    size_t n = 0, count = (len - at - MIN) / STEP + 1;
    count = count < batch ? count : batch;
    for (size_t i = 0; i < count; i++) {
      sixteen bytes = load(data + at + STEP * i);
      places[n] = (uint16_t)i;
      n += may_be(gaps(bytes), no_numbers(bytes));
    }
    for (size_t i = 0; i < n; i++) {
      size_t place = at + (size_t)STEP * places[i];
      *kinds = kinds_at(data, place, len);
      if (*kinds)
        return place;
    }
    at += STEP * count;
  }
  return at;
}
