/* tcp_lua.h - what the two halves of the module "tcp.core" share: handles of connections. */
#ifndef TCP_LUA_H
#define TCP_LUA_H
#include <lua.h>

struct tcp;
struct uv_loop_s;

/* Pushes a handle without a connection: fill it. It closes what it holds. */
struct tcp **tcp_push(lua_State *L);
/* The connection of the handle at idx; raises a misuse of `what` when it is closed. */
struct tcp **tcp_check(lua_State *L, int idx, const char *what);
/* The loop; raises a misuse of `what` in a world without sockets. */
struct uv_loop_s *tcp_loop(lua_State *L, const char *what);
/* Adds listen and relay to the module's table on top. */
void tcp_listen_open(lua_State *L);
#endif
