/* http.c - the words of http.h. */
#include "http.h"
#include <string.h>

const char *http_phase_name(enum http_phase phase)
{
  static const char *const names[] = {"begin", "dns",        "connect", "tls",
                                      "send",  "first byte", "body",    "done"};
  return names[phase];
}

void http_url_fault(struct fault *f, const char *method, const char *url)
{
  enum { SCHEME = 20, REST = 200 };
  const char *rest = strstr(url, "://");
  rest = rest ? rest + 3 : url;
  int scheme = rest - url < SCHEME ? (int)(rest - url) : SCHEME;
  for (const char *c = rest, *end = rest + strcspn(rest, "/?#"); c < end; c++)
    if (*c == '@')
      rest = c + 1;
  size_t len = strcspn(rest, "?#");
  fault_set(f, "http-url", "misuse", "%s: not an http or https URL: '%.*s%.*s'", method, scheme, url,
            (int)(len < REST ? len : REST), rest);
  fault_hint(f, "it begins with http:// or https://; url.encode writes as %%XX what may not stand in one");
}
