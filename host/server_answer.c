/* server_answer.c - what a server's answer is made of: status, headers, and a body that is sent whole or
 * breaks off. When it goes out is server.c's. */
#include "server_mhd.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- headers ------------------------------------------------------------------------------ */

/* "Name: value" as a header of the response. */
static bool add_line(struct MHD_Response *response, const char *line, struct fault *f)
{
  size_t n = strcspn(line, ":");
  char name[256];
  const char *value = line + n + (line[n] == ':');
  value += strspn(value, " \t");
  snprintf(name, sizeof name, "%.*s", (int)n, line);
  if (n < sizeof name && MHD_add_response_header(response, name, value) == MHD_YES)
    return true;
  fault_set(f, "server-header", "misuse", "an answer cannot have the header '%.80s'", line);
  fault_hint(f, "lengths and transfer encodings are set by the server; a value is one line of text");
  return false;
}

bool server_add_lines(struct MHD_Response *response, const char *const *headers, struct fault *f)
{
  bool ok = true;
  for (; ok && headers && *headers; headers++)
    ok = add_line(response, *headers, f);
  return ok;
}

/* ---- whole answers ----------------------------------------------------------------------------- */

/* Adds the headers and queues. False: *f says why not, and the response is gone. `response` may be NULL. */
static bool answer_with(struct request *r, int status, const char *const *headers,
                        struct MHD_Response *response, size_t len, struct fault *f)
{
  if (!response) {
    fault_set(f, "out-of-memory", "fatal", "not enough memory for an answer of %zu bytes", len);
    return false;
  }
  if (!server_add_lines(response, headers, f)) {
    MHD_destroy_response(response);
    return false;
  }
  server_queue(r, (unsigned)status, response);
  return true;
}

bool server_answer(struct server_request *base, int status, const char *const *headers,
                   const void *body, size_t len, struct fault *f)
{
  struct MHD_Response *response =
    MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY);
  return answer_with((struct request *)base, status, headers, response, len, f);
}

/* ---- answers that break off -------------------------------------------------------------------- */

struct half {
  size_t sent;
  char body[];
};

static ssize_t read_half(void *arg, uint64_t at, char *to, size_t room)
{
  const struct half *half = arg;
  if (at >= half->sent)
    return MHD_CONTENT_READER_END_WITH_ERROR;
  size_t n = half->sent - (size_t)at < room ? half->sent - (size_t)at : room;
  memcpy(to, half->body + at, n);
  return (ssize_t)n;
}

/* The length that is announced is that of the whole body. */
static struct MHD_Response *new_half(const void *body, size_t len, size_t sent)
{
  enum { PIECE = 16 << 10 };
  struct half *half = malloc(sizeof *half + sent);
  if (!half)
    return NULL;
  half->sent = sent;
  memcpy(half->body, body, sent);
  struct MHD_Response *response = MHD_create_response_from_callback(len, PIECE, read_half, half, free);
  if (!response)
    free(half);
  return response;
}

bool server_answer_cut(struct server_request *base, int status, const char *const *headers,
                       const void *body, size_t len, size_t sent, struct fault *f)
{
  if (sent >= len)
    return server_answer(base, status, headers, body, len, f);
  return answer_with((struct request *)base, status, headers, new_half(body, len, sent), len, f);
}
