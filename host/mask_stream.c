/* mask_stream.c - the secrets in a stream of bytes, cut anywhere; see mask.h.
 *
 * The automaton is asleep most of the time: while the filter says that no piece begins, bytes pass as
 * they are. A hit wakes it a stride earlier, and it runs until what began up to there is refuted or has
 * ended. It always runs over the end of what was fed, so its state between two feeds is exact: as many
 * bytes as that state holds are kept, less only what is out already as part of a ***.
 *
 * Places in what was fed are counted from its first byte; the kept bytes lie before it, at negative
 * places. Spans are covered by matches and wait for what stands before them.
 *
 * Invariants: 1. nothing begins before the automaton's place less what it holds that it does not follow.
 *             2. the first byte that is kept and not out is not covered: what is covered leaves at once.
 *             3. spans are ascending and do not touch. */
#include "mask_stream.h"
#include "mask_wrapped.h"
#include <stdlib.h>
#include <string.h>

enum {
  SPANS = MASK_PIECE / 2 + 1,
  BLOCK = 2048,  /* copied at once: processors are slow with more when both places are equal modulo a page */
};

struct mask_span {
  ptrdiff_t from, to;
};

struct mask_stream {
  struct mask *mask;
  struct mask_wrapped wrapped;  /* stands before */
  const char *found;         /* the name of the first secret that stood here */
  unsigned long generation;  /* of the engine that `state` belongs to */
  uint32_t state;
  uint8_t count, out;        /* kept bytes, and how many of them are out */
  uint8_t span_count;
  bool starred;              /* the last thing written is a *** */
  bool ended;
  char kept[MASK_PIECE - 1];
  struct { uint8_t from, to; } spans[SPANS];  /* in the kept bytes */
};

/* One call of feed. */
struct run {
  struct mask_stream *stream;
  const struct mask_engine *engine;
  struct buf *out;
  const char *data;
  uint32_t state;
  ptrdiff_t pos;   /* the automaton's place */
  ptrdiff_t done;  /* all before this is out */
  struct mask_span spans[SPANS];
  unsigned span_count;
};

/* ---- what leaves ----------------------------------------------------------------------------------- */

static void put_plain(struct run *r, ptrdiff_t to)
{
  const struct mask_stream *s = r->stream;
  if (to <= r->done)
    return;
  if (r->done < 0) {
    ptrdiff_t end = to < 0 ? to : 0;
    buf_add(r->out, s->kept + s->count + r->done, (size_t)(end - r->done));
    r->done = end;
  }
  for (ptrdiff_t n; r->done < to; r->done += n) {
    n = to - r->done < BLOCK ? to - r->done : BLOCK;
    buf_add(r->out, r->data + r->done, (size_t)n);
  }
  r->stream->starred = false;
}

/* What is out already may be covered once more: kept bytes are followed anew. */
static void put_star(struct run *r, ptrdiff_t to)
{
  if (to <= r->done)
    return;
  if (!r->stream->starred)
    buf_add(r->out, "***", 3);
  r->stream->starred = true;
  r->done = to;
}

/* Writes all that is decided: what stands before a place, and what is covered there. */
static void release(struct run *r, ptrdiff_t decided)
{
  unsigned n = 0;
  for (; n < r->span_count && r->spans[n].from <= decided; n++) {
    put_plain(r, r->spans[n].from);
    put_star(r, r->spans[n].to);
  }
  put_plain(r, decided);
  r->span_count -= n;
  memmove(r->spans, r->spans + n, r->span_count * sizeof *r->spans);
}

/* ---- what is covered --------------------------------------------------------------------------------- */

static ptrdiff_t undecided(const struct run *r)
{
  return r->pos - (ptrdiff_t)mask_hold(&r->engine->automaton, r->state);
}

/* A match ends at the automaton's place: no span reaches farther. */
static void cover(struct run *r, ptrdiff_t from)
{
  unsigned n = r->span_count;
  while (n > 0 && r->spans[n - 1].to >= from) {
    n--;
    from = r->spans[n].from < from ? r->spans[n].from : from;
  }
  r->span_count = n;
  if (n == SPANS)
    release(r, from < undecided(r) ? from : undecided(r));
  if (r->span_count == 0 && from <= r->done)
    put_star(r, r->pos);
  else
    r->spans[r->span_count++] = (struct mask_span){from, r->pos};
}

/* In the state a piece ends, here and at every place from `first` on. */
static void matched(struct run *r, ptrdiff_t first)
{
  const struct mask_automaton *a = &r->engine->automaton;
  if (!r->stream->found)
    r->stream->found = mask_automaton_name(a, r->state);
  cover(r, first - (ptrdiff_t)mask_longest(a, r->state));
}

/* ---- the automaton awake -------------------------------------------------------------------------------- */

/* Where a run of equal bytes that begins at data[from] ends. */
static ptrdiff_t end_of_run(const char *data, ptrdiff_t from, ptrdiff_t end)
{
  const char byte = data[from];
  uint64_t equal, word;
  memset(&equal, byte, sizeof equal);
  for (; end - from >= (ptrdiff_t)sizeof word; from += sizeof word) {
    memcpy(&word, data + from, sizeof word);
    if (word != equal)
      break;
  }
  while (from < end && data[from] == byte)
    from++;
  return from;
}

/* Follows the bytes up to `end`, or until nothing is under way that began at or before `begun`.
 * A byte that leads a state back to itself does so as often as it comes. */
static void follow(struct run *r, const char *data, ptrdiff_t begun, ptrdiff_t end)
{
  const struct mask_automaton *a = &r->engine->automaton;
  uint32_t state = r->state;
  ptrdiff_t pos = r->pos;
  while (pos < end && (pos <= begun || pos - (ptrdiff_t)mask_hold(a, state) <= begun)) {
    uint32_t next = mask_step(a, state, (unsigned char)data[pos]);
    ptrdiff_t first = ++pos;
    if (next == state && pos < end && data[pos] == data[pos - 1])
      pos = end_of_run(data, pos, end);
    state = next;
    if (state & MASK_OUT) {
      r->state = state;
      r->pos = pos;
      matched(r, first);
    }
  }
  r->state = state;
  r->pos = pos;
}

/* Nothing begins before a place: unless the automaton was there, it goes on where something may, or at `end`. */
static void skip_to(struct run *r, ptrdiff_t place, ptrdiff_t end, ptrdiff_t len)
{
  if (place < r->pos)
    return;
  r->pos = place < end ? (ptrdiff_t)mask_filter_begin(&r->engine->filter, r->data, (size_t)place, (size_t)end, (size_t)len)
                       : end;
  r->state = r->engine->automaton.root;
}

static void scan(struct run *r, ptrdiff_t len)
{
  const struct mask_filter *f = &r->engine->filter;
  ptrdiff_t behind = (ptrdiff_t)f->stride - 1;  /* a place that was looked up answers for these before it */
  bool hit = true;
  follow(r, r->data, -1, len);
  while (r->pos < len && hit) {
    ptrdiff_t at = (ptrdiff_t)mask_filter_next(f, r->data, (size_t)(undecided(r) + behind), (size_t)len, &hit);
    ptrdiff_t end = hit ? at + 1 : len;
    skip_to(r, at - behind, end, len);
    follow(r, r->data, end - 1, len);
  }
}

/* ---- from one feed to the next ------------------------------------------------------------------------------ */

static void load(struct run *r)
{
  struct mask_stream *s = r->stream;
  r->state = s->state;
  r->done = (ptrdiff_t)s->out - s->count;
  r->span_count = s->span_count;
  for (unsigned i = 0; i < s->span_count; i++)
    r->spans[i] = (struct mask_span){(ptrdiff_t)s->spans[i].from - s->count, (ptrdiff_t)s->spans[i].to - s->count};
}

/* Writes what is decided and keeps the rest; len bytes were fed. */
static void save(struct run *r, size_t len)
{
  struct mask_stream *s = r->stream;
  size_t hold = mask_hold(&r->engine->automaton, r->state);
  ptrdiff_t first = (ptrdiff_t)len - (ptrdiff_t)hold;
  release(r, first);
  if (first < 0)
    memmove(s->kept, s->kept + s->count + first, (size_t)-first);
  size_t fed = hold < len ? hold : len;
  if (fed)
    memcpy(s->kept + hold - fed, r->data + len - fed, fed);
  s->count = (uint8_t)hold;
  s->out = (uint8_t)(r->done - first);
  s->state = r->state;
  s->span_count = (uint8_t)r->span_count;
  for (unsigned i = 0; i < r->span_count; i++) {
    s->spans[i].from = (uint8_t)(r->spans[i].from - first);
    s->spans[i].to = (uint8_t)(r->spans[i].to - first);
  }
}

/* Needles were added: the kept bytes go through the new automaton. */
static void follow_anew(struct run *r)
{
  struct mask_stream *s = r->stream;
  s->generation = r->engine->generation;
  r->state = r->engine->automaton.root;
  r->pos = -(ptrdiff_t)s->count;
  follow(r, s->kept + s->count, 0, 0);
}

/* False: the engine could not be built for want of memory, and nothing may leave. The spans of r
 * need no beginning, and are too many for one in every small write. */
static bool begin(struct run *r, struct mask_stream *s, const char *data, struct buf *out)
{
  r->stream = s;
  r->engine = mask_engine(s->mask);
  r->out = out;
  r->data = data;
  r->pos = 0;
  if (!r->engine) {
    out->failed = true;
    return false;
  }
  load(r);
  if (s->generation != r->engine->generation)
    follow_anew(r);
  return true;
}

/* What comes after an end is another text. */
static void go_on(struct mask_stream *s)
{
  if (s->ended)
    s->found = NULL;
  s->ended = false;
}

void mask_stream_pass(struct mask_stream *s, const char *data, size_t len, bool covered, struct buf *out)
{
  struct run r;
  if (!begin(&r, s, data, out))
    return;
  if (r.engine->generation == 0) {
    put_plain(&r, (ptrdiff_t)len);
    return;
  }
  scan(&r, (ptrdiff_t)len);
  if (covered)
    cover(&r, 0);
  save(&r, len);
}

void mask_stream_cover(struct mask_stream *s, size_t count, const char *name, struct buf *out)
{
  struct run r;
  if (!s->found)
    s->found = name;
  if (count == 0 || !begin(&r, s, "", out))
    return;
  cover(&r, -(ptrdiff_t)count);
  save(&r, 0);
}

const struct mask_engine *mask_stream_state(struct mask_stream *s, uint32_t *state, struct buf *out)
{
  struct run r;
  if (!begin(&r, s, "", out))
    return NULL;
  if (r.engine->generation)
    save(&r, 0);
  *state = s->state;
  return r.engine;
}

void mask_feed(struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
  go_on(s);
  mask_wrapped_feed(&s->wrapped, s, data, len, out);
}

void mask_finish(struct mask_stream *s, struct buf *out)
{
  struct run r;
  mask_wrapped_finish(&s->wrapped, s, out);
  if (!begin(&r, s, "", out))
    return;
  release(&r, 0);
  wipe(s->kept, sizeof s->kept);
  s->count = s->out = s->span_count = 0;
  s->state = r.engine->automaton.root;
  s->starred = false;
  s->ended = true;
}

const char *mask_found(const struct mask_stream *s)
{
  return s->found;
}

struct mask_stream *mask_stream_new(struct mask *m)
{
  struct mask_stream *s = calloc(1, sizeof *s);
  if (s)
    s->mask = m;
  return s;
}

void mask_stream_free(struct mask_stream *s)
{
  if (s) {
    mask_wrapped_free(&s->wrapped);
    wipe(s, sizeof *s);
  }
  free(s);
}

void mask_text(struct mask *m, const char *data, size_t len, struct buf *out)
{
  struct mask_stream s = {.mask = m};
  mask_feed(&s, data, len, out);
  mask_finish(&s, out);
  mask_wrapped_free(&s.wrapped);
  wipe(&s, sizeof s);
}
