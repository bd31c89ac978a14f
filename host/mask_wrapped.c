/* mask_wrapped.c - secrets across the ends of lines of one width; see mask_wrapped.h.
 *
 * Lines are joined from when one of them ends in the middle of what may be a secret: up to there
 * the stream has followed, and keeps what may be its beginning. From there on the raw bytes are
 * kept here, and the automaton follows those of them that are text. When what it holds begins
 * behind a line end, all before that is decided; when it begins in the last line, the stream
 * goes on alone.
 *
 * Invariants: 1. at[] are the places of the text in what is held, ascending; the other bytes are line
 *                ends and indentation, which are never covered.
 *             2. while `joined`, the automaton's state began in what the stream keeps. */
#include "mask_wrapped.h"
#include "mask_dump.h"
#include "mask_held.h"
#include "mask_scan.h"
#include <stdlib.h>
#include <string.h>

enum {
  INDENT_MAX = 64,
  WINDOW = 16384,    /* what is looked through here is still near when the stream looks */
  TEXT_MAX = 1024    /* more than a piece */
};

struct wrapped_lines {
  bool joined;
  bool gap, line_end;       /* behind the text came what may be a line end; it was one */
  uint32_t state;
  unsigned long generation; /* of the engine that it belongs to */
  size_t line;              /* characters of text in the last line */
  size_t gap_from;          /* where in what is held the last gap begins */
  size_t count;
  uint16_t at[TEXT_MAX];
  struct mask_held held;
};

/* ---- the alphabets ------------------------------------------------------------------------------ */

static const bool text[256] = {
  ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
  ['+'] = true, ['/'] = true, ['='] = true, ['-'] = true, ['_'] = true,
};

static inline bool is_text(char c)
{
  return text[(unsigned char)c];
}

static bool is_break(char c)
{
  return c == '\n' || c == '\r';
}

static size_t end_of_text(const char *data, size_t at, size_t len)
{
  while (at < len && is_text(data[at]))
    at++;
  return at;
}

static size_t start_of_text(const char *data, size_t from, size_t at)
{
  while (at > from && is_text(data[at - 1]))
    at--;
  return at;
}

/* Where the text that came ends, if that is the end of a long line; `len`: it is not. */
static size_t end_of_begun(const struct mask_wrapped *w, const char *data, size_t len)
{
  size_t end = w->run ? end_of_text(data, 0, MASK_LINE_MIN < len ? MASK_LINE_MIN : len) : len;
  if (end == len || w->run + end < MASK_LINE_MIN)
    return len;
  end = end_of_text(data, end, len);
  return end < len && is_break(data[end]) ? end : len;
}

/* Where ordinary text ends: at the end of a long line, or where the line of a dump may begin. */
static size_t end_of_ordinary(const struct mask_wrapped *w, const char *data, size_t len, bool *dump)
{
  unsigned kinds;
  size_t end = end_of_begun(w, data, len);
  *dump = false;
  if (end < len)
    return end;
  for (size_t at = 0; (at = mask_scan(data, at, len, &kinds)) + MASK_SCAN_MIN <= len; at += MASK_SCAN_STEP) {
    if (kinds & MASK_SCAN_DUMP && (end = mask_dump_line(data, at, len, w->inside)) < len) {
      *dump = true;
      return end;
    }
    if (!(kinds & MASK_SCAN_TEXT))
      continue;
    end = end_of_text(data, at, len);
    if (end < len && is_break(data[end]) && end - start_of_text(data, 0, at) >= MASK_LINE_MIN)
      return end;
    if (end > at + MASK_SCAN_STEP)
      at += (end - at) / MASK_SCAN_STEP * MASK_SCAN_STEP - MASK_SCAN_STEP;
  }
  end = mask_dump_line(data, len, len, w->inside);
  *dump = end < len;
  return end;
}

/* How long the text at the end is now that data has passed. */
static void count_run(struct mask_wrapped *w, const char *data, size_t len)
{
  size_t from = len > MASK_LINE_MIN ? len - MASK_LINE_MIN : 0, start = start_of_text(data, from, len);
  size_t run = len - start + (start == 0 ? w->run : 0);
  w->run = (uint8_t)(run < MASK_LINE_MIN ? run : MASK_LINE_MIN);
}

/* ---- what is kept back --------------------------------------------------------------------------- */

static void release(struct wrapped_lines *l, struct mask_stream *s, size_t n, struct buf *out)
{
  size_t gone = 0;
  held_release(&l->held, s, n, out);
  while (gone < l->count && l->at[gone] < n)
    gone++;
  l->count -= gone;
  for (size_t i = 0; i < l->count; i++)
    l->at[i] = (uint16_t)(l->at[i + gone] - n);
  l->gap_from = l->gap_from > n ? l->gap_from - n : 0;
  l->joined = false;
}

/* A match ended at the last character of text. */
static void cover(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  size_t longest = mask_longest(a, l->state), here = longest < l->count ? longest : l->count;
  for (size_t i = l->count - here; i < l->count; i++)
    l->held.covered[l->at[i]] = true;
  mask_stream_cover(s, longest - here, mask_automaton_name(a, l->state), out);
}

/* Hands on what is decided; false when nothing reaches over a line end any more. */
static bool settle(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  size_t hold = mask_hold(a, l->state);
  if (l->joined && hold > l->count)
    return true;
  size_t from = hold ? l->at[l->count - hold] : l->held.len;
  if (from >= l->gap_from)
    return false;
  release(l, s, from, out);
  return true;
}

static void follow(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  l->state = mask_step(a, l->state, (unsigned char)c);
  if (l->state & MASK_OUT)
    cover(l, s, a, out);
}

/* Needles were added: what is kept goes through the new automaton. */
static void follow_anew(struct wrapped_lines *l, struct mask_stream *s, const struct mask_engine *e, uint32_t state,
                        struct buf *out)
{
  size_t count = l->count;
  l->generation = e->generation;
  l->state = l->joined ? state : e->automaton.root;
  for (l->count = 0; l->count < count;) {
    char c = l->held.raw[l->at[l->count++]];
    follow(l, s, &e->automaton, c, out);
  }
}

/* NULL: out of memory. */
static const struct mask_automaton *catch_up(struct wrapped_lines *l, struct mask_stream *s, struct buf *out)
{
  uint32_t state;
  const struct mask_engine *e = mask_stream_state(s, &state, out);
  if (e && l->generation != e->generation)
    follow_anew(l, s, e, state, out);
  return e ? &e->automaton : NULL;
}

/* ---- byte by byte ------------------------------------------------------------------------------------ */

/* The rest of a line end, and the indentation of the next line. */
static bool belongs_to_gap(const struct wrapped_lines *l, char c)
{
  if (!l->line_end)
    return is_break(c);
  return (c == ' ' || c == '\t') && l->held.len - l->gap_from < INDENT_MAX;
}

static bool begins_gap(const struct wrapped_lines *l, char c)
{
  return !l->gap && is_break(c) && l->line >= MASK_LINE_MIN;
}

static void take_gap(struct wrapped_lines *l, char c)
{
  if (!l->gap)
    l->gap_from = l->held.len;
  l->gap = true;
  l->line_end = l->line_end || c == '\n';
  held_add(&l->held, c, false);
}

static void take_text(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, char c,
                      struct buf *out)
{
  l->line = l->gap ? 1 : l->line + 1;
  l->gap = l->line_end = false;
  l->at[l->count++] = (uint16_t)l->held.len;
  held_add(&l->held, c, false);
  follow(l, s, a, c, out);
}

/* Takes bytes until the stream goes on alone: *taken is how many. False then. */
static bool take_all(struct wrapped_lines *l, struct mask_stream *s, const char *data, size_t len, size_t *taken,
                     struct buf *out)
{
  const struct mask_automaton *a = catch_up(l, s, out);
  for (*taken = 0; a && *taken < len; ++*taken) {
    char c = data[*taken];
    if (l->held.len == HELD_MAX || l->count == TEXT_MAX)
      return false;
    if (l->gap ? belongs_to_gap(l, c) : begins_gap(l, c)) {
      take_gap(l, c);
      continue;
    }
    if (!is_text(c) || (l->gap && !l->line_end))
      return false;
    take_text(l, s, a, c, out);
    if (!settle(l, s, a, out)) {
      ++*taken;
      return false;
    }
  }
  return a != NULL;
}

/* Its arrays need no beginning: they are long, and lines are many. */
static void begin_lines(struct wrapped_lines *l, uint32_t state, unsigned long generation)
{
  l->joined = true;
  l->gap = l->line_end = false;
  l->state = state;
  l->generation = generation;
  l->line = MASK_LINE_MIN;
  l->gap_from = l->count = l->held.len = 0;
}

/* A long line ends here: if what may be a secret stands at its end, what follows is kept back. */
static void join(struct mask_wrapped *w, struct mask_stream *s, struct buf *out)
{
  uint32_t state;
  const struct mask_engine *e = mask_stream_state(s, &state, out);
  if (!e || !e->generation || mask_hold(&e->automaton, state) == 0)
    return;
  if (!w->lines)
    w->lines = malloc(sizeof *w->lines);
  if (w->lines)
    begin_lines(w->lines, state, e->generation);
  else
    out->failed = true;
  w->joining = w->lines;
}

/* ---- what comes -------------------------------------------------------------------------------------------- */

static void end_lines(struct mask_wrapped *w, struct mask_stream *s, struct buf *out)
{
  release(w->lines, s, w->lines->held.len, out);
  w->joining = false;
}

static void drop_lines(struct mask_wrapped *w)
{
  if (w->lines)
    wipe(w->lines, sizeof *w->lines);
  free(w->lines);
  w->lines = NULL;
}

static void drop_dump(struct mask_wrapped *w)
{
  mask_dump_free(w->dump);
  w->dump = NULL;
}

/* Bytes have passed, in whatever way. */
static void note(struct mask_wrapped *w, const char *data, size_t len)
{
  count_run(w, data, len);
  if (len > 0)
    w->inside = data[len - 1] != '\n';
}

static size_t feed_lines(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  size_t taken;
  if (!take_all(w->lines, s, data, len, &taken, out))
    end_lines(w, s, out);
  note(w, data, taken);
  return taken;
}

/* The line that does not go on like a dump's is none. */
static size_t feed_dump(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  size_t taken = mask_dump_take(w->dump, s, data, len, out);
  note(w, data, taken);
  if (!mask_dump_active(w->dump))
    w->inside = true;
  return taken;
}

/* Ordinary text, to where it ends. */
static size_t feed_text(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  bool dump;
  size_t end = end_of_ordinary(w, data, len, &dump);
  mask_stream_pass(s, data, end, false, out);
  note(w, data, end);
  if (end == len)
    return len;
  if (dump) {
    if (!w->dump)
      w->dump = mask_dump_new();
    if (w->dump)
      mask_dump_begin(w->dump);
    else
      out->failed = true;
    return end;
  }
  join(w, s, out);
  if (w->joining)
    return end;
  mask_stream_pass(s, data + end, 1, false, out);
  note(w, data + end, 1);
  return end + 1;
}

void mask_wrapped_feed(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  for (size_t at = 0; at < len && !out->failed;)
    if (w->joining)
      at += feed_lines(w, s, data + at, len - at, out);
    else if (mask_dump_active(w->dump))
      at += feed_dump(w, s, data + at, len - at, out);
    else
      at += feed_text(w, s, data + at, len - at < WINDOW ? len - at : WINDOW, out);
}

void mask_wrapped_finish(struct mask_wrapped *w, struct mask_stream *s, struct buf *out)
{
  if (w->joining) {
    catch_up(w->lines, s, out);
    end_lines(w, s, out);
  }
  drop_lines(w);
  if (mask_dump_active(w->dump))
    mask_dump_end(w->dump, s, out);
  drop_dump(w);
  w->run = 0;
  w->inside = false;
}

void mask_wrapped_free(struct mask_wrapped *w)
{
  drop_lines(w);
  drop_dump(w);
}
