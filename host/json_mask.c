/* json_mask.c - masks what a JSON text says and leaves it JSON; see json_mask.h.
 *
 * Masking the text itself would break it where a secret is "1234", as part of a number, or "message", as the name
 * of a field that programs look for. One walk over the tokens: each string is masked without its escapes, since a
 * secret that holds a quote or a line end is then found as it is. */
#include "json_mask.h"
#include "escape.h"
#include "json_span.h"
#include "mask.h"
#include "utf8.h"
#include <string.h>

struct walk {
  struct mask *mask;
  const char *at, *end;
  const char *name;   /* of the member whose value comes, within the text; NULL in an array */
  size_t name_len;
  int depth;
  bool event, number; /* one was a secret */
  struct buf *out;
  struct buf plain, masked;  /* of the string at hand */
};

/* ---- what is Davit's own ---------------------------------------------------------------- */

static bool is_one_of(const char *const *names, const char *name, size_t len)
{
  for (; *names; names++)
    if (strlen(*names) == len && memcmp(*names, name, len) == 0)
      return true;
  return false;
}

/* Fields of events and of what the journal keeps: a secret that is such a word is told by none of them. */
static bool is_field(const char *name, size_t len)
{
  static const char *const fields[] = {
    "answer", "approved", "at", "attempts", "back", "branches", "by", "bytes", "changed", "class", "code", "colo",
    "counts", "data", "digest", "ended", "error", "event", "events", "existed", "expires", "failed", "file",
    "first_ok", "flags", "hint", "holder", "host", "how", "inputs", "key", "kind", "lease", "left", "line", "local",
    "merged", "message", "nothing", "of", "ok", "outcome", "params", "path", "pid", "place", "plan", "points",
    "problems", "project", "question", "reason", "recipe", "result", "row", "run", "schedule", "schedules",
    "seconds", "seed", "seq", "sources", "started", "status", "summary", "superseded", "supersede", "targets",
    "token", "undisturbed", "undo", "url", "v", "verdict", "version", "what", "where", "why", NULL};
  return is_one_of(fields, name, len);
}

/* Whether the value of the member at hand is one that Davit made: a time, a count, a kind of event. */
static bool is_own_value(const struct walk *w, bool number)
{
  static const char *const numbers[] = {"at", "expires", "pid", "seconds", NULL};
  static const char *const texts[] = {"class", "event", "run", "status", "verdict", NULL};
  if (!w->name)
    return false;
  bool top = w->event && w->depth == 1;
  return number ? top || is_one_of(numbers, w->name, w->name_len) : top && is_one_of(texts, w->name, w->name_len);
}

/* ---- tokens ------------------------------------------------------------------------------- */

/* The end of the string that begins at `at`; NULL: it has none. */
static const char *string_end(const char *at, const char *end)
{
  for (at++; at < end; at++) {
    if (*at == '"')
      return at + 1;
    at += *at == '\\';
  }
  return NULL;
}

static bool is_name(const char *after, const char *end)
{
  while (after < end && strchr(" \t\r\n", *after))
    after++;
  return after < end && *after == ':';
}

/* Writes the string between `from` and `to`, quotes included, masked. */
static void put_masked(struct walk *w, const char *from, const char *to)
{
  buf_drop(&w->plain, w->plain.len);
  buf_drop(&w->masked, w->masked.len);
  bool read = json_unescape(from + 1, (size_t)(to - from) - 2, &w->plain);
  mask_text(w->mask, buf_str(&w->plain), w->plain.len, &w->masked);
  w->out->failed |= w->plain.failed || w->masked.failed;
  if (read && w->plain.len == w->masked.len && memcmp(buf_str(&w->plain), buf_str(&w->masked), w->plain.len) == 0) {
    buf_add(w->out, from, (size_t)(to - from));
    return;
  }
  buf_add_char(w->out, '"');
  if (read && utf8_valid(buf_str(&w->masked), w->masked.len))
    escape_json(w->out, w->masked.data, w->masked.len, false);
  else
    buf_add_str(w->out, "***");  // a secret that ends within a character
  buf_add_char(w->out, '"');
}

static bool take_string(struct walk *w)
{
  const char *from = w->at, *to = string_end(from, w->end);
  if (!to)
    return false;
  bool name = is_name(to, w->end);
  if (name) {
    w->name = from + 1;
    w->name_len = (size_t)(to - from) - 2;
  }
  if (name ? is_field(w->name, w->name_len) : is_own_value(w, false))
    buf_add(w->out, from, (size_t)(to - from));
  else
    put_masked(w, from, to);
  w->at = to;
  return true;
}

static void take_number(struct walk *w)
{
  const char *from = w->at;
  while (w->at < w->end && *w->at && strchr("+-.0123456789Ee", *w->at))
    w->at++;
  size_t len = (size_t)(w->at - from);
  buf_drop(&w->masked, w->masked.len);
  if (!is_own_value(w, true))
    mask_text(w->mask, from, len, &w->masked);
  w->out->failed |= w->masked.failed;
  bool secret = w->masked.len == 3 && memcmp(w->masked.data, "***", 3) == 0;
  w->number = w->number || secret;
  if (secret)
    buf_add_str(w->out, "\"***\"");
  else
    buf_add(w->out, from, len);
}

static bool take_word(struct walk *w)
{
  static const char *const words[] = {"true", "false", "null"};
  for (int i = 0; i < 3; i++) {
    size_t len = strlen(words[i]);
    if ((size_t)(w->end - w->at) < len || memcmp(w->at, words[i], len) != 0)
      continue;
    buf_add(w->out, words[i], len);
    w->at += len;
    return true;
  }
  return false;
}

/* Takes a mark or white space. */
static bool take_mark(struct walk *w)
{
  char c = *w->at;
  if (!c || !strchr("{}[]:, \t\r\n", c))
    return false;
  w->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
  if (c == '[' || c == '}' || c == ']')
    w->name = NULL;
  buf_add_char(w->out, c);
  w->at++;
  return true;
}

/* False: the text is no JSON. */
static bool take_all(struct walk *w)
{
  bool fine = true;
  while (fine && w->at < w->end) {
    if (*w->at == '"')
      fine = take_string(w);
    else if (*w->at == '-' || (*w->at >= '0' && *w->at <= '9'))
      take_number(w);
    else
      fine = take_mark(w) || take_word(w);
  }
  return fine;
}

bool json_mask(struct mask *m, const char *text, size_t len, bool event, struct buf *out)
{
  struct walk w = {.mask = m, .at = text, .end = text + len, .event = event, .out = out};
  size_t before = out->len;
  buf_init(&w.plain, BUF_LIMIT);
  buf_init(&w.masked, BUF_LIMIT);
  if (!take_all(&w)) {
    if (out->data)
      out->data[out->len = before] = 0;
    mask_text(m, text, len, out);
  }
  buf_wipe(&w.plain);
  buf_wipe(&w.masked);
  return w.number;
}
