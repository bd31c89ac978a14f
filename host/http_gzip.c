/* http_gzip.c - whether an answer in gzip came whole.
 *
 * libcurl takes a gzip stream that stops in the middle for the end of it: where nothing else says how
 * much there is to come, a part would be taken for the whole. The last four bytes of the stream say
 * how many bytes it holds (RFC 1952, 2.3.1); they are compared with what came out. Curl shows the
 * stream in its raw form, with the framing of "chunked" still around it, as it does to who debugs it. */
#include "http_curl.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum step { SIZE, SIZE_REST, DATA, DATA_END, END };

struct gzip_watch {
  bool chunked;
  enum step step;        /* of the framing */
  double chunk;          /* bytes of this chunk that are to come */
  bool any;
  unsigned char tail[4]; /* the last bytes of the stream */
};

/* ---- the framing ------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static void keep(struct gzip_watch *g, const char *data, size_t len)
{
  g->any = g->any || len;
  size_t n = len < sizeof g->tail ? len : sizeof g->tail;
  memmove(g->tail, g->tail + n, sizeof g->tail - n);
  memcpy(g->tail + sizeof g->tail - n, data + len - n, n);
}

/* One character between the data: "1f;extension\r\n" before, "\r\n" after a chunk. */
static void read_framing(struct gzip_watch *g, char c)
{
  int digit = hex_digit(c);
  if (g->step == SIZE && digit >= 0)
    g->chunk = g->chunk * 16 + digit;
  else if (c != '\n')
    g->step = g->step == SIZE ? SIZE_REST : g->step;
  else if (g->step == DATA_END)
    g->step = SIZE;
  else
    g->step = g->chunk > 0 ? DATA : END;
}

static void read_chunked(struct gzip_watch *g, const char *data, size_t len)
{
  while (len > 0 && g->step != END) {
    size_t n = 1;
    if (g->step == DATA) {
      n = (size_t)fmin((double)len, g->chunk);
      keep(g, data, n);
      g->chunk -= (double)n;
      if (g->chunk == 0)
        g->step = DATA_END;
    } else {
      read_framing(g, *data);
    }
    data += n;
    len -= n;
  }
}

static int on_debug(CURL *easy, curl_infotype type, char *data, size_t len, void *arg)
{
  struct exchange *x = arg;
  (void)easy;
  if (type == CURLINFO_DATA_IN && x->gzip->chunked)
    read_chunked(x->gzip, data, len);
  else if (type == CURLINFO_DATA_IN)
    keep(x->gzip, data, len);
  return 0;
}

/* ---- the interface ------------------------------------------------------------------------------- */

/* True when the line "name: value\n" is among the headers. */
static bool has_line(const struct buf *headers, const char *name, const char *value)
{
  size_t n = strlen(name), v = strlen(value);
  for (const char *p = buf_str(headers); *p; p = strchr(p, '\n') + 1) {
    const char *at = p + n + 1;
    if (strncmp(p, name, n) != 0 || p[n] != ':')
      continue;
    at += strspn(at, " \t");
    if (strncasecmp(at, value, v) == 0 && strspn(at + v, " \t") == strcspn(at + v, "\n"))
      return true;
  }
  return false;
}

bool exchange_watch_gzip(struct exchange *x)
{
  const struct buf *headers = &x->base.headers;
  if (x->gzip || !(has_line(headers, "content-encoding", "gzip") || has_line(headers, "content-encoding", "x-gzip")))
    return true;
  x->gzip = calloc(1, sizeof *x->gzip);
  if (!x->gzip)
    return false;
  x->gzip->chunked = has_line(headers, "transfer-encoding", "chunked");
  x->plain = false;
  curl_easy_setopt(x->easy, CURLOPT_DEBUGFUNCTION, on_debug);
  curl_easy_setopt(x->easy, CURLOPT_DEBUGDATA, x);
  curl_easy_setopt(x->easy, CURLOPT_VERBOSE, 1L);
  return true;
}

bool exchange_gzip_is_whole(const struct exchange *x)
{
  const struct gzip_watch *g = x->gzip;
  if (!g || !g->any)
    return true;
  uint32_t size = g->tail[0] | g->tail[1] << 8 | g->tail[2] << 16 | (uint32_t)g->tail[3] << 24;
  return size == (uint32_t)fmod(x->base.received, 4294967296.0);
}
