/* mask_encode.c - one text in every encoding; see mask_encode.h.
 *
 * In base64 a text that stands inside something longer looks different by how many bytes are
 * before it. Of each alignment the form holds the characters that the text alone determines: one
 * more would miss, one less would show bits.
 *
 * Forms cost time for every byte that is masked, so what is rare is looked for as a whole only. */
#include "mask_encode.h"
#include "mask_quote.h"
#include "mask_styles.h"
#include <ctype.h>
#include <string.h>

void mask_encoder_init(struct encoder *e, form_sink *sink, void *arg, size_t value_len)
{
  *e = (struct encoder){.sink = sink, .arg = arg, .ok = true};
  e->limit = 64 * (value_len + 64);
  buf_init(&e->form, e->limit);
}

void mask_encoder_free(struct encoder *e)
{
  buf_wipe(&e->form);
}

static void emit(struct encoder *e, const char *form, size_t len)
{
  if (e->ok && len >= MASK_MIN)
    e->ok = e->sink(e->arg, form, len);
}

void mask_encoder_emit(struct encoder *e)
{
  e->ok = e->ok && buf_ok(&e->form);
  if (e->form.len)
    emit(e, e->form.data, e->form.len);
  buf_drop(&e->form, e->form.len);
}

/* ---- the inside of strings ------------------------------------------------------------ */

static bool is_ascii(struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.data[i] >= 0x80)
      return false;
  return true;
}

/* Where what is not ASCII has its number, as ElementTree and PHP write it. */
static void references(struct encoder *e, struct text t, const struct escape_entities *entities)
{
  struct buf text;
  buf_init(&text, e->limit);
  escape_html(&text, t.data, t.len, entities);
  for (int how = REFERENCE_DECIMAL; how <= REFERENCE_HEX_UPPER; how++) {
    escape_references(&e->form, buf_str(&text), text.len, (enum escape_reference)how);
    mask_encoder_emit(e);
  }
  e->ok = e->ok && buf_ok(&text);
  buf_wipe(&text);
}

static void html(struct encoder *e, struct text t, const struct escape_entities *entities)
{
  escape_html(&e->form, t.data, t.len, entities);
  mask_encoder_emit(e);
  if (!is_ascii(t))
    references(e, t, entities);
}

/* Letters and digits are written as they are, however careful a tool is. */
static bool is_plain(struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if (!isalnum((unsigned char)t.data[i]))
      return false;
  return true;
}

static void string_forms(struct encoder *e, struct text t)
{
  if (is_plain(t)) {
    emit(e, t.data, t.len);
    return;
  }
  for (const struct escape_style *s = mask_string_styles; s->prefixed || s->coded; s++) {
    escape_styled(&e->form, t.data, t.len, s);
    mask_encoder_emit(e);
  }
  for (size_t i = 0; i < mask_html_count; i++)
    html(e, t, &mask_html_styles[i]);
  for (size_t i = 0; i < mask_mark_count; i++)
    html(e, t, &mask_mark_styles[i]);
}

static void json(struct encoder *e, struct text t)
{
  escape_styled(&e->form, t.data, t.len, mask_json_styles);
  mask_encoder_emit(e);
}

static void percent(struct encoder *e, struct text t, const struct percent_style *style)
{
  escape_percent(&e->form, t.data, t.len, style);
  mask_encoder_emit(e);
}

static void percent_forms(struct encoder *e, struct text t)
{
  if (!is_ascii(t)) {
    escape_javascript(&e->form, t.data, t.len);
    mask_encoder_emit(e);
  }
  for (const struct percent_style *s = mask_percent_styles; s->keep; s++)
    percent(e, t, s);
}

/* A workflow command of GitHub's: its text, and with `property` one of its properties. */
static void workflow_form(struct encoder *e, struct text t, bool property)
{
  for (size_t i = 0; i < t.len; i++)
    if (memchr(property ? "%\r\n:," : "%\r\n", t.data[i], property ? 5 : 3))
      buf_printf(&e->form, "%%%02X", (unsigned char)t.data[i]);
    else
      buf_add_char(&e->form, t.data[i]);
  mask_encoder_emit(e);
}

/* ---- base64 and base32 ---------------------------------------------------------------- */

/* The form at hand, and how it stands in a URL and in PHP's JSON. */
static void emit_base64(struct encoder *e, struct text t)
{
  emit(e, t.data, t.len);
  if (t.len == 0 || t.len > MASK_LARGE || (!memchr(t.data, '+', t.len) && !memchr(t.data, '/', t.len) && !memchr(t.data, '=', t.len)))
    return;
  struct buf form;
  buf_init(&form, e->limit);
  for (int lower = 0; lower <= 1; lower++) {
    escape_percent(&form, t.data, t.len, &mask_percent_styles[lower]);
    emit(e, buf_str(&form), form.len);
    buf_drop(&form, form.len);
  }
  escape_json(&form, t.data, t.len, true);
  emit(e, buf_str(&form), form.len);
  e->ok = e->ok && buf_ok(&form);
  buf_wipe(&form);
}

static void whole_base64(struct encoder *e, struct text t, bool url)
{
  for (int pad = 0; pad <= 1; pad++) {
    escape_base64(&e->form, t.data, t.len, url, pad);
    if (buf_ok(&e->form))
      emit_base64(e, (struct text){buf_str(&e->form), e->form.len});
    e->ok = e->ok && buf_ok(&e->form);
    buf_drop(&e->form, e->form.len);
  }
}

static void base64_inside(struct encoder *e, struct text t, size_t shift, bool url)
{
  size_t first = (8 * shift + 5) / 6, end = 8 * (t.len + shift) / 6;
  struct buf text;
  buf_init(&text, e->limit);
  buf_add(&text, "\0\0", shift);
  buf_add(&text, t.data, t.len);
  escape_base64(&e->form, buf_str(&text), text.len, url, false);
  e->ok = e->ok && buf_ok(&text) && buf_ok(&e->form);
  if (e->ok)
    emit_base64(e, (struct text){e->form.data + first, end - first});
  buf_drop(&e->form, e->form.len);
  buf_wipe(&text);
}

static void base64_alphabet(struct encoder *e, struct text t, bool url)
{
  whole_base64(e, t, url);
  for (size_t shift = 0; shift < 3 && t.len >= MASK_FULL; shift++)
    base64_inside(e, t, shift, url);
}

void mask_encode_base64(struct encoder *e, struct text t)
{
  base64_alphabet(e, t, false);
  base64_alphabet(e, t, true);
}

/* As a whole, and so far as something behind it changes nothing. */
static void base32_forms(struct encoder *e, struct text t)
{
  for (int pad = 0; pad <= 1; pad++) {
    escape_base32(&e->form, t.data, t.len, pad);
    if (!pad && buf_ok(&e->form))
      emit(e, e->form.data, 8 * t.len / 5);
    mask_encoder_emit(e);
  }
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void hex_forms(struct encoder *e, struct text t)
{
  for (int lower = 0; lower <= 1; lower++) {
    escape_hex(&e->form, t.data, t.len, lower);
    mask_encoder_emit(e);
  }
}

static void byte_forms(struct encoder *e, struct text t)
{
  static const struct escape_bytes ways[] = {
    {"\\x", "", false, false}, {"\\", "", true, false}, {"", ":", false, false}, {"", ":", false, true},
  };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    escape_every(&e->form, t.data, t.len, &ways[i]);
    mask_encoder_emit(e);
  }
}

/* ---- twice ------------------------------------------------------------------------------- */

/* PowerShell's base64 is that of UTF-16. */
static void utf16_forms(struct encoder *e, struct text t)
{
  struct buf wide;
  buf_init(&wide, e->limit);
  if (escape_utf16(&wide, t.data, t.len) && buf_ok(&wide))
    base64_alphabet(e, (struct text){buf_str(&wide), wide.len}, false);
  e->ok = e->ok && buf_ok(&wide);
  buf_wipe(&wide);
}

/* JSON inside something else; a text that JSON leaves alone is among the other forms. */
static void inside_json(struct encoder *e, struct text t, const struct escape_style *style)
{
  struct buf once;
  buf_init(&once, e->limit);
  escape_styled(&once, t.data, t.len, style);
  struct text inner = {buf_str(&once), once.len};
  if (buf_ok(&once) && !text_equal(inner, t)) {
    mask_quote_nested(e, inner);
    json(e, inner);
    for (size_t i = 0; i < mask_html_count; i++)
      html(e, inner, &mask_html_styles[i]);
    for (size_t i = 0; i <= 4; i += 2)  // as each of the common clients does, in capitals
      percent(e, inner, &mask_percent_styles[i]);
    mask_encode_base64(e, inner);
  }
  e->ok = e->ok && buf_ok(&once);
  buf_wipe(&once);
}

static void percent_twice(struct encoder *e, struct text t)
{
  struct buf once;
  buf_init(&once, e->limit);
  escape_percent(&once, t.data, t.len, &mask_percent_styles[0]);
  struct text inner = {buf_str(&once), once.len};
  if (buf_ok(&once) && !text_equal(inner, t)) {
    percent(e, inner, &mask_percent_styles[0]);
    base64_alphabet(e, inner, false);
  }
  e->ok = e->ok && buf_ok(&once);
  buf_wipe(&once);
}

/* A line end behind the value, which most tools put there, changes the end of both. */
static void base64_twice(struct encoder *e, struct text t)
{
  struct buf once;
  buf_init(&once, e->limit);
  escape_base64(&once, t.data, t.len, false, true);
  if (buf_ok(&once)) {
    base64_inside(e, (struct text){buf_str(&once), 8 * t.len / 6}, 0, false);
    whole_base64(e, (struct text){buf_str(&once), once.len}, false);
  }
  e->ok = e->ok && buf_ok(&once);
  buf_wipe(&once);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void common_forms(struct encoder *e, struct text t)
{
  json(e, t);
  percent(e, t, &mask_percent_styles[0]);
  mask_encode_base64(e, t);
}

static void other_forms(struct encoder *e, struct text t)
{
  string_forms(e, t);
  percent_forms(e, t);
  mask_quote(e, t);
  workflow_form(e, t, false);
  workflow_form(e, t, true);
  hex_forms(e, t);
}

static void rare_forms(struct encoder *e, struct text t)
{
  for (size_t i = 0; i < (is_ascii(t) ? 1 : 2); i++)  // the second differs in what is not
    inside_json(e, t, &mask_json_styles[i]);
  percent_twice(e, t);
  base64_twice(e, t);
  base32_forms(e, t);
  utf16_forms(e, t);
  byte_forms(e, t);
}

void mask_encode(struct encoder *e, struct text t, enum mask_effort effort)
{
  if (t.len < MASK_MIN)
    return;
  emit(e, t.data, t.len);
  if (effort >= MASK_COMMON)
    common_forms(e, t);
  if (effort >= MASK_ALL)
    other_forms(e, t);
  if (effort >= MASK_RARE && t.len >= MASK_FULL)
    rare_forms(e, t);
}

void mask_encode_buf(struct encoder *e, const struct buf *b, enum mask_effort effort)
{
  e->ok = e->ok && buf_ok(b);
  mask_encode(e, (struct text){buf_str(b), b->len}, effort);
}
