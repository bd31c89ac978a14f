/* health.h - the health engine: asks many targets until they are healthy, or says why not.
 * Knows nothing of Lua; health_lua.c is its module.
 *
 *   health_pattern.c   Lua's patterns, with a limit to what one may cost
 *   health_expect.c    does an answer hold what is expected of it
 *   health_class.c     which class an answer has: the first rule that fits
 *   health_judge.c     what a probe means to a target
 *   health_pace.c      how long until the next look
 *   health_timeline.c  what was seen, bounded
 *   health_origin.c    while an origin refuses, one probe stands for all its targets
 *   health_engine.c    when to look, and when it is over
 *
 * A *probe* is one exchange; a *look* is what a target learns of it, or of the probe that stood
 * for it. Strings and arrays that specs, rules and targets point to belong to the caller and
 * outlive the engine. */
#ifndef HEALTH_H
#define HEALTH_H
#include "http.h"
#include "timer.h"
#include <stdint.h>

struct mask;
struct world_clock;

/* ---- classes and the rules that give them ---------------------------------------------- */

enum health_class {
  HEALTHY, PENDING, TRANSIENT, STALE, THROTTLED, FAILING, FATAL, HEALTH_CLASSES
};

const char *health_class_name(enum health_class class);
bool health_class_find(const char *name, enum health_class *class);

struct health_statuses { unsigned char bits[75]; };  /* 0 to 599 */

static inline bool health_status_in(const struct health_statuses *s, int status)
{
  return status >= 0 && status < 600 && (s->bits[status / 8] >> status % 8 & 1);
}

/* What a rule says; limits end the wait as fatal. */
struct health_cell {
  enum health_class class;
  int times;       /* looks in a row; 0: as the spec says for the class */
  double seconds;  /* since this rule began to fit; 0: no limit */
};

/* Every condition that is there must hold. */
struct health_rule {
  const char *name;
  const char *const *codes;    /* of faults and of expectations; NULL: an answer */
  const char *const *details;  /* of a fault; NULL: any */
  const struct health_statuses *statuses;
  const char *const *says;     /* one of these in the body, or in the library's words for the fault */
  const char *header;          /* the answer has it, … */
  const char *holds;           /* … and this in its value; NULL: any */
  struct health_cell grace;    /* before the first success */
  struct health_cell after;    /* after it, or on a host that was serving before */
  bool slow;                   /* what is known to take its time */
  bool quick;                  /* a look costs next to nothing */
  const char *hint;            /* what would mend it */
};

/* The first rule that fits the code (of a fault or an expectation, or NULL) and the answer. */
const struct health_rule *health_rule_find(const struct health_rule *rules, size_t count,
                                           const char *code, const struct http_exchange *x);

/* ---- expectations -------------------------------------------------------------------------- */

enum health_where { IN_HEADER, IN_JSON, IN_BODY };
enum health_how { EQUALS, CONTAINS, MATCHES, IS_THERE };

/* One thing that an answer must hold, or must not. */
struct health_proof {
  enum health_where where;
  const char *name;   /* of the header in lower case, or the JSON pointer */
  enum health_how how;
  const char *value;  /* or the pattern; when it has a capture, the capture must be `wanted` */
  const char *wanted;
  bool scalar;        /* in JSON: a number, true, false or null, not a string */
  bool loose;         /* in JSON: a string, too, that reads so; or, when not scalar, what is no string */
  bool negative;
  bool version;       /* says which version serves */
};

struct health_expect {
  struct health_statuses statuses;
  double latency;  /* seconds that an answer may take; 0: any */
  const struct health_proof *proofs;
  size_t count;
};

/* NULL: all holds. Else "other-version", "unexpected", "too-slow" or "pattern-limit", and why. */
const char *health_expect_miss(const struct health_expect *e, const struct http_exchange *x,
                               char *why, size_t size);
/* The value of a header in lower case, not ended by a NUL; NULL: it is not there. */
const char *health_header(const struct http_exchange *x, const char *name, size_t *len);

enum health_match { NO_MATCH, MATCH, TOO_COSTLY };
/* Finds the pattern in the text; *capture is the first capture, or the whole match. */
enum health_match health_pattern_find(const char *pattern, const char *text, size_t len,
                                      const char **capture, size_t *capture_len);
/* NULL, or what is wrong with the pattern. */
const char *health_pattern_wrong(const char *pattern);

/* ---- how often ------------------------------------------------------------------------------- */

enum health_jitter { JITTER_NONE, JITTER_FULL, JITTER_EQUAL, JITTER_DECORRELATED };

/* Seconds. 0 of interval, slow, quick and edge: no such state, the backoff decides. */
struct health_pacing {
  double delay, grace, deadline;
  double interval;                  /* during grace */
  double initial, multiplier, max;  /* the backoff */
  enum health_jitter jitter;
  double slow;                      /* between looks at what takes its time, once grace is over */
  double quick;                     /* between looks that cost next to nothing, at first */
  double edge;                      /* when something has changed, and between those of a `rise` */
  double soak;                      /* while it proves stable */
};

struct health_pace {
  double previous;
  int tries;
  uint64_t random;
};

void health_pace_seed(struct health_pace *s, uint64_t seed, uint64_t number);
/* From 0 to 1, without 1. */
double health_pace_chance(struct health_pace *s);
double health_pace_backoff(const struct health_pacing *p, struct health_pace *s);
/* Something has changed: the backoff begins again. */
double health_pace_edge(const struct health_pacing *p, struct health_pace *s);
/* `elapsed` since the start; `looks` in this state so far. */
double health_pace_slow(const struct health_pacing *p, struct health_pace *s, double elapsed, int looks);
/* `elapsed` since the start, with so many origins to look at. */
double health_pace_quick(const struct health_pacing *p, struct health_pace *s, double elapsed, int origins);
/* For a name that the resolver says is not there for so many seconds more. */
double health_pace_name(struct health_pace *s, double negative_ttl);

/* ---- what is looked for ------------------------------------------------------------------------ */

struct health_spec {
  const char *method, *body;
  size_t body_len;
  const char *const *headers;  /* "Name: value" */
  struct http_route route;
  struct http_timeouts timeouts;
  size_t max_body;
  bool fresh;
  struct health_expect expect;
  struct health_pacing pacing;
  uint64_t seed;
  bool established;
  int samples, rise, attempts;  /* attempts 0: any number */
  double stable_for;
  double fall_for;  /* seconds that FAILING must last before the first success to end the wait */
  int fatal_after[HEALTH_CLASSES];  /* looks in a row; 0: never */
  bool fixed_after[HEALTH_CLASSES]; /* the caller's word, before the rules' */
  int keep;                     /* looks of the timeline at each end */
  bool asks;                    /* each look is shown to the caller, who may reclassify it */
  bool secret;                  /* headers and body hold one: world.start fills them in */
  int owner;                    /* of the caller: what belongs to this spec in Lua */
};

/* ---- looks --------------------------------------------------------------------------------------- */

struct health_look {
  double at;            /* when its probe began; seconds since the start */
  enum health_class class;
  const struct health_rule *rule;  /* NULL: healthy */
  int status;           /* 0: no answer */
  bool shared;          /* another target's probe stood for it */
  double retry_after;   /* what the service asked for; 0: nothing */
  double negative_ttl;  /* for so long the resolver goes on saying "no such name"; 0: not told */
  struct http_timing timing;
  char colo[8];         /* the edge that answered, of cf-ray */
  char reason[320];
};

/* As it is kept. */
struct health_kept {
  const struct health_rule *rule;
  char *reason;
  double at;
  float retry_after, dns, connect, tls, first_byte, total;
  short status;
  unsigned char class;
  bool shared;
  char colo[8];
};

/* The first `keep` looks and the last `keep`, and how many of each class in all. */
struct health_timeline {
  struct health_kept *kept;
  int room, keep, count;  /* count: of all looks */
  int counts[HEALTH_CLASSES];
};

/* False: out of memory. */
bool health_timeline_add(struct health_timeline *t, const struct health_look *l);
/* How many are kept, and the n-th of them from 0. */
int health_timeline_length(const struct health_timeline *t);
const struct health_kept *health_timeline_at(const struct health_timeline *t, int n);
void health_timeline_free(struct health_timeline *t);

/* ---- the engine ------------------------------------------------------------------------------------ */

enum health_verdict { HEALTH_OPEN, HEALTH_OK, HEALTH_FAILED, HEALTH_TIMED_OUT, HEALTH_INCONCLUSIVE };

const char *health_verdict_name(enum health_verdict v);

struct health_link { struct health_link *prev, *next; };

enum health_state { WAITING, QUEUED, PROBING, ANSWERED, PARKED, OVER };

struct health_target {
  struct health_link link;  /* in the queue, among the answered, or parked: at most one of them */
  struct health_engine *engine;
  const struct health_spec *spec;
  const char *url, *name;   /* name: NULL when it has none */
  struct health_origin *origin;
  struct timer timer;       /* the next look; when parked, the last */
  struct http_exchange *exchange;
  enum health_state state;
  double probed;            /* when the exchange began */
  bool last;                /* the look at the deadline */
  int looks, probes, counted, sampled;
  int in_row, in_class, ok_in_row;
  const struct health_rule *rule;  /* of the last look */
  enum health_class class;
  double rule_since, class_since, first_ok, ok_since, ended;  /* since the start; first_ok negative: never */
  uint64_t rules_seen;
  struct health_pace pace;
  enum health_verdict verdict;
  struct health_timeline timeline;
  char address[64];
};

struct health_world {
  struct world_clock *clock;
  struct timers *timers;
  struct mask *mask;
  /* Completes the request (url, timeouts and the spec's own are set) and starts it; NULL: out
   * of memory. */
  struct http_exchange *(*start)(void *arg, const struct health_target *t, struct http_request *r,
                                 effect_done *done, void *done_arg);
  void (*wake)(void *arg);  /* there is something for health_turn; from callbacks of the loop */
  void *arg;
};

struct health_engine {
  struct health_world world;
  struct health_target *targets;
  int count, need, concurrency;
  double rate;              /* probes a second; 0: any number */
  const struct health_rule *rules;
  size_t rule_count;
  /* the engine's own */
  struct health_link queue, answered;
  struct health_origin *origins;
  int origin_count;
  struct timer pacer;
  double started, may_start;
  int in_flight, ok, over, probes;
  bool memory;              /* was not enough */
};

/* Begins. The caller has filled what stands above "the engine's own", and of every target
 * spec, url and name. False: out of memory. */
bool health_begin(struct health_engine *e);
/* Ends what is under way and frees; may be called at any time, more than once. */
void health_end(struct health_engine *e);
/* Does what is due. True: it is decided, every verdict stands. */
bool health_turn(struct health_engine *e);
/* A target whose look must be shown first: *look is what it would be. NULL: none. */
struct health_target *health_asks(struct health_engine *e, struct health_look *look);
/* Takes the look as it is now; the exchange is released. */
void health_take(struct health_target *t, const struct health_look *look);
/* Enough are healthy. */
bool health_good(const struct health_engine *e);

/* ---- between health_engine.c, health_judge.c and health_origin.c ------------------------------------------ */

/* Where probes go: what makes one fail before there was a connection holds for all that go there. */
struct health_origin {
  struct health_origin *next;
  const struct health_target *first;  /* says what the origin is */
  struct health_target *scout;        /* probes for all while it is down */
  struct health_target *standing;     /* the target whose probe, under way, stands for the parked */
  struct health_link parked;
  int waiting;
  bool down;
};

/* Gives every target its origin. False: out of memory. */
bool health_origins_new(struct health_engine *e);
void health_origins_free(struct health_engine *e);
bool health_origin_lost(const struct http_exchange *x);
/* True: t, which would look at `due`, parks. INFINITY: now, and not in place of a scout that waits. */
bool health_origin_parks(struct health_target *t, double due);
/* Its probe begins. */
void health_origin_probes(struct health_target *t);
/* Its probe ended with this look. */
void health_origin_learns(struct health_target *t, const struct health_look *l, bool lost);
/* It is over. */
void health_origin_leaves(struct health_target *t);

void health_link_init(struct health_link *l);
void health_link_add(struct health_link *list, struct health_link *l);
void health_link_drop(struct health_link *l);
static inline bool health_link_empty(const struct health_link *l) { return l->next == l; }

double health_now(const struct health_engine *e);
/* Looks at `due`, or at the deadline when that comes first. */
void health_schedule(struct health_target *t, double due);
/* What a probe would mean to t. */
void health_judge(const struct health_target *t, const struct http_exchange *x, double probed,
                  struct health_look *l);
/* Counts the look; true: t is over. */
bool health_decide(struct health_target *t, const struct health_look *l);
#endif
