/* scripted.h - a world for tests: its own time, and every effect answered by a Lua script.
 *
 * The script is a Lua file that runs in a second state and returns a table of functions,
 * all synchronous:
 *   http(request, now) -> response    request: method, host, path, query, headers, body
 *                                     response: status, headers, body; or fault = {code, class, message}
 *   sql(url, text, params, now) -> { columns = {"name" or "name:type oid"}, rows = {{texts}},
 *                                    affected = n }
 *   dns(name, type, now) -> { {type=, data=, ttl=}, … } or nil
 *   process(argv, cwd, env) -> exit code, output, errors
 *   file(action, path, data) -> for read: the bytes; list: names; stat: size; nil: not there
 * Any of them may also return delay = seconds in its table. */
#ifndef SCRIPTED_H
#define SCRIPTED_H
#include "world.h"
#include <lua.h>

struct scripted;

/* NULL: the script does not load (printed) or no memory. */
struct scripted *scripted_new(const char *script, double now);
void scripted_free(struct scripted *s);
struct world *scripted_world(struct scripted *s);
/* The script's own state, for asking it afterwards; its table is on top of the stack. */
lua_State *scripted_state(struct scripted *s);
/* Seconds of the script's time that have passed. */
double scripted_elapsed(const struct scripted *s);
#endif
