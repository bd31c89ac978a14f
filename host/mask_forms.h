/* mask_forms.h - the forms that a secret takes in output. Knows nothing of Lua. */
#ifndef MASK_FORMS_H
#define MASK_FORMS_H
#include <stdbool.h>
#include <stddef.h>

enum {
  MASK_MIN = 4,      /* a shorter value would black out ordinary text */
  MASK_FULL = 8,     /* from here on also parts of a value: lines, the inside of base64 */
  MASK_MAX = 65536,  /* bounds what one value may cost */
};

/* False: stop, memory is short. */
typedef bool form_sink(void *arg, const char *form, size_t len);

/* Hands every form of the value to sink, the value itself first; some come twice. False
 * when sink said so or memory was short. */
bool mask_forms(const char *value, size_t len, form_sink *sink, void *arg);
#endif
