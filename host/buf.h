/* buf.h - a growable run of bytes that is born with a limit. Knows nothing of Lua.
 *
 * What it held is wiped when it grows, unless `plain`: then it may grow in place.
 * The bytes always end in a NUL that `len` does not count. Growing past `limit`
 * or out of memory marks the buffer failed and changes nothing else; callers
 * may append freely and look at buf_ok() once, at the end. */
#ifndef BUF_H
#define BUF_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
  char *data;
  size_t len, size, limit;
  bool failed;
  bool plain;  /* set by who knows that no secret will be in it */
};

enum { BUF_LIMIT = 1 << 30 };

void buf_init(struct buf *b, size_t limit);
void buf_free(struct buf *b);
/* Overwrites the bytes before freeing them: for what held a secret. */
void buf_wipe(struct buf *b);
/* Makes room for so many more bytes at once. */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* The bytes as a C string, "" when nothing was ever added. */
const char *buf_str(const struct buf *b);
bool buf_ok(const struct buf *b);
/* memset that the compiler does not remove. */
void wipe(void *data, size_t len);
/* Copies as much of the text as there is room for, and a NUL; returns how much. */
size_t copy_text(char *to, size_t room, const char *text);
/* What to write behind the first max bytes of the text in an error: "…", or "" when that is all. It also tells
 * the mask that a secret may have been cut there (excerpt.h). */
const char *cut_mark(const char *text, size_t max);
/* Ends a text that was cut at the end of its room with "…", between two characters. */
void mark_cut(char *out, size_t size);
/* vsnprintf that ends a text which had to be cut with "…", between two characters. */
void format_cut(char *out, size_t size, const char *format, va_list ap) __attribute__((format(printf, 3, 0)));
/* strdup that keeps NULL. */
char *copy_str(const char *text);
#endif
