/* archive_name.c - names and links in archives; see archive_name.h. */
#include "archive_name.h"
#include "files_maker.h"
#include "mask.h"
#include "utf8.h"
#include <stdio.h>
#include <string.h>

/* ---- paths ----------------------------------------------------------------------------------- */

static bool is_control(char c)
{
  return (unsigned char)c < 0x20 || c == 0x7f;
}

/* No list would show it, and no archive could be made of it again. */
static bool is_unplaced(const char *name, size_t len)
{
  char copy[ARCHIVE_NAME_MAX + 1];
  copy_text(copy, len + 1, name);
  return files_is_unplaced(copy);
}

static const char *refuse_name(const char *name, size_t len)
{
  if (len == 2 && name[0] == '.' && name[1] == '.')
    return "it leads out by \"..\"";
  if (len > ARCHIVE_NAME_MAX)
    return "a name in it is longer than 255 bytes";
  for (size_t i = 0; i < len; i++)
    if (is_control(name[i]))
      return "it holds a control character";
  return is_unplaced(name, len) ? "it is a name of what is on its way to its place" : NULL;
}

/* The next name of a path that is no "."; its length is 0 at the end. */
static const char *next_name(const char **rest, size_t *len)
{
  const char *name;
  do {
    name = *rest + strspn(*rest, "/");
    *len = strcspn(name, "/");
    *rest = name + *len;
  } while (*len == 1 && *name == '.');
  return name;
}

const char *archive_clean_path(const char *path, char clean[ARCHIVE_PATH_MAX + 1])
{
  size_t len, at = 0;
  int depth = 0;
  if (*path == '/')
    return "it is absolute";
  for (const char *name = next_name(&path, &len); len > 0; name = next_name(&path, &len)) {
    const char *why = refuse_name(name, len);
    if (why)
      return why;
    if (at + 1 + len > ARCHIVE_PATH_MAX)
      return "it is longer than 4095 bytes";
    if (++depth > ARCHIVE_DEPTH_MAX)
      return "it lies deeper than 128 folders";
    if (at > 0)
      clean[at++] = '/';
    memcpy(clean + at, name, len);
    at += len;
  }
  clean[at] = 0;
  return NULL;
}

int archive_compare_paths(const char *a, const char *b)
{
  while (*a && *a == *b)
    a++, b++;
  /* What lies in a folder comes right behind it. */
  unsigned char x = *a == '/' ? 1 : (unsigned char)*a, y = *b == '/' ? 1 : (unsigned char)*b;
  return (x > y) - (x < y);
}

bool archive_is_below(const char *path, const char *folder)
{
  size_t n = strlen(folder);
  return n == 0 || (strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0));
}

/* ---- links ----------------------------------------------------------------------------------- */

static int depth_of(const char *path)
{
  int depth = 0;
  for (; *path; path++)
    depth += *path == '/';
  return depth;
}

/* The folders above a link are no links, so ".." at the target's start is what it seems. Behind a name, which
 * may be a link, it could be anywhere. */
const char *archive_refuse_link(const char *path, const char *target)
{
  int up = depth_of(path);
  bool named = false;
  size_t len;
  if (*target == 0)
    return "it leads nowhere";
  if (*target == '/')
    return "it leads to an absolute path";
  for (const char *name = next_name(&target, &len); len > 0; name = next_name(&target, &len)) {
    bool above = len == 2 && name[0] == '.' && name[1] == '.';
    const char *why = above ? NULL : refuse_name(name, len);
    if (why)
      return why;
    if (above && named)
      return "it leads up by \"..\" behind a name";
    if (above && --up < 0)
      return "it leads out";
    named = named || !above;
  }
  return NULL;
}

char *archive_fill_path(const char *path, const char *sha256)
{
  static const char mark[] = "{sha256}";
  const char *at = strstr(path, mark);
  char *filled = NULL;
  if (!at)
    return strdup(path);
  int before = (int)(at - path);
  return asprintf(&filled, "%.*s%s%s", before, path, sha256, at + strlen(mark)) < 0 ? NULL : filled;
}

/* ---- for messages ---------------------------------------------------------------------------- */

/* Appends what one line of a terminal shows as it is. */
static void escape(const char *text, size_t len, struct buf *out)
{
  const char *end = text + len;
  while (text < end) {
    size_t n = is_control(*text) ? 0 : utf8_length(text, end);
    if (n == 0)
      buf_printf(out, "\\x%02x", (unsigned char)*text++);
    else
      buf_add(out, text, n);
    text += n;
  }
}

/* Cuts in front, at the start of a character. */
static void put_end(const char *text, size_t len, char shown[ARCHIVE_SHOWN_MAX + 1])
{
  if (len <= ARCHIVE_SHOWN_MAX) {
    snprintf(shown, ARCHIVE_SHOWN_MAX + 1, "%s", text);
    return;
  }
  text += len - (ARCHIVE_SHOWN_MAX - 3);
  while (((unsigned char)*text & 0xc0) == 0x80)
    text++;
  snprintf(shown, ARCHIVE_SHOWN_MAX + 1, "...%s", text);
}

void archive_show_path(struct mask *mask, const char *path, char shown[ARCHIVE_SHOWN_MAX + 1])
{
  struct buf masked, out;
  buf_init(&masked, BUF_LIMIT);
  buf_init(&out, BUF_LIMIT);
  if (mask)
    mask_text(mask, path, strlen(path), &masked);
  else
    buf_add_str(&masked, path);
  escape(buf_str(&masked), masked.len, &out);
  put_end(buf_ok(&masked) && buf_ok(&out) ? buf_str(&out) : "(a path)", buf_ok(&out) ? out.len : 8, shown);
  buf_free(&masked);
  buf_free(&out);
}
