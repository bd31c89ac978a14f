/* http_spare.c - exchanges that have ended, to be used again.
 *
 * One keeps its easy handle, which keeps its memory, and its parsed URL: who polls asks the same again and
 * again. A plain exchange sets no option that the next one does not set as well, so that its handle need
 * not be reset; with authorities of its own it is plain but for them.
 *
 * Invariants: 1. the handle of a spare exchange is in no multi handle.
 *             2. nobody touches a spare exchange: it is hidden. */
#include "http_curl.h"
#include "watched.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What is the same for all exchanges, and what points to this one, which keeps its handle. */
static void set_constants(struct http_curl *h, struct exchange *x)
{
  CURL *easy = x->easy;
  if (!easy)
    return;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "davit/" DAVIT_VERSION);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, h->encodings);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // else it looks into the environment for every exchange
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_loop_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, http_loop_close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, h);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->base.reason);
  exchange_set_handlers(x);
}

static void forget_place(struct exchange *x)
{
  curl_url_cleanup(x->url);
  free(x->url_text);
  free(x->host);
  x->url = NULL;
  x->url_text = x->host = NULL;
}

static void free_exchange(struct exchange *x)
{
  curl_easy_cleanup(x->easy);
  forget_place(x);
  free(x->shown);
  free(x);
}

static unsigned hash(const char *text)
{
  unsigned h = 2166136261u;
  for (; *text; text++)
    h = (h ^ (unsigned char)*text) * 16777619u;
  return h;
}

/* That of the same URL if there is one, else the one that was used last. */
static struct exchange *find(struct http_curl *h, const char *url)
{
  unsigned wanted = hash(url);
  int at = h->spare_count - 1;
  while (at >= 0 && h->spare[at].hash != wanted)
    at--;
  if (at < 0)
    at = h->spare_count - 1;
  struct exchange *x = h->spare[at].exchange;
  h->spare[at] = h->spare[--h->spare_count];
  watched_show(x, sizeof *x);
  return x;
}

/* As new, but for what is kept. */
static void clear(struct exchange *x, const char *url)
{
  memset(x, 0, offsetof(struct exchange, easy));
  if (strcmp(x->url_text, url) != 0)
    forget_place(x);
}

struct exchange *http_spare_take(struct http_curl *h, const char *url)
{
  struct exchange *x = h->spare_count ? find(h, url) : calloc(1, sizeof *x);
  if (x && x->easy) {
    clear(x, url);
  } else if (x) {
    x->easy = curl_easy_init();
    set_constants(h, x);
  }
  return x;
}

/* Whom curl trusts by itself. */
static void trust_usual(CURL *easy)
{
  char *file = NULL;
  curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
  curl_easy_setopt(easy, CURLOPT_CAINFO, file);
  curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, file);
}

void http_spare_give(struct http_curl *h, struct exchange *x)
{
  if (!x->easy || !x->url_text || x->shown || h->spare_count == HTTP_SPARE) {
    free_exchange(x);
    return;
  }
  if (!x->plain) {
    curl_easy_reset(x->easy);
    set_constants(h, x);
  } else if (x->own_ca) {
    trust_usual(x->easy);
  }
  h->spare[h->spare_count++] = (struct http_spare){hash(x->url_text), x};
  watched_hide(x, sizeof *x);
}

void http_spare_free(struct http_curl *h)
{
  while (h->spare_count) {
    struct exchange *x = h->spare[--h->spare_count].exchange;
    watched_show(x, sizeof *x);
    free_exchange(x);
  }
}
