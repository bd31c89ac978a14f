/* http.h - one HTTP exchange, as every world offers it. Knows nothing of Lua.
 *
 * One request, one answer: redirects, retries and rate budgets are policy and stand in lua/http. */
#ifndef HTTP_H
#define HTTP_H
#include "buf.h"
#include "effect.h"
#include "failure.h"

/* ---- the request ---------------------------------------------------------------------- */

/* What a source or a sink answers besides a number of bytes. */
enum {
  HTTP_LATER = -1,   /* nothing now: the exchange pauses until resume() */
  HTTP_FAILED = -2,  /* ends the exchange with the fault "http-source" or "http-sink" */
};

/* A body in pieces, as the wire takes them. Runs from the loop, enters no Lua. */
struct http_source {
  /* Writes at most `room` bytes and says how many; 0: the end; or one of the above. An end
   * before `len` bytes is a failure. */
  long (*read)(void *arg, char *to, size_t room);
  /* Back to the start: a connection that was kept may turn out dead. False: cannot. */
  bool (*rewind)(void *arg);
  void *arg;
  double len;  /* bytes; negative: not known, sent chunked */
};

/* Takes the body of an answer whose status is 2xx; that of any other is kept in `body`. */
struct http_sink {
  /* Takes all of it and says so with `len`; or one of the above. After HTTP_LATER the same bytes
   * come again, and maybe more with them. It must not free the exchange. */
  long (*take)(void *arg, const char *data, size_t len);
  void *arg;
};

/* One part of a multipart/form-data body. filename and type may be NULL. */
struct http_part {
  const char *name, *filename, *type;
  const void *data;
  size_t len;
  const struct http_source *source;  /* instead of data */
};

/* Seconds; 0: none of its own. Each ends the exchange with a fault that names its phase. */
struct http_timeouts {
  double connect;     /* from the start to the connection, the name's look-up included */
  double tls;         /* the handshake */
  double first_byte;  /* from the request's last byte to the answer's first */
  double idle;        /* without a byte in either direction, once the request began */
  double total;
};

/* Certificates and keys are PEM files. NULL: what the machine or the environment says. */
struct http_route {
  const char *unix_socket;       /* the connection goes to this socket; the URL names the host */
  const char *connect_to;        /* "address" or "address:port" instead of the URL's host */
  const char *proxy;             /* a URL; "": none; NULL: of the environment */
  const char *ca_file, *certificate, *key;
  int family;                    /* 4, 6 or 0 for both */
};

struct http_request {
  const char *method, *url;
  const char *const *headers;      /* "Name: value", ended by NULL; may be NULL */
  const void *body;                /* NULL: no body */
  size_t body_len;
  const struct http_source *source;  /* instead of a body */
  const struct http_part *parts;     /* instead of a body */
  size_t part_count;
  const struct http_sink *sink;      /* NULL: the answer's body is kept */
  struct http_timeouts timeouts;
  struct http_route route;
  size_t max_body;                 /* bytes, decompressed; more is the fault "http-too-large" */
  bool fresh;                      /* a new connection that nobody uses afterwards */
  bool answers_secret;             /* the answer's body holds secrets: it is wiped */
  const char *shown;               /* the URL as faults name it, where that is a secret; NULL: it is none */
};

/* ---- the answer ------------------------------------------------------------------------ */

/* How far an exchange came. */
enum http_phase {
  HTTP_BEGIN, HTTP_DNS, HTTP_CONNECT, HTTP_TLS, HTTP_SEND, HTTP_FIRST_BYTE, HTTP_BODY, HTTP_DONE
};

struct http_timing {
  double dns, connect, tls, first_byte, total;  /* seconds since the start; 0: not reached */
};

/* fault.code is NULL when an answer came, whatever its status. */
struct http_exchange {
  struct effect effect;
  struct fault fault;
  enum http_phase phase;  /* where it ended */
  const char *detail;     /* of a fault, a literal that its code leaves open, or NULL: for
                           * "http-certificate" expired, not-yet-valid, wrong-host, untrusted,
                           * other; for "http-refused" refused, unreachable, reset */
  double negative_ttl;    /* of a name that is not there: seconds for which the resolver goes on saying
                           * so; 0: not told */
  char reason[256];       /* the library's own words for the fault, or "" */
  int status;
  struct buf headers;     /* "name: value\n" lines of the final answer, names in lower case */
  struct buf body;
  double received;        /* bytes of the body, decompressed, wherever they went */
  char protocol[8];       /* "1.1", "2" */
  char address[64];       /* the peer */
  bool reused;            /* on a connection that was already there */
  struct http_timing timing;
};

struct world_http {
  struct http_exchange *(*start)(struct world_http *, const struct http_request *,
                                 effect_done *done, void *arg);
  /* Goes on, in the next turn of the loop, with an exchange that its source or sink has paused.
   * From the loop or from inside a source or sink. */
  void (*resume)(struct http_exchange *);
};

enum { HTTP_PLACE = 120 };  /* bytes */
/* Host, port and path within a URL, for errors: without who asks and without the query, which may
 * hold a token; cut when it is longer than HTTP_PLACE. */
const char *http_place(const char *url, int *len);
enum { HTTP_WHAT = 320 };
/* "GET example.com/path at 192.0.2.1:443", the beginning of every error: what was tried, on what. The
 * address only where it is known ("" if not) and the URL does not name it. Returns the text. */
const char *http_what(char *text, size_t size, const char *method, const char *url, const char *address);
/* May arrive twice (RFC 9110, 9.2.2): not POST, not PATCH, and no method that nobody here knows. */
bool http_is_repeatable(const char *method);
/* The request's URL as it may be told. */
const char *http_shown(const struct http_request *r);
/* The fault of a URL that no world takes. */
void http_url_fault(struct fault *f, const char *method, const char *url);
/* "dns", "connect", "tls", "send", "first byte", "body", … as errors name it. */
const char *http_phase_name(enum http_phase phase);
#endif
