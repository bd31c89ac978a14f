/* test_rehearsal_websocket.c - WebSockets and names in a rehearsal: what a model has written down. */
#include "host.h"
#include "mask.h"
#include "output.h"
#include "rehearsal.h"
#include "task.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* A live log behind "live.example", a locked door at "locked.example", nobody elsewhere. */
#define MODELS \
  "local live = { status = 101, protocol = 'tail', messages = { { data = 'first', after = 10 }," \
  "  { data = 'second', binary = true, after = 20 } }, close = { code = 4000, reason = 'over', after = 5 } }\n" \
  "return { http = function(request)\n" \
  "  if request.host == 'live.example' and request.headers.upgrade == 'websocket' then return live end\n" \
  "  if request.host == 'locked.example' then return { status = 403, body = 'no' } end\n" \
  "  return { fault = { 'http-refused', 'transient', 'nobody is there' } }\n" \
  "end, dns = function(name, kind, server)\n" \
  "  if server then return { { type = kind, data = '10 mail.example', ttl = 5 } } end\n" \
  "  return { fault = { 'dns-not-found', 'pending', 'no such name' }, ttl = 30 }\n" \
  "end }"

static int chunk(lua_State *L)
{
  if (luaL_loadstring(L, lua_tostring(L, 1)) != LUA_OK)
    return lua_error(L);
  return sched_run(L, 0);
}

/* Runs the text, which asserts, as the first task in a world of these models. */
static void run(const char *text)
{
  struct rehearsal *r = rehearsal_new(&(struct rehearsal_options){.models = MODELS, .settings = "", .start = 1e9});
  assert_non_null(r);
  int null = open("/dev/null", O_WRONLY);
  struct host host = {.world = rehearsal_world(r), .mask = mask_new(), .cleanup_seconds = 5};
  host.out = output_new(null, host.mask);
  host.err = output_new(null, host.mask);
  lua_State *L = host_open(&host);
  lua_pushcfunction(L, chunk);
  lua_pushstring(L, text);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    fail_msg("%s", luaL_tolstring(L, -1, NULL));
  host_close(L);
  output_free(host.out);
  output_free(host.err);
  mask_free(host.mask);
  close(null);
  rehearsal_free(r);
}

static void messages_come_at_their_times_and_then_the_close(void **state)
{
  (void)state;
  run("local core, websocket = require 'core', require 'websocket'\n"
      "local ws <close> = websocket.connect { url = 'wss://live.example/tail', protocols = { 'tail' } }\n"
      "local start, seen = core.monotonic(), {}\n"
      "assert(ws.protocol == 'tail')\n"
      "ws:send 'subscribe'\n"
      "for message, kind in ws:messages() do\n"
      "  seen[#seen + 1] = ('%s %s %.0f'):format(message, kind, core.monotonic() - start)\n"
      "end\n"
      "assert(table.concat(seen, ', ') == 'first text 10, second binary 30', table.concat(seen, ', '))\n"
      "assert(ws.code == 4000 and ws.reason == 'over' and core.monotonic() - start >= 35)\n"
      "assert(select(2, try(ws.send, ws, 'late')).code == 'websocket-closed')");
}

static void our_close_is_answered_at_once(void **state)
{
  (void)state;
  run("local ws <close> = require 'websocket'.connect { url = 'wss://live.example/' }\n"
      "assert(ws:close(4002, 'enough') == 4002 and ws:receive() == nil)");
}

static void a_wait_can_be_cancelled_in_virtual_time(void **state)
{
  (void)state;
  run("local ws <close> = require 'websocket'.connect { url = 'wss://live.example/' }\n"
      "local _, err = try(require 'task'.deadline, 3, function() ws:receive() end)\n"
      "assert(err.code == 'deadline', tostring(err))\n"
      "assert(ws:receive() == 'first')");
}

static void a_refusal_and_an_unmodelled_host_are_the_errors_of_the_real_world(void **state)
{
  (void)state;
  run("local websocket = require 'websocket'\n"
      "local _, err = try(websocket.connect, { url = 'wss://locked.example/tail?token=geheim' })\n"
      "assert(err.code == 'websocket-refused' and err.status == 403 and err.body == 'no', tostring(err))\n"
      "assert(err.message == 'WebSocket locked.example/tail: the server answered 403: no', err.message)\n"
      "_, err = try(websocket.connect, { url = 'wss://elsewhere.example/' })\n"
      "assert(err.code == 'http-refused' and err.class == 'transient', tostring(err))");
}

static void names_have_fields_and_errors_say_for_how_long(void **state)
{
  (void)state;
  run("local dns = require 'dns'\n"
      "local mx = dns.lookup({ name = 'x.example', type = 'MX', server = '192.0.2.1' })[1]\n"
      "assert(mx.preference == 10 and mx.exchange == 'mail.example')\n"
      "local _, err = try(dns.lookup, { name = 'x.example' })\n"
      "assert(err.code == 'dns-not-found' and err.negative_ttl == 30 and err.rcode == 'NXDOMAIN')");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_come_at_their_times_and_then_the_close),
    cmocka_unit_test(our_close_is_answered_at_once),
    cmocka_unit_test(a_wait_can_be_cancelled_in_virtual_time),
    cmocka_unit_test(a_refusal_and_an_unmodelled_host_are_the_errors_of_the_real_world),
    cmocka_unit_test(names_have_fields_and_errors_say_for_how_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
