/* http_route_lua.c - options for the way and the time of a request, and errors with what became
 * of both; see http_route_lua.h. */
#include "http_route_lua.h"
#include "field.h"
#include <lauxlib.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

/* ---- time --------------------------------------------------------------------------------------- */

enum { SECONDS_MAX = 1000000000 };  /* 31 years */

static const struct opt_field timeout_fields[] = {
  {"connect", OPT_NUMBER, offsetof(struct http_timeouts, connect), false},
  {"tls", OPT_NUMBER, offsetof(struct http_timeouts, tls), false},
  {"first_byte", OPT_NUMBER, offsetof(struct http_timeouts, first_byte), false},
  {"idle", OPT_NUMBER, offsetof(struct http_timeouts, idle), false},
  {"total", OPT_NUMBER, offsetof(struct http_timeouts, total), false},
  {0},
};

/* What is not asked for; negative: not asked for yet. */
static void set_default(double *seconds, double value)
{
  if (*seconds < 0)
    *seconds = value;
}

/* `name` is "timeout", or one of its parts. */
static void check_seconds(lua_State *L, const char *what, const char *name, double seconds)
{
  if (!(seconds > 0 && seconds <= SECONDS_MAX))
    failure_misuse(L, "%s: option '%s' is seconds above 0, at most %d, not %.14g", what, name, SECONDS_MAX, seconds);
}

static void read_table(lua_State *L, const char *what, int idx, struct http_timeouts *t)
{
  const char *whole = lua_pushfstring(L, "%s: timeout", what);
  opt_read(L, idx, whole, timeout_fields, t);
  for (const struct opt_field *f = timeout_fields; f->name; f++) {
    if (lua_getfield(L, idx, f->name) == LUA_TNUMBER)
      check_seconds(L, whole, f->name, lua_tonumber(L, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_timeouts(lua_State *L, const char *what, int idx, bool whole, struct http_timeouts *t)
{
  *t = (struct http_timeouts){-1, -1, -1, -1, -1};
  if (idx && lua_type(L, idx) == LUA_TTABLE) {
    read_table(L, what, idx, t);
  } else if (idx) {
    if (lua_type(L, idx) != LUA_TNUMBER)
      failure_misuse(L, "%s: option 'timeout' must be a number of seconds or a table of them, not a %s",
                     what, luaL_typename(L, idx));
    t->total = lua_tonumber(L, idx);
    check_seconds(L, what, "timeout", t->total);
  }
  set_default(&t->total, whole && t->idle < 0 ? 30 : 3600);
  set_default(&t->idle, whole ? 0 : 60);
  set_default(&t->connect, 10);
  set_default(&t->tls, 0);
  set_default(&t->first_byte, 0);
}

/* ---- the way ------------------------------------------------------------------------------------- */

static bool is_port(const char *text)
{
  size_t digits = strspn(text, "0123456789");
  return digits > 0 && digits <= 5 && !text[digits] && atoi(text) > 0 && atoi(text) <= 65535;
}

/* "[2001:db8::1]…": where it ends, or NULL. */
static const char *after_brackets(const char *text)
{
  char inside[46];
  unsigned char bytes[16];
  const char *end = strchr(text, ']');
  if (!end || (size_t)(end - text) > sizeof inside)
    return NULL;
  memcpy(inside, text + 1, (size_t)(end - text) - 1);
  inside[end - text - 1] = 0;
  return uv_inet_pton(10 /* AF_INET6 */, inside, bytes) == 0 ? end + 1 : NULL;
}

/* A name or an address, with or without a port. */
static bool is_address(const char *text)
{
  unsigned char bytes[16];
  if (uv_inet_pton(10 /* AF_INET6 */, text, bytes) == 0)
    return true;
  const char *end = *text == '[' ? after_brackets(text) : text + strcspn(text, ":/?#@[]\\ \t\r\n");
  return end && end > text && (!*end || (*end == ':' && is_port(end + 1)));
}

void http_route_check(lua_State *L, const char *what, const struct http_route *r)
{
  enum { LONGEST_SOCKET = 107 };  /* bytes of sun_path, but for its NUL */
  if (r->family && r->family != 4 && r->family != 6)
    failure_misuse(L, "%s: family is 4 or 6", what);
  if ((r->unix_socket != NULL) + (r->connect_to != NULL) + (r->proxy && *r->proxy) > 1)
    failure_misuse(L, "%s: unix, connect_to and proxy exclude each other", what);
  if (r->unix_socket && (!*r->unix_socket || strlen(r->unix_socket) > LONGEST_SOCKET))
    failure_misuse(L, "%s: the path of a Unix socket has 1 to %d bytes", what, LONGEST_SOCKET);
  if (r->connect_to && !is_address(r->connect_to))
    failure_misuse(L, "%s: connect_to is a name or an address, with or without a port (192.0.2.1:8443, "
                   "[2001:db8::1]:443), not '%s'", what, r->connect_to);
  if (r->key && !r->certificate)
    failure_misuse(L, "%s: a key goes with a certificate", what);
}

struct http_route http_route_of(const struct http_route_options *o)
{
  return (struct http_route){
    .unix_socket = o->unix_socket, .connect_to = o->connect_to, .proxy = o->proxy, .ca_file = o->ca,
    .certificate = o->certificate, .key = o->key,
    .family = o->family >= 0 && o->family <= INT_MAX ? (int)o->family : -1};
}

void http_route_read(lua_State *L, const char *what, const struct http_route_options *o, bool whole,
                     struct http_request *r)
{
  r->route = http_route_of(o);
  http_route_check(L, what, &r->route);
  read_timeouts(L, what, o->timeout, whole, &r->timeouts);
}

/* ---- what became of it ------------------------------------------------------------------------------ */

void http_timing_push(lua_State *L, const struct http_timing *t)
{
  lua_createtable(L, 0, 5);
  field_number(L, "dns", t->dns);
  field_number(L, "connect", t->connect);
  field_number(L, "tls", t->tls);
  field_number(L, "first_byte", t->first_byte);
  field_number(L, "total", t->total);
}

void http_fault_push(lua_State *L, const struct http_exchange *x, const char *url)
{
  failure_push(L, &x->fault, url);
  field_words(L, "url", url);
  field_words(L, "phase", http_phase_name(x->phase));
  field_words(L, "detail", x->detail);
  field_words(L, "reason", x->reason);
  field_words(L, "address", x->address);
  field_words(L, "protocol", x->protocol);
  http_timing_push(L, &x->timing);
  lua_setfield(L, -2, "timing");
}
