/* escape_style.h - how languages, shells and loggers write the inside of a string. Knows nothing of Lua.
 *
 * Every function appends to out; a failed buffer says that memory was short. */
#ifndef ESCAPE_STYLE_H
#define ESCAPE_STYLE_H
#include "buf.h"

/* How one byte, or with U one character, is written by its number. */
enum escape_code {
  CODE_NONE,                /* it stays as it is */
  CODE_X, CODE_X_UPPER,     /* \x1b, \x1B */
  CODE_U, CODE_U_UPPER,     /* \u00e9, \u00E9; beyond the first 65,536 as a pair */
  CODE_U_LONG, CODE_X_LONG, /* \u00e9, \xe9; beyond those as \U0001d11e */
  CODE_X_LONG_UPPER,        /* \xE9, \U0001D11E */
  CODE_OCTAL,               /* \033 */
  CODE_OCTAL_SHORT,         /* \33, as Perl does: three digits before a digit */
  CODE_DECIMAL              /* \27, as Lua does: three digits before a digit */
};

/* What becomes of a character is said by the first member that names it. */
struct escape_style {
  const char *prefixed;     /* these get `prefix` before them */
  char prefix;              /* 0: they are doubled */
  const char *letters;      /* pairs: the first becomes a backslash and the second */
  const char *coded;        /* these become numbers, as controls do or in `code` */
  enum escape_code code;
  enum escape_code controls;  /* below 32; DEL too, unless they are written as U */
  enum escape_code wide;      /* from 128 on */
};
void escape_styled(struct buf *out, const char *data, size_t len, const struct escape_style *style);

/* How HTML and XML write a character by its number: "&#43;", "&#x2b;", "&#x2B;". */
enum escape_reference { REFERENCE_DECIMAL, REFERENCE_HEX, REFERENCE_HEX_UPPER };
/* What becomes of five characters, NULL: it stays; others that are written by their number, NULL: none. */
struct escape_entities {
  const char *ampersand, *less, *greater, *quote, *apostrophe;
  const char *numbered;
  enum escape_reference how;
};
void escape_html(struct buf *out, const char *data, size_t len, const struct escape_entities *entities);
/* The characters beyond ASCII as references; bytes that are none stay. */
void escape_references(struct buf *out, const char *data, size_t len, enum escape_reference how);
/* As JavaScript's escape() does, "%E4%u2713"; bytes that are no UTF-8 count as characters. */
void escape_javascript(struct buf *out, const char *data, size_t len);
/* Every byte as a number, with `between` before each but the first: "\x70\x77", "70:77". */
struct escape_bytes {
  const char *before, *between;
  bool octal, upper;
};
void escape_every(struct buf *out, const char *data, size_t len, const struct escape_bytes *how);
/* The text, which is UTF-8, as UTF-16 in little-endian order. False: it is not UTF-8. */
bool escape_utf16(struct buf *out, const char *data, size_t len);
void escape_base32(struct buf *out, const char *data, size_t len, bool pad);
#endif
