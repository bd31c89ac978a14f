/* rehearsal_packet.c - what the explorer tells; see rehearsal_explorer.h. The models word it. */
#include "rehearsal_explorer.h"
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { LOG_PIECE = 32 * 1024 };

/* Leaves the text, or nil, on top of the models' stack. */
static const char *ask(struct explorer *x, const char *function, const char *const *arguments, size_t *len)
{
  lua_State *L = rehearsal_models(x->r);
  int n = 0;
  lua_getfield(L, 1, function);
  for (; arguments[n]; n++)
    lua_pushstring(L, arguments[n]);
  if (lua_pcall(L, n, 1, 0) != LUA_OK) {
    fprintf(stderr, "davit: the judgement of the rehearsal failed: %s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  return lua_tolstring(L, -1, len);
}

const char *explorer_ask(struct explorer *x, const char *function, const char *const *arguments)
{
  return ask(x, function, arguments, NULL);
}

void explorer_say(struct explorer *x, const char *function, const char *const *arguments)
{
  size_t len;
  const char *text = ask(x, function, arguments, &len);
  while (text && send(x->fd, text, len, MSG_NOSIGNAL) < 0 && errno == EINTR)
    ;
}

void explorer_send_log(struct explorer *x, const char *id)
{
  const struct buf *log = rehearsal_log(x->r);
  char piece[LOG_PIECE + 1], common[24];
  snprintf(common, sizeof common, "%zu", x->in_common);
  for (size_t at = x->in_common; at < log->len; at += LOG_PIECE) {
    snprintf(piece, sizeof piece, "%s", log->data + at);
    SAY(x, "log", piece, id, common);
  }
}

void explorer_hash_log(const struct explorer *x, char hex[SHA256_HEX + 1])
{
  const struct buf *log = rehearsal_log(x->r);
  if (!sha256_hex(buf_str(log), log->len, hex))
    hex[0] = 0;
}
