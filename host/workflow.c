/* workflow.c - makes GitHub's workflow commands in foreign text harmless; see workflow.h.
 *
 * Nothing is held back: a command is broken by what is inserted before its last byte. Three
 * habits of the runner matter. It ends lines at '\r' as well as at '\n'; it skips what Unicode
 * calls white space; and a byte order mark at the start of the step's output, a UTF-16 one too,
 * decides how all that follows is decoded. */
#include "workflow.h"
#include <string.h>

/* White space beyond ASCII, and the byte order mark, which vanishes at the start of a stream. */
static const char *const wide_spaces[] = {
  "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
  "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
  "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
  "\xef\xbb\xbf", NULL};

/* Takes the next byte of a character that may be white space; false: it is none. */
static bool is_wide_space(struct workflow_filter *w, unsigned char c)
{
  w->partial[w->partial_len++] = c;
  for (int i = 0; wide_spaces[i]; i++) {
    if (memcmp(wide_spaces[i], w->partial, w->partial_len) != 0)
      continue;
    if (!wide_spaces[i][w->partial_len])
      w->partial_len = 0;
    return true;
  }
  w->partial_len = 0;
  return false;
}

/* Follows the byte; true when it would complete a command's mark. */
static bool completes(struct workflow_filter *w, unsigned char c)
{
  if (c == '\n' || c == '\r') {
    *w = (struct workflow_filter){.state = WORKFLOW_START};
    return false;
  }
  bool hash = c == '[' && w->hashes >= 2, colon = c == ':' && w->state == WORKFLOW_COLON;
  w->hashes = c == '#' ? w->hashes + (w->hashes < 2) : 0;
  if (w->state == WORKFLOW_START && !w->partial_len && c == ':')
    w->state = WORKFLOW_COLON;
  else if (w->state != WORKFLOW_START)
    w->state = WORKFLOW_REST;
  else if (w->partial_len || c >= 0x80)
    w->state = is_wide_space(w, c) ? WORKFLOW_START : WORKFLOW_REST;
  else if (c != ' ' && c != '\t' && c != '\v' && c != '\f')
    w->state = WORKFLOW_REST;
  return hash || colon;
}

void workflow_filter(struct workflow_filter *w, const char *data, size_t len, struct buf *out)
{
  size_t from = 0;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)data[i];
    bool never_utf8 = c >= 0xfe;  // two of them are a byte order mark of UTF-16
    if (!completes(w, c) && !never_utf8)
      continue;
    buf_add(out, data + from, i - from);
    buf_add_char(out, never_utf8 ? '?' : ' ');
    from = i + never_utf8;
  }
  buf_add(out, data + from, len - from);
}

void workflow_escape(const char *data, size_t len, struct buf *out)
{
  for (size_t i = 0; i < len; i++) {
    if (data[i] == '%' || data[i] == '\r' || data[i] == '\n')
      buf_add_str(out, data[i] == '%' ? "%25" : data[i] == '\r' ? "%0D" : "%0A");
    else
      buf_add_char(out, data[i]);
  }
}
