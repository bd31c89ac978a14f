/* http.c - the words of http.h. */
#include "http.h"

const char *http_phase_name(enum http_phase phase)
{
  static const char *const names[] = {"begin", "dns",        "connect", "tls",
                                      "send",  "first byte", "body",    "done"};
  return names[phase];
}
