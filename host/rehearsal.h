/* rehearsal.h - a world without network, children or waiting: its time is virtual, every effect is
 * answered by models in a Lua state of their own, and what is random comes from a seed.
 *
 * The same options give the same world: byte for byte the same log of events in any process.
 *
 * The models are a Lua text that is called with `settings` and a table `disk` (below) and returns
 * a table of functions, all synchronous; `now` is the last argument of each:
 *   http(request)             request: method, host, path, query, headers, body
 *                             -> { status, body, headers = "name: value" lines }; to one with the header
 *                                upgrade = "websocket" also { status = 101, protocol, messages = { { data =,
 *                                binary =, after = seconds since the one before }, … }, close = { code =,
 *                                reason =, after = } }
 *   dns(name, type, server)   -> { { type=, data=, ttl= }, … }; with a fault, ttl: for how long "not
 *                                there" is remembered; server: who is asked instead of a resolver
 *   connect(url)              -> { session = integer }
 *   query(session, text, params) -> { columns = { "name" or "name:type oid" }, rows = { { texts } },
 *                                affected = n }
 *   close(session)
 *   process(argv, cwd)        -> { exit = n, output = text, errors = text }
 *   file(action, path, data, max, mode, to, offset) -> read: { data = text }; list: { names = list };
 *                             stat: { size = n, folder = boolean }; piece, digest: { data = text,
 *                             size = n, stamp = n }; write, remove, make, begin, append, place: {}
 *   crash()                   Davit died: what only its connections held is gone
 * Any may return { fault = { code, class, message, sqlstate } } instead, and delay = seconds until
 * the answer arrives. `disk` reads the real files below the working folder: disk.read(path, max),
 * disk.list(path), disk.stat(path), disk.piece(path, offset, max), each -> an answer as of `file`. */
#ifndef REHEARSAL_H
#define REHEARSAL_H
#include "buf.h"
#include "world.h"
#include <lua.h>

struct rehearsal;

struct rehearsal_options {
  const char *models, *settings;
  const char *const *environ;  /* "NAME=value", ended by NULL: all that os.getenv and secrets see */
  double start;                /* Unix seconds */
  unsigned long long seed;
};

/* NULL: the models do not load (printed), or no memory. */
struct rehearsal *rehearsal_new(const struct rehearsal_options *o);
void rehearsal_free(struct rehearsal *r);
struct world *rehearsal_world(struct rehearsal *r);
/* The models' own state, for asking them; their table of functions is on top of the stack. */
lua_State *rehearsal_models(struct rehearsal *r);
/* Seconds of its time that have passed. */
double rehearsal_elapsed(const struct rehearsal *r);
/* One line an event: "12.050 http GET api.github.com/repos/o/r -> 200". */
const struct buf *rehearsal_log(const struct rehearsal *r);
void rehearsal_keep_log(struct rehearsal *r, bool on);
void rehearsal_note(struct rehearsal *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Connects to the store before somebody needs it: for those that take over in a forked process. */
void rehearsal_store_warm(struct rehearsal *r);

/* Calls `late` once when a Davit still waits at that second of the rehearsal's time. */
void rehearsal_limit(struct rehearsal *r, double elapsed, void (*late)(void *arg), void *arg);

/* The next write to the journal is refused: its disk is full. */
void rehearsal_refuse_write(struct rehearsal *r);
/* Somebody else takes all leases that are held, and lets them expire. */
void rehearsal_steal_leases(struct rehearsal *r);

/* ---- points: where Davit may die ------------------------------------------------------------ */

enum rehearsal_kind {
  POINT_JOURNAL, POINT_LEASE, POINT_HTTP, POINT_SQL, POINT_DNS, POINT_PROCESS, POINT_FILE, POINT_KINDS
};

struct rehearsal_point {
  enum rehearsal_kind kind;
  unsigned index;  /* the n-th of its kind, from 1 */
  bool after;      /* it has happened, and Davit has not seen the answer */
  const char *about;  /* "GET api.github.com/repos/o/r", "step-started comment", "write a/b" */
};

const char *rehearsal_kind_name(enum rehearsal_kind kind);
/* Told of every point from now on, while it is reached. NULL: nobody. */
typedef void rehearsal_watcher(void *arg, const struct rehearsal_point *p);
void rehearsal_watch(struct rehearsal *r, rehearsal_watcher *watcher, void *arg);
void rehearsal_count_anew(struct rehearsal *r);
/* How many points of a kind were reached. */
unsigned rehearsal_count(const struct rehearsal *r, enum rehearsal_kind kind);
/* When somebody would take over from a Davit that died now: at a full minute, one at least later. */
double rehearsal_takeover(const struct rehearsal *r);
/* Davit is dead: what was under way for it is dropped without being told to anyone, and it is the
 * time of the takeover, with chance begun anew. What follows depends on nothing but that time and what
 * the models and the store hold. The Lua states that used this world must never run again; others
 * may be opened on it. */
void rehearsal_crash(struct rehearsal *r);
/* So many seconds pass in which nobody does anything; rehearsal_limit is as much later. */
void rehearsal_pass(struct rehearsal *r, double seconds);
#endif
