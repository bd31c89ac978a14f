/* secret_source.h - what the sources of secrets share: their options, and what a rehearsal has instead. */
#ifndef SECRET_SOURCE_H
#define SECRET_SOURCE_H
#include "secret.h"

struct secret_source {
  const char *name;  /* of the secret, in messages */
  int to;
  bool shared;       /* others may read the file */
};

const char *secret_check_name(lua_State *L, int idx, const char *what);
/* Pushes a list of places, ended by NULL, that lives as long as what is pushed. */
const char **secret_check_places(lua_State *L, int idx, const char *what);
/* Reads { to =, name = } of the function `what`, of a file also `shared`; `name` is what it is called otherwise.
 * Pushes and returns the places, on top. */
const char **secret_source_read(lua_State *L, int idx, const char *what, const char *name, bool file,
                                struct secret_source *o);
/* In a rehearsal pushes what stands in for the value of that name: models need none, and may not have it. */
bool secret_push_stand_in(lua_State *L, const char *name, const char *const *places);

/* ---- secret_file.c ------------------------------------------------------------------------- */

int secret_file(lua_State *L);
int secret_fd(lua_State *L);
int secret_dotenv(lua_State *L);
int secret_key_file(lua_State *L);  /* secret_key.c */
void secret_file_open(lua_State *L);
#endif
