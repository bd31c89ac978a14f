/* http_route_lua.h - the options of a request that say where its connection goes and how long
 * each part of it may take, and what an error says of it. */
#ifndef HTTP_ROUTE_LUA_H
#define HTTP_ROUTE_LUA_H
#include "http.h"
#include "opt.h"

struct http_route_options {
  const char *unix_socket, *connect_to, *proxy, *ca, *certificate, *key;
  lua_Integer family;
  int timeout;  /* stack index of a number or a table */
};

/* For the list of fields of a `struct options` that has one as its member. */
#define HTTP_ROUTE_OPTIONS(member) \
  {"unix", OPT_STRING, offsetof(struct options, member.unix_socket), false}, \
  {"connect_to", OPT_STRING, offsetof(struct options, member.connect_to), false}, \
  {"proxy", OPT_STRING, offsetof(struct options, member.proxy), false}, \
  {"ca", OPT_STRING, offsetof(struct options, member.ca), false}, \
  {"certificate", OPT_STRING, offsetof(struct options, member.certificate), false}, \
  {"key", OPT_STRING, offsetof(struct options, member.key), false}, \
  {"family", OPT_INTEGER, offsetof(struct options, member.family), false}, \
  {"timeout", OPT_ANY, offsetof(struct options, member.timeout), false}

/* Raises a misuse for a way that cannot be gone. */
void http_route_check(lua_State *L, const char *what, const struct http_route *r);

/* The way as the options have it, not checked yet. */
struct http_route http_route_of(const struct http_route_options *o);
/* Checks them and fills route and timeouts. `whole`: the body is kept, so that it is small and
 * quick; else it may be large and take its time, as long as bytes go on coming. `what` names the
 * function in errors. */
void http_route_read(lua_State *L, const char *what, const struct http_route_options *o, bool whole,
                     struct http_request *r);
/* Pushes the fault of an exchange as an error value: phase, detail, reason, address, timing,
 * protocol and url beside what every error has. */
void http_fault_push(lua_State *L, const struct http_exchange *x, const char *url);
/* Pushes { dns=, connect=, tls=, first_byte=, total= }. */
void http_timing_push(lua_State *L, const struct http_timing *t);
#endif
