/* dotenv.h - reads lines of NAME=value, as .env files hold them. Knows nothing of Lua.
 *
 * Blank lines, # comments and a leading "export " are passed over. 'Single' quotes keep
 * everything; in "double" quotes \n, \r, \t, \", \$ and \\ are undone; either may span
 * lines. A bare value ends at " #" or the end of the line and is trimmed. */
#ifndef DOTENV_H
#define DOTENV_H
#include "buf.h"

struct dotenv {
  const char *at, *end;  /* what is left of the text */
  int line;              /* of the entry read last */
  struct buf name, value;
};

void dotenv_init(struct dotenv *d, const char *text, size_t len);
/* Reads the next entry into name and value; false at the end, or with *why set where the
 * text cannot be read. */
bool dotenv_next(struct dotenv *d, const char **why);
void dotenv_free(struct dotenv *d);
#endif
