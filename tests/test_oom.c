/* Every allocation of Lua's fails once, one further each time: in the opening of a state, in
 * tasks, and in each binding. Whatever fails, it ends as an error and gives back all it took.
 *
 * JSON is left out: lua-cjson keeps its buffers with malloc and ends the process when that
 * fails. SQLite, libpq and the other libraries are not made to fail here. */
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
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* Lua's allocator with a count: the allocation number `fail_at` and all after it fail. */
struct memory {
  long count, fail_at, live;
};

static void *allocate(void *arg, void *block, size_t old, size_t size)
{
  struct memory *m = arg;
  if (size == 0) {
    m->live -= block != NULL;
    free(block);
    return NULL;
  }
  if ((!block || size > old) && ++m->count >= m->fail_at && m->fail_at)
    return NULL;
  void *moved = realloc(block, size);
  m->live += !block && moved;
  return moved;
}

static int run_chunk(lua_State *L)
{
  const char *text = lua_tostring(L, 1);
  if (luaL_loadstring(L, text) != LUA_OK)
    return lua_error(L);
  return sched_run(L, 0);
}

/* Even pushing the text may fail: all of it runs protected. */
static int protected_run(lua_State *L)
{
  void **arguments = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_pushcfunction(L, run_chunk);
  lua_pushstring(L, arguments[0]);
  lua_call(L, 1, 0);
  return 0;
}

/* One attempt; true when nothing failed. */
static bool attempt(struct host *host, struct memory *m, const char *chunk)
{
  m->count = 0;
  lua_State *L = host_open(host);
  if (!L)
    return false;
  void *arguments[] = {(void *)chunk};
  lua_pushcfunction(L, protected_run);
  lua_pushlightuserdata(L, arguments);
  bool ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
  host_close(L);
  return ok;
}

static const struct rehearsal_options plain = {
  .models = "return require('core').load_file('tests/plain_models.lua')()", .start = 1e9};

static void fail_everywhere(const char *chunk)
{
  struct rehearsal *r = rehearsal_new(&plain);
  assert_non_null(r);
  int null = open("/dev/null", O_WRONLY);
  struct memory m = {0};
  struct host host = {.world = rehearsal_world(r), .mask = mask_new(), .cleanup_seconds = 5,
                      .alloc = allocate, .alloc_arg = &m};
  host.out = output_new(null, host.mask);
  host.err = output_new(null, host.mask);
  assert_true(attempt(&host, &m, chunk));
  assert_int_equal(m.live, 0);
  bool done = false;
  for (long at = 1; !done; at++) {
    m.fail_at = at;
    done = attempt(&host, &m, chunk) && m.count < at;
    assert_int_equal(m.live, 0);
    assert_true(at < 200000);
  }
  output_free(host.out);
  output_free(host.err);
  mask_free(host.mask);
  close(null);
  rehearsal_free(r);
}

#define CASE(name, chunk) \
  static void name(void **state) { fail_everywhere(chunk); }

CASE(opening_a_state, "")
CASE(tasks, "parallel { a = function() sleep(0.1) end, b = function() require 'task'.shield(sleep, 0.1) end }"
            " require 'task'.nursery(function(spawn) spawn(1, function() sleep(0.1) end) end)"
            " try(require 'task'.deadline, 0.1, sleep, 5)"
            " coroutine.wrap(function() sleep(0.1) end)()")
CASE(stopping, "local task = require 'task' local _ <close> = task.on_stop(function(stop) sleep(0.1) end)"
               " task.stop('cancelled', 'by hand') try(sleep, 1)")
CASE(errors, "try(failure, { code = 'x', message = 'm' }) try(error, 'plain') try(error, {})")
CASE(pairs_in_order, "for _ in pairs { b = 1, a = 2, [1] = 3 } do end")
CASE(http, "local r = require 'http.core'.request { url = 'https://example.com/', method = 'POST',"
           " headers = { a = 'b' }, body = 'x' } assert(r.status == 200)")
CASE(multipart, "require 'http.core'.request { url = 'https://example.com/', method = 'POST',"
                " multipart = { { name = 'a', data = 'x', filename = 'f', type = 't/x' } } }")
CASE(minted_secrets, "local r = require 'http.core'.request { url = 'https://example.com/',"
                     " secrets = { ['/uri'] = { name = 'U', to = { 'sql:*' } } } }"
                     " assert(tostring(r.secrets['/uri']):find 'U')")
CASE(health_engine, "local spec = { method = 'GET', header_names = { 'a', 'c' }, headers = { 'a: b', 'c: ' .. require 'secret.core'.new('N', 'a-secret-value',"
     " { 'https://example.com' }) }, statuses = { 200, 299 }, latency = 0, family = 0, fresh = true, max_body = 100,"
     " proofs = { { where = 'json', how = 'matches', name = '/version', value = '(%d+)', wanted = '1' } }, connect_timeout = 1,"
     " tls_timeout = 0, first_byte_timeout = 0, timeout = 1, delay = 0, grace = 0, deadline = 9, interval = 0, initial = 1,"
     " multiplier = 2, max = 4, jitter = 'full', slow = 0, quick = 0, edge = 0, soak = 1, seed = 1, established = false,"
     " samples = 2, rise = 2, stable_for = 0, fall_for = 0, attempts = 0, fatal_after = { failing = { 3, true } }, keep = 2, hook = function() end }"
     " local r = require 'health.core'.wait { specs = { spec }, targets = { 'https://example.com/', 1, 'a', 'https://example.com/b', 1, false },"
     " rules = { { name = 'x', says = { 'y' }, statuses = { 400, 499 }, grace = { 'failing', times = 2 }, after = { 'fatal' } } },"
     " need = 1, concurrency = 2, rate = 0 } assert(r.good)")
CASE(dns, "require 'dns'.lookup { name = 'example.com', server = { '192.0.2.1', '192.0.2.2' } }"
          " require 'dns'.lookup { name = '192.0.2.1', type = 'PTR' }")
CASE(websocket, "local ws <close> = require 'websocket'.connect { url = 'wss://example.com/', protocols = { 'a' },"
                " headers = { a = 'b' } } ws:send 'x' local n = 0 for m in ws:messages() do n = n + 1 end"
                " assert(n == 2 and ws.code == 1000) try(ws.send, ws, 'x') ws:close()")
CASE(secrets, "local s = require 'secret.core'.new('N', 'a-secret-value', { 'https://example.com' })"
              " local t = 'Bearer ' .. s assert(tostring(t) ~= '')"
              " require 'http.core'.request { url = 'https://example.com/', headers = { authorization = t } }")
CASE(sql, "local s <close> = require 'sql.core'.connect { url = 'postgresql://u:' .. require 'secret.core'"
          ".new('N', 'a-secret-value', { 'sql:*' }) .. '@h/d' }"
          " s:query('select $1, $2', { 1, 'x' }) s:query 'select 1'")
CASE(sealing, "local seal, secret = require 'seal.core', require 'secret.core'"
              " local key = 'davit-public--XBcsHVNKwmtNR-JMBEtDKYa52GqrJWkjrpsMpln8Ds'"
              " local s = secret.new('N', 'a-secret-value', { 'https://example.com', 'sealed:*' })"
              " local text = seal.seal_values({ a = s, b = 'x' }, { key }, { 'deploy' })"
              " assert(seal.open_values(text, s, 'x').b == 'x') try(seal.open_values, 'text', s, 'x')"
              " try(seal.seal_file, { from = 'x', to = 'y', keys = { key } })"
              " try(seal.open_file, { from = 'x', to = 'y', key = s }) try(seal.new_key, 'x')")
CASE(files, "local fs = require 'fs' try(fs.read, 'x') try(fs.list, '.') try(fs.write, 'x', 'y') fs.exists 'x'"
     " try(fs.stat, '.') try(fs.append, 'x', 'y') try(fs.copy, 'x', 'y') try(fs.move, 'x', 'y')")
CASE(masking, "local m = require 'mask' assert(m.text 'plain' == 'plain')")
CASE(digests, "require 'sha256' 'abc' require 'base64'.encode 'abc' require 'hmac'.sha256('k', 't')"
              " require 'hex'.decode 'abcd' local s = require 'secret.core'.new('N', 'a-secret-value', { 'sql:*' })"
              " require 'hmac'.sha512(s, 't', { to = { 'sql:*' } }) require 'url'.encode(s)")
CASE(lines_of_dotenv, "require 'dotenv.core'.decode 'A=1\\nB=\"x\"\\n'")
CASE(yaml_text, "require 'yaml'.decode 'a: [1, {b: c}]'")
/* The world keeps what earlier attempts recorded; their leases run out. */
CASE(runs_and_leases, "sleep(100) local s <close> = require 'store.core'.open 'x' s:forget 'a'"
     " s:append { { run = 'a', at = 1, kind = 'k', path = 'p', data = '{}', status = 'running' } }"
     " assert(#s:events { run = 'a' } == 1 and #s:runs { limit = 5 } == 1)"
     " assert(s:take { name = 'web', run = 'a', seconds = 30 })"
     " local none, holder = s:take { name = 'web', run = 'b', seconds = 30 } assert(not none and holder.run == 'a')"
     " assert(s:ask('web', 'stop')) sleep(20) assert(#s:leases() == 1 and s:watch().request == 'stop')"
     " require 'fs'.exists 'x' s:release 'web' s:forget 'a'"
     " parallel { a = function() assert(s:watch() == nil) end, b = function() s:close() end }")
CASE(printing, "print('x', 1) io.write 'y'")

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(opening_a_state), cmocka_unit_test(tasks),
    cmocka_unit_test(stopping), cmocka_unit_test(errors),
    cmocka_unit_test(pairs_in_order), cmocka_unit_test(http), cmocka_unit_test(multipart),
    cmocka_unit_test(minted_secrets), cmocka_unit_test(health_engine), cmocka_unit_test(dns),
    cmocka_unit_test(websocket),
    cmocka_unit_test(secrets), cmocka_unit_test(sql), cmocka_unit_test(sealing), cmocka_unit_test(files),
    cmocka_unit_test(masking), cmocka_unit_test(digests), cmocka_unit_test(yaml_text),
    cmocka_unit_test(lines_of_dotenv),
    cmocka_unit_test(runs_and_leases), cmocka_unit_test(printing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
