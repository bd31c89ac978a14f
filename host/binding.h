/* binding.h - where a secret may go: origins, programs, SQL servers, seals. Knows nothing of Lua.
 *
 * A binding is a place: "https://host", "http://host:port", "https://host/path/prefix" (a bare
 * "host…" means https), "unix:/path" (plain http through that socket), "program:NAME",
 * "program:/path", "program:./path/below/the/project", "sql:HOST", "sql:*", "sealed:NAME" or "sealed:*". Places of HTTP may be narrowed to methods
 * and to one header or the body: "POST,PUT https://host/path header:authorization", "POST host body". A URL that is
 * a secret goes to an origin that says so, and nowhere else: "POST https://host url". */
#ifndef BINDING_H
#define BINDING_H
#include "buf.h"
#include "secret.h"

enum { BINDING_MAX = 1024 };  /* bytes of one in full form, with its NUL */

/* Appends the binding in full form. Returns why it is none, or NULL. */
const char *binding_normalise(const char *text, struct buf *out);
/* True when the normalised binding admits the destination. */
bool binding_allows(const char *binding, const struct destination *to);
/* Appends where `to` leads, as errors name it: "https://host", "program:psql", "sql:host".
 * `bindings`, normalised and ended by NULL: what they look at, the path on an origin they admit or the
 * method, is said too, since it is what may have been refused. */
void binding_describe(const struct destination *to, const char *const *bindings, struct buf *out);
#endif
