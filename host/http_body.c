/* http_body.c - what goes out and what comes in, piece by piece.
 *
 * A source that has nothing, or a sink that can take nothing, pauses the exchange until
 * resume(). Exchanges that may pause speak HTTP/1.1: there the socket holds the peer back, while
 * on HTTP/2 curl would go on to receive up to 32 MiB for a stream that is paused.
 *
 * Limits are in force always: bytes of the body as they come out of decompression, wherever they
 * go, and bytes and lines of the headers, those of interim answers and trailers included. */
#include "headers.h"
#include "http_curl.h"
#include <stdlib.h>
#include <string.h>

/* What curl reads at once: its own default, and what saves a large body most of its system calls. */
enum { READ_SMALL = 16 << 10, READ_LARGE = 64 << 10, LARGE = 1 << 20 };

enum { HEADER_BYTES = 256 << 10, HEADER_LINES = 1000 };
/* Bytes that are made room for at once. */
enum { USUAL_HEADERS = 500 };

/* ---- the request's body ------------------------------------------------------------------------ */

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
  struct outgoing *o = arg;
  struct exchange *x = o->exchange;
  double left = o->source.len - o->given;
  bool known = o->source.len >= 0;
  size_t room = known && left < (double)(size * n) ? (size_t)left : size * n;
  long got = room ? o->source.read(o->source.arg, to, room) : 0;
  x->active = http_now(x->http);
  if (got == HTTP_LATER) {
    x->paused = true;
    return CURL_READFUNC_PAUSE;
  }
  if (got < 0 || (size_t)got > room || (got == 0 && known && left > 0)) {
    x->stop = STOP_SOURCE;
    return CURL_READFUNC_ABORT;
  }
  o->given += (double)got;
  o->ended = got == 0;
  return (size_t)got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
  struct outgoing *o = arg;
  if (offset != 0 || origin != SEEK_SET || !o->source.rewind || !o->source.rewind(o->source.arg))
    return CURL_SEEKFUNC_CANTSEEK;
  o->given = 0;
  o->ended = false;
  return CURL_SEEKFUNC_OK;
}

static curl_off_t length(const struct http_source *s)
{
  return s->len < 0 ? -1 : (curl_off_t)s->len;
}

static bool set_source(struct exchange *x, const struct http_source *s)
{
  struct outgoing *o = x->outgoing = calloc(1, sizeof *o);
  if (!o)
    return false;
  *o = (struct outgoing){.exchange = x, .source = *s};
  curl_easy_setopt(x->easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(x->easy, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(x->easy, CURLOPT_READDATA, o);
  curl_easy_setopt(x->easy, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(x->easy, CURLOPT_SEEKDATA, o);
  curl_easy_setopt(x->easy, CURLOPT_INFILESIZE_LARGE, length(s));
  return true;
}

static CURLcode set_part_data(struct exchange *x, curl_mimepart *part, const struct http_part *p,
                              struct outgoing *o)
{
  if (!p->source)
    return curl_mime_data(part, p->data, p->len);
  *o = (struct outgoing){.exchange = x, .source = *p->source};
  return curl_mime_data_cb(part, length(p->source), on_read, on_seek, NULL, o);
}

static bool set_parts(struct exchange *x, const struct http_request *r)
{
  x->mime = curl_mime_init(x->easy);
  x->outgoing = calloc(r->part_count + 1, sizeof *x->outgoing);
  for (size_t i = 0; x->mime && x->outgoing && i < r->part_count; i++) {
    const struct http_part *p = &r->parts[i];
    curl_mimepart *part = curl_mime_addpart(x->mime);
    if (!part || curl_mime_name(part, p->name) != CURLE_OK ||
        set_part_data(x, part, p, &x->outgoing[i]) != CURLE_OK ||
        (p->filename && curl_mime_filename(part, p->filename) != CURLE_OK) ||
        (p->type && curl_mime_type(part, p->type) != CURLE_OK))
      return false;
  }
  return x->outgoing && x->mime &&
         curl_easy_setopt(x->easy, CURLOPT_MIMEPOST, x->mime) == CURLE_OK;
}

/* Without a body these say so, "Content-Length: 0": servers may insist on it. */
static bool expects_body(const char *method)
{
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

bool exchange_set_body(struct exchange *x, const struct http_request *r)
{
  if (r->parts)
    return set_parts(x, r);
  if (r->source)
    return set_source(x, r->source);
  if (!r->body && !expects_body(r->method))
    return true;
  buf_add(&x->body, r->body, r->body_len);
  curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, buf_str(&x->body));
  curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
  return buf_ok(&x->body);
}

/* ---- the answer's body --------------------------------------------------------------------------- */

static size_t stop(struct exchange *x, enum exchange_stop why)
{
  x->stop = why;
  return CURL_WRITEFUNC_ERROR;
}

static size_t give(struct exchange *x, const char *data, size_t len)
{
  long taken = x->sink.take(x->sink.arg, data, len);
  if (taken == HTTP_LATER) {
    x->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (taken != (long)len)
    return stop(x, STOP_SINK);
  x->base.received += (double)len;
  return len;
}

/* Room for what the answer says that it has, so far: who says much and sends nothing gains little. */
static void make_room(struct exchange *x)
{
  enum { AT_ONCE = 1 << 20 };
  struct buf *body = &x->base.body;
  curl_off_t length = -1;
  curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  size_t most = body->limit < AT_ONCE ? body->limit : AT_ONCE;
  if (length > 0)
    buf_reserve(body, length < (curl_off_t)most ? (size_t)length : most);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
  struct exchange *x = arg;
  struct buf *body = &x->base.body;
  size_t len = size * n;
  x->active = http_now(x->http);
  if (x->base.received + (double)len > (double)body->limit)
    return stop(x, STOP_BODY);
  if (x->sink.take && x->base.status / 100 == 2)
    return give(x, data, len);
  if (!body->data)
    make_room(x);
  buf_add(body, data, len);
  x->base.received += (double)len;
  return buf_ok(body) ? len : stop(x, STOP_MEMORY);
}

/* ---- the answer's headers -------------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK": what came before was an interim answer. */
static void begin_answer(struct exchange *x, const char *line, size_t len)
{
  const char *space = memchr(line, ' ', len);
  int status = 0;
  for (const char *c = space; c && ++c < line + len && *c >= '0' && *c <= '9' && status < 1000;)
    status = status * 10 + (*c - '0');
  x->base.status = status;
  buf_drop(&x->base.headers, x->base.headers.len);
  buf_reserve(&x->base.headers, USUAL_HEADERS);
  x->in_headers = true;
}

static size_t keep_line(struct exchange *x, const char *line, size_t len, size_t all)
{
  struct buf *b = &x->base.headers;
  if (!headers_keep(b, line, len))
    return stop(x, STOP_GARBAGE);
  return buf_ok(b) ? all : stop(x, STOP_MEMORY);
}

static bool end_headers(struct exchange *x)
{
  bool of_answer = x->in_headers && x->base.status >= 200;
  x->in_headers = false;
  return !of_answer || exchange_watch_gzip(x);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
  struct exchange *x = arg;
  size_t all = size * n, len = all;
  x->active = http_now(x->http);
  if (!x->header_bytes)
    x->first_byte = http_seconds();
  x->header_bytes += all;
  if (x->header_bytes > HEADER_BYTES || ++x->header_lines > HEADER_LINES)
    return stop(x, STOP_HEADERS);
  while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
    len--;
  if (memchr(line, 0, len))
    return stop(x, STOP_GARBAGE);
  if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
    begin_answer(x, line, len);
  else if (!len)
    return end_headers(x) ? all : stop(x, STOP_MEMORY);
  else if (x->in_headers)
    return keep_line(x, line, len, all);
  return all;
}

void exchange_receive(struct exchange *x, const struct http_request *r)
{
  if (r->sink)
    x->sink = *r->sink;
  curl_easy_setopt(x->easy, CURLOPT_BUFFERSIZE, (long)(r->max_body <= LARGE ? READ_SMALL : READ_LARGE));
}

void exchange_set_receivers(struct exchange *x)
{
  curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
  curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
}
