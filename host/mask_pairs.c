/* mask_pairs.c - the secrets among names and values that are no JSON; see mask_derive.h. */
#include "dotenv.h"
#include "mask_derive.h"
#include <ctype.h>
#include <string.h>

static bool is_name_char(char c)
{
  return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* The name that ends at a place of the text, blanks inside of it included: "User Id". */
static struct text name_before(const char *start, const char *end)
{
  const char *from = end;
  while (from > start && (is_name_char(from[-1]) || from[-1] == ' '))
    from--;
  return text_trim(text_between(from, end));
}

/* ---- name=value;name=value: ADO, JDBC, ODBC --------------------------------------------- */

/* The end of a quoted value, where a doubled quote is none; NULL: it is never closed. */
static const char *closing(const char *at, const char *end, char quote)
{
  for (; at < end; at++)
    if (*at == quote && (at + 1 == end || at[1] != quote))
      return at;
    else if (*at == quote)
      at++;
  return NULL;
}

static void add_undoubled(struct deriver *d, struct text name, struct text value, char quote)
{
  struct buf plain;
  buf_init(&plain, value.len + 1);
  for (size_t i = 0; i < value.len; i++) {
    buf_add_char(&plain, value.data[i]);
    i += value.data[i] == quote && i + 1 < value.len && value.data[i + 1] == quote;
  }
  d->ok = d->ok && buf_ok(&plain);
  derive_named(d, name, value, false);
  derive_named(d, name, (struct text){buf_str(&plain), plain.len}, false);
  buf_wipe(&plain);
}

/* Takes one value; returns where the next pair begins. */
static const char *take_value(struct deriver *d, struct text name, const char *at, const char *end,
                              char separator)
{
  char quote = at < end ? (*at == '{' ? '}' : *at) : 0;
  bool quoted = quote == '"' || quote == '\'' || quote == '}';
  const char *close = quoted ? closing(at + 1, end, quote) : NULL;
  const char *next = memchr(close ? close : at, separator, (size_t)(end - (close ? close : at)));
  if (close)
    add_undoubled(d, name, text_between(at + 1, close), quote);
  else
    derive_named(d, name, text_trim(text_between(at, next ? next : end)), false);
  return next ? next + 1 : end;
}

static void separated_pairs(struct deriver *d, struct text line, char separator)
{
  const char *at = line.data, *end = at + line.len;
  while (d->ok && at < end) {
    const char *equals = memchr(at, '=', (size_t)(end - at));
    const char *stop = memchr(at, separator, (size_t)(end - at));
    if (!equals)
      return;
    if (stop && stop < equals)
      at = stop + 1;
    else
      at = take_value(d, name_before(at, equals), equals + 1, end, separator);
  }
}

/* ---- host=… password='…': libpq; username="…" password="…"; of JAAS ----------------------------------------------------------- */

static void skip_blanks(const char **at, const char *end)
{
  while (*at < end && isspace((unsigned char)**at))
    ++*at;
}

static bool is_quote(char c)
{
  return c == '\'' || c == '"';
}

/* Reads a value, with its backslashes undone, and leaves *at behind it. */
static void read_dsn_value(struct buf *value, const char **at, const char *end)
{
  bool quoted = *at < end && is_quote(**at);
  char quote = quoted ? **at : 0;
  for (*at += quoted; *at < end; ++*at) {
    if (quoted ? **at == quote : isspace((unsigned char)**at))
      break;
    if (**at == '\\' && *at + 1 < end)
      ++*at;
    buf_add_char(value, **at);
  }
  *at += quoted && *at < end;
}

static void dsn_pairs(struct deriver *d, struct text line)
{
  const char *at = line.data, *end = at + line.len;
  while (d->ok && at < end) {
    const char *equals = memchr(at, '=', (size_t)(end - at));
    if (!equals)
      return;
    struct text name = name_before(at, equals);
    struct buf value;
    buf_init(&value, line.len + 1);
    at = equals + 1;
    skip_blanks(&at, end);
    const char *from = at;
    read_dsn_value(&value, &at, end);
    struct text written = text_between(from, at);
    if (written.len > 1 && is_quote(*written.data))
      written = (struct text){written.data + 1, written.len - 2};
    derive_named(d, name, written, false);
    derive_named(d, name, (struct text){buf_str(&value), value.len}, false);
    d->ok = d->ok && buf_ok(&value);
    buf_wipe(&value);
    skip_blanks(&at, end);
  }
}

/* ---- other lines ----------------------------------------------------------------------------- */

static struct text without_quotes(struct text t)
{
  bool quoted = t.len > 1 && (*t.data == '"' || *t.data == '\'') && t.data[t.len - 1] == *t.data;
  return quoted ? (struct text){t.data + 1, t.len - 2} : t;
}

/* NAME=value, whatever stands before the name, and name: value of YAML. */
static void simple_pair(struct deriver *d, struct text line)
{
  const char *end = line.data + line.len, *equals = memchr(line.data, '=', line.len);
  const char *colon = text_find(line, ": ");
  const char *at = equals && (!colon || equals < colon) ? equals : colon;
  if (!at)
    return;
  struct text name = without_quotes(text_trim(name_before(line.data, at)));
  derive_named(d, name, without_quotes(text_trim(text_between(at + 1, end))), false);
}

/* user:password@tcp(host:3306)/db, as Go's driver for MySQL has it; jdbc:oracle:thin:user/password@… */
static void driver_password(struct deriver *d, struct text line)
{
  const char *at = text_find(line, "@tcp(");
  at = at ? at : text_find(line, "@unix(");
  const char *oracle = text_find(line, ":thin:");
  const char *from = oracle ? oracle + 6 : line.data, *end = line.data + line.len;
  if (!at && oracle)
    at = memrchr(from, '@', (size_t)(end - from));
  const char *mark = at && at > from ? memchr(from, oracle ? '/' : ':', (size_t)(at - from)) : NULL;
  if (mark)
    derive_add(d, text_between(mark + 1, at));
}

/* machine HOST login USER password WORD */
static void netrc_password(struct deriver *d, struct text line)
{
  static const char word[] = "password ";
  const char *end = line.data + line.len, *at = text_find(line, word);
  bool netrc = text_starts(line, "machine ") || text_starts(line, "default ") || text_starts(line, "login ") ||
               text_starts(line, word);
  if (!at || !netrc)
    return;
  const char *from = at + sizeof word - 1, *to = from;
  while (to < end && !isspace((unsigned char)*to))
    to++;
  derive_add(d, text_between(from, to));
}

static bool has_digit(struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if (isdigit((unsigned char)t.data[i]))
      return true;
  return false;
}

/* Authorization: Bearer TOKEN, or without the header's name. */
static void header_credentials(struct deriver *d, struct text line)
{
  static const char *const schemes[] = {"Bearer ", "Basic ", "bearer ", "token "};
  const char *end = line.data + line.len;
  struct text t = text_starts(line, "Authorization: ") ? text_between(line.data + 15, end) : line;
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    if (!text_starts(t, schemes[i]))
      continue;
    struct text rest = text_between(t.data + strlen(schemes[i]), end);
    if (rest.len >= 8 && has_digit(rest) && !text_find(rest, " "))
      derive_add(d, rest);
  }
}

static size_t count_of(struct text line, char c)
{
  size_t n = 0;
  for (size_t i = 0; i < line.len; i++)
    n += line.data[i] == c;
  return n;
}

static void line_pairs(struct deriver *d, struct text line)
{
  size_t equals = count_of(line, '=');
  simple_pair(d, line);
  driver_password(d, line);
  netrc_password(d, line);
  header_credentials(d, line);
  if (equals > 1 && memchr(line.data, ';', line.len - 1))
    separated_pairs(d, line, ';');
  else if (equals > 1 && memchr(line.data, ' ', line.len))
    dsn_pairs(d, line);
  else if (equals > 0 && memchr(line.data, ',', line.len))
    separated_pairs(d, line, ',');
}

/* Files of NAME=value: there also what looks random counts, under whatever name. */
static void dotenv_pairs(struct deriver *d, struct text t)
{
  struct dotenv file;
  const char *why;
  dotenv_init(&file, t.data, t.len);
  while (d->ok && dotenv_next(&file, &why))
    derive_named(d, (struct text){buf_str(&file.name), file.name.len},
                 (struct text){buf_str(&file.value), file.value.len}, true);
  dotenv_free(&file);
}

void derive_pairs(struct deriver *d, struct text t)
{
  struct text line, rest = t;
  if (memchr(t.data, '=', t.len) && memchr(t.data, '\n', t.len))
    dotenv_pairs(d, t);
  while (d->ok && text_next_line(&rest, &line)) {
    line = text_trim(line);
    if (line.len >= 4)
      line_pairs(d, line);
  }
}
