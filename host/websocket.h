/* websocket.h - one WebSocket connection (RFC 6455), as every world offers it, and as the server
 * has it (server.h). Knows nothing of Lua. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H
#include "effect.h"
#include "failure.h"
#include "http.h"
#include <stdbool.h>
#include <stddef.h>

/* Codes of a close; RFC 6455, 7.4.1. */
enum {
  CLOSE_NORMAL = 1000, CLOSE_GOING_AWAY = 1001, CLOSE_PROTOCOL = 1002, CLOSE_NO_CODE = 1005,
  CLOSE_LOST = 1006, CLOSE_NOT_UTF8 = 1007, CLOSE_TOO_LARGE = 1009
};
enum { CLOSE_REASON = 123 };  /* bytes that fit a close */

struct websocket_message {
  struct websocket_message *next;
  bool binary;
  size_t len;
  char data[];  /* and a NUL */
};

/* How a connection ended. */
struct websocket_end {
  bool ended;                      /* messages that came before may still wait */
  bool clean;                      /* both sides have said close */
  unsigned code;                   /* what the peer said, or what we told it of its mistake */
  char reason[CLOSE_REASON + 1];
  struct fault fault;              /* when it was not clean: "websocket-lost" (transient), "websocket-
                                    * protocol", "websocket-too-large" (fatal) */
};

struct websocket_limits {
  size_t max_message;              /* bytes; a larger one ends the connection */
  size_t max_queued;               /* bytes of messages that nobody took: then nothing more is read */
  double ping;                     /* seconds of silence until we ask, and again until we give up; 0: never */
};

enum websocket_event {
  WEBSOCKET_RECEIVED,              /* a message waits, or it has ended */
  WEBSOCKET_DRAINED,               /* what was sent is on its way, or it has ended */
  WEBSOCKET_ENDED
};

struct websocket;

struct websocket_kind {
  /* The oldest message, which is the caller's to free(); NULL: none waits. */
  struct websocket_message *(*take)(struct websocket *);
  /* Copies the message. False: out of memory. Once it ended or closes, it is dropped. */
  bool (*send)(struct websocket *, bool binary, const void *data, size_t len);
  /* Says close; unless the peer does so too within these seconds, the connection is lost. */
  void (*close)(struct websocket *, unsigned code, const char *reason, double seconds);
  bool (*ready)(const struct websocket *, enum websocket_event);
  /* An effect that finishes when the event is there; to be called when it is not. NULL: no memory. */
  struct effect *(*wait)(struct websocket *, enum websocket_event, effect_done *done, void *arg);
  /* Says that it goes away, if it is open, and drops the connection. Waits finish. */
  void (*free)(struct websocket *);
};

struct websocket {
  const struct websocket_kind *kind;
  struct websocket_end end;
  char protocol[64];               /* that was agreed upon, or "" */
};

/* ---- connecting --------------------------------------------------------------------------- */

struct websocket_request {
  const char *url;                 /* ws://… or wss://… */
  const char *const *headers;      /* "Name: value", ended by NULL; may be NULL */
  const char *protocols;           /* "a, b", or NULL */
  double timeout;                  /* seconds until it is open */
  struct http_route route;
  struct websocket_limits limits;
};

/* Faults: those of an http exchange until there is a connection, then "websocket-refused" (the
 * server answered otherwise; status and body say how), "websocket-handshake" (it does not speak the
 * protocol), "websocket-lost", "websocket-timeout"; "websocket-url". */
struct websocket_connect {
  struct effect effect;
  struct fault fault;
  enum http_phase phase;           /* of a fault: where it ended */
  const char *detail;              /* likewise, as of an http exchange; or NULL */
  int status;                      /* of a refusal, else 0 */
  char body[512];                  /* likewise: how it begins */
  char address[64];
  struct websocket *socket;        /* who sets it to NULL takes it over; else it is freed with this */
};

struct world_websocket {
  struct websocket_connect *(*connect)(struct world_websocket *, const struct websocket_request *,
                                       effect_done *done, void *arg);
};

/* NULL is fine. */
void websocket_free(struct websocket *ws);
#endif
