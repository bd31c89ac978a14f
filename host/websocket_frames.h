/* websocket_frames.h - one side of a WebSocket as bytes: frames in, messages out, and back. Knows no
 * sockets, no time and no Lua. */
#ifndef WEBSOCKET_FRAMES_H
#define WEBSOCKET_FRAMES_H
#include "websocket.h"

struct frames;

/* What has been said about closing, and what went wrong. */
struct frames_state {
  bool close_sent, close_received;
  unsigned code;                  /* of the peer's close, or of ours after its mistake */
  char reason[CLOSE_REASON + 1];
  const char *mistake;            /* of the peer's, in words; NULL: none. Nothing is read after it */
  bool failed;                    /* out of memory */
};

/* NULL: out of memory. */
struct frames *frames_new(bool server, size_t max_message);
void frames_free(struct frames *f);
/* Bytes that came from the peer: messages are queued; pings and closes are answered. */
void frames_put(struct frames *f, const void *data, size_t len);
/* The oldest message, which is the caller's; NULL: none is complete. */
struct websocket_message *frames_take(struct frames *f);
/* Bytes that the complete messages take. */
size_t frames_queued(const struct frames *f);
bool frames_have_message(const struct frames *f);
/* Appends frames to the output; nothing once a close was sent. */
void frames_send(struct frames *f, bool binary, const void *data, size_t len);
void frames_ping(struct frames *f);
void frames_close(struct frames *f, unsigned code, const char *reason);
/* What is to be sent now, and so many bytes of it have been. */
const char *frames_output(const struct frames *f, size_t *len);
void frames_sent(struct frames *f, size_t n);
const struct frames_state *frames_state(const struct frames *f);
#endif
