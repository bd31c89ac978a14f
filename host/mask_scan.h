/* mask_scan.h - says fast where in a text there may be a line of one alphabet, or of a dump's numbers or characters.
 *
 * Either has sixteen bytes of its kind behind one of any 32 places, so only every 32nd is looked at;
 * ordinary text has a blank or a letter beyond 'f' nearly everywhere. */
#ifndef MASK_SCAN_H
#define MASK_SCAN_H
#include <stdbool.h>
#include <stddef.h>

enum {
  MASK_LINE_MIN = 48,  /* characters of a line that is looked for */
  MASK_SCAN_MIN = 16,  /* bytes that are read at a place */
  MASK_SCAN_STEP = 32
};

enum mask_scan_kind {
  MASK_SCAN_TEXT = 1,     /* nothing below '+' here, nor on one side of it */
  MASK_SCAN_DUMP = 2,  /* digits of any base, blanks and colons; or columns of four that begin with a blank */
};

/* The first such place from `at` on, and its kinds; beyond len - MASK_SCAN_MIN there is none. */
size_t mask_scan(const char *data, size_t at, size_t len, unsigned *kinds);
#endif
