/* mask_case.c - reads a case from bytes and plays it against both maskers; see mask_case.h.
 *
 * It is the stream that is tried; what is looked for across lines and in dumps stands before it
 * (mask_wrapped.h), where bytes may wait longer.
 *
 * The naive one knows every form with the place in the text from which on it counts: what was added in
 * mid-stream counts from the bytes on that were held then. After each feed it says what must be out by
 * now, to the byte: all before the longest tail that begins a form, and what is covered behind that. It
 * knows nothing of lines that belong together (mask_wrapped.h), so the text goes past that stage. */
#include "mask_case.h"
#include "mask.h"
#include "mask_forms.h"
#include "mask_stream.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 12000, SECRET_MAX = 700, SECRETS = 6, PIECE = 256 };

/* ---- the bytes of a case ------------------------------------------------------------------------ */

struct bytes {
  const unsigned char *at, *end;
};

static unsigned next_byte(struct bytes *b)
{
  return b->at < b->end ? *b->at++ : 0;
}

static unsigned below(struct bytes *b, unsigned n)
{
  return n ? next_byte(b) % n : 0;
}

struct alphabet {
  const char *letters;
  unsigned count;
};

static char letter(struct bytes *b, const struct alphabet *a)
{
  unsigned value = next_byte(b);
  return a->letters ? a->letters[value % a->count] : (char)value;
}

/* ---- the naive masker ----------------------------------------------------------------------------- */

struct form {
  char *text;
  size_t len;
  long since;   /* a match must not begin before */
};

struct naive {
  struct form *forms;
  size_t count;
  char text[TEXT_MAX];
  bool covered[TEXT_MAX];
  size_t len, out;
  long since;   /* for what is added now */
};

static bool is_known(const struct naive *n, const char *text, size_t len)
{
  for (size_t i = 0; i < n->count; i++)
    if (n->forms[i].len == len && memcmp(n->forms[i].text, text, len) == 0)
      return true;
  return false;
}

static void add_piece(struct naive *n, const char *text, size_t len)
{
  if (is_known(n, text, len))
    return;
  n->forms = realloc(n->forms, (n->count + 1) * sizeof *n->forms);
  char *copy = malloc(len);
  if (!n->forms || !copy)
    abort();
  memcpy(copy, text, len);
  n->forms[n->count++] = (struct form){copy, len, n->since};
}

/* A piece that was known before goes on as it was. */
static bool naive_form(void *arg, const char *text, size_t len)
{
  size_t at = 0;
  for (; len - at > PIECE; at += PIECE)
    add_piece(arg, text + at, PIECE);
  at = len > PIECE ? len - PIECE : 0;
  add_piece(arg, text + at, len - at);
  return true;
}

static bool ends_here(const struct naive *n, const struct form *f, size_t end)
{
  if (f->len > end || (long)(end - f->len) < f->since)
    return false;
  const char *start = n->text + end - f->len;
  return *start == *f->text && memcmp(start, f->text, f->len) == 0;
}

static void naive_take(struct naive *n, const char *data, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    n->text[n->len] = data[i];
    n->covered[n->len++] = false;
    for (size_t k = 0; k < n->count; k++)
      if (ends_here(n, &n->forms[k], n->len))
        memset(n->covered + n->len - n->forms[k].len, true, n->forms[k].len);
  }
}

/* After an addition a match may end at the bytes that are there already. */
static void naive_cover_again(struct naive *n)
{
  for (size_t end = (size_t)n->since; end <= n->len; end++)
    for (size_t k = 0; k < n->count; k++)
      if (ends_here(n, &n->forms[k], end))
        memset(n->covered + end - n->forms[k].len, true, n->forms[k].len);
}

/* The longest tail that a form properly begins with. */
static size_t naive_held(const struct naive *n)
{
  size_t best = 0;
  for (size_t k = 0; k < n->count; k++) {
    const struct form *f = &n->forms[k];
    for (size_t h = best + 1; h < f->len && (long)h <= (long)n->len - f->since && h <= n->len; h++)
      if (n->text[n->len - h] == *f->text && memcmp(n->text + n->len - h, f->text, h) == 0)
        best = h;
  }
  return best;
}

/* Appends what has to be out by now behind what was before. */
static void naive_write(struct naive *n, size_t decided, struct buf *out)
{
  while (decided < n->len && n->covered[decided])
    decided++;
  for (size_t i = n->out; i < decided; i++)
    if (!n->covered[i])
      buf_add_char(out, n->text[i]);
    else if (i == 0 || !n->covered[i - 1])
      buf_add_str(out, "***");
  n->out = decided > n->out ? decided : n->out;
}

/* ---- a case ------------------------------------------------------------------------------------------- */

struct secret {
  char text[SECRET_MAX];
  size_t len;
  bool bare;     /* only as it stands */
  unsigned at;   /* the step before which it is added */
};

struct play {
  struct bytes bytes;
  struct alphabet alphabet;
  struct secret secrets[SECRETS];
  unsigned count;
  struct naive naive;
  struct mask *mask;
  struct mask_stream *stream;
  struct buf out, expected;
};

static size_t secret_length(struct bytes *b)
{
  switch (below(b, 6)) {
  case 0: return 1 + below(b, 4);
  case 1: case 2: return 2 + below(b, 8);
  case 3: case 4: return 4 + below(b, 40);
  default: return 200 + 2 * below(b, 250);
  }
}

/* Some letters over and over, so that few bytes make long secrets that overlap themselves; or the tail
 * of another secret first. */
static void draw_secret(struct play *p, struct secret *s)
{
  struct bytes *b = &p->bytes;
  size_t period = 1 + below(b, 24), at = 0;
  s->len = secret_length(b);
  s->bare = s->len > 64 || below(b, 8) != 0;
  s->at = below(b, 3) ? 0 : below(b, 8);
  if (p->count > 0 && below(b, 3) == 0) {
    const struct secret *other = &p->secrets[below(b, p->count)];
    at = below(b, (unsigned)(other->len < s->len ? other->len : s->len));
    memcpy(s->text, other->text + other->len - at, at);
  }
  for (size_t start = at; at < s->len; at++)
    s->text[at] = at - start < period ? letter(b, &p->alphabet) : s->text[at - period];
  p->count++;
}

static void add_secret(struct play *p, const struct secret *s)
{
  p->naive.since = (long)p->naive.len - (long)naive_held(&p->naive);
  if (s->bare) {
    if (!mask_add_form(p->mask, "SECRET", s->text, s->len))
      abort();
    naive_form(&p->naive, s->text, s->len);
  } else if (mask_add(p->mask, "SECRET", s->text, s->len) == MASK_ADDED) {
    mask_forms(s->text, s->len, naive_form, &p->naive);
  }
  naive_cover_again(&p->naive);
}

/* Much text that no secret has to do with: the masker sleeps. */
static size_t draw_filler(struct play *p, char *text, size_t room)
{
  size_t len = 40 * (1 + (size_t)below(&p->bytes, 256));
  len = len < room ? len : room;
  for (size_t i = 0; i < len; i++)
    text[i] = "0123456789-"[i % 11];
  return len;
}

/* What comes next in the text: letters, a secret or a part of one, a run, a form. */
static size_t draw_text(struct play *p, char *text, size_t room)
{
  struct bytes *b = &p->bytes;
  const struct naive *n = &p->naive;
  size_t len = 1 + below(b, 40), kind = below(b, 20);
  if (kind == 19)
    return draw_filler(p, text, room);
  kind %= 5;
  len = len < room ? len : room;
  if (kind == 0 && n->count > 0) {
    const struct form *f = &n->forms[(256 * below(b, 256) + below(b, 256)) % n->count];
    size_t from = below(b, 3) ? 0 : below(b, (unsigned)f->len), max = f->len - from;
    len = below(b, 3) ? max : below(b, (unsigned)max);
    len = len < room ? len : room;
    memcpy(text, f->text + from, len);
  } else if (kind == 1) {
    memset(text, letter(b, &p->alphabet), len);
  } else if (kind == 2 && p->count > 0) {
    const struct secret *s = &p->secrets[below(b, p->count)];
    len = s->len < room ? s->len : room;
    memcpy(text, s->text, len);
  } else {
    for (size_t i = 0; i < len; i++)
      text[i] = letter(b, &p->alphabet);
  }
  return len;
}

static bool knows_what_it_found(struct play *p)
{
  bool covered = memchr(p->naive.covered, true, p->naive.len), found = mask_found(p->stream);
  if (p->naive.len == 0)
    return true;  /* what the stream before has found is told still */
  if (covered != found)
    fprintf(stderr, "mask: a secret was %s, and %s is named\n", covered ? "found" : "not found", found ? "one" : "none");
  return covered == found;
}

static bool same(struct play *p, const char *when)
{
  bool equal = buf_ok(&p->out) && p->out.len == p->expected.len &&
               memcmp(buf_str(&p->out), buf_str(&p->expected), p->out.len) == 0;
  if (!equal)
    fprintf(stderr, "mask: %s, after %zu bytes: expected %zu bytes '%s', got %zu bytes '%s'\n", when, p->naive.len,
            p->expected.len, buf_str(&p->expected), p->out.len, buf_str(&p->out));
  buf_drop(&p->expected, p->expected.len);
  buf_drop(&p->out, p->out.len);
  return equal;
}

static bool feed(struct play *p, const char *text, size_t len)
{
  if (len == 0)
    return true;
  char *exact = malloc(len);  /* reading on is found */
  if (!exact)
    abort();
  memcpy(exact, text, len);
  mask_feed(p->stream, "", 0, &p->out);  /* for all streams: a new one may begin */
  mask_stream_pass(p->stream, exact, len, false, &p->out);
  free(exact);
  naive_take(&p->naive, text, len);
  naive_write(&p->naive, p->naive.len - naive_held(&p->naive), &p->expected);
  return same(p, "fed") && knows_what_it_found(p);
}

/* With all that stands before the stream, too: whatever waits and whatever else is covered, no form is left. */
static bool nothing_shows(struct play *p)
{
  const struct naive *n = &p->naive;
  struct mask_stream *s = mask_stream_new(p->mask);
  if (!s)
    abort();
  size_t cut = n->len ? next_byte(&p->bytes) * 40u % n->len : 0;
  mask_feed(s, n->text, cut, &p->expected);
  mask_feed(s, n->text + cut, n->len - cut, &p->expected);
  mask_finish(s, &p->expected);
  mask_stream_free(s);
  const struct form *shown = NULL;
  for (size_t i = 0; i < n->count; i++)
    if (memmem(buf_str(&p->expected), p->expected.len, n->forms[i].text, n->forms[i].len) &&
        !memchr(n->forms[i].text, '*', n->forms[i].len))
      shown = &n->forms[i];
  if (shown)
    fprintf(stderr, "mask: of %zu bytes, cut at %zu, '%.*s' is left\n", n->len, cut, (int)shown->len, shown->text);
  buf_drop(&p->expected, p->expected.len);
  return !shown;
}

static bool finish(struct play *p)
{
  mask_finish(p->stream, &p->out);
  naive_write(&p->naive, p->naive.len, &p->expected);
  bool holds = same(p, "finished") && knows_what_it_found(p) && nothing_shows(p);
  p->naive.len = p->naive.out = 0;
  for (size_t i = 0; i < p->naive.count; i++)
    p->naive.forms[i].since = 0;
  return holds;
}

static bool play(struct play *p)
{
  char text[TEXT_MAX];
  for (unsigned step = 0; p->bytes.at < p->bytes.end || step < 8; step++) {
    for (unsigned i = 0; i < p->count; i++)
      if (p->secrets[i].at == step)
        add_secret(p, &p->secrets[i]);
    size_t len = draw_text(p, text, TEXT_MAX - p->naive.len);
    size_t cut = below(&p->bytes, 8) ? len : below(&p->bytes, (unsigned)len);
    if (!feed(p, text, cut) || !feed(p, text + cut, len - cut))
      return false;
    bool full = p->naive.len == TEXT_MAX;
    if ((full || below(&p->bytes, 16) == 15) && !finish(p))
      return false;
    if (full)
      break;
  }
  return finish(p);
}

bool mask_case_holds(const void *data, size_t len)
{
  static const struct alphabet alphabets[] = {{"a", 1}, {"ab", 2}, {"abc", 3}, {"ab\n\"% ", 6}, {NULL, 0}};
  struct play *p = calloc(1, sizeof *p);
  if (!p)
    abort();
  p->bytes = (struct bytes){data, (const unsigned char *)data + len};
  p->alphabet = alphabets[below(&p->bytes, sizeof alphabets / sizeof *alphabets)];
  p->mask = mask_new();
  p->stream = mask_stream_new(p->mask);
  if (!p->mask || !p->stream)
    abort();
  buf_init(&p->out, BUF_LIMIT);
  buf_init(&p->expected, BUF_LIMIT);
  for (unsigned n = 1 + below(&p->bytes, SECRETS); n > 0; n--)
    draw_secret(p, &p->secrets[p->count]);
  bool holds = play(p);
  for (size_t i = 0; i < p->naive.count; i++)
    free(p->naive.forms[i].text);
  free(p->naive.forms);
  mask_stream_free(p->stream);
  mask_free(p->mask);
  buf_free(&p->out);
  buf_free(&p->expected);
  free(p);
  return holds;
}
