/* workflow.h - makes GitHub's workflow commands in foreign text harmless.
 *
 * The runner reads what a step prints line by line and obeys "::name …::data" at the start of a
 * line, after white space, and "##[name …]data" anywhere in it (ActionCommand in actions/runner).
 * A space goes into each: ": :name …::data" and "## [name …]data" stay readable, can be searched
 * for, and leave JSON what it was. Knows nothing of Lua. */
#ifndef WORKFLOW_H
#define WORKFLOW_H
#include "buf.h"

/* Where one stream stands; zeroed it is at its start. */
struct workflow_filter {
  enum { WORKFLOW_START, WORKFLOW_COLON, WORKFLOW_REST } state;
  unsigned char partial[4];  /* of a character at the start of a line that may be white space */
  unsigned partial_len;
  unsigned hashes;           /* that stand before the next byte */
};

/* Appends data to out with the commands in it broken up, at whatever point it was cut. */
void workflow_filter(struct workflow_filter *w, const char *data, size_t len, struct buf *out);
/* Appends data as a command carries it: the runner takes "%0D", "%0A" and, last, "%25" back. */
void workflow_escape(const char *data, size_t len, struct buf *out);
#endif
