/* mask_forms.c - which forms of a secret are looked for; see mask_forms.h.
 *
 * A value is taken without the white space around it, and one of several lines also line by line;
 * each of these texts is encoded in every way that tools write values. Several lines are also
 * taken as a whole with their ends written in other ways. */
#include "mask_forms.h"
#include "mask.h"
#include "mask_derive.h"
#include "mask_encode.h"
#include "mask_text.h"
#include <string.h>

bool mask_accepts(const char *value, size_t len)
{
  struct text t = text_trim((struct text){value, len});
  return len <= MASK_MAX && t.len >= MASK_MIN;
}

/* ---- texts of several lines --------------------------------------------------------- */

/* Armour, rulers and the brackets of JSON are not secret, and would black out other people's. */
static bool tells(struct text line)
{
  static const char *const headings[] = {"-----", "---- BEGIN", "---- END", "Proc-Type:", "Version:",
                                         "Comment:", "Hash:", "Charset:"};
  if (line.len < MASK_FULL)
    return false;
  for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
    if (text_starts(line, headings[i]))
      return false;
  return text_has_word(line);
}

static void each_line(struct encoder *e, struct text t, enum mask_effort effort)
{
  struct text line, rest = t;
  while (text_next_line(&rest, &line)) {
    line = text_trim(line);
    if (tells(line))
      mask_encode(e, line, effort);
  }
}

/* The text with its lines joined by something else, into `out`. */
static void join_lines(struct buf *out, struct text t, const char *by)
{
  struct text line, rest = t;
  while (text_next_line(&rest, &line)) {
    buf_add(out, line.data, line.len);
    if (rest.len)
      buf_add_str(out, by);
  }
}

static void joined(struct encoder *e, struct text t, const char *by, enum mask_effort effort)
{
  struct buf text;
  buf_init(&text, e->limit);
  join_lines(&text, t, by);
  mask_encode_buf(e, &text, effort);
  buf_wipe(&text);
}

/* As a shell's word splitting leaves it: every run of white space is one blank. */
static void collapsed(struct encoder *e, struct text t)
{
  struct buf text;
  buf_init(&text, e->limit);
  text_collapse(&text, t);
  mask_encode_buf(e, &text, MASK_PLAIN);
  buf_wipe(&text);
}

static void whole_lines(struct encoder *e, struct text t, enum mask_effort effort)
{
  static const char *const joints[] = {" ", "\\n", "%0A", "%0a", "\\r\\n", "%0D%0A", "\r\r\n",
                                       "&#10;", "&#xA;", "&#xa;", "'$'\\n''", "\\\\n", ""};
  joined(e, t, "\n", effort);
  joined(e, t, "\r\n", t.len > MASK_HUGE ? MASK_PLAIN : MASK_COMMON);
  size_t count = sizeof joints / sizeof *joints - (t.len < MASK_FULL);  // without any it may become a word
  for (size_t i = 0; i < count && effort > MASK_COMMON; i++)
    joined(e, t, joints[i], MASK_PLAIN);
}

/* ---- values -------------------------------------------------------------------------- */

static enum mask_effort effort_for(size_t len)
{
  return len > MASK_LARGE ? MASK_COMMON : len > MASK_SMALL ? MASK_ALL : MASK_RARE;
}

/* A value has many lines. */
static enum mask_effort effort_for_lines(size_t len)
{
  return len > MASK_HUGE ? MASK_PLAIN : len > MASK_LARGE / 2 ? MASK_COMMON : MASK_ALL;
}

/* Everything about a text but what is derived of it. */
static void text_forms(struct encoder *e, struct text t)
{
  enum mask_effort effort = effort_for(t.len);
  t = text_trim(t);
  if (t.len < MASK_MIN)
    return;
  mask_encode(e, t, effort);
  if (effort > MASK_COMMON)
    collapsed(e, t);
  if (!memchr(t.data, '\n', t.len))
    return;
  whole_lines(e, t, effort);
  each_line(e, t, effort_for_lines(t.len));
}

static bool take_derived(void *arg, struct text t)
{
  struct encoder *e = arg;
  text_forms(e, t);
  return e->ok;
}

bool mask_forms(const char *value, size_t len, form_sink *sink, void *arg)
{
  struct encoder e;
  struct text whole = {value, len}, t = text_trim(whole);
  mask_encoder_init(&e, sink, arg, len);
  text_forms(&e, t);
  if (t.len < len)
    mask_encode_base64(&e, whole);  // the bits of its end stand together with the white space
  e.ok = e.ok && mask_derive(t, take_derived, &e);
  mask_encoder_free(&e);
  return e.ok;
}
