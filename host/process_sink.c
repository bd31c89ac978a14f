/* process_sink.c - what a child wrote, masked: the tail is kept, lines are streamed; see
 * process_sink.h.
 *
 * Lines are written whole, so that those of several children do not mix. A program that shows
 * progress ends its lines with '\r' and writes over them: somebody who watches sees each state
 * when it comes, a log gets the last one. What is held here never outgrows two reads. */
#include "process_sink.h"
#include "mask.h"
#include "output.h"
#include <string.h>

enum { LINE_MAX_BYTES = 64 * 1024, SLACK = 64 * 1024 };

bool process_sink_open(struct process_sink *s, struct mask *mask)
{
  buf_init(&s->kept, BUF_LIMIT);
  buf_init(&s->lines, BUF_LIMIT);
  s->mask = mask_stream_new(mask);
  return s->mask;
}

void process_sink_close(struct process_sink *s)
{
  mask_stream_free(s->mask);
  buf_free(&s->kept);
  buf_free(&s->lines);
  s->mask = NULL;
}

bool process_sink_ok(const struct process_sink *s)
{
  return buf_ok(&s->kept) && buf_ok(&s->lines);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* The line begins again after a '\r'. */
static void begin_again(struct process_sink *s, const struct process_stream *to)
{
  if (to->live) {
    buf_add_char(&s->lines, '\r');
  } else if (buf_ok(&s->lines) && s->lines.len > s->line_start) {
    s->lines.len = s->line_start;
    s->lines.data[s->lines.len] = 0;
  }
  s->line_open = false;
}

/* A piece of a line with what ended it: '\n', '\r', or 0: it goes on. */
static void add_piece(struct process_sink *s, const struct process_stream *to, const char *text, size_t len, char end)
{
  if (s->returned && !(len == 0 && end))
    begin_again(s, to);
  s->returned = end == '\r';
  if (!s->line_open) {
    s->line_start = s->lines.len;
    buf_add_str(&s->lines, to->prefix ? to->prefix : "");
  }
  buf_add(&s->lines, text, len);
  s->line_open = end != '\n';
  if (end == '\n')
    buf_add_char(&s->lines, '\n');
}

/* Writes the lines that have ended; a very long one is cut, and so is the last of all. */
static void write_lines(struct process_sink *s, const struct process_stream *to)
{
  if (s->line_open && (s->ended || s->lines.len - s->line_start > LINE_MAX_BYTES)) {
    buf_add_char(&s->lines, '\n');
    s->line_open = s->returned = false;
  }
  size_t n = s->line_open && !(to->live && s->returned) ? s->line_start : s->lines.len;
  output_write(to->output, buf_str(&s->lines), n);
  buf_drop(&s->lines, n);
  s->line_start = 0;
}

static void stream_lines(struct process_sink *s, const struct process_stream *to, const char *data, size_t len)
{
  const char *end = data + len, *newline = NULL, *cr = NULL;
  while (data < end) {
    size_t left = (size_t)(end - data);
    if (!newline || newline < data)
      newline = memchr(data, '\n', left);
    newline = newline ? newline : end;
    if (!cr || cr < data)
      cr = memchr(data, '\r', left);
    cr = cr ? cr : end;
    const char *stop = newline < cr ? newline : cr;
    add_piece(s, to, data, (size_t)(stop - data), stop < end ? *stop : 0);
    data = stop + 1;
  }
  write_lines(s, to);
}

/* ---- the tail --------------------------------------------------------------------------------- */

/* Moving the rest to the front waits until it is worth it. */
static void limit_kept(struct process_sink *s, size_t max)
{
  size_t len = s->kept.len - s->from;
  if (len > max) {
    s->dropped += (double)(len - max);
    s->from += len - max;
  }
  if (s->from > max + SLACK) {
    buf_drop(&s->kept, s->from);
    s->from = 0;
  }
}

void process_sink_take(struct process_sink *s, const struct process_stream *to, const char *data, size_t len)
{
  size_t before = s->kept.len;
  s->ended = len == 0;
  if (s->ended)
    mask_finish(s->mask, &s->kept);
  else
    mask_feed(s->mask, data, len, &s->kept);
  if (to->output)
    stream_lines(s, to, buf_str(&s->kept) + before, s->kept.len - before);
  limit_kept(s, to->max);
}
