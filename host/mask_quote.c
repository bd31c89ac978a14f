/* mask_quote.c - texts in the quotes of shells; see mask_quote.h.
 *
 * Inside single quotes only an apostrophe is written in another way, so a text without one is the same
 * in all of them. */
#include "mask_quote.h"
#include "escape_style.h"
#include "mask_styles.h"
#include <string.h>

#define CLOSED  "'\\''"    /* an apostrophe: the quotes end, and begin again behind it */
#define DOUBLED "'\"'\"'"  /* it stands in the others */

static void add_quoted(struct buf *out, struct text t, const char *apostrophe)
{
  for (size_t i = 0; i < t.len; i++)
    if (t.data[i] == '\'')
      buf_add_str(out, apostrophe);
    else
      buf_add_char(out, t.data[i]);
}

static void quoted(struct encoder *e, struct text t, const char *apostrophe)
{
  add_quoted(&e->form, t, apostrophe);
  mask_encoder_emit(e);
}

/* In the traces of git a "!" closes the quotes, too. */
static void git_quoted(struct encoder *e, struct text t)
{
  if (!memchr(t.data, '!', t.len))
    return;
  for (size_t i = 0; i < t.len; i++)
    if (t.data[i] == '\'' || t.data[i] == '!')
      buf_printf(&e->form, "'\\%c'", t.data[i]);
    else
      buf_add_char(&e->form, t.data[i]);
  mask_encoder_emit(e);
}

/* ---- words ------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n';
}

static bool has_control(struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if (((unsigned char)t.data[i] < 0x20 && !is_blank(t.data[i])) || t.data[i] == 0x7f)
      return true;
  return false;
}

/* True when bash puts a word of its trace in quotes. */
static bool is_special(struct text word)
{
  for (size_t i = 0; i < word.len; i++) {
    if (strchr("'\"\\|&;()<>!{}*[]?^$`", word.data[i]))
      return true;
    if (word.data[i] == '~' && (i == 0 || word.data[i - 1] == '=' || word.data[i - 1] == ':'))
      return true;
  }
  return word.len > 0 && word.data[0] == '#';
}

static void add_word(struct buf *out, struct text word)
{
  if (text_equal(word, (struct text){"'", 1})) {
    buf_add_str(out, "\\'");
  } else if (is_special(word)) {
    buf_add_char(out, '\'');
    add_quoted(out, word, CLOSED);
    buf_add_char(out, '\'');
  } else {
    buf_add(out, word.data, word.len);
  }
}

static size_t end_of_word(struct text t, size_t at)
{
  while (at < t.len && !is_blank(t.data[at]))
    at++;
  return at;
}

/* A value that a script forgot to quote, in the trace of bash. Words with controls look different there. */
static void traced_words(struct encoder *e, struct text t)
{
  if (end_of_word(t, 0) == t.len || has_control(t))
    return;
  for (size_t at = 0, end; at < t.len; at = end + 1) {
    end = end_of_word(t, at);
    if (end > at && e->form.len)
      buf_add_char(&e->form, ' ');
    add_word(&e->form, (struct text){t.data + at, end - at});
  }
  mask_encoder_emit(e);
}

/* ---- all of it ------------------------------------------------------------------------------ */

void mask_quote(struct encoder *e, struct text t)
{
  static const char *const apostrophes[] = {
    CLOSED, DOUBLED,
    "'\\\\''", "'\\\"'\\\"'",                                        /* inside JSON */
    CLOSED "\\" CLOSED CLOSED, DOUBLED "\"" DOUBLED "\"" DOUBLED,  /* quoted once more, for a shell's shell */
  };
  for (size_t i = 0; i < sizeof apostrophes / sizeof *apostrophes; i++)
    quoted(e, t, apostrophes[i]);
  git_quoted(e, t);
  traced_words(e, t);
}

static void styled(struct encoder *e, struct text t, const struct escape_style *style)
{
  escape_styled(&e->form, t.data, t.len, style);
  mask_encoder_emit(e);
}

static void json_twice(struct encoder *e, struct text t)
{
  struct buf once;
  buf_init(&once, e->limit);
  escape_styled(&once, t.data, t.len, mask_json_styles);
  e->ok = e->ok && buf_ok(&once);
  if (e->ok)
    styled(e, (struct text){buf_str(&once), once.len}, mask_json_styles);
  buf_wipe(&once);
}

void mask_quote_nested(struct encoder *e, struct text json)
{
  quoted(e, json, CLOSED);
  quoted(e, json, DOUBLED);
  for (const struct escape_style *s = mask_shell_styles; s->prefixed; s++)
    styled(e, json, s);
  json_twice(e, json);
}
