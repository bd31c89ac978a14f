/* secret.h - secret values in Lua: templates of literal pieces and references to secrets.
 *
 * A template is an opaque userdata. `..` joins templates and strings; tostring, #,
 * comparison and error messages never reveal what is inside. Only a primitive resolves
 * one, here, at the moment of use, after every secret in it was checked against the
 * destination. Every value is known to the mask before Lua can hold its template. */
#ifndef SECRET_H
#define SECRET_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Instead of a header's name: the URL itself. */
#define DESTINATION_URL ":url"

/* Where bytes are about to go. */
struct destination {
  enum { TO_HTTP, TO_PROGRAM, TO_SQL, TO_SEALED } kind;
  const char *what;    /* http: the URL, or "unix:/PATH"; program: argv[0]; sql: the host; sealed: who opens it */
  const char *beyond;  /* http: the URL behind a proxy, which has to be admitted as well; or NULL */
  const char *named;   /* http: likewise the URL with the host of the request's own Host header */
  const char *place;   /* for the error: "header 'authorization'", "body", "environment FOO" */
  const char *method;  /* http; NULL: none that a binding could name */
  const char *header;  /* http: its name, or DESTINATION_URL; NULL: the body, or what is sent later */
  /* program: whether what would be started is what `name`, the rest of a binding, means here; NULL: its
   * name decides */
  bool (*runs)(const struct destination *to, const char *name);
  const void *program;  /* for runs */
};

bool secret_test(lua_State *L, int idx);
/* Raises a misuse when one of them, ended by NULL, is no place. */
void secret_check_bindings(lua_State *L, const char *name, const char *const *bindings);
/* Pushes a template of one secret. `bindings` is a NULL-terminated list of the places it
 * may go (binding.h); an empty one admits none. A value that the mask does
 * not take (mask.h) is a secret all the same. Raises when the value is empty, a binding is
 * none, or memory is short. */
void secret_push(lua_State *L, const char *name, const char *value, size_t len,
                 const char *const *bindings);
/* The same for a value that was made of the template at idx: it may go where all secrets in that may. */
void secret_push_derived(lua_State *L, int idx, const char *name, const char *value, size_t len);
/* Pushes the bytes of the string or template at idx, for as long as the pushed value stays on
 * the stack (a template's bytes are wiped when it is collected or closed); raises
 * "secret-refused", naming secret, binding and place, when one of them may not go there. */
const char *secret_resolve(lua_State *L, int idx, const struct destination *to, size_t *len);
/* Writes where the bytes lead. False: nowhere that can be told. */
typedef bool secret_find(const char *bytes, size_t len, char *what, size_t size);
/* The same for bytes that themselves say where they go, like a database URL: what `find` reads
 * there is the destination, and to->what is not used. */
const char *secret_resolve_found(lua_State *L, int idx, const struct destination *to,
                                 secret_find *find, size_t *len);

/* Raises "secret-refused" for the template at idx, in a place where no secret may stand, whatever it is bound
 * to: "http.request: option 'url'". Names the first secret in it and its bindings. */
int secret_refuse(lua_State *L, int idx, const char *place, const char *hint);
/* Pushes the list of the places that every secret in the template at idx names, in full form (binding.h): the
 * template may go there, and perhaps to places which they name in different words. */
void secret_places(lua_State *L, int idx);
/* True when every secret in the value at idx may go there; so may a string. */
bool secret_admitted(lua_State *L, int idx, const struct destination *to);

/* How a template's secrets are written when they are resolved inside something else. */
enum secret_encoding { ENCODE_JSON, ENCODE_URL };
/* Pushes a template like the one at idx whose pieces are encoded: the inside of a JSON string
 * (without quotes), or percent-encoded. */
void secret_encode(lua_State *L, int idx, enum secret_encoding encoding);
/* Replaces the n values on top (strings or templates) by their concatenation: a string when
 * all are strings, else a template. */
void secret_concat(lua_State *L, int n);

/* Pushes the list of the names in the template at idx, in their order, each once. */
void secret_names(lua_State *L, int idx);
/* Pushes a template of the one secret at idx under a name and with bindings; raises when it
 * is more than one secret that was never bound. */
void secret_rebind(lua_State *L, int idx, const char *name, const char *const *bindings);

/* Pushes the bytes of the template at idx like secret_resolve, but for no destination: for what is
 * computed of them and tells nothing of them, never to be sent or given to Lua. */
const char *secret_read(lua_State *L, int idx, size_t *len);
/* Pushes 16 hexadecimal digits that are the same for the same value and tell nothing of it to
 * who has not the key: HMAC-SHA-256 of the template at idx, keyed by the one at key, cut. */
void secret_fingerprint(lua_State *L, int idx, int key);
enum { SECRET_DERIVED_MAX = 2048, SECRET_KEY_MIN = 16 };  /* digits; bytes */
/* Pushes a secret of so many digits (at most SECRET_DERIVED_MAX) that is the same for the same
 * key and purpose, and tells nothing of the key. */
void secret_derive(lua_State *L, int key, const char *purpose, size_t digits, const char *name,
                   const char *const *bindings);

/* Functions of the module "secret.core" that make secrets of others: secret_derive.c. */
int secret_base64(lua_State *L);
int secret_basic(lua_State *L);
int secret_password(lua_State *L);
int secret_generate(lua_State *L);
/* The module "secret.core". */
int secret_open(lua_State *L);
#endif
