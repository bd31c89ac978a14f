/* rehearsal_world.h - what the files of the rehearsal's world share; see rehearsal.h. */
#ifndef REHEARSAL_WORLD_H
#define REHEARSAL_WORLD_H
#include "host.h"
#include "rehearsal.h"
#include "store.h"

/* Stands before the public struct of an effect that is under way. */
struct pending {
  struct pending *next;
  struct rehearsal *r;
  double due;
  /* Runs when it is due, before its owner is told; or NULL. False: it has not ended, and has another
   * time when it is due; INFINITY: when another effect says so. */
  bool (*deliver)(struct effect *);
  void (*release)(struct effect *);
};

struct rehearsal {
  struct world world;
  struct world_clock clock;
  struct world_http http;
  struct world_websocket websocket;
  struct world_sql sql;
  struct world_dns dns;
  struct world_process process;
  struct world_random random;
  struct world_files files;
  struct world_archive archive;
  struct world_environ environ;
  struct world_store store;
  struct store_clock store_clock;
  struct store *runs;       /* keeps the memory of all stores; NULL until one is opened */
  struct store *idle;       /* a connection that nobody has yet, or NULL */
  bool store_is_full;       /* for the next write */
  struct host host;         /* of the models' state */
  lua_State *L;             /* the models; their table is at index 1 */
  double start, now;
  double limit;             /* when `late` is called; 0: never */
  void (*late)(void *arg);
  void *late_arg;
  struct pending *pending;  /* newest first */
  unsigned long long origin, seed;  /* what it began with, and where chance stands now */
  char **variables;         /* "NAME=value", ended by NULL */
  struct buf log;
  bool keeps_log;
  rehearsal_watcher *watcher;
  void *watcher_arg;
  unsigned counts[POINT_KINDS];
  char about[256];          /* the last effect that began */
};

/* The world that a member is embedded in. */
#define REHEARSAL_OF(member, pointer) \
  ((struct rehearsal *)((char *)(pointer) - offsetof(struct rehearsal, member)))

/* ---- effects (rehearsal_clock.c) ---------------------------------------------------------- */

/* A zeroed effect of `size` bytes that is due at once. NULL: no memory. */
void *rehearsal_effect(struct rehearsal *r, size_t size, effect_done *done, void *arg,
                       void (*release)(struct effect *));
struct pending *rehearsal_pending(struct effect *e);
/* Tell the watcher: an effect reaches a point before it happens, where it says what it is about, and one
 * after, with nothing in between. */
void rehearsal_before(struct rehearsal *r, enum rehearsal_kind kind, const char *format, ...)
  __attribute__((format(printf, 3, 4)));
void rehearsal_after(struct rehearsal *r, enum rehearsal_kind kind);

/* ---- asking the models (rehearsal_models.c) --------------------------------------------------- */

enum { ANSWER = 2 };  /* where the answer of rehearsal_ask stands in the models' stack */

/* Pushes the function; its arguments follow. */
void rehearsal_begin(struct rehearsal *r, const char *function);
/* Calls it with the nargs arguments and the time. The answer is a table at index ANSWER; its
 * delay goes to the effect, which may be NULL. A model that raises ends the process: a world
 * that is wrong proves nothing. */
void rehearsal_ask(struct rehearsal *r, int nargs, struct effect *e);
/* Reads the answer's fault; false when there is none. sqlstate may be NULL, else has 6 bytes. */
bool rehearsal_fault(struct rehearsal *r, struct fault *f, char *sqlstate);
void rehearsal_set(lua_State *L, const char *key, const char *value, size_t len);

/* Asks the models what answers a request whose body is in memory. False: *f says what went wrong. */
bool rehearsal_ask_http(struct rehearsal *r, const struct http_request *q, struct effect *e, struct fault *f);

/* ---- members -------------------------------------------------------------------------------------- */

void rehearsal_http_open(struct world_http *);
struct websocket_connect *rehearsal_websocket(struct world_websocket *, const struct websocket_request *,
                                              effect_done *, void *);
struct dns_lookup *rehearsal_dns(struct world_dns *, const struct dns_question *, effect_done *, void *);
char *rehearsal_name_beside(struct world_files *, const char *place);
struct file_operation *rehearsal_file(struct world_files *, const struct file_request *, effect_done *, void *);
void rehearsal_sql_open(struct world_sql *);
void rehearsal_process_open(struct world_process *);
void rehearsal_clock_open(struct world_clock *);
void rehearsal_seed(struct rehearsal *r, unsigned long long seed);
bool rehearsal_random(struct world_random *, void *bytes, size_t n);
bool rehearsal_environ_open(struct rehearsal *r, const char *const *variables);
void rehearsal_environ_close(struct rehearsal *r);
void rehearsal_store_open(struct rehearsal *r);
void rehearsal_store_close(struct rehearsal *r);
struct archive_operation *rehearsal_pack(struct world_archive *, const struct pack_request *, effect_done *, void *);
struct archive_operation *rehearsal_unpack(struct world_archive *, const struct unpack_request *, effect_done *, void *);
/* Asks the models to act on a file: its action, path, data, mode. Its answer is at index ANSWER. */
struct file_act {
  const char *action, *path, *to;
  const char *data;
  size_t len, max;
  unsigned mode;
  uint64_t offset;
};
void rehearsal_act(struct rehearsal *r, const struct file_act *, struct effect *e);
/* False: the path leads out of the fence (or NULL), as the real links have it. */
bool rehearsal_stays_inside(const char *fence, const char *path, bool follow, const char *doing, struct fault *f);
/* Pushes the table `disk`. */
void rehearsal_push_disk(lua_State *L);
#endif
