/* http.c - the words of http.h. */
#include "http.h"
#include <stdio.h>
#include <string.h>

const char *http_phase_name(enum http_phase phase)
{
  static const char *const names[] = {"begin", "dns",        "connect", "tls",
                                      "send",  "first byte", "body",    "done"};
  return names[phase];
}

/* Neither a user with a password nor a query, which may hold a token. */
const char *http_place(const char *url, int *len)
{
  const char *place = strstr(url, "://");
  place = place ? place + 3 : url;
  for (const char *c = place, *end = place + strcspn(place, "/?#"); c < end; c++)
    if (*c == '@')
      place = c + 1;
  size_t n = strcspn(place, "?#");
  *len = n < HTTP_PLACE ? (int)n : HTTP_PLACE;
  return place;
}

/* True when the place names the address already. */
static bool names(const char *place, int len, const char *address)
{
  size_t n = strlen(address);
  return (size_t)len >= n && strncmp(place, address, n) == 0 && ((size_t)len == n || place[n] == '/');
}

const char *http_what(char *text, size_t size, const char *method, const char *url, const char *address)
{
  int len;
  const char *place = http_place(url, &len);
  if (names(place, len, address))
    address = "";
  snprintf(text, size, "%s %.*s%s%s", method, len, place, *address ? " at " : "", address);
  return text;
}

void http_url_fault(struct fault *f, const char *method, const char *url)
{
  enum { SCHEME = 20 };
  const char *end = strstr(url, "://");
  int scheme = !end ? 0 : end + 3 - url < SCHEME ? (int)(end + 3 - url) : SCHEME;
  int len;
  const char *place = http_place(url, &len);
  fault_set(f, "http-url", "misuse", "%s: not an http or https URL: '%.*s%.*s'", method, scheme, url, len, place);
  fault_hint(f, "it begins with http:// or https://; url.encode writes as %%XX what may not stand in one");
}

bool http_is_repeatable(const char *method)
{
  static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", NULL};
  const char *const *m = methods;
  while (*m && strcmp(*m, method) != 0)
    m++;
  return *m != NULL;
}

const char *http_shown(const struct http_request *r)
{
  return r->shown ? r->shown : r->url;
}
