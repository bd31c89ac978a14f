/* mask_dump_bytes.c - the bytes that the numbers and characters of a dump are; see mask_dump_state.h. */
#include "mask_dump_state.h"
#include <string.h>

/* ---- what leaves ----------------------------------------------------------------------------- */

void mask_dump_release(struct mask_dump *d, struct mask_stream *s, size_t n, struct buf *out)
{
  size_t gone = 0;
  held_release(&d->held, s, n, out);
  while (gone < d->count && d->bytes[gone].number < n)
    gone++;
  d->count -= gone;
  for (size_t i = 0; i < d->count; i++) {
    struct dumped *b = &d->bytes[i];
    *b = d->bytes[i + gone];
    b->number = (uint16_t)(b->number - n);
    b->from = (uint16_t)(b->from - n);
    b->to = (uint16_t)(b->to - n);
    b->text = b->text ? (uint16_t)(b->text - n) : 0;
  }
  d->number_from = d->number_from > n ? d->number_from - n : 0;
}

/* ---- what is covered -------------------------------------------------------------------------- */

/* The digits of a byte and, when the one before it is covered too, what stands between them. */
static void cover_digits(struct mask_dump *d, const struct dumped *b, const struct dumped *before)
{
  size_t from = b->from, to = b->to;
  if (before && before->line == b->line) {
    from = before->from < from ? before->from : from;
    to = before->to > to ? before->to : to;
  }
  for (size_t i = from; i < to; i++)
    d->held.covered[i] = true;
  if (b->text)
    d->held.covered[b->text] = true;
  if (b->line == d->line)
    d->line_covered[b->index] = true;
}

/* Here, for every byte of a dump calls it. */
static inline void follow(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, size_t count,
                          struct buf *out)
{
  d->state = mask_step(a, d->state, d->bytes[count - 1].byte);
  if (!(d->state & MASK_OUT))
    return;
  size_t longest = mask_longest(a, d->state), n = longest < count ? longest : count;
  for (size_t i = count - n; i < count; i++)
    cover_digits(d, &d->bytes[i], i > count - n ? &d->bytes[i - 1] : NULL);
  mask_stream_cover(s, 0, mask_automaton_name(a, d->state), out);
}

void mask_dump_follow(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, size_t count,
                      struct buf *out)
{
  follow(d, s, a, count, out);
}

/* ---- numbers ------------------------------------------------------------------------------------ */

/* A byte was read, whose digits are at these places of the number. False: there are too many. */
static bool add_byte(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, unsigned byte,
                     size_t from, size_t to, struct buf *out)
{
  if (d->in_line == LINE_BYTES || d->count == BYTES_MAX)
    return false;
  size_t number = d->waits ? d->number_from : d->held.len;
  d->line_covered[d->in_line] = false;
  d->bytes[d->count++] = (struct dumped){
    .number = (uint16_t)number, .from = (uint16_t)(d->waits ? number + from : number),
    .to = (uint16_t)(d->waits ? number + to : number), .byte = (uint8_t)byte, .index = (uint8_t)d->in_line++,
    .line = d->line};
  follow(d, s, a, d->count, out);
  return true;
}

static bool hex_bytes(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, bool in_order,
                      struct buf *out)
{
  for (size_t i = 0; i < d->digits; i += 2) {
    size_t at = in_order ? i : d->digits - 2 - i;
    if (!add_byte(d, s, a, d->value[at] * 16u + d->value[at + 1], at, at + 2, out))
      return false;
  }
  return true;
}

static bool are_below(const struct mask_dump *d, unsigned base)
{
  for (size_t i = 0; i < d->digits; i++)
    if (d->value[i] >= base)
      return false;
  return true;
}

unsigned mask_dump_value(const struct mask_dump *d, unsigned base)
{
  unsigned value = 0;
  for (size_t i = 0; i < d->digits; i++)
    value = value * base + d->value[i];
  return value;
}

/* Three octal digits are a byte, six, or five decimal ones, a word whose low byte comes first. */
static bool value_bytes(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  unsigned base = d->digits == 5 ? 10 : 8, value = mask_dump_value(d, base);
  if (!are_below(d, base))
    return false;
  if (value > (d->digits == 3 ? 0xffu : 0xffffu) || !add_byte(d, s, a, value & 0xff, 0, d->digits, out))
    return false;
  return d->digits == 3 || add_byte(d, s, a, value >> 8, 0, d->digits, out);
}

/* ---- characters in columns ---------------------------------------------------------------------- */

bool mask_dump_blanks(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, size_t n,
                       struct buf *out)
{
  while (n > 0 && add_byte(d, s, a, ' ', 0, 0, out))
    n--;
  return n == 0;
}

int mask_dump_escaped(char letter)
{
  static const char letters[] = MASK_DUMP_LETTERS, bytes[] = "\0\a\b\t\n\v\f\r";
  const char *at = memchr(letters, letter, sizeof bytes - 1);
  return at ? bytes[at - letters] : -1;
}

bool mask_dump_column(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  int byte = d->digits == 1 ? d->letters[0] : mask_dump_escaped(d->letters[1]);
  if (!mask_dump_blanks(d, s, a, (d->gap + d->digits) / COLUMN - 1, out))
    return false;
  if (d->digits == 3)
    return value_bytes(d, s, a, out);
  d->content = CHARACTERS;
  return byte >= 0 && add_byte(d, s, a, (unsigned char)byte, 0, d->digits, out);
}

/* ---- numbers and where they end ------------------------------------------------------------------ */

bool mask_dump_number(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  if (d->numbers++ == 0 && !d->offset && !d->indented && d->digits >= OFFSET_MIN && (c == ':' || c == ' ')) {
    d->offset = true;
    d->ordered = c == ':';
    d->numbers = 0;
    return true;
  }
  if (mask_dump_is_column(d) && (d->digits == 1 || d->digits == 3))
    return mask_dump_column(d, s, a, out);
  if (d->content == CHARACTERS)
    return false;
  d->content = d->digits == 3 ? d->content : NUMBERS;
  if (d->ordered && d->digits == 8 && are_below(d, 2))
    return add_byte(d, s, a, mask_dump_value(d, 2), 0, d->digits, out);
  if (d->digits == 2 || (d->ordered && d->digits % 2 == 0))
    return hex_bytes(d, s, a, true, out);
  if (d->offset && (d->digits == 4 || d->digits == 8))
    return hex_bytes(d, s, a, false, out);
  return d->offset && (d->digits == 3 || d->digits == 5 || d->digits == 6) && value_bytes(d, s, a, out);
}
