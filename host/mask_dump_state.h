/* mask_dump_state.h - between the two halves of mask_dump.h: mask_dump.c reads lines, mask_dump_bytes.c says which
 * bytes they hold and what of them is covered. */
#ifndef MASK_DUMP_STATE_H
#define MASK_DUMP_STATE_H
#include "mask_dump.h"
#include "mask_held.h"

enum {
  DIGITS_MAX = 32,   /* of one number: xxd writes up to sixteen bytes without a blank */
  INDENT_MAX = 24,
  LINE_BYTES = 64,   /* in a line */
  COLUMN = 4,        /* of od -c */
  BYTES_MAX = MASK_PIECE + LINE_BYTES,
  OFFSET_MIN = 6,    /* digits */
  LAST_MAX = 128     /* an unfinished line that is longer without a character of text is none */
};

enum place { NOWHERE, AT_START, IN_NUMBER, IN_CHARACTER, IN_GAP, IN_TEXT };

/* What stands behind the offset of a line, once it is clear. */
enum content { UNCLEAR, NUMBERS, CHARACTERS };

/* A byte that was read: where it is in what is kept. */
struct dumped {
  uint16_t number;    /* its number begins there */
  uint16_t from, to;  /* its digits */
  uint16_t text;      /* its character, or 0: kept bytes begin with a digit */
  uint8_t byte;
  uint8_t index;      /* in its line */
  unsigned line;
};

struct mask_dump {
  enum place place;
  enum content content;
  bool offset, ordered;      /* an offset was read; it had a colon */
  bool indented;
  unsigned line;             /* counts them */
  size_t column;             /* characters of the line so far */
  size_t numbers, blanks;    /* numbers read in the line, blanks since the last one */
  size_t digits, gap;        /* of the number or character at hand; blanks before it */
  bool waits;                /* its digits are kept, from here on: */
  size_t number_from;
  uint8_t value[DIGITS_MAX];
  char letters[2];           /* the first characters of what is at hand */
  size_t in_line, text_at;   /* bytes read in the line; the next character is that byte's */
  size_t full, text_column;  /* of the longest line so far: its bytes, and where its characters began */
  bool line_covered[LINE_BYTES];
  uint32_t state;
  unsigned long generation;
  size_t count;
  struct dumped bytes[BYTES_MAX];
  struct mask_held held;
};

static inline int mask_dump_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static inline bool mask_dump_has_columns(const struct mask_dump *d)
{
  return (d->offset || d->indented) && !d->ordered && d->content != NUMBERS;
}

/* True when what is at hand ends where a column does. */
static inline bool mask_dump_is_column(const struct mask_dump *d)
{
  return mask_dump_has_columns(d) && (d->gap + d->digits) % COLUMN == 0;
}

/* Hands on the first n bytes that are kept. */
void mask_dump_release(struct mask_dump *d, struct mask_stream *s, size_t n, struct buf *out);
/* The last of the first `count` bytes comes to the automaton. */
void mask_dump_follow(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, size_t count,
                      struct buf *out);

/* The number at hand ends before `c`. False: such a number is in no dump, or there are too many. */
bool mask_dump_number(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, char c,
                      struct buf *out);
/* The column at hand ends: the blank ones before it, and this. False: as above. */
bool mask_dump_column(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, struct buf *out);
/* So many columns were blank. False: as above. */
bool mask_dump_blanks(struct mask_dump *d, struct mask_stream *s, const struct mask_automaton *a, size_t n,
                      struct buf *out);
/* The digits at hand as a number. */
unsigned mask_dump_value(const struct mask_dump *d, unsigned base);
/* The byte that od writes as a backslash and this; -1: none. */
#define MASK_DUMP_LETTERS "0abtnvfr"
int mask_dump_escaped(char letter);
#endif
