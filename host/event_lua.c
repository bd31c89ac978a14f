/* event_lua.c - the module "event.core": JSON for programs and for the journal, masked so that it stays JSON. */
#include "buf_lua.h"
#include "failure.h"
#include "host.h"
#include "json_mask.h"
#include "mask.h"
#include "modules.h"
#include "output.h"
#include "task.h"
#include <lauxlib.h>

static struct buf *push_masked(lua_State *L, bool event, bool *number)
{
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  struct buf *masked = buf_push(L, BUF_LIMIT);
  *number = json_mask(host_of(L)->mask, text, len, event, masked);
  if (event)
    buf_add_char(masked, '\n');
  if (!buf_ok(masked))
    failure_memory(L);
  return masked;
}

/* core.masked(text) -> the JSON text as it may be kept, and whether a number in it was a secret */
static int masked(lua_State *L)
{
  bool number;
  const struct buf *b = push_masked(L, false, &number);
  lua_pushlstring(L, buf_str(b), b->len);
  lua_pushboolean(L, number);
  return 2;
}

/* core.print(text): one event, a JSON object, as a line of standard output */
static int print(lua_State *L)
{
  bool number;
  sched_check_effects(L);
  const struct buf *b = push_masked(L, true, &number);
  output_line(host_of(L)->out, buf_str(b), b->len);
  return 0;
}

/* core.secret_in(text) -> the name of a secret that stands in it, or nil */
static int secret_in(lua_State *L)
{
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  struct buf *ignored = buf_push(L, BUF_LIMIT);
  struct mask_stream *s = mask_stream_new(host_of(L)->mask);
  if (s)
    mask_feed(s, text, len, ignored);
  const char *name = s ? mask_found(s) : NULL;  // belongs to the mask
  mask_stream_free(s);
  if (!s || !buf_ok(ignored))
    return failure_memory(L);
  lua_pushstring(L, name);
  return 1;
}

int event_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"masked", masked}, {"print", print}, {"secret_in", secret_in}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
