/* websocket_frames.c - frames by wslay, and what RFC 6455 says of their order.
 *
 * wslay reads and writes single frames; messages, control frames and every rule about them are
 * here, so that a mistake of the peer has a name. After one, a close with the right code is sent
 * and nothing more is read. Pings are answered, a close is answered with its own code and reason.
 *
 * Invariants: 1. at most one close is sent, and nothing after it.
 *             2. `message` is NULL exactly between messages. */
#include "websocket_frames.h"
#include "buf.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <wslay/wslay.h>

enum { CONTROL_MAX = 125 };

struct frames {
  wslay_frame_context_ptr wslay;
  bool server;
  size_t max_message;
  struct frames_state state;
  const unsigned char *in;       /* bytes of the peer's that wslay has not taken yet */
  size_t in_len;
  struct buf output;
  size_t sent;                   /* bytes of it that have gone */
  bool in_message;               /* a data message has begun and not ended */
  bool binary;
  struct buf message;            /* its payload so far */
  bool in_frame, fin;
  unsigned opcode;               /* of the frame */
  uint64_t left;                 /* of its payload */
  unsigned char control[CONTROL_MAX];
  size_t control_len;
  struct websocket_message *first, **last;
  size_t queued;
};

/* ---- wslay's callbacks ----------------------------------------------------------------------- */

static ssize_t on_send(const uint8_t *data, size_t len, int flags, void *frames)
{
  struct frames *f = frames;
  (void)flags;
  buf_add(&f->output, data, len);
  return (ssize_t)len;
}

static ssize_t on_receive(uint8_t *to, size_t room, int flags, void *frames)
{
  struct frames *f = frames;
  size_t n = room < f->in_len ? room : f->in_len;
  (void)flags;
  if (n == 0)
    return -1;
  memcpy(to, f->in, n);
  f->in += n;
  f->in_len -= n;
  return (ssize_t)n;
}

static int on_mask(uint8_t *to, size_t n, void *frames)
{
  (void)frames;
  return uv_random(NULL, NULL, to, n, 0, NULL) == 0 ? 0 : -1;
}

/* ---- sending ---------------------------------------------------------------------------------- */

static void send_frame(struct frames *f, unsigned opcode, const void *data, size_t len)
{
  struct wslay_frame_iocb io = {.fin = 1, .opcode = (uint8_t)opcode, .payload_length = len,
                                .mask = !f->server, .data = data, .data_length = len};
  if (f->state.close_sent)
    return;
  if (wslay_frame_send(f->wslay, &io) < 0 || !buf_ok(&f->output))
    f->state.failed = true;
}

void frames_send(struct frames *f, bool binary, const void *data, size_t len)
{
  send_frame(f, binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME, data, len);
}

void frames_ping(struct frames *f)
{
  send_frame(f, WSLAY_PING, "", 0);
}

void frames_close(struct frames *f, unsigned code, const char *reason)
{
  unsigned char payload[CONTROL_MAX];
  size_t n = strnlen(reason, CLOSE_REASON);
  payload[0] = (unsigned char)(code >> 8);
  payload[1] = (unsigned char)code;
  memcpy(payload + 2, reason, n);
  send_frame(f, WSLAY_CONNECTION_CLOSE, payload, code == CLOSE_NO_CODE ? 0 : n + 2);
  f->state.close_sent = true;
}

/* ---- mistakes ----------------------------------------------------------------------------------- */

static void mistake(struct frames *f, unsigned code, const char *what)
{
  if (f->state.mistake)
    return;
  f->state.mistake = what;
  f->state.code = code;
  frames_close(f, code, "");
}

/* ---- control frames ------------------------------------------------------------------------------- */

static bool may_be_sent(unsigned code)
{
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void take_close(struct frames *f)
{
  struct frames_state *s = &f->state;
  size_t n = f->control_len;
  unsigned code = n >= 2 ? (unsigned)f->control[0] << 8 | f->control[1] : CLOSE_NO_CODE;
  const char *reason = (const char *)f->control + 2;
  if (n == 1) {
    mistake(f, CLOSE_PROTOCOL, "a close with half a code");
    return;
  }
  if (n >= 2 && !may_be_sent(code)) {
    mistake(f, CLOSE_PROTOCOL, "a close with a code that must not be sent");
    return;
  }
  if (n > 2 && !utf8_valid(reason, n - 2)) {
    mistake(f, CLOSE_NOT_UTF8, "a close whose reason is not UTF-8");
    return;
  }
  s->close_received = true;
  s->code = code;
  if (n > 2)
    memcpy(s->reason, reason, n - 2);
  frames_close(f, code, s->reason);
}

static void take_control(struct frames *f)
{
  if (f->opcode == WSLAY_PING)
    send_frame(f, WSLAY_PONG, f->control, f->control_len);
  else if (f->opcode == WSLAY_CONNECTION_CLOSE)
    take_close(f);
}

/* ---- messages ---------------------------------------------------------------------------------------- */

static void queue_message(struct frames *f)
{
  struct websocket_message *m = malloc(sizeof *m + f->message.len + 1);
  if (!m) {
    f->state.failed = true;
    return;
  }
  *m = (struct websocket_message){.binary = f->binary, .len = f->message.len};
  memcpy(m->data, buf_str(&f->message), f->message.len + 1);
  *f->last = m;
  f->last = &m->next;
  f->queued += sizeof *m + m->len;
}

static void end_message(struct frames *f)
{
  if (!f->binary && !utf8_valid(buf_str(&f->message), f->message.len))
    mistake(f, CLOSE_NOT_UTF8, "a text that is not UTF-8");
  else
    queue_message(f);
  f->in_message = false;
  buf_free(&f->message);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static bool is_control(unsigned opcode)
{
  return opcode >= 8;
}

/* What is wrong with a frame at this place, or NULL. */
static const char *wrong_frame(const struct frames *f, const struct wslay_frame_iocb *io)
{
  bool data = io->opcode == WSLAY_TEXT_FRAME || io->opcode == WSLAY_BINARY_FRAME;
  if (io->rsv)
    return "a frame with reserved bits, for an extension that was not agreed upon";
  if (io->mask != f->server)
    return f->server ? "a frame that is not masked" : "a masked frame, which only clients send";
  if ((io->opcode > WSLAY_BINARY_FRAME && io->opcode < WSLAY_CONNECTION_CLOSE) || io->opcode > WSLAY_PONG)
    return "a frame of a kind that does not exist";
  if (data && f->in_message)
    return "a new message inside a fragmented one";
  if (io->opcode == WSLAY_CONTINUATION_FRAME && !f->in_message)
    return "the continuation of no message";
  return NULL;
}

static void begin_frame(struct frames *f, const struct wslay_frame_iocb *io)
{
  const char *wrong = wrong_frame(f, io);
  f->in_frame = true;
  f->fin = io->fin;
  f->opcode = io->opcode;
  f->left = io->payload_length;
  f->control_len = 0;
  if (wrong) {
    mistake(f, CLOSE_PROTOCOL, wrong);
  } else if (!is_control(f->opcode)) {
    f->binary = f->in_message ? f->binary : f->opcode == WSLAY_BINARY_FRAME;
    f->in_message = true;
    if (f->left > f->max_message - f->message.len)
      mistake(f, CLOSE_TOO_LARGE, "a message that is larger than the limit");
  }
}

static void end_frame(struct frames *f)
{
  f->in_frame = false;
  if (is_control(f->opcode))
    take_control(f);
  else if (f->fin)
    end_message(f);
}

/* wslay has checked that a control frame is not longer than it may be. */
static void take_payload(struct frames *f, const uint8_t *data, size_t n)
{
  if (is_control(f->opcode)) {
    memcpy(f->control + f->control_len, data, n);
    f->control_len += n;
  } else {
    buf_add(&f->message, data, n);
    f->state.failed |= !buf_ok(&f->message);
  }
  f->left -= n;
}

static bool is_over(const struct frames *f)
{
  return f->state.mistake || f->state.close_received || f->state.failed;
}

void frames_put(struct frames *f, const void *data, size_t len)
{
  f->in = data;
  f->in_len = len;
  while (!is_over(f)) {
    struct wslay_frame_iocb io = {0};
    ssize_t n = wslay_frame_recv(f->wslay, &io);
    if (n == WSLAY_ERR_WANT_READ)
      break;
    if (n < 0) {
      mistake(f, CLOSE_PROTOCOL, "a frame whose length is malformed, or a long or fragmented control frame");
      break;
    }
    if (!f->in_frame)
      begin_frame(f, &io);
    if (is_over(f))
      break;
    take_payload(f, io.data, io.data_length);
    if (f->left == 0)
      end_frame(f);
  }
}

/* ---- the interface --------------------------------------------------------------------------------------- */

struct websocket_message *frames_take(struct frames *f)
{
  struct websocket_message *m = f->first;
  if (!m)
    return NULL;
  f->first = m->next;
  if (!f->first)
    f->last = &f->first;
  f->queued -= sizeof *m + m->len;
  return m;
}

size_t frames_queued(const struct frames *f)
{
  return f->queued;
}

bool frames_have_message(const struct frames *f)
{
  return f->first != NULL;
}

const char *frames_output(const struct frames *f, size_t *len)
{
  *len = f->output.len - f->sent;
  return buf_str(&f->output) + f->sent;
}

/* What was sent may have held a secret; large memory is given back. */
void frames_sent(struct frames *f, size_t n)
{
  f->sent += n;
  if (f->sent < f->output.len)
    return;
  buf_wipe(&f->output);
  f->sent = 0;
}

const struct frames_state *frames_state(const struct frames *f)
{
  return &f->state;
}

struct frames *frames_new(bool server, size_t max_message)
{
  static const struct wslay_frame_callbacks callbacks = {on_send, on_receive, on_mask};
  struct frames *f = calloc(1, sizeof *f);
  if (!f)
    return NULL;
  f->server = server;
  f->max_message = max_message;
  f->last = &f->first;
  buf_init(&f->output, BUF_LIMIT);
  buf_init(&f->message, max_message);
  if (wslay_frame_context_init(&f->wslay, &callbacks, f) == 0)
    return f;
  free(f);
  return NULL;
}

void frames_free(struct frames *f)
{
  struct websocket_message *m;
  if (!f)
    return;
  while ((m = frames_take(f)))
    free(m);
  wslay_frame_context_free(f->wslay);
  buf_wipe(&f->output);
  buf_wipe(&f->message);
  free(f);
}
