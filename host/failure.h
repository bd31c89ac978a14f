/* failure.h - error values: what a failure of the world, or a misuse, looks like in Lua.
 *
 * A failure is a table with the metatable "davit.failure":
 *   code     short stable name, e.g. "http-timeout"
 *   class    pending | stale | transient | throttled | converge | unknown | fatal |
 *            misuse | cancelled: what a caller may do about it
 *   message  what was tried and what came back
 *   hint     what to do next (may be absent)
 *   about    what it was about: a URL, a file, a host (may be absent)
 *   where    file and line of the recipe ("recipes/preview.lua:12"; may be absent)
 * tostring() gives one line. Its texts are masked; "…" in one stands where it was cut (excerpt.h). */
#ifndef FAILURE_H
#define FAILURE_H
#include <lua.h>
#include <stdbool.h>

/* What a world reports; code and class are string literals. No fault: code is NULL. */
struct fault {
  const char *code, *class;
  char message[512];
  char hint[256];
};

void fault_set(struct fault *f, const char *code, const char *class, const char *format, ...)
  __attribute__((format(printf, 4, 5)));
/* The same of pieces that are ended by NULL: for who has many, as formatting costs more than the rest of a fault. */
void fault_join(struct fault *f, const char *code, const char *class, const char *const *pieces);
void fault_hint(struct fault *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Pushes the fault as an error value; `about` may be NULL. */
void failure_push(lua_State *L, const struct fault *f, const char *about);
/* Sets a field of the error value on top to a text, masked; nothing when it is empty or NULL. `cut`: the text goes
 * on, so that its end may be the half of a secret. */
void failure_set(lua_State *L, const char *key, const char *text, bool cut);
/* Raises the fault as an error value; `about` may be NULL. Does not return. */
int failure_raise(lua_State *L, const struct fault *f, const char *about);
/* Raises a misuse of the API: a mistake in the recipe. Does not return. */
int failure_misuse(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Raises "out-of-memory". Does not return. */
int failure_memory(lua_State *L);
/* Message handler for pcalls of whole tasks: normalises and adds `trace`. */
int failure_handler(lua_State *L);

/* Globals try(f, ...) and failure{...}, and the metatable. */
int failure_open(lua_State *L);
#endif
