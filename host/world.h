/* world.h - the seam: every effect of Davit goes through these members.
 *
 * The real world is the libraries (clock_uv.c, http_curl.c, websocket_curl.c, sql_pq.c, dns_ares.c,
 * process_guard.c, files_uv.c, archive_uv.c, random_os.c, environ_os.c, store_*.c); a rehearsal brings
 * its own (rehearsal.h). Recipes, providers and bindings cannot tell. A member is a struct
 * of functions that take the member itself, so that an implementation embeds it at its start.
 *
 * What takes time returns a struct that begins with a struct effect (effect.h), or
 * NULL: out of memory. Options are copied before the call returns. */
#ifndef WORLD_H
#define WORLD_H
#include "archives.h"
#include "dns.h"
#include "files.h"
#include "http.h"
#include "process.h"
#include "sql.h"
#include "websocket.h"
#include <stdbool.h>
#include <stddef.h>

struct world_clock {
  /* Unix seconds. */
  double (*now)(struct world_clock *);
  /* Seconds that never go back. */
  double (*monotonic)(struct world_clock *);
  /* Lets the world go on until something happened or monotonic() reaches `until`
   * (INFINITY: no end; a time in the past: look and return). False: nothing is
   * under way that could ever happen. */
  bool (*wait)(struct world_clock *, double until);
};

struct world_random {
  bool (*fill)(struct world_random *, void *bytes, size_t n);
};

struct store;

struct world_store {
  /* Opens the store of runs at a place, a file or a postgresql:// URL. It blocks, as the store
   * does (store.h). NULL: see the fault. */
  struct store *(*open)(struct world_store *, const char *place, struct fault *fault);
};

/* What the machine says of itself: a rehearsal answers from a list of its own. */
struct world_environ {
  /* The value of a variable, or NULL: it is not set, or hidden. Lives as long as it is not hidden. */
  const char *(*get)(struct world_environ *, const char *name);
  /* The same of a secret, hidden or not. */
  const char *(*get_secret)(struct world_environ *, const char *name);
  /* From here on the variable is a secret and nothing else. False: out of memory. */
  bool (*hide)(struct world_environ *, const char *name);
  /* What stands in for the value that a file of secrets has under this name; NULL: nothing. */
  const char *(*stand_in)(struct world_environ *, const char *name);
  bool (*is_terminal)(struct world_environ *, int fd);
  /* The value of the secret of this name is about to be taken, wherever it came from. False: it may not be, and the
   * fault says why. NULL: each may. */
  bool (*use_secret)(struct world_environ *, const char *name, struct fault *fault);
};

struct world {
  struct world_clock *clock;
  struct world_http *http;
  struct world_websocket *websocket;
  struct world_sql *sql;
  struct world_dns *dns;
  struct world_process *process;
  struct world_random *random;
  struct world_files *files;
  struct world_archive *archive;
  struct world_store *store;
  struct world_environ *environ;
};
#endif
