/* binding.h - where a secret may go: origins, programs, SQL servers. Knows nothing of Lua.
 *
 * A binding is written "https://host", "http://host:port", "https://host/path/prefix",
 * "program:NAME", "sql:HOST" or "sql:*"; a bare "host…" means https. */
#ifndef BINDING_H
#define BINDING_H
#include "buf.h"
#include "secret.h"

/* Appends the binding in full form. Returns why it is none, or NULL. */
const char *binding_normalise(const char *text, struct buf *out);
/* True when the normalised binding admits the destination. */
bool binding_allows(const char *binding, const struct destination *to);
/* Appends where `to` leads, as errors name it: "https://host", "program:psql", "sql:host".
 * `bindings`, normalised and ended by NULL: where one of them admits the origin, the path
 * is said too, since it is what was refused. */
void binding_describe(const struct destination *to, const char *const *bindings, struct buf *out);
#endif
