/* http_proxy.c - the proxy that the environment names for a host; see http_proxy.h. */
#include "http_proxy.h"
#include "real.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

const char *http_variable(struct world_environ *e, const char *const *names)
{
  for (; *names; names++) {
    const char *value = e->get(e, *names);
    if (value && *value)
      return value;
  }
  return NULL;
}

/* "10.0.0.0/8" covers an address of its family whose first bits are the same. */
static bool network_covers(const char *network, size_t len, const char *host)
{
  char text[64], bare[64];
  unsigned char net[16], address[16];
  snprintf(text, sizeof text, "%.*s", (int)len, network);
  snprintf(bare, sizeof bare, "%.*s", (int)strcspn(host + (*host == '['), "]"), host + (*host == '['));
  char *slash = strchr(text, '/');
  int family = strchr(text, ':') ? 10 /* AF_INET6 */ : 2 /* AF_INET */;
  if (!slash)
    return false;
  *slash = 0;
  unsigned long bits = strtoul(slash + 1, NULL, 10);
  if (uv_inet_pton(family, text, net) != 0 || uv_inet_pton(family, bare, address) != 0 ||
      bits > (family == 2 ? 32u : 128u))
    return false;
  unsigned char rest = bits % 8 ? (unsigned char)(0xff << (8 - bits % 8)) : 0;
  return memcmp(net, address, bits / 8) == 0 &&
         (!rest || (net[bits / 8] & rest) == (address[bits / 8] & rest));
}

/* "example.com", ".example.com" and "*.example.com" cover the name and all below it. */
static bool entry_covers(const char *entry, size_t len, const char *host)
{
  size_t n = strlen(host);
  if (len == 1 && *entry == '*')
    return true;
  if (network_covers(entry, len, host))
    return true;
  size_t skip = len > 1 && entry[0] == '*' && entry[1] == '.' ? 2 : len && entry[0] == '.' ? 1 : 0;
  entry += skip;
  len -= skip;
  return len && n >= len && strncasecmp(host + n - len, entry, len) == 0 &&
         (n == len || host[n - len - 1] == '.');
}

static bool is_exempt(struct world_environ *e, const char *host)
{
  static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
  const char *list = http_variable(e, names);
  while (list && *list) {
    size_t len = strcspn(list, ", ");
    if (entry_covers(list, len, host))
      return true;
    list += len + strspn(list + len, ", ");
  }
  return false;
}

const char *http_proxy_of_environment(struct world_environ *e, bool https, const char *host)
{
  static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
  static const char *const for_http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
  if (real_is_loopback(host))
    return NULL;
  const char *proxy = http_variable(e, https ? for_https : for_http);
  return proxy && !is_exempt(e, host) ? proxy : NULL;
}
