/* mask_wrapped.c - secrets across the ends of lines of one width; see mask_wrapped.h.
 *
 * Lines are joined from when one of them ends in the middle of what may be a secret: up to there
 * the stream has followed, and keeps what may be its beginning. From there on the raw bytes are
 * kept here, and the automaton follows those of them that are text. When what it holds begins
 * behind a line end, all before that is decided; when it begins in the last line, the stream
 * goes on alone.
 *
 * Invariants: 1. at[] are the places in raw[] of the text, ascending; the other bytes are line ends
 *                and indentation, which are never covered.
 *             2. while `joined`, the automaton's state began in what the stream keeps. */
#include "mask_wrapped.h"
#include "mask_stream.h"
#include <stdlib.h>
#include <string.h>

enum {
  LINE_MIN = 48,     /* a shorter line is no line of an encoder's */
  INDENT_MAX = 64,
  BATCH = 128,
  RAW_MAX = 1024     /* more than a piece with all line ends and indentation in it */
};

struct wrapped_lines {
  bool active;
  bool joined;
  bool gap, line_end;       /* behind the text came what may be a line end; it was one */
  uint32_t state;
  unsigned long generation; /* of the engine that it belongs to */
  size_t line;              /* characters of text in the last line */
  size_t len, count;        /* of raw and at */
  size_t gap_from;          /* where in raw the last gap begins */
  uint16_t at[RAW_MAX];
  bool covered[RAW_MAX];
  char raw[RAW_MAX];
};

/* ---- the alphabets ------------------------------------------------------------------------------ */

static bool is_text(char c)
{
  return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '+' || c == '/' || c == '=' ||
         c == '-' || c == '_';
}

static bool is_break(char c)
{
  return c == '\n' || c == '\r';
}

typedef signed char sixteen __attribute__((vector_size(16)));

/* True when one of sixteen bytes is below '+', as blanks, line ends and most punctuation are, or beyond ASCII. */
static bool has_gap(const char *s)
{
  sixteen bytes;
  uint64_t found[2];
  memcpy(&bytes, s, sizeof bytes);
  bytes = bytes < '+';
  memcpy(found, &bytes, sizeof found);
  return (found[0] | found[1]) != 0;
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

/* The first place from `at` on, in steps of 32, with sixteen bytes of text there and as many on one side; beyond
 * `len`: none. The first test is done without a branch, for a processor guesses wrong at every tenth. */
static size_t next_place(const char *data, size_t at, size_t len)
{
  while (at + 16 <= len) {
    uint16_t places[BATCH];
    size_t n = 0, count = (len - at - 16) / 32 + 1;
    count = count < BATCH ? count : BATCH;
    for (size_t i = 0; i < count; i++) {
      places[n] = (uint16_t)(32 * i);
      n += !has_gap(data + at + 32 * i);
    }
    for (size_t i = 0; i < n; i++) {
      size_t place = at + places[i];
      if (place < 16 || !has_gap(data + place - 16) || (place + 32 <= len && !has_gap(data + place + 16)))
        return place;
    }
    at += 32 * count;
  }
  return at;
}

/* Where from `from` on a line ends that is long enough; `len`: nowhere. Whatever is has sixteen bytes
 * of text behind one of any 32 places, so only every 32nd is looked at. */
static size_t find_break(const struct mask_wrapped *w, const char *data, size_t from, size_t len)
{
  size_t end = end_of_text(data, from, from + LINE_MIN < len ? from + LINE_MIN : len);
  if (w->run && w->run + (end - from) >= LINE_MIN && (end = end_of_text(data, end, len)) < len && is_break(data[end]))
    return end;
  for (size_t at = from; (at = next_place(data, at, len)) + 16 <= len; at += 32) {
    end = end_of_text(data, at, len);
    if (end - start_of_text(data, from, at) >= LINE_MIN && end < len && is_break(data[end]))
      return end;
    if (end > at + 32)
      at += (end - at) / 32 * 32 - 32;
  }
  return len;
}

/* How long the text at the end is now that data has passed. */
static void count_run(struct mask_wrapped *w, const char *data, size_t len)
{
  size_t from = len > LINE_MIN ? len - LINE_MIN : 0, start = start_of_text(data, from, len);
  size_t run = len - start + (start == 0 ? w->run : 0);
  w->run = (uint8_t)(run < LINE_MIN ? run : LINE_MIN);
}

/* ---- what is kept back --------------------------------------------------------------------------- */

/* Hands on the first bytes, the covered ones as such. */
static void release(struct wrapped_lines *l, struct mask_stream *s, size_t n, struct buf *out)
{
  for (size_t from = 0, to; from < n; from = to) {
    for (to = from + 1; to < n && l->covered[to] == l->covered[from];)
      to++;
    mask_stream_pass(s, l->raw + from, to - from, l->covered[from], out);
  }
  size_t gone = 0;
  while (gone < l->count && l->at[gone] < n)
    gone++;
  l->count -= gone;
  for (size_t i = 0; i < l->count; i++)
    l->at[i] = (uint16_t)(l->at[i + gone] - n);
  l->len -= n;
  l->gap_from = l->gap_from > n ? l->gap_from - n : 0;
  memmove(l->raw, l->raw + n, l->len);
  memmove(l->covered, l->covered + n, l->len * sizeof *l->covered);
  l->joined = false;
}

static void stop(struct wrapped_lines *l, struct mask_stream *s, struct buf *out)
{
  release(l, s, l->len, out);
  l->active = false;
}

/* A match ended at the last character of text. */
static void cover(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  size_t longest = mask_longest(a, l->state), here = longest < l->count ? longest : l->count;
  for (size_t i = l->count - here; i < l->count; i++)
    l->covered[l->at[i]] = true;
  mask_stream_cover(s, longest - here, mask_automaton_name(a, l->state), out);
}

/* Hands on what is decided; the stream goes on alone when nothing reaches over a line end. */
static void settle(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, struct buf *out)
{
  size_t hold = mask_hold(a, l->state);
  if (l->joined && hold > l->count)
    return;
  size_t from = hold ? l->at[l->count - hold] : l->len;
  if (from >= l->gap_from)
    stop(l, s, out);
  else
    release(l, s, from, out);
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
    char c = l->raw[l->at[l->count++]];
    follow(l, s, &e->automaton, c, out);
  }
}

/* ---- byte by byte ------------------------------------------------------------------------------------ */

static void append(struct wrapped_lines *l, char c, bool text)
{
  if (text)
    l->at[l->count++] = (uint16_t)l->len;
  l->covered[l->len] = false;
  l->raw[l->len++] = c;
}

/* The rest of a line end, and the indentation of the next line. */
static bool belongs_to_gap(const struct wrapped_lines *l, char c)
{
  if (!l->line_end)
    return is_break(c);
  return (c == ' ' || c == '\t') && l->len - l->gap_from < INDENT_MAX;
}

static bool begins_gap(const struct wrapped_lines *l, char c)
{
  return !l->gap && is_break(c) && l->line >= LINE_MIN;
}

/* False: it does not go on like this, and the byte was not taken. */
static bool take(struct wrapped_lines *l, struct mask_stream *s, const struct mask_automaton *a, char c, struct buf *out)
{
  if (l->len == RAW_MAX)
    return false;
  if (l->gap ? belongs_to_gap(l, c) : begins_gap(l, c)) {
    if (!l->gap)
      l->gap_from = l->len;
    l->gap = true;
    l->line_end = l->line_end || c == '\n';
    append(l, c, false);
    return true;
  }
  if (!is_text(c) || (l->gap && !l->line_end))
    return false;
  l->line = l->gap ? 1 : l->line + 1;
  l->gap = l->line_end = false;
  append(l, c, true);
  follow(l, s, a, c, out);
  settle(l, s, a, out);
  return true;
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

/* Returns how many bytes were taken until the stream goes on alone. */
static size_t take_all(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  struct wrapped_lines *l = w->lines;
  const struct mask_automaton *a = catch_up(l, s, out);
  if (!a)
    return len;
  size_t n = 0;
  while (l->active && n < len)
    if (take(l, s, a, data[n], out))
      n++;
    else
      stop(l, s, out);
  size_t run = l->gap ? 0 : l->line;
  w->run = (uint8_t)(run < LINE_MIN ? run : LINE_MIN);
  return n;
}

/* A long line ends here: if what may be a secret stands at its end, what follows is kept back. */
static void join(struct mask_wrapped *w, struct mask_stream *s, struct buf *out)
{
  uint32_t state;
  const struct mask_engine *e = mask_stream_state(s, &state, out);
  if (!e || !e->generation || mask_hold(&e->automaton, state) == 0)
    return;
  if (!w->lines)
    w->lines = calloc(1, sizeof *w->lines);
  if (!w->lines) {
    out->failed = true;
    return;
  }
  *w->lines = (struct wrapped_lines){.active = true, .joined = true, .state = state, .generation = e->generation,
                                     .line = LINE_MIN};
}

void mask_wrapped_feed(struct mask_wrapped *w, struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  for (size_t at = 0; at < len;) {
    if (w->lines && w->lines->active) {
      at += take_all(w, s, data + at, len - at, out);
      continue;
    }
    size_t end = find_break(w, data, at, len);
    mask_stream_pass(s, data + at, end - at, false, out);
    count_run(w, data + at, end - at);
    at = end;
    if (end == len)
      return;
    join(w, s, out);
    if (w->lines && w->lines->active)
      continue;
    mask_stream_pass(s, data + end, 1, false, out);
    w->run = 0;
    at = end + 1;
  }
}

void mask_wrapped_finish(struct mask_wrapped *w, struct mask_stream *s, struct buf *out)
{
  if (w->lines && w->lines->active && catch_up(w->lines, s, out))
    stop(w->lines, s, out);
  w->run = 0;
}

void mask_wrapped_free(struct mask_wrapped *w)
{
  if (w->lines)
    wipe(w->lines, sizeof *w->lines);
  free(w->lines);
  w->lines = NULL;
}
