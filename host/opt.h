/* opt.h - reads an options table strictly: types checked, unknown names refused. */
#ifndef OPT_H
#define OPT_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum opt_type {
  OPT_STRING,   /* const char *: lives as long as the options table is on the stack */
  OPT_NUMBER,   /* double, finite */
  OPT_INTEGER,  /* lua_Integer */
  OPT_BOOLEAN,  /* bool */
  OPT_TABLE,    /* int: the stack index of the table, pushed; untouched when absent */
  OPT_TEXT,     /* int: likewise, of a string or a secret template */
  OPT_FUNCTION, /* int: likewise, of a function */
  OPT_ANY,      /* int: likewise, of any value */
};

struct opt_field {
  const char *name;
  enum opt_type type;
  size_t offset;  /* offsetof the member in the struct that is filled */
  bool required;
};

/* Fills *out from the table at idx; `what` names the function in errors
 * ("http.request"). Raises a misuse that names the option. Fields, 64 at most, end with {0}. */
void opt_read(lua_State *L, int idx, const char *what, const struct opt_field *fields, void *out);

/* Pushes the list of the fields' names, for who reads more options beside them. */
void opt_push_names(lua_State *L, const struct opt_field *fields);

/* The string argument at idx of the function `what`; raises a misuse that names it, also when
 * it is a secret: those are for the primitives that resolve them. */
const char *opt_string(lua_State *L, int idx, const char *what, const char *name, size_t *len);

/* The candidate nearest to `word` (at most a third of it differs), or NULL. */
const char *opt_nearest(const char *word, const char *const *candidates);
#endif
