/* websocket_lua.h - WebSockets as Lua has them: the client's and the server's are the same. */
#ifndef WEBSOCKET_LUA_H
#define WEBSOCKET_LUA_H
#include "secret.h"
#include "websocket.h"
#include <lua.h>

/* The options that both sides have, with their defaults. */
struct websocket_settings {
  lua_Integer max_message, max_queued;
  double ping, close_timeout;
};
#define WEBSOCKET_DEFAULTS {.max_message = 16 << 20, .max_queued = 4 << 20, .ping = 30, .close_timeout = 5}
/* Fields for opt_read, of a struct that has a member `settings`. */
#define WEBSOCKET_FIELDS(type) \
  {"max_message", OPT_INTEGER, offsetof(type, settings.max_message), false}, \
  {"max_queued", OPT_INTEGER, offsetof(type, settings.max_queued), false}, \
  {"ping", OPT_NUMBER, offsetof(type, settings.ping), false}, \
  {"close_timeout", OPT_NUMBER, offsetof(type, settings.close_timeout), false}

/* Raises a misuse of the function `what` when a setting is out of its range. */
struct websocket_limits websocket_check_settings(lua_State *L, const char *what, const struct websocket_settings *s);
/* Pushes an empty handle: put a socket into it, which it then owns. `to` is where secrets that are sent
 * go, URLs as http has them; NULL: nowhere. */
struct websocket **websocket_push(lua_State *L, const struct destination *to, double close_timeout);
#endif
