/* utf8.h - whether bytes are UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef UTF8_H
#define UTF8_H
#include <stdbool.h>
#include <stddef.h>

/* The length of the sequence at `at`, 0 when it is none. */
size_t utf8_length(const char *at, const char *end);
bool utf8_valid(const char *text, size_t len);
#endif
