/* mask_derive.c - what can be read out of a value; see mask_derive.h. */
#include "mask_derive.h"
#include "mask_forms.h"
#include <string.h>
#include <strings.h>

/* Masking these would black out ordinary text, and as passwords they hide nothing. */
static bool is_common(struct text t)
{
  static const char *const words[] = {
    "true", "false", "null", "none", "undefined", "default", "password", "passwd", "secret", "token", "admin",
    "root", "user", "guest", "public", "postgres", "mysql", "redis", "localhost", "production", "development",
    "staging", "preview", "test", "testing", "local", "changeme", "example", "required", "optional", "disabled",
    "enabled", "require", "prefer", "bearer", "basic"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i]) == t.len && strncasecmp(t.data, words[i], t.len) == 0)
      return true;
  return false;
}

/* A reference to a value that stands elsewhere. */
static bool is_reference(struct text t)
{
  return text_starts(t, "${") || text_starts(t, "$(") || text_starts(t, "{{");
}

void derive_add(struct deriver *d, struct text t)
{
  t = text_trim(t);
  if (d->ok && t.len >= MASK_MIN && !is_common(t) && !is_reference(t))
    d->ok = d->sink(d->arg, t);
}

/* Inside quotes of one kind. */
static bool unquote(struct text t, struct text *inside)
{
  bool quoted = t.len > 2 && (*t.data == '"' || *t.data == '\'') && t.data[t.len - 1] == *t.data;
  if (quoted)
    *inside = (struct text){t.data + 1, t.len - 2};
  return quoted;
}

/* The heading of a section, not the bracket of a list: "[default]" and more lines. */
static bool is_section(struct text t)
{
  struct text line, rest = t;
  if (!text_next_line(&rest, &line))
    return false;
  line = text_trim(line);
  return rest.len && line.len > 2 && *line.data == '[' && line.data[line.len - 1] == ']' && !text_find(line, "\"");
}

void derive_inside(struct deriver *d, struct text t)
{
  if (!d->ok || d->depth >= DERIVE_DEPTH)
    return;
  d->depth++;
  t = text_trim(t);
  derive_urls(d, t);
  if (t.len && (*t.data == '{' || *t.data == '[') && !is_section(t))
    derive_leaves(d, t);
  else
    derive_pairs(d, t);
  d->depth--;
}

void derive_named(struct deriver *d, struct text name, struct text value, bool guess)
{
  enum mask_name_says says = mask_name_says(name);
  bool random = mask_looks_random(value);
  if (says == NAME_SECRET || (says == NAME_PERHAPS && value.len >= MASK_FULL && random) ||
      (says == NAME_NOTHING && guess && random))
    derive_add(d, value);
  derive_inside(d, value);
}

bool mask_derive(struct text value, derived_sink *sink, void *arg)
{
  struct deriver d = {.sink = sink, .arg = arg, .ok = true};
  struct text inside;
  value = text_trim(value);
  if (unquote(value, &inside)) {
    derive_add(&d, inside);
    derive_inside(&d, inside);
  }
  derive_inside(&d, value);
  return d.ok;
}
