/* yaml_scalar.c - null, booleans and numbers of YAML 1.2's core schema.
 *
 * Two numbers of the schema are refused: those that no reader of JSON keeps exactly
 * (beyond 2^53, infinite, not a number), and those with leading zeros, which are octal
 * to one reader and decimal to the next. */
#include "yaml_scalar.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX (INT64_C(1) << 53)

static bool is_one_of(const char *text, const char *const *words)
{
  for (; *words; words++)
    if (strcmp(text, *words) == 0)
      return true;
  return false;
}

static struct scalar refused(const char *why, const char *hint)
{
  return (struct scalar){.kind = SCALAR_REFUSED, .why = why, .hint = hint};
}

/* ---- integers ------------------------------------------------------------------------- */

/* How many digits stand at `text`, and nothing else; 0 when something else does. */
static size_t only_digits(const char *text, const char *digits)
{
  size_t n = strspn(text, digits);
  return text[n] ? 0 : n;
}

static struct scalar integer(const char *digits, int base, bool negative)
{
  int64_t n = 0;
  for (; *digits; digits++) {
    int d = *digits <= '9' ? *digits - '0' : (*digits | 32) - 'a' + 10;
    n = n * base + d;
    if (n > INTEGER_MAX)
      return refused("the integer is beyond 2^53 and would lose digits",
                     "quote it to make it text");
  }
  return (struct scalar){.kind = SCALAR_INTEGER, .integer = negative ? -n : n};
}

static struct scalar read_integer(const char *text)
{
  const char *digits = text + (*text == '+' || *text == '-');
  if (text[0] == '0' && text[1] == 'o' && only_digits(text + 2, "01234567"))
    return integer(text + 2, 8, false);
  if (text[0] == '0' && text[1] == 'x' && only_digits(text + 2, "0123456789abcdefABCDEF"))
    return integer(text + 2, 16, false);
  size_t n = only_digits(digits, "0123456789");
  if (n == 0)
    return (struct scalar){.kind = SCALAR_TEXT};
  if (n > 1 && *digits == '0')
    return refused("a number with leading zeros is ambiguous",
                   "write 0o644 for octal, 644 for decimal, \"0644\" for text");
  return integer(digits, 10, *text == '-');
}

/* ---- floats ----------------------------------------------------------------------------- */

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *p)
{
  static const char digits[] = "0123456789";
  p += *p == '+' || *p == '-';
  size_t whole = strspn(p, digits), part = 0;
  p += whole;
  if (*p == '.') {
    part = strspn(p + 1, digits);
    p += 1 + part;
  }
  if (whole + part == 0)
    return false;
  if (*p == 'e' || *p == 'E') {
    p++;
    p += *p == '+' || *p == '-';
    return only_digits(p, digits) > 0;
  }
  return *p == 0;
}

static struct scalar read_float(const char *text)
{
  static const char *const endless[] = {".inf", ".Inf", ".INF", NULL};
  static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
  if (is_one_of(text + (*text == '+' || *text == '-'), endless) || is_one_of(text, nan))
    return refused("infinity and not-a-number are not read", "quote it to make it text");
  if (!is_float(text))
    return (struct scalar){.kind = SCALAR_TEXT};
  double number = strtod(text, NULL);
  if (!isfinite(number))
    return refused("the number is out of range", "quote it to make it text");
  return (struct scalar){.kind = SCALAR_FLOAT, .number = number};
}

/* ---- all ---------------------------------------------------------------------------------- */

struct scalar scalar_read(const char *text, size_t len)
{
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const truths[] = {"true", "True", "TRUE", NULL};
  static const char *const falsehoods[] = {"false", "False", "FALSE", NULL};
  if (len != strlen(text))
    return (struct scalar){.kind = SCALAR_TEXT};
  if (is_one_of(text, nulls))
    return (struct scalar){.kind = SCALAR_NULL};
  if (is_one_of(text, truths) || is_one_of(text, falsehoods))
    return (struct scalar){.kind = SCALAR_BOOLEAN, .boolean = (*text | 32) == 't'};
  struct scalar s = read_integer(text);
  return s.kind == SCALAR_TEXT ? read_float(text) : s;
}
