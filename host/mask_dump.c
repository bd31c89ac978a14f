/* mask_dump.c - secrets in dumps; see mask_dump.h.
 *
 * A line is read character by character: blanks, numbers of one width, then perhaps the characters.
 * A number of two digits is a byte, one of three an octal byte; with an offset before it, one of
 * four or eight digits is a word as this machine's memory has it, one of six an octal word, one of five a
 * decimal one. With a colon behind the offset the bytes of a number stand in their order, as xxd writes them;
 * eight digits that are bits are one byte.
 *
 * There may also be characters in columns of four, as od -c and hexdump -c write them: each is itself, a backslash
 * and a letter, or an octal byte. A column without anything is a blank, which the place of the next one tells.
 *
 * Behind an offset digits wait until their number is complete. Without one they may be any text that somebody
 * waits for, a clock's time for instance: they wait when a secret may begin or go on with them, and the first of
 * a line that is not indented never do.
 *
 * Invariants: 1. bytes[] are those that the automaton may still need, and those of the line at hand
 *                that are kept, in their order.
 *             2. whatever is kept is kept because of a byte or a number at or before it. */
#include "mask_dump_state.h"
#include <stdlib.h>
#include <string.h>

static void begin_line(struct mask_dump *d)
{
  d->place = AT_START;
  d->content = UNCLEAR;
  d->offset = d->ordered = d->indented = false;
  d->column = d->numbers = d->blanks = d->digits = d->gap = d->in_line = d->text_at = 0;
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

static bool leads_on(const struct mask_automaton *a, uint32_t state)
{
  return (state & MASK_OUT) || mask_hold(a, state) > 0;
}

static bool any_leads_on(const struct mask_automaton *a, uint32_t state, unsigned first, unsigned last)
{
  for (unsigned byte = first; byte <= last && byte <= 0xff; byte++)
    if (leads_on(a, mask_step(a, state, (unsigned char)byte)))
      return true;
  return false;
}

/* True when the digits may become a byte that a secret begins or goes on with. */
static bool digits_matter(const struct mask_dump *d, const struct mask_automaton *a)
{
  unsigned number = mask_dump_value(d, 16);
  if (d->digits > 2)
    return false;
  return any_leads_on(a, d->state, number << (8 - 4 * d->digits), ((number + 1) << (8 - 4 * d->digits)) - 1);
}

/* The same for a column, behind those that are blank: a character, a backslash and another, octal digits. */
static bool column_matters(const struct mask_dump *d, const struct mask_automaton *a)
{
  uint32_t state = d->state;
  unsigned missing = d->digits < 3 ? 3 * (3 - (unsigned)d->digits) : 0, octal = mask_dump_value(d, 8);
  for (size_t blanks = d->gap / COLUMN; blanks > 0; blanks--)
    state = mask_step(a, state, ' ');
  if (d->gap % COLUMN == 3)
    return any_leads_on(a, state, (unsigned char)d->letters[0], (unsigned char)d->letters[0]);
  if (d->place == IN_NUMBER)
    return d->gap % COLUMN == 1 && any_leads_on(a, state, octal << missing, ((octal + 1) << missing) - 1);
  for (const char *p = MASK_DUMP_LETTERS; *p; p++)
    if (leads_on(a, mask_step(a, state, (unsigned char)mask_dump_escaped(*p))))
      return true;
  return false;
}

static bool may_matter(const struct mask_dump *d, const struct mask_automaton *a)
{
  return (d->place == IN_NUMBER && digits_matter(d, a)) || (mask_dump_has_columns(d) && column_matters(d, a));
}

static bool is_undecided(const struct mask_dump *d)
{
  return d->place == IN_NUMBER || d->place == IN_CHARACTER;
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
  if (is_undecided(d))
    d->waits = d->waits && ((d->offset && d->place == IN_NUMBER) || may_matter(d, a));
  if (is_undecided(d) && d->waits && d->number_from < from)
    from = d->number_from;
  mask_dump_release(d, s, from, out);
}

void mask_dump_end(struct mask_dump *d, struct mask_stream *s, struct buf *out)
{
  if (!mask_dump_active(d))
    return;
  mask_dump_release(d, s, d->held.len, out);
  d->count = 0;
  d->place = NOWHERE;
}

/* ---- a line, character by character --------------------------------------------------------------- */

static void begin(struct mask_dump *d, enum place place, char c)
{
  d->place = place;
  d->number_from = d->held.len;
  d->letters[0] = c;
  d->digits = 1;
  d->gap = d->blanks;
  d->blanks = 0;
}

static bool begin_number(struct mask_dump *d, char c)
{
  if (mask_dump_digit(c) < 0)
    return false;
  d->waits = d->offset || d->indented || d->numbers > 0;
  d->value[0] = (uint8_t)mask_dump_digit(c);
  begin(d, IN_NUMBER, c);
  return true;
}

/* What is no digit: `   p` or `  \n`. */
static bool begin_character(struct mask_dump *d, char c)
{
  size_t width = c == '\\' && d->blanks % COLUMN == 2 ? 2 : 1;
  if (!mask_dump_has_columns(d) || (d->blanks + width) % COLUMN != 0 || c < '!' || c > '~')
    return false;
  d->waits = true;
  begin(d, IN_CHARACTER, c);
  return true;
}

static bool at_start(struct mask_dump *d, char c)
{
  if (c != ' ' && c != '\t')
    return begin_number(d, c) || begin_character(d, c);
  d->indented = true;
  d->blanks++;
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

/* At the end of a line of characters, so many blank columns. */
static bool end_blanks(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  return d->content != CHARACTERS || mask_dump_blanks(d, s, a, d->blanks / COLUMN, out);
}

static bool end_line(struct mask_dump *d)
{
  bool numbers = d->in_line > 0;
  if (numbers)
    begin_line(d);
  return numbers;
}

static bool in_gap(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  if (c == '\n')
    return end_blanks(d, s, a, out) && end_line(d);
  if (c == ' ' && ++d->blanks == 2 && d->ordered && d->in_line > 0) {
    begin_text(d);
    return true;
  }
  if (c == ' ' || c == '\r')
    return true;
  if ((c == '|' || c == '>') && d->offset && d->in_line > 0 && d->content != CHARACTERS) {
    begin_text(d);
    return true;
  }
  return begin_number(d, c) || begin_character(d, c);
}

static bool in_character(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c,
                         struct buf *out)
{
  if (c == ' ' || c == '\n' || c == '\r') {
    if (!mask_dump_is_column(d) || !mask_dump_column(d, s, a, out))
      return false;
    d->place = IN_GAP;
    d->blanks = c == ' ';
    return c != '\n' || end_line(d);
  }
  d->letters[1] = c;
  return d->digits++ == 1 && d->letters[0] == '\\';
}

static bool in_number(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  if (mask_dump_digit(c) >= 0) {
    if (d->digits == DIGITS_MAX)
      return false;
    d->value[d->digits++] = (uint8_t)mask_dump_digit(c);
    return true;
  }
  if (c != ' ' && c != ':' && c != '\n' && c != '\r')
    return false;
  if (!mask_dump_number(d, s, a, c, out))
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
  case IN_CHARACTER: fits = fits && in_character(d, s, a, c, out); break;
  case IN_GAP: fits = fits && in_gap(d, s, a, c, out); break;
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

/* Three of four characters of od -c: at once, and returns how many. Behind a colon they may end the numbers. */
static size_t take_blanks(struct mask_dump *d, const char *data, size_t len)
{
  size_t n = 0;
  if (d->place != IN_GAP || d->ordered)
    return 0;
  for (; n < len && data[n] == ' ' && d->held.len < HELD_MAX; n++)
    held_add(&d->held, ' ', false);
  d->blanks += n;
  d->column += n;
  return n;
}

/* Needles were added: the bytes that are kept go through the new automaton. */
static void follow_anew(struct mask_dump *d, struct mask_stream *s, const struct mask_engine *e, struct buf *out)
{
  d->generation = e->generation;
  d->state = e->automaton.root;
  for (size_t count = 1; count <= d->count; count++)
    mask_dump_follow(d, s, &e->automaton, count, out);
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
  for (size_t n = 0; (n += take_blanks(d, data + n, len - n)) < len; n++)
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
  return c == ' ' || c == ':' || mask_dump_digit(c) >= 0;
}

/* True for what od -c writes there: behind two blanks, or a blank and a backslash. */
static bool is_character(const char *data, size_t at)
{
  return at >= 2 && (data[at - 1] == ' ' || data[at - 1] == '\\') && data[at - 2] == ' ';
}

/* An offset and a blank, or the blank of a first column. */
static bool begins_columns(const char *line, size_t len)
{
  size_t n = 0;
  while (n < len && mask_dump_digit(line[n]) >= 0)
    n++;
  return (n == 0 || n >= OFFSET_MIN) && n < len && line[n] == ' ';
}

/* Backwards, for ordinary text has another character at once. */
size_t mask_dump_line(const char *data, size_t at, size_t len, bool inside)
{
  size_t start = at;
  bool characters = false;
  for (; start > 0 && data[start - 1] != '\n'; start--) {
    bool numbers = is_dumps(data[start - 1]);
    if (at - start == LAST_MAX || (!numbers && !is_character(data, start - 1)))
      return len;
    characters = characters || !numbers;
  }
  if ((start == 0 && inside) || (characters && !begins_columns(data + start, at - start)))
    return len;
  return start;
}
