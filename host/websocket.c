/* websocket.c - what all kinds of WebSockets share. */
#include "websocket.h"

void websocket_free(struct websocket *ws)
{
  if (ws)
    ws->kind->free(ws);
}
