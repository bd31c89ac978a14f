/* runner_value.c - what GitHub's runner has to be told so that it masks a value; see runner_value.h.
 *
 * The runner masks line by line, and makes encodings of its own: base64, percent, JSON, XML. What it does not do
 * is read a password out of a URL, or leave the white space around a value out. It has no least length: a line "{"
 * of a value would black out every brace of the log and empty every output that holds one, so such a value is told
 * by its lines that are long enough. */
#include "runner_value.h"
#include "mask_forms.h"
#include <string.h>

static bool is_armour(struct text line)
{
  return line.len >= 10 && memcmp(line.data, "-----", 5) == 0 && memcmp(line.data + line.len - 5, "-----", 5) == 0;
}

/* Takes the first line off *rest as the runner does, which also ends lines at '\r'. */
static bool next_line(struct text *rest, struct text *line)
{
  if (rest->len == 0)
    return false;
  size_t n = 0;
  while (n < rest->len && rest->data[n] != '\n' && rest->data[n] != '\r')
    n++;
  *line = (struct text){rest->data, n};
  n += n < rest->len;
  *rest = (struct text){rest->data + n, rest->len - n};
  return true;
}

/* A runner that was told this value would mask a line of it alone that is no secret. */
static bool has_short_line(struct text value)
{
  for (struct text line; next_line(&value, &line);)
    if (line.len > 0 && text_trim(line).len < MASK_MIN)
      return true;
  return false;
}

/* A runner of some versions masks a value only where it stands whole in one line. */
static bool hand_lines(struct text value, derived_sink *sink, void *arg)
{
  for (struct text line; next_line(&value, &line);) {
    line = text_trim(line);
    if (line.len >= MASK_FULL && !is_armour(line) && !sink(arg, line))
      return false;
  }
  return true;
}

bool runner_value(struct text value, derived_sink *sink, void *arg)
{
  struct text trimmed = text_trim(value);
  bool lines = memchr(value.data, '\n', value.len) || memchr(value.data, '\r', value.len);
  if (!(lines && has_short_line(value)) && !sink(arg, value))
    return false;
  if (lines ? !hand_lines(value, sink, arg) : trimmed.len < value.len && !sink(arg, trimmed))
    return false;
  return mask_derive(value, sink, arg);
}
