/* mask_dump.c - secrets in dumps; see mask_dump.h.
 *
 * A line is read character by character: blanks, numbers of one width, then perhaps the characters.
 * A number of two digits is a byte, one of three an octal byte; with an offset before it, one of
 * four or eight digits is a word as this machine's memory has it, one of six an octal word. With a
 * colon behind the offset the bytes of a number stand in their order, as xxd writes them.
 *
 * Behind an offset digits wait until their number is complete. Without one they may be any text that somebody
 * waits for, a clock's time for instance: they wait when a secret may begin or go on with them, and the first of
 * a line that is not indented never do.
 *
 * Invariants: 1. bytes[] are those that the automaton may still need, and those of the line at hand
 *                that are kept, in their order.
 *             2. whatever is kept is kept because of a byte or a number at or before it. */
#include "mask_dump.h"
#include "mask_held.h"
#include <stdlib.h>
#include <string.h>

enum {
  DIGITS_MAX = 32,   /* of one number: xxd writes up to sixteen bytes without a blank */
  INDENT_MAX = 24,
  LINE_BYTES = 64,   /* in a line */
  BYTES_MAX = MASK_PIECE + LINE_BYTES,
  OFFSET_MIN = 6,    /* digits */
  LAST_MAX = 128     /* an unfinished line that is longer without a character of text is none */
};

enum place { NOWHERE, AT_START, IN_NUMBER, IN_GAP, IN_TEXT };

/* A byte that was read: where it is in what is kept. */
struct dumped {
  uint16_t number;    /* its number begins there */
  uint16_t from, to;  /* its digits */
  uint16_t text;      /* its character, or 0: kept bytes begin with a digit */
  uint8_t byte;
  uint8_t index;      /* in its line */
  unsigned line;
};

struct mask_dump {
  enum place place;
  bool offset, ordered;      /* an offset was read; it had a colon */
  bool indented;
  unsigned line;             /* counts them */
  size_t column;             /* characters of the line so far */
  size_t numbers, blanks;    /* numbers read in the line, blanks since the last one */
  size_t digits;             /* of the number at hand */
  bool waits;                /* its digits are kept, from here on: */
  size_t number_from;
  uint8_t value[DIGITS_MAX];
  size_t in_line, text_at;   /* bytes read in the line; the next character is that byte's */
  size_t full, text_column;  /* of the longest line so far: its bytes, and where its characters began */
  bool line_covered[LINE_BYTES];
  uint32_t state;
  unsigned long generation;
  size_t count;
  struct dumped bytes[BYTES_MAX];
  struct mask_held held;
};

static void begin_line(struct mask_dump *d)
{
  d->place = AT_START;
  d->offset = d->ordered = d->indented = false;
  d->column = d->numbers = d->blanks = d->digits = d->in_line = d->text_at = 0;
  d->line++;
}

struct mask_dump *mask_dump_new(void)
{
  return calloc(1, sizeof(struct mask_dump));
}

void mask_dump_begin(struct mask_dump *d)
{
  memset(d, 0, offsetof(struct mask_dump, bytes));
  d->held.len = 0;
  begin_line(d);
}

void mask_dump_free(struct mask_dump *d)
{
  if (d)
    wipe(d, sizeof *d);
  free(d);
}

bool mask_dump_active(const struct mask_dump *d)
{
  return d && d->place != NOWHERE;
}

/* ---- what leaves ----------------------------------------------------------------------------- */

static void release(struct mask_dump *d, struct mask_stream *s, size_t n, struct buf *out)
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

static bool leads_on(const struct mask_automaton *a, uint32_t state)
{
  return (state & MASK_OUT) || mask_hold(a, state) > 0;
}

/* True when the digits may become a byte that a secret begins or goes on with. */
static bool may_matter(const struct mask_dump *d, const struct mask_automaton *a)
{
  unsigned first = d->digits == 1 ? d->value[0] * 16u : d->value[0] * 16u + d->value[1];
  unsigned last = d->digits == 1 ? first + 15 : first;
  for (unsigned byte = first; d->digits <= 2 && byte <= last; byte++)
    if (leads_on(a, mask_step(a, d->state, (unsigned char)byte)))
      return true;
  return false;
}

/* True when there may be no room for another line. */
static bool is_much(const struct mask_dump *d)
{
  return d->count + LINE_BYTES > BYTES_MAX || d->held.len > HELD_MAX / 2;
}

/* Hands on what is decided: after some lines, and when there is no more for now. */
static void settle(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  size_t hold = mask_hold(a, d->state);
  size_t from = hold && hold <= d->count ? d->bytes[d->count - hold].number : d->held.len;
  if (d->place == IN_NUMBER)
    d->waits = d->waits && (d->offset || may_matter(d, a));
  if (d->place == IN_NUMBER && d->waits && d->number_from < from)
    from = d->number_from;
  release(d, s, from, out);
}

void mask_dump_end(struct mask_dump *d, struct mask_stream *s, struct buf *out)
{
  if (!mask_dump_active(d))
    return;
  release(d, s, d->held.len, out);
  d->count = 0;
  d->place = NOWHERE;
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

/* The last of the first `count` bytes comes to the automaton. */
static void follow(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, size_t count,
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

/* ---- numbers ------------------------------------------------------------------------------------ */

static int digit_of(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

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

/* Three digits are a byte, six a word whose low byte comes first. */
static bool octal_bytes(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  unsigned value = 0;
  for (size_t i = 0; i < d->digits; i++) {
    if (d->value[i] > 7)
      return false;
    value = value * 8 + d->value[i];
  }
  if (value > (d->digits == 3 ? 0xffu : 0xffffu) || !add_byte(d, s, a, value & 0xff, 0, d->digits, out))
    return false;
  return d->digits == 3 || add_byte(d, s, a, value >> 8, 0, d->digits, out);
}

static bool end_number(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  if (d->numbers++ == 0 && !d->offset && !d->indented && d->digits >= OFFSET_MIN && (c == ':' || c == ' ')) {
    d->offset = true;
    d->ordered = c == ':';
    d->numbers = 0;
    return true;
  }
  if (d->digits == 2 || (d->ordered && d->digits % 2 == 0))
    return hex_bytes(d, s, a, true, out);
  if (d->offset && (d->digits == 4 || d->digits == 8))
    return hex_bytes(d, s, a, false, out);
  return d->offset && (d->digits == 3 || d->digits == 6) && octal_bytes(d, s, a, out);
}

/* ---- a line, character by character --------------------------------------------------------------- */

static bool begin_number(struct mask_dump *d, char c)
{
  if (digit_of(c) < 0)
    return false;
  d->place = IN_NUMBER;
  d->waits = d->offset || d->indented || d->numbers > 0;
  d->number_from = d->held.len;
  d->value[0] = (uint8_t)digit_of(c);
  d->digits = 1;
  d->blanks = 0;
  return true;
}

static bool at_start(struct mask_dump *d, char c)
{
  if (c != ' ' && c != '\t')
    return begin_number(d, c);
  d->indented = true;
  return d->column < INDENT_MAX;
}

static void begin_text(struct mask_dump *d)
{
  d->place = IN_TEXT;
  d->text_at = 0;
  if (d->in_line >= d->full) {
    d->full = d->in_line;
    d->text_column = d->column + 1;
  }
}

static bool end_line(struct mask_dump *d)
{
  bool numbers = d->in_line > 0;
  if (numbers)
    begin_line(d);
  return numbers;
}

static bool in_gap(struct mask_dump *d, char c)
{
  if (c == '\n')
    return end_line(d);
  if (c == ' ' && ++d->blanks == 2 && d->ordered && d->in_line > 0) {
    begin_text(d);
    return true;
  }
  if (c == ' ' || c == '\r')
    return true;
  if ((c == '|' || c == '>') && d->offset && d->in_line > 0) {
    begin_text(d);
    return true;
  }
  return begin_number(d, c);
}

static bool in_number(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  if (digit_of(c) >= 0) {
    if (d->digits == DIGITS_MAX)
      return false;
    d->value[d->digits++] = (uint8_t)digit_of(c);
    return true;
  }
  if (c != ' ' && c != ':' && c != '\n' && c != '\r')
    return false;
  if (!end_number(d, s, a, c, out))
    return false;
  d->place = IN_GAP;
  d->blanks = c == ' ';
  return c != '\n' || end_line(d);
}

/* A shorter line is filled up with blanks to where the characters of the others begin. */
static bool in_text(struct mask_dump *d, char c, bool *covered)
{
  if (c == '\n')
    return end_line(d);
  if (d->ordered && d->text_at == 0 && c == ' ' && d->in_line < d->full && d->column < d->text_column)
    return true;
  if (d->text_at < d->in_line) {
    size_t behind = d->in_line - d->text_at++;
    *covered = d->line_covered[d->in_line - behind];
    if (behind <= d->count)
      d->bytes[d->count - behind].text = (uint16_t)d->held.len;
  }
  return true;
}

static bool take(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  bool covered = false, fits = d->held.len < HELD_MAX;
  switch (d->place) {
  case AT_START: fits = fits && at_start(d, c); break;
  case IN_NUMBER: fits = fits && in_number(d, s, a, c, out); break;
  case IN_GAP: fits = fits && in_gap(d, c); break;
  case IN_TEXT: fits = fits && in_text(d, c, &covered); break;
  case NOWHERE: fits = false; break;
  }
  if (!fits)
    return false;
  d->column = d->place == AT_START && c == '\n' ? 0 : d->column + 1;
  held_add(&d->held, c, covered);
  if (d->place == AT_START && c == '\n' && is_much(d))
    settle(d, s, a, out);
  return true;
}

/* Needles were added: the bytes that are kept go through the new automaton. */
static void follow_anew(struct mask_dump *d, struct mask_stream *s, const struct mask_engine *e, struct buf *out)
{
  d->generation = e->generation;
  d->state = e->automaton.root;
  for (size_t count = 1; count <= d->count; count++)
    follow(d, s, &e->automaton, count, out);
}

size_t mask_dump_take(struct mask_dump *d, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  uint32_t state;
  const struct mask_engine *e = mask_stream_state(s, &state, out);
  if (!e || !e->generation) {
    mask_dump_end(d, s, out);
    return 0;
  }
  if (d->generation != e->generation)
    follow_anew(d, s, e, out);
  for (size_t n = 0; n < len; n++)
    if (!take(d, s, &e->automaton, data[n], out)) {
      mask_dump_end(d, s, out);
      return n;
    }
  settle(d, s, &e->automaton, out);
  return len;
}

/* ---- where one begins ---------------------------------------------------------------------------------- */

static bool is_dumps(char c)
{
  return c == ' ' || c == ':' || digit_of(c) >= 0;
}

/* Backwards, for ordinary text has another character at once. */
size_t mask_dump_line(const char *data, size_t at, size_t len, bool inside)
{
  size_t start = at;
  for (; start > 0 && data[start - 1] != '\n'; start--)
    if (at - start == LAST_MAX || !is_dumps(data[start - 1]))
      return len;
  return start == 0 && inside ? len : start;
}
