/* secret_template.h - what a template of secrets is made of, for secret.c, which makes them, and
 * secret_resolve.c, which alone hands out what they hold. */
#ifndef SECRET_TEMPLATE_H
#define SECRET_TEMPLATE_H
#include "buf.h"
#include "locked.h"
#include "secret.h"

#define SECRET_TEMPLATE "davit.secret"  /* the metatable's name */

enum { SECRET_CHAIN = 8 };  /* encodings inside each other, at most */

struct secret {
  int references;
  struct arena *vault;
  char *name;
  char **bindings;  /* normalised, ended by NULL */
  struct secret **from;  /* what it was derived from, ended by NULL: it may go where all of them may;
                            NULL: its own bindings say where */
  char *value;
  size_t len;
};

struct piece {
  struct secret *secret;  /* NULL: a literal */
  char *text;             /* of a literal */
  size_t len;
  unsigned char depth, chain[SECRET_CHAIN];
};

struct template {
  struct piece *pieces;
  size_t count;
};

/* The template at the index; raises a misuse of `what` when it is none. */
struct template *secret_check(lua_State *L, int idx, const char *what);
/* The locked arena of the state. */
struct arena *secret_vault(lua_State *L);
/* Appends the bytes in an encoding. */
void secret_write_encoded(struct buf *out, const char *data, size_t len, enum secret_encoding encoding);
#endif
