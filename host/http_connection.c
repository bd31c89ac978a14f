/* http_connection.c - a connection by curl that is used without HTTP; see http_connection.h.
 *
 * Curl calls it CONNECT_ONLY: the easy handle stays with the multi handle, which closes the
 * connection when it is taken away. */
#include "http_connection.h"
#include "http_curl.h"

static CURL *easy_of(struct http_exchange *e)
{
  return ((struct exchange *)e)->easy;
}

struct http_exchange *http_connection_start(struct world_http *h, const struct http_request *r,
                                            effect_done *done, void *arg)
{
  return exchange_start((struct http_curl *)h, r, true, done, arg);
}

int http_connection_fd(struct http_exchange *e)
{
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy_of(e), CURLINFO_ACTIVESOCKET, &fd);
  return fd;
}

static long outcome(CURLcode code, size_t n)
{
  return code == CURLE_OK ? (long)n : code == CURLE_AGAIN ? CONNECTION_LATER : CONNECTION_BROKEN;
}

long http_connection_read(struct http_exchange *e, char *to, size_t room)
{
  size_t n = 0;
  CURLcode code = curl_easy_recv(easy_of(e), to, room, &n);
  return outcome(code, n);
}

long http_connection_write(struct http_exchange *e, const char *data, size_t len)
{
  size_t n = 0;
  CURLcode code = curl_easy_send(easy_of(e), data, len, &n);
  return outcome(code, n);
}
