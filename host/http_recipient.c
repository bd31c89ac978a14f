/* http_recipient.c - whom the secrets of a request meet on its way; see http_recipient.h. */
#include "http_recipient.h"
#include "host.h"
#include "http_proxy.h"
#include "real.h"
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

/* The proxy that the request goes through in clear text, or over TLS that anybody may answer; NULL: none. */
static const char *proxy_of(lua_State *L, const char *authority, bool https, const struct http_route *way)
{
  const struct real *real = host_of(L)->real;
  if (way->proxy)
    return *way->proxy ? way->proxy : NULL;
  if (https || (real && real->config.local))
    return NULL;
  return http_proxy_of_environment(host_of(L)->world->environ, false, push_host(L, authority));
}

struct destination http_recipient(lua_State *L, const char *url, const char *method, const struct http_route *way)
{
  struct destination to = {.kind = TO_HTTP, .what = url, .method = method};
  bool https = strncasecmp(url, "https://", 8) == 0;
  const char *scheme = https ? "https://" : "http://", *authority = url + strlen(scheme);
  luaL_checkstack(L, 8, "place");
  if ((!https && strncasecmp(url, "http://", 7) != 0) || (https && !way->ca_file))
    return to;
  const char *proxy = proxy_of(L, authority, https, way);
  if (way->unix_socket)
    to.what = lua_pushfstring(L, "unix:%s", way->unix_socket);
  else if (way->connect_to)
    to.what = push_address(L, scheme, authority, way->connect_to);
  else if (proxy) {
    to.what = push_proxy(L, proxy);
    to.beyond = url;
  }
  return to;
}

void http_recipient_named(lua_State *L, const char *url, const char *host, struct destination *to)
{
  const char *authority = strstr(url, "://");
  if (authority)
    to->named = push_address(L, lua_pushlstring(L, url, (size_t)(authority - url) + 3), authority + 3, host);
}

void http_recipient_headers(lua_State *L, const char *url, int headers, struct destination *to)
{
  if (!headers)
    return;
  luaL_checkstack(L, 8, "headers");
  for (lua_pushnil(L); lua_next(L, headers); lua_pop(L, 1)) {
    bool is_host = lua_type(L, -2) == LUA_TSTRING && strcasecmp(lua_tostring(L, -2), "host") == 0;
    if (!is_host || lua_type(L, -1) != LUA_TSTRING)
      continue;
    http_recipient_named(L, url, lua_tostring(L, -1), to);
    return;  // what was pushed stays
  }
}
