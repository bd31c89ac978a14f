/* mask_dump.h - secrets in dumps: the bytes that xxd, hexdump, od and openssl write as numbers.
 *
 * A line that begins with an offset, or with two digits and a colon or blank, is read as numbers;
 * the bytes that they are go through the automaton, from line to line. What it covers is covered
 * in the digits and in the column of characters beside them. Offsets and line ends stay. Where a tool
 * writes characters instead of numbers (od -c) these are the bytes. */
#ifndef MASK_DUMP_H
#define MASK_DUMP_H
#include "mask_stream.h"

struct mask_dump;

/* NULL: out of memory. */
struct mask_dump *mask_dump_new(void);
/* A line begins that may be one of a dump's. */
void mask_dump_begin(struct mask_dump *d);
void mask_dump_free(struct mask_dump *d);
/* True while what comes may belong to a dump. */
bool mask_dump_active(const struct mask_dump *d);
/* Takes bytes until one does not belong to a dump; returns how many. */
size_t mask_dump_take(struct mask_dump *d, struct mask_stream *s, const char *data, size_t len, struct buf *out);
/* Hands on what is kept back: no more is coming. */
void mask_dump_end(struct mask_dump *d, struct mask_stream *s, struct buf *out);
/* Where the line begins that goes on at a place, if it may be a dump's so far; else `len`. `inside`: data begins in
 * the middle of one that is none. */
size_t mask_dump_line(const char *data, size_t at, size_t len, bool inside);
#endif
