/* mask.h - finds secrets in streams of bytes and puts *** in their place.
 *
 * Exact at any cut: a stream holds back the longest tail that could still become a
 * secret, and nothing else. What is covered is the union of all matches; each covered
 * run becomes one ***. Knows nothing of Lua. */
#ifndef MASK_H
#define MASK_H
#include "buf.h"

struct mask;         /* the needles, shared by all streams of an instance */
struct mask_stream;  /* one direction of one sink */

struct mask *mask_new(void);
void mask_free(struct mask *m);
/* True for a value that can be masked: 4 bytes to 64 KiB, and not blank. */
bool mask_accepts(const char *value, size_t len);

enum mask_added {
  MASK_ADDED,       /* or it was there already */
  MASK_REFUSED,     /* mask_accepts() does not */
  MASK_NO_MEMORY,
};
/* Adds a value under a name and the forms it takes in output (JSON, percent, base64, lines of a
 * multi-line value …). The first name that a form was added under stays. */
enum mask_added mask_add(struct mask *m, const char *name, const char *value, size_t len);
/* Adds one text as it stands, none of its forms, of any length. False: out of memory. */
bool mask_add_form(struct mask *m, const char *name, const char *text, size_t len);
/* True when the value was ever added. */
bool mask_knows(const struct mask *m, const char *value, size_t len);

/* A mask of its own that knows what this one knows by now, and is ready: as long as nothing is added to
 * it, its streams may be fed on another thread. NULL: out of memory. */
struct mask *mask_copy(const struct mask *m);
/* Another number when something was added that was not known; 0 when nothing ever was. */
unsigned long mask_version(const struct mask *m);

struct mask_stream *mask_stream_new(struct mask *m);
void mask_stream_free(struct mask_stream *s);
/* Appends to out what is decided by now. Needles added meanwhile count from here on,
 * the held bytes included. */
void mask_feed(struct mask_stream *s, const char *data, size_t len, struct buf *out);
/* Releases what is held: the stream ends, or may begin again. */
void mask_finish(struct mask_stream *s, struct buf *out);
/* The name of a secret that stood in what went through since the stream began, after mask_finish
 * still; NULL: there was none. */
const char *mask_found(const struct mask_stream *s);
/* A whole text at once. */
void mask_text(struct mask *m, const char *data, size_t len, struct buf *out);
#endif
