/* mask_forms.h - the forms that a secret takes in output. Knows nothing of Lua.
 *
 * A value of 8 bytes and more is looked for in every encoding, a shorter one as a whole only.
 * What is read out of a value (mask_derive.h) and the long lines of one with several are
 * looked for like values of their own. White space around a value is no part of it: what is
 * left without it (text_trim() of mask_text.h) is the first of its forms.
 *
 * How much a value may cost is bounded: one beyond MASK_SMALL is looked for in no rare encoding, one
 * beyond MASK_LARGE as it is, in JSON, percent-encoded and in base64 only; its lines, which are many, so
 * from half of that on, and beyond MASK_HUGE as they are. */
#ifndef MASK_FORMS_H
#define MASK_FORMS_H
#include <stdbool.h>
#include <stddef.h>

enum {
  MASK_MIN = 4,        /* a shorter value would black out ordinary text */
  MASK_FULL = 8,       /* from here on also parts of a value: lines, the inside of base64 */
  MASK_SMALL = 1024,
  MASK_LARGE = 8192,
  MASK_HUGE = 65536,
  MASK_MAX = 1 << 20,  /* bounds what one value may cost */
};

/* False: stop, memory is short. */
typedef bool form_sink(void *arg, const char *form, size_t len);

/* Hands every form of the value to sink; some come twice. False when sink said so or memory was short. */
bool mask_forms(const char *value, size_t len, form_sink *sink, void *arg);
#endif
