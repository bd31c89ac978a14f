/* dotenv.c - the lines of .env files; see dotenv.h for what is understood. */
#include "dotenv.h"
#include <ctype.h>
#include <string.h>

void dotenv_init(struct dotenv *d, const char *text, size_t len)
{
  size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;  // some editors write one
  *d = (struct dotenv){.at = text + mark, .end = text + len, .line = 1};
  buf_init(&d->name, 1 << 10);
  buf_init(&d->value, 1 << 20);
}

void dotenv_free(struct dotenv *d)
{
  buf_free(&d->name);
  buf_wipe(&d->value);
}

static bool is_at(const struct dotenv *d, char c)
{
  return d->at < d->end && *d->at == c;
}

static void advance(struct dotenv *d)
{
  if (*d->at++ == '\n')
    d->line++;
}

static void skip_blanks(struct dotenv *d)
{
  while (is_at(d, ' ') || is_at(d, '\t') || is_at(d, '\r'))
    advance(d);
}

static void skip_line(struct dotenv *d)
{
  while (d->at < d->end && *d->at != '\n')
    advance(d);
}

/* To the next line that holds something. */
static void skip_empty(struct dotenv *d)
{
  for (skip_blanks(d); is_at(d, '\n') || is_at(d, '#'); skip_blanks(d)) {
    skip_line(d);
    if (d->at < d->end)
      advance(d);
  }
}

static bool is_name_char(char c)
{
  return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

static bool read_name(struct dotenv *d)
{
  static const char export[] = "export ";
  size_t n = sizeof export - 1;
  if ((size_t)(d->end - d->at) > n && memcmp(d->at, export, n) == 0)
    d->at += n;
  skip_blanks(d);
  buf_drop(&d->name, d->name.len);
  for (; d->at < d->end && is_name_char(*d->at); advance(d))
    buf_add_char(&d->name, *d->at);
  skip_blanks(d);
  if (d->name.len == 0 || !is_at(d, '='))
    return false;
  advance(d);
  skip_blanks(d);
  return true;
}

static char undo_escape(char c)
{
  return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

/* False: the closing quote is missing. */
static bool read_quoted(struct dotenv *d)
{
  char quote = *d->at;
  for (advance(d); d->at < d->end && *d->at != quote; advance(d)) {
    bool escape = quote == '"' && *d->at == '\\' && d->end - d->at > 1 && d->at[1] &&
                  strchr("nrt\"$\\", d->at[1]);
    if (escape)
      advance(d);
    buf_add_char(&d->value, escape ? undo_escape(*d->at) : *d->at);
  }
  if (d->at == d->end)
    return false;
  advance(d);
  skip_blanks(d);
  return d->at == d->end || is_at(d, '\n') || is_at(d, '#');
}

static void read_bare(struct dotenv *d)
{
  const char *start = d->at, *end = d->at;
  for (; d->at < d->end && *d->at != '\n'; advance(d)) {
    bool blank = isblank((unsigned char)*d->at) || *d->at == '\r';
    if (*d->at == '#' && (d->at == start || isblank((unsigned char)d->at[-1])))
      break;
    if (!blank)
      end = d->at + 1;
  }
  buf_add(&d->value, start, (size_t)(end - start));
}

bool dotenv_next(struct dotenv *d, const char **why)
{
  *why = NULL;
  skip_empty(d);
  if (d->at == d->end)
    return false;
  int line = d->line;
  wipe(d->value.data, d->value.len);
  buf_drop(&d->value, d->value.len);
  if (!read_name(d))
    *why = "expected NAME=value";
  else if (!is_at(d, '\'') && !is_at(d, '"'))
    read_bare(d);
  else if (!read_quoted(d))
    *why = "the closing quote is missing, or something stands behind it";
  if (!*why && !(buf_ok(&d->name) && buf_ok(&d->value)))
    *why = "the name or the value is too long";
  skip_line(d);
  if (*why)
    d->line = line;
  return !*why;
}
