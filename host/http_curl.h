/* http_curl.h - the parts of the HTTP engine, as they see each other; http.h is the outside.
 *
 *   http_curl.c     the life of an exchange: start, the end, resume, destroy
 *   http_loop.c     curl's multi handle on the loop: sockets, its timer
 *   http_spare.c    exchanges to use again
 *   http_setup.c    a request becomes options of curl
 *   http_route.c    where the connection goes, and whom TLS trusts
 *   http_body.c     what goes out and what comes in, piece by piece, and the limits of it
 *   http_time.c     the timeouts
 *   http_gzip.c     whether an answer in gzip came whole
 *   http_resolve.c  finding the host's addresses
 *   http_fault.c    what went wrong, in which phase, whose fault
 *   http_connection.c  a connection made the same way, for who speaks another protocol on it
 *
 * An exchange looks its host up through world_dns (curl's own resolver blocks the loop when a
 * transfer is dropped), hands the addresses to curl, and waits.
 *
 * States: LOOKING_UP -> TRANSFERRING -> ENDED; ENDING instead of the first two when the
 * exchange cannot go on: it ends in the next turn of the loop, as done() must never run inside
 * start().
 * Ownership: the exchange owns copies of all it was given; what held a secret is wiped. Sources
 * and sinks are the caller's and outlive it.
 * Invariants: 1. an easy handle is in the multi handle exactly in state TRANSFERRING, or when
 *                `connected`.
 *             2. an exchange stands in the queue `soon` exactly while `queued` is true.
 *             3. no transfer is added, removed or unpaused from inside a callback of curl. */
#ifndef HTTP_CURL_H
#define HTTP_CURL_H
#include "real.h"
#include "timer.h"
#include <curl/curl.h>
#include <sys/queue.h>

enum exchange_state { LOOKING_UP, TRANSFERRING, ENDING, ENDED };

/* Why we broke an exchange off ourselves, from inside a callback of curl. */
enum exchange_stop {
  STOP_NOT, STOP_BODY, STOP_HEADERS, STOP_GARBAGE, STOP_MEMORY, STOP_SOURCE, STOP_SINK,
  STOP_AGAIN
};

TAILQ_HEAD(exchange_queue, exchange);

/* Addresses that were found: "192.0.2.1,[2001:db8::1]". */
struct http_address {
  char *host, *list;
  int family;
  double found, until;
};

enum { HTTP_ADDRESSES = 256, HTTP_SPARE = 128 };

/* One of curl's sockets, by its number. */
struct http_socket {
  unsigned wanted, watched;    /* events of epoll */
  double active;               /* when one was last seen */
  bool shared;                 /* exchanges of HTTP/2 are on it, many at a time */
};

/* An exchange that has ended, and the hash of its URL: looking for one touches no other memory. */
struct http_spare {
  unsigned hash;
  struct exchange *exchange;
};

struct http_curl {
  struct world_http base;
  uv_loop_t *loop;
  const struct real_config *config;
  struct world_dns *dns;
  struct world_environ *environ;
  CURLM *multi;
  int epoll;                   /* the set of curl's sockets; -1: none yet */
  uv_poll_t poll;              /* on the set */
  struct http_socket *sockets;
  int socket_count, under_way;
  int shared, begun;           /* sockets that are shared; exchanges that began since curl's last turn */
  uv_idle_t rest;              /* while there are ended ones to be taken */
  char encodings[40];          /* that curl unpacks */
  struct http_spare spare[HTTP_SPARE];
  int spare_count;
  uv_timer_t timer;            /* curl's */
  uv_timer_t turn;             /* serves `soon` in the next turn of the loop */
  struct exchange_queue soon;
  uv_timer_t clock;            /* under the timers of all exchanges */
  struct timers deadlines;
  double armed;                /* when `clock` goes off; INFINITY: never */
  struct http_address addresses[HTTP_ADDRESSES];
};

/* A source as curl reads it. */
struct outgoing {
  struct exchange *exchange;
  struct http_source source;
  double given;  /* bytes since the start, or since the last rewind */
  bool ended;
};

struct exchange {
  struct http_exchange base;
  struct http_curl *http;
  enum exchange_state state;
  enum exchange_stop stop;
  TAILQ_ENTRY(exchange) next;
  bool queued;
  struct timer timer;
  double started, transferred; /* when it came to us, and to curl */
  double handshake;            /* when that of TLS began; 0: not yet */
  double first_byte;           /* when the answer's first line was there; 0: not yet */
  double active;               /* when a piece of it was last seen */
  int socket;                  /* the one it uses, as far as known, or -1 */
  double uploaded;             /* bytes when it was last looked at */
  bool paused;                 /* by its source or sink: no idleness of the peer's */
  struct http_timeouts timeouts;

  /* the request */
  char *method;
  int family;
  bool fresh;
  bool plain, own_ca;          /* see http_spare.c */
  bool connection;             /* only a connection is wanted (http_connection.h) */
  bool connected;              /* and it is there: curl keeps it until the exchange goes */
  struct curl_slist *headers, *resolve, *connect_to;
  curl_mime *mime;
  struct buf body;
  struct outgoing *outgoing;   /* one for the body, or one for each part; NULL: none */

  /* finding the host */
  char *target;                /* whose address is looked up: `host` itself, or who stands before it */
  int target_port;
  bool left;                   /* the request has left once */
  bool direct;                 /* a Unix socket: nothing is looked up */
  char proxy[264];             /* "host:port", or "" */
  struct dns_lookup *lookup[2];  /* IPv4, IPv6 */
  char candidate[64];          /* the address that is tried first */

  /* the answer */
  struct http_sink sink;       /* take is NULL: none */
  size_t header_bytes;         /* of all answers, the interim ones too */
  int header_lines;
  bool in_headers;             /* lines of the answer, not of its trailer */
  struct gzip_watch *gzip;     /* NULL: it is not compressed in this way */

  char *shown;                 /* the URL as faults name it, and the exchange is not kept; NULL: url_text */

  /* what a spare exchange keeps (http_spare.c): stands last */
  CURL *easy;
  CURLU *url;
  char *url_text;              /* as it was given; what follows is of it */
  char *host;
  int port;
  bool https, is_address;      /* the host is one */
};

/* ---- http_curl.c ------------------------------------------------------------------------ */

double http_seconds(void);
/* The same as the loop has it: as it was when the loop last woke. */
double http_now(const struct http_curl *h);
/* Ends the exchange; it may be gone afterwards. */
void exchange_end(struct exchange *x);
/* The same in the next turn of the loop, for who may be inside start(). */
void exchange_end_soon(struct exchange *x);
/* Takes it away from curl, as it is. */
void exchange_stop(struct exchange *x);
/* Hands the exchange over to curl. */
void exchange_transfer(struct exchange *x);
/* Begins an exchange, or a connection without one. NULL: out of memory. */
struct http_exchange *exchange_start(struct http_curl *h, const struct http_request *r, bool connection,
                                     effect_done *done, void *arg);
/* Curl is through with it: records what there is, and ends it. */
void exchange_finish(struct exchange *x, CURLcode code);

/* ---- http_loop.c ------------------------------------------------------------------------ */

/* Makes the multi handle at the first use. False: out of memory. */
bool http_loop_ready(struct http_curl *h);
/* One exchange more or less is with curl. */
void http_loop_count(struct http_curl *h, int change);
void http_loop_close(struct http_curl *h);
/* Ends all exchanges with which curl is through. */
void http_loop_take_all(struct http_curl *h);
/* When something last moved on the exchange's connection. */
double http_loop_active(const struct exchange *x);

/* For curl, which opens a socket, and closes it: the set forgets it by itself. */
curl_socket_t http_loop_open_socket(void *http, curlsocktype purpose, struct curl_sockaddr *a);
int http_loop_close_socket(void *http, curl_socket_t fd);

/* ---- http_spare.c ------------------------------------------------------------------------ */

/* An exchange that is blank but for its easy handle, and the URL if it is the same as before. NULL:
 * out of memory; so is an easy handle that is. */
struct exchange *http_spare_take(struct http_curl *h, const char *url);
/* Takes back one whose other memory is free. `plain`: only options that every exchange sets were set. */
void http_spare_give(struct http_curl *h, struct exchange *x);
void http_spare_free(struct http_curl *h);

/* ---- http_time.c ------------------------------------------------------------------------- */

/* Begins to count, as curl gets the exchange. False: out of memory. */
bool exchange_watch_time(struct exchange *x);
/* False: out of memory. */
bool exchange_set_timer(struct exchange *x, double due);
void exchange_stop_timer(struct exchange *x);
/* Curl's own limit for the connection; 0: none. */
void exchange_limit_connect(struct exchange *x, double seconds);

/* ---- http_setup.c ------------------------------------------------------------------------ */

/* host, port and https of the URL; false: it is no http(s) URL. */
bool exchange_parse_url(struct exchange *x, const char *url);
/* An address, in brackets if it has colons, and no name. */
bool http_is_address(const char *host);
/* Options that call back the exchange: the same as long as it has its handle. */
void exchange_set_handlers(struct exchange *x);
/* False: out of memory. */
bool exchange_configure(struct exchange *x, const struct http_request *r);
bool http_add_line(struct curl_slist **list, const char *line);

/* ---- http_route.c ------------------------------------------------------------------------ */

/* Aims the exchange at its target; what cannot be used is base.fault. False: out of memory. */
bool exchange_set_route(struct exchange *x, const struct http_route *r);
/* Aims it at another target, which it owns. */
void exchange_set_target(struct exchange *x, char *target);

/* ---- http_body.c ------------------------------------------------------------------------- */

/* The request's body, in whatever form it comes. False: out of memory. */
bool exchange_set_body(struct exchange *x, const struct http_request *r);
/* Where the answer goes. */
void exchange_receive(struct exchange *x, const struct http_request *r);
/* The callbacks for it. */
void exchange_set_receivers(struct exchange *x);

/* ---- http_gzip.c ------------------------------------------------------------------------- */

/* At the end of the headers: looks at the body from now on, if it is in gzip. False: no memory. */
bool exchange_watch_gzip(struct exchange *x);
/* At the end: false when the stream that came was cut off. */
bool exchange_gzip_is_whole(const struct exchange *x);

/* ---- http_resolve.c ---------------------------------------------------------------------- */

/* Finds the addresses, then transfers. False: out of memory. */
bool exchange_find_host(struct exchange *x);
/* Goes on with the addresses that are there, or fails for want of them. */
void exchange_settle(struct exchange *x);
/* What was remembered of the host led nowhere. */
void exchange_forget_addresses(struct exchange *x);
void http_addresses_free(struct http_curl *h);

/* ---- http_fault.c ------------------------------------------------------------------------ */

/* The fault of what curl says, unless it is CURLE_OK. */
void exchange_set_fault(struct exchange *x, CURLcode code);
/* A fault in our words alone: what was tried, on what, and this. */
void exchange_fail(struct exchange *x, const char *code, const char *class, const char *what);
/* The fault of a proxy that answered instead of who is behind it. */
void exchange_set_proxy_fault(struct exchange *x, long status);
/* The fault of a limit that passed, in the phase that base.phase names. */
void exchange_timed_out(struct exchange *x, const char *code, const char *what, double seconds);
/* The fault of a request that had no, or no whole, reply; base.phase stands. */
void exchange_lost(struct exchange *x, const char *code, const char *what);
enum http_phase exchange_phase(const struct exchange *x);
#endif
