/* http_recipient.c - whom the secrets of a request meet on its way; see http_recipient.h. */
#include "http_recipient.h"
#include "host.h"
#include "http_proxy.h"
#include "world.h"
#include <lauxlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

/* Pushes ":port" of what follows "http://", or "". */
static const char *push_port(lua_State *L, const char *authority)
{
  const char *end = authority + strcspn(authority, "/?#"), *digits = end;
  while (digits > authority && digits[-1] >= '0' && digits[-1] <= '9')
    digits--;
  bool has_port = digits > authority && digits[-1] == ':';
  return has_port ? lua_pushlstring(L, digits - 1, (size_t)(end - digits) + 1) : lua_pushliteral(L, "");
}

static const char *push_address(lua_State *L, const char *scheme, const char *authority, const char *connect_to)
{
  unsigned char bytes[16];
  bool bare_six = uv_inet_pton(10 /* AF_INET6 */, connect_to, bytes) == 0;
  const char *own_port = bare_six ? NULL : strrchr(connect_to, ':');
  bool has_port = own_port && !strchr(own_port, ']');
  const char *port = has_port ? "" : push_port(L, authority);
  return lua_pushfstring(L, bare_six ? "%s[%s]%s%s" : "%s%s%s%s", scheme, connect_to, port,
                         authority + strcspn(authority, "/?#"));
}

/* Without the proxy's own credentials. */
static const char *push_proxy(lua_State *L, const char *proxy)
{
  const char *authority = strstr(proxy, "://"), *at = strrchr(proxy, '@');
  authority = authority ? authority + 3 : proxy;
  const char *scheme = authority > proxy ? lua_pushlstring(L, proxy, (size_t)(authority - proxy)) : "http://";
  return lua_pushfstring(L, "%s%s", scheme, at ? at + 1 : authority);
}

/* Pushes the host of what follows "http://", an address of IPv6 with its brackets. */
static const char *push_host(lua_State *L, const char *authority)
{
  size_t len = *authority == '[' ? strcspn(authority, "]/?#") + 1 : strcspn(authority, ":/?#");
  return lua_pushlstring(L, authority, len <= strlen(authority) ? len : strlen(authority));
}

static const char *push_proxy_of_environment(lua_State *L, const char *authority, const char *url)
{
  struct world *world = host_of(L)->world;
  const char *proxy = http_proxy_of_environment(world->environ, false, push_host(L, authority));
  return proxy ? push_proxy(L, proxy) : lua_pushstring(L, url);
}

const char *http_recipient(lua_State *L, const char *url, const struct http_route *way)
{
  bool https = strncasecmp(url, "https://", 8) == 0;
  const char *scheme = https ? "https://" : "http://", *authority = url + strlen(scheme);
  luaL_checkstack(L, 8, "place");
  if ((!https && strncasecmp(url, "http://", 7) != 0) || (https && !way->ca_file))
    return lua_pushstring(L, url);
  if (way->unix_socket)
    return lua_pushfstring(L, "unix:%s", way->unix_socket);
  if (way->connect_to)
    return push_address(L, scheme, authority, way->connect_to);
  if (way->proxy && *way->proxy)
    return push_proxy(L, way->proxy);
  return https || way->proxy ? lua_pushstring(L, url) : push_proxy_of_environment(L, authority, url);
}
