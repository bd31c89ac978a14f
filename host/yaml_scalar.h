/* yaml_scalar.h - what a plain scalar means in YAML 1.2's core schema. Knows nothing of Lua. */
#ifndef YAML_SCALAR_H
#define YAML_SCALAR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scalar_kind {
  SCALAR_TEXT,
  SCALAR_NULL,
  SCALAR_BOOLEAN,
  SCALAR_INTEGER,
  SCALAR_FLOAT,
  SCALAR_REFUSED,  /* a number that would not be what was written */
};

struct scalar {
  enum scalar_kind kind;
  bool boolean;
  int64_t integer;
  double number;
  const char *why, *hint;  /* of SCALAR_REFUSED: literals */
};

/* The text ends in a NUL that len does not count. */
struct scalar scalar_read(const char *text, size_t len);
#endif
