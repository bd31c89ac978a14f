/* The rehearsal's world: its time, its memory, its points, and what is left when Davit dies in it.
 * At the end the shipped recipes run in it, and cannot tell. */
#include "heap.h"
#include "host.h"
#include "mask.h"
#include "output.h"
#include "rehearsal.h"
#include "rehearsal_arena.h"
#include "rehearsal_explore.h"
#include "task.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MODELS "return require('rehearsal.world')(...)"
#define SETTINGS(more) \
  "{\"cloud\":{\"account_id\":\"0000000000000000000000000000c0de\",\"seed\":\"test\"," \
  "\"tokens\":{\"workers\":\"rehearsed-workers-token\",\"dns\":\"rehearsed-dns-token\"," \
  "\"neon\":\"rehearsed-neon-key\",\"github\":\"rehearsed-github-token\"}," \
  "\"pull_requests\":[{\"number\":42,\"title\":\"A shop\",\"head\":\"shop\"}]}," \
  "\"workers\":[{\"name\":\"api\",\"folder\":\"./workers/ecom-api\",\"entry\":\"dist/index.js\"}," \
  "{\"name\":\"auth\",\"folder\":\"./workers/auth\",\"entry\":\"dist/index.js\"}," \
  "{\"name\":\"web\",\"folder\":\"./apps/web\",\"entry\":\"dist/_worker.js\",\"assets\":\"dist/client\"}]," \
  "\"hidden\":[\"secrets.env\"]" more "}"

static const char *const variables[] = {
  "CLOUDFLARE_API_TOKEN=rehearsed-workers-token", "CLOUDFLARE_DNS_API_TOKEN=rehearsed-dns-token",
  "NEON_API_KEY=rehearsed-neon-key", "GITHUB_TOKEN=rehearsed-github-token",
  "STRIPE_TEST_KEY=rehearsed-stripe-key",
  "STRIPE_TEST_PAYMENT_WEBHOOK_SECRET=rehearsed-webhook-payment",
  "STRIPE_TEST_SUBSCRIPTION_WEBHOOK_SECRET=rehearsed-webhook-subscription",
  "STRIPE_TEST_CONNECT_WEBHOOK_SECRET=rehearsed-webhook-connect",
  "STRIPE_TEST_CUSTOMER_WEBHOOK_SECRET=rehearsed-webhook-customer",
  "STRIPE_TEST_BOOKING_WEBHOOK_SECRET=rehearsed-webhook-booking",
  "STRIPE_TEST_DISPUTE_WEBHOOK_SECRET=rehearsed-webhook-dispute",
  "USER=rehearsal", NULL};

/* ---- a Davit in a rehearsal ----------------------------------------------------------------------- */

static struct rehearsal *new_world(unsigned long long seed)
{
  struct rehearsal *r = rehearsal_new(&(struct rehearsal_options){
    .models = MODELS, .settings = SETTINGS(""), .environ = variables, .start = 1.8e9, .seed = seed});
  assert_non_null(r);
  rehearsal_keep_log(r, true);
  return r;
}

static int chunk(lua_State *L)
{
  if (luaL_loadstring(L, lua_tostring(L, 1)) != LUA_OK)
    return lua_error(L);
  return sched_run(L, 0);
}

/* Runs the text as the first task of a new state; its integer result, or -1 when it raised. What is
 * printed goes to `out`. The state lives on when the run never ends: the process does not. */
static int davit(struct rehearsal *r, const char *out, const char *text)
{
  int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
  struct host *host = calloc(1, sizeof *host);
  *host = (struct host){.world = rehearsal_world(r), .mask = mask_new(), .cleanup_seconds = 5};
  host->out = output_new(fd, host->mask);
  host->err = output_new(fd, host->mask);
  lua_State *L = host_open(host);
  assert_non_null(L);
  lua_pushcfunction(L, chunk);
  lua_pushstring(L, text);
  bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
  if (!ok)
    print_message("%s\n", luaL_tolstring(L, -1, NULL));
  int code = ok ? (int)lua_tointeger(L, -1) : -1;
  host_close(L);
  output_flush(host->out);
  output_flush(host->err);
  output_free(host->out);
  output_free(host->err);
  mask_free(host->mask);
  free(host);
  close(fd);
  return code;
}

static int run(struct rehearsal *r, const char *text)
{
  return davit(r, "/dev/null", text);
}

/* ---- time ------------------------------------------------------------------------------------------ */

static void time_jumps_to_what_comes_next(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "sleep(86400) return 1"), 1);
  assert_true(rehearsal_elapsed(r) >= 86400 && rehearsal_elapsed(r) < 86401);
  rehearsal_free(r);
}

static void count_late(void *arg)
{
  ++*(int *)arg;
}

static void time_in_which_nobody_works_is_not_what_a_run_may_take(void **state)
{
  struct rehearsal *r = new_world(1);
  int late = 0;
  rehearsal_limit(r, 60, count_late, &late);
  rehearsal_pass(r, 86400);
  assert_true(rehearsal_elapsed(r) >= 86400);
  assert_int_equal(run(r, "sleep(59) sleep(0) return 1"), 1);
  assert_int_equal(late, 0);
  assert_int_equal(run(r, "sleep(2) sleep(0) return 1"), 1);
  assert_int_equal(late, 1);
  rehearsal_free(r);
}

static void what_starts_first_ends_first_when_both_are_due(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local order, http = '', require 'http'\n"
                          "local function ask(name) return function()\n"
                          "  try(http.request, { url = 'https://api.github.com/' .. name }) order = order .. name end end\n"
                          "parallel { a = ask 'a', b = ask 'b', c = ask 'c' }\n"
                          "return order == 'abc' and 1 or 0"), 1);
  rehearsal_free(r);
}

static void a_run_that_waits_for_nothing_is_told_so(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local c = require 'condition'.new()\n"
                          "local _, err = try(c.wait, c)\n"
                          "return err.code == 'deadlock' and 1 or 0"), 1);
  rehearsal_free(r);
}

/* ---- nothing of the machine ----------------------------------------------------------------------------- */

static void the_environment_is_a_list_and_nobody_is_at_a_terminal(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local core = require 'core'\n"
                          "assert(os.getenv 'USER' == 'rehearsal' and os.getenv 'PATH' == nil)\n"
                          "return not (core.is_terminal(0) or core.is_terminal(2)) and 1 or 0"), 1);
  rehearsal_free(r);
}

static void a_file_of_secrets_gives_names_and_no_value(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local secret = require 'secret'\n"
                          "local file = secret.dotenv('tests/dotenv/sample.env', { shared = true })\n"
                          "local name, one = next(file)\n"
                          "local key = secret.bind(one, 'K', { to = { 'https://a.example' } })\n"
                          "for _, other in pairs(file) do\n"
                          "  assert(secret.fingerprint(other, key) == secret.fingerprint(one, key))\n"
                          "end\n"
                          "return name and 1 or 0"), 1);
  rehearsal_free(r);
}

static void files_are_written_to_memory_only(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local fs = require 'fs'\n"
                          "fs.write('tests/of-the-rehearsal/a', 'text')\n"
                          "fs.remove 'tests/run.lua'\n"
                          "assert(fs.read 'tests/of-the-rehearsal/a' == 'text' and fs.exists 'tests/of-the-rehearsal')\n"
                          "assert(not fs.exists 'tests/run.lua' and fs.exists 'tests/run.sh')\n"
                          "local names = '\\n' .. table.concat(fs.list 'tests', '\\n') .. '\\n'\n"
                          "assert(names:find('\\nof-the-rehearsal/\\n', 1, true) and not names:find('\\nrun.lua\\n', 1, true))\n"
                          "return 1"), 1);
  assert_int_equal(access("tests/of-the-rehearsal", F_OK), -1);
  assert_int_equal(access("tests/run.lua", F_OK), 0);
  rehearsal_free(r);
}

/* Models that answer every request with what it was, a second later. */
#define ECHO \
  "local _, disk = ...\n" \
  "local files = require('rehearsal.overlay').new(disk, {})\n" \
  "return { file = function(...) return files:act(...) end, http = function(q)\n" \
  "  local status = q.path == '/no' and 404 or q.headers['if-none-match'] and 304 or 200\n" \
  "  return { status = status, headers = 'etag: \"1\"\\n', body = q.method .. ' ' .. q.body, delay = 1 } end }\n"

static void bodies_come_from_files_and_go_to_files_in_memory(void **state)
{
  struct rehearsal *r = rehearsal_new(&(struct rehearsal_options){
    .models = ECHO, .settings = "{}", .environ = variables, .start = 1.8e9, .seed = 1});
  assert_non_null(r);
  assert_int_equal(run(r, "local fs, http, sha256 = require 'fs', require 'http', require 'sha256'\n"
                          "local text, url = ('0123456789abcdef'):rep(40000), 'https://example.com'\n"
                          "fs.write('build/rehearsed/in', text)\n"
                          "local sent = http.request { url = url, method = 'PUT', from = 'build/rehearsed/in' }\n"
                          "assert(sent.body == 'PUT ' .. text and sent.received == #sent.body)\n"
                          "local form = http.request { url = url, method = 'POST', multipart = {\n"
                          "  { name = 'a', data = 'x' }, { name = 'b', from = 'build/rehearsed/in', type = 'text/plain' } } }\n"
                          "assert(form.body:find('name=\"b\"; filename=\"in\"\\r\\nContent-Type: text/plain\\r\\n\\r\\n' .. text .. '\\r\\n--', 1, true))\n"
                          "assert(form.body:find('name=\"a\"\\r\\n\\r\\nx\\r\\n', 1, true))\n"
                          "local real = http.request { url = url, method = 'PUT', from = 'tests/run.lua' }\n"
                          "assert(real.body == 'PUT ' .. fs.read 'tests/run.lua')\n"
                          "local got = http.request { url = url, method = 'PUT', from = 'build/rehearsed/in',\n"
                          "  to = 'build/rehearsed/out', sha256 = true }\n"
                          "assert(got.body == '' and got.sha256 == sha256('PUT ' .. text))\n"
                          "assert(fs.read 'build/rehearsed/out' == 'PUT ' .. text)\n"
                          "assert(http.request { url = url .. '/no', to = 'build/rehearsed/no' }.body == 'GET ')\n"
                          "local _, gone = try(http.request, { url = url, method = 'PUT', from = 'build/rehearsed/none' })\n"
                          "assert(gone.code == 'file-not-found' and #fs.list 'build/rehearsed' == 2)\n"
                          "return 1"), 1);
  assert_int_equal(access("build/rehearsed", F_OK), -1);
  assert_true(rehearsal_elapsed(r) >= 5 && rehearsal_elapsed(r) < 5.1);  /* a second for each answer, none for the files */
  rehearsal_free(r);
}

static void archives_are_packed_and_unpacked_in_memory(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local archive, fs, sha256 = require 'archive.core', require 'fs', require 'sha256'\n"
                          "local tree, out = 'build/rehearsed/tree', 'build/rehearsed/{sha256}'\n"
                          "fs.write(tree .. '/a/deep', ('text '):rep(1000), { mode = '0755' })\n"
                          "fs.write(tree .. '/b', '')\n"
                          "fs.make(tree .. '/empty')\n"
                          "local one = archive.pack { root = tree, to = out }\n"
                          "assert(#one.entries == 4 and one.sha256 == fs.sha256(one.path) and one.bytes == 5000)\n"
                          "assert(one.entries[2].executable and one.entries[2].sha256 == sha256(('text '):rep(1000)))\n"
                          "local got = archive.unpack { from = one.path, into = 'build/rehearsed/new', sha256 = one.sha256 }\n"
                          "assert(got.sha256 == one.sha256 and fs.read 'build/rehearsed/new/a/deep' == ('text '):rep(1000))\n"
                          "assert(fs.stat 'build/rehearsed/new/a/deep'.mode == '0755' and fs.exists 'build/rehearsed/new/empty')\n"
                          "assert(table.concat(fs.list 'build/rehearsed', ' ') == one.sha256 .. ' new/ tree/')\n"
                          "local _, there = try(archive.unpack, { from = one.path, into = 'build/rehearsed/new' })\n"
                          "assert(there.code == 'file-exists')\n"
                          "archive.unpack { from = one.path, into = 'build/rehearsed/new', replace = true }\n"
                          "local _, bad = try(archive.check, { from = one.path, sha256 = ('0'):rep(64) })\n"
                          "assert(bad.code == 'archive-digest')\n"
                          "local _, none = try(archive.pack, { root = tree, to = out, paths = { 'x' } })\n"
                          "assert(none.code == 'file-not-found')\n"
                          "require('secret.core').new('TOKEN', 'a-token-in-a-file', { 'https://a.example' })\n"
                          "fs.write(tree .. '/b', 'a-token-in-a-file')\n"
                          "local _, holds = try(archive.pack, { root = tree, to = out })\n"
                          "assert(holds.code == 'archive-secret' and holds.secret == 'TOKEN' and holds.about == 'b')\n"
                          "return 1"), 1);
  assert_int_equal(access("build/rehearsed", F_OK), -1);
  rehearsal_free(r);
}

static void links_of_an_archive_become_copies_in_memory(void **state)
{
  struct rehearsal *r = new_world(1);
  char folder[] = "/tmp/davit-rehearsed-XXXXXX", name[64], text[1024];
  assert_non_null(mkdtemp(folder));
  snprintf(name, sizeof name, "%s/there", folder);
  assert_int_equal(mkdir(name, 0755), 0);
  snprintf(name, sizeof name, "%s/there/file", folder);
  close(open(name, O_WRONLY | O_CREAT, 0644));
  snprintf(name, sizeof name, "%s/a", folder);
  assert_int_equal(symlink("b", name), 0);
  snprintf(name, sizeof name, "%s/b", folder);
  assert_int_equal(symlink("there", name), 0);
  snprintf(name, sizeof name, "%s/nowhere", folder);
  assert_int_equal(symlink("none", name), 0);
  snprintf(text, sizeof text,
           "local archive, fs = require 'archive.core', require 'fs'\n"
           "local one = archive.pack { root = '%s', to = 'build/rehearsed' }\n"
           "assert(#one.entries == 5 and one.entries[1].target == 'b')\n"
           "archive.unpack { from = one.path, into = '%s/new' }\n"
           "assert(table.concat(fs.list '%s/new', ' ') == 'a/ b/ there/' and fs.exists '%s/new/a/file')\n"
           "return 1", folder, folder, folder, folder);
  assert_int_equal(run(r, text), 1);
  snprintf(name, sizeof name, "rm -r %s", folder);
  assert_int_equal(system(name), 0);
  rehearsal_free(r);
}

static void answers_come_in_pieces_and_requests_are_signed(void **state)
{
  struct rehearsal *r = rehearsal_new(&(struct rehearsal_options){
    .models = ECHO, .settings = "{}", .environ = variables, .start = 1.8e9, .seed = 1});
  assert_non_null(r);
  assert_int_equal(run(r, "local http, url, all = require 'http', 'https://example.com', {}\n"
                          "for line in http.stream { url = url, method = 'POST', body = 'a\\nb\\n' .. ('x'):rep(900000) }:lines() do\n"
                          "  all[#all + 1] = line sleep(1)\n"
                          "end\n"
                          "assert(#all == 3 and all[1] == 'POST a' and #all[3] == 900000)\n"
                          "local first = http.request { url = url }\n"
                          "assert(http.request { url = url, unless = first }.unchanged)\n"
                          "local link = http.presign { url = url, sigv4 = { region = 'auto', key_id = 'K', key = 'k' } }\n"
                          "assert(link:find('X-Amz-Date=20270115T0800', 1, true))\n"
                          "return 1"), 1);
  rehearsal_free(r);
}

static void children_are_stand_ins_however_they_are_had(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local process, fs = require 'process', require 'fs'\n"
                          "local child <close> = process.start { argv = { 'x' }, input = true, pty = true }\n"
                          "assert(process.alive(child:pid()) and not process.alive(1))\n"
                          "child:write 'a text' child:close_input()\n"
                          "assert(try(child.write, child, 'more') == nil)\n"
                          "assert(child:line() == 'rehearsed' and child:wait().exit == 0)\n"
                          "assert(not process.alive(child:pid()))\n"
                          "local _, err = try(process.run, { argv = { 'x' }, input = { file = 'none' } })\n"
                          "assert(err.code == 'process-failed')\n"
                          "fs.write('build/some', 'text')\n"
                          "local r = process.run { argv = { 'x' }, input = { file = 'build/some' }, output = 'stream',\n"
                          "  memory = 1, merge = true }\n"
                          "return r.output == 'rehearsed\\n' and r.errors == '' and r.peak == 0 and 1 or 0"), 1);
  assert_int_equal(access("build/some", F_OK), -1);
  rehearsal_free(r);
}

static void the_same_seed_draws_the_same_numbers(void **state)
{
  struct rehearsal *worlds[] = {new_world(7), new_world(7), new_world(8)};
  int drawn[3];
  for (int i = 0; i < 3; i++) {
    drawn[i] = run(worlds[i], "return math.random(1, 1000000000)");
    rehearsal_free(worlds[i]);
  }
  assert_int_equal(drawn[0], drawn[1]);
  assert_int_not_equal(drawn[0], drawn[2]);
}

/* ---- points --------------------------------------------------------------------------------------------------- */

struct seen {
  char text[256];
};

static void write_point(void *arg, const struct rehearsal_point *p)
{
  struct seen *s = arg;
  size_t n = strlen(s->text);
  snprintf(s->text + n, sizeof s->text - n, "%s %s %u; ", p->after ? "after" : "before",
           rehearsal_kind_name(p->kind), p->index);
}

/* The resolver remembers that a name is missing; the zone's own servers know what is there now. */
static void a_zone_has_servers_that_remember_nothing(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, "local dns, zone = require 'dns', 'revelations.studio'\n"
                          "assert(dns.lookup({ name = zone, type = 'SOA' })[1].minimum == 60)\n"
                          "assert(#dns.lookup { name = zone, type = 'NS' } == 2)\n"
                          "local _, err = try(dns.lookup, { name = 'gone.' .. zone })\n"
                          "assert(err.code == 'dns-not-found' and err.negative_ttl == 60)\n"
                          "sleep(20)\n"
                          "_, err = try(dns.lookup, { name = 'gone.' .. zone })\n"
                          "assert(err.negative_ttl < 41 and err.negative_ttl > 38)\n"
                          "_, err = try(dns.authoritative, { name = 'gone.' .. zone })\n"
                          "assert(err.code == 'dns-not-found' and err.negative_ttl == 60, tostring(err))\n"
                          "return 1"), 1);
  rehearsal_free(r);
}

static void every_effect_and_every_record_is_two_points(void **state)
{
  struct rehearsal *r = new_world(1);
  struct seen seen = {""};
  rehearsal_watch(r, write_point, &seen);
  run(r, "require 'fs'.write('a', '')\n"
         "local s <close> = require 'store.core'.open 'anywhere'\n"
         "s:append { { run = 'r', at = 1, kind = 'k', path = 'p', data = 'null' } }\n"
         "try(require 'dns'.lookup, { name = 'nowhere.example' })");
  assert_string_equal(seen.text, "before file 1; after file 1; before journal 1; after journal 1; "
                                 "before dns 1; after dns 1; ");
  assert_int_equal(rehearsal_count(r, POINT_FILE), 1);
  assert_int_equal(rehearsal_count(r, POINT_HTTP), 0);
  rehearsal_free(r);
}

/* ---- dying ------------------------------------------------------------------------------------------------------- */

struct death {
  struct rehearsal *r;
  enum rehearsal_kind kind;
  bool after;
  const char *successor;  /* what takes over; its result is the process's exit code */
};

static void die_here(void *arg, const struct rehearsal_point *p)
{
  struct death *d = arg;
  if (p->kind != d->kind || p->after != d->after)
    return;
  rehearsal_watch(d->r, NULL, NULL);
  rehearsal_crash(d->r);
  _exit(run(d->r, d->successor));
}

/* Runs `first` in a process until it dies; what its successor returned. */
static int survive(enum rehearsal_kind kind, bool after, const char *first, const char *successor)
{
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    struct death d = {new_world(1), kind, after, successor};
    rehearsal_watch(d.r, die_here, &d);
    run(d.r, first);
    _exit(99);
  }
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define LIST_COMMENTS \
  "local http, json = require 'http', require 'json'\n" \
  "local function ask(method, body) return http.request { method = method, body = body,\n" \
  "  headers = { authorization = 'Bearer ' .. require 'secret'.env('GITHUB_TOKEN', { to = { 'api.github.com' } }) },\n" \
  "  url = 'https://api.github.com/repos/example/codex/issues/42/comments' } end\n"

static void before_an_effect_it_never_happened_and_after_it_it_did(void **state)
{
  static const char first[] = LIST_COMMENTS "ask('POST', '{\"body\":\"hello\"}')";
  static const char count[] = LIST_COMMENTS "return 10 + #json.decode(ask 'GET'.body)";
  assert_int_equal(survive(POINT_HTTP, false, first, count), 10);
  assert_int_equal(survive(POINT_HTTP, true, first, count), 11);
}

static void what_was_under_way_is_told_to_nobody(void **state)
{
  static const char first[] = "parallel { a = function() try(require 'dns'.lookup, { name = 'a.example' }) end,\n"
                              "  b = function() require 'fs'.write('seen', '') end }";
  assert_int_equal(survive(POINT_FILE, true, first, "sleep(100) return require 'fs'.exists 'seen' and 5 or 6"), 5);
}

static void what_a_transaction_had_not_committed_is_gone(void **state)
{
#define CONNECT \
  "local http, sql, secret = require 'http', require 'sql', require 'secret'\n" \
  "local uri = http.request { secrets = { ['/uri'] = { name = 'U', to = { 'sql:*' } } },\n" \
  "  headers = { authorization = 'Bearer ' .. secret.env('NEON_API_KEY', { to = { 'console.neon.tech' } }) },\n" \
  "  url = 'https://console.neon.tech/api/v2/projects/wandering-moon-123456/connection_uri'\n" \
  "    .. '?database_name=neondb&role_name=neondb_owner' }.secrets['/uri']\n" \
  "local s = sql.connect { url = uri }\n"
  static const char first[] = CONNECT "s:query \"create table kept (a text); insert into kept (a) values ('1')\"\n"
                                      "s:query 'begin' s:query \"insert into kept (a) values ('2')\"\n"
                                      "require 'fs'.write('here', '')";
  static const char look[] = CONNECT "local raw = s:query('select a from kept', {}, { raw = true })\n"
                                     "assert(raw.command == 'SELECT 1' and raw.fields[1].name == 'a')\n"
                                     "assert(raw.rows[1][1] == '1')\n"
                                     "local rows = s:query 'select a from kept'.rows return 20 + #rows";
  assert_int_equal(survive(POINT_FILE, false, first, look), 21);
}

static void what_it_had_recorded_is_there_and_its_lease_runs_out(void **state)
{
  static const char first[] = "local s = require 'store.core'.open 'x'\n"
                              "s:take { name = 'n', run = 'a', seconds = 30 }\n"
                              "s:append { { run = 'a', at = 1, kind = 'k', path = 'p', data = 'null' } }";
  static const char look[] = "local s = require 'store.core'.open 'x'\n"
                             "assert(#s:events { run = 'a' } == 1)\n"
                             "assert(s:leases 'n'[1].left < 0)\n"
                             "s:append { { run = 'b', at = 1, kind = 'k', path = 'p', data = 'null' } }\n"
                             "return s:take { name = 'n', run = 'b', seconds = 30 } and 30 or 31";
  assert_int_equal(survive(POINT_JOURNAL, true, first, look), 30);
}

/* ---- memory of short-lived processes -------------------------------------------------------------------------------- */

static lua_State *arena_of(struct rehearsal_arena *a, lua_Alloc *alloc)
{
  void *arg;
  lua_State *L = lua_newstate(heap_alloc, heap_new());
  assert_non_null(L);
  assert_true(rehearsal_arena_open(a, L, 1 << 20));
  *alloc = lua_getallocf(L, &arg);
  assert_ptr_equal(arg, a);
  return L;
}

static void close_arena(struct rehearsal_arena *a, lua_State *L)
{
  void *heap = a->former_arg;
  a->beyond = SIZE_MAX;  /* then everything goes back */
  lua_close(L);
  heap_free(heap);
  munmap(a->start, (size_t)(a->end - a->start));
}

static void the_arena_keeps_what_it_has_and_moves_what_grows(void **state)
{
  struct rehearsal_arena a;
  lua_Alloc alloc;
  lua_State *L = arena_of(&a, &alloc);
  char *old = a.former(a.former_arg, NULL, 0, 4), *more;
  memcpy(old, "abc", 4);
  more = alloc(&a, old, 4, 100);
  assert_string_equal(more, "abc");
  assert_ptr_equal(alloc(&a, more, 100, 50), more);
  assert_null(alloc(&a, more, 50, 0));
  close_arena(&a, L);
}

static void beyond_the_arena_there_is_a_limit(void **state)
{
  struct rehearsal_arena a;
  lua_Alloc alloc;
  lua_State *L = arena_of(&a, &alloc);
  a.at = a.end;
  void *block = alloc(&a, NULL, 0, 600 << 10);
  assert_non_null(block);
  assert_null(alloc(&a, NULL, 0, 600 << 10));
  assert_false(a.starved);
  alloc(&a, block, 600 << 10, 0);
  block = alloc(&a, NULL, 0, 600 << 10);
  assert_non_null(block);
  assert_null(alloc(&a, NULL, 0, 600 << 10));
  assert_null(alloc(&a, NULL, 0, 600 << 10));
  assert_true(a.starved);
  alloc(&a, block, 600 << 10, 0);
  close_arena(&a, L);
}

/* It is not malloc's: the state's heap cuts small blocks from large ones. */
static void what_was_there_before_goes_back_to_whom_it_came_from(void **state)
{
  struct rehearsal_arena a;
  lua_Alloc alloc;
  lua_State *L = lua_newstate(heap_alloc, heap_new());
  assert_int_equal(luaL_dostring(L, "kept = {} for i = 1, 1000 do kept[i] = 'text ' .. i end"), LUA_OK);
  assert_true(rehearsal_arena_open(&a, L, 1 << 20));
  alloc = lua_getallocf(L, NULL);
  a.at = a.end;
  void *block = alloc(&a, NULL, 0, 600 << 10);
  lua_pushnil(L);
  lua_setglobal(L, "kept");
  lua_gc(L, LUA_GCCOLLECT);
  assert_int_equal(luaL_dostring(L, "kept = {} for i = 1, 1000 do kept[i] = 'word ' .. i end"), LUA_OK);
  alloc(&a, block, 600 << 10, 0);
  close_arena(&a, L);
}

/* ---- exploring ------------------------------------------------------------------------------------------------------- */

struct packets {
  int count, merged, bad;
  bool referred, done;
};

static struct packets explore(const char *replay)
{
  static const struct rehearsal_sweep all = {
    .root = "tests/projects/codex", .environ = variables, .seed = 1, .jobs = 2, .every = 1, .limit = 60,
    .settings = SETTINGS(",\"recipe\":\"cleanup\",\"params\":{\"pr\":42}")};
  struct rehearsal_sweep sweep = all;
  struct packets p = {0};
  static char text[REHEARSAL_PACKET];
  int fd, status;
  ssize_t n;
  sweep.replay = replay;
  pid_t pid = rehearsal_explore(&sweep, &fd);
  assert_true(pid > 0);
  while ((n = recv(fd, text, sizeof text - 1, 0)) > 0) {
    text[n] = 0;
    p.referred |= strstr(text, "\"reference\"") != NULL;
    p.done |= strstr(text, "\"done\":true") != NULL;
    p.count += strstr(text, "\"schedule\":\"crash-") != NULL;
    p.bad += strstr(text, "\"what\"") != NULL;
    const char *merged = strstr(text, "\"merged\":");
    p.merged += merged ? atoi(merged + 9) : 0;
  }
  close(fd);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  return p;
}

static void every_point_is_crashed_twice_on_either_side(void **state)
{
  struct packets p = explore(NULL);
  assert_true(p.referred && p.done);
  assert_true(p.count > 50 && p.merged > 50);
  assert_int_equal((p.count + p.merged) % 4, 0);
  assert_int_equal(p.bad, 0);
}

static void one_schedule_can_be_replayed(void **state)
{
  struct packets p = explore("crash-after:journal:3:undo");
  assert_int_equal(p.count, 1);
  assert_int_equal(p.bad, 0);
}

static void a_schedule_that_never_comes_is_said_so(void **state)
{
  struct packets p = explore("crash-after:journal:30000:undo");
  assert_true(p.done);
  assert_int_equal(p.bad, 1);
}

/* ---- the shipped recipes ------------------------------------------------------------------------------------------------ */

static int enter_project(void **state)
{
  return chdir("tests/projects/codex");
}

static int leave_project(void **state)
{
  return chdir("../../..");
}

#define OUTPUT "/tmp/davit-rehearsal.out"
#define CLI(words) "return require 'cli'.main { " words " }"

static const char *read_output(void)
{
  static char text[65536];
  FILE *f = fopen(OUTPUT, "r");
  assert_non_null(f);
  text[fread(text, 1, sizeof text - 1, f)] = 0;
  fclose(f);
  unlink(OUTPUT);
  return text;
}

static void a_preview_is_deployed_and_taken_back_without_leaving_the_process(void **state)
{
  struct rehearsal *r = new_world(1);
  unlink(OUTPUT);
  assert_int_equal(davit(r, OUTPUT, CLI("'run', 'preview', '--untested', '--pr', '42'")), 0);
  assert_true(rehearsal_elapsed(r) > 10);
  const char *out = read_output();
  assert_non_null(strstr(out, "codex-web: https://codex-preview-42.revelations.studio"));
  assert_null(strstr(out, "rehearsed-"));
  assert_int_equal(davit(r, OUTPUT, CLI("'cleanup', '--pr', '42'")), 0);
  assert_non_null(strstr(read_output(), "inventory: empty"));
  assert_null(strstr(buf_str(rehearsal_log(r)), "rehearsed-"));
  rehearsal_free(r);
}

static void the_second_run_changes_nothing(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(run(r, CLI("'preview', '--untested', '--pr', '42'")), 0);
  assert_int_equal(davit(r, OUTPUT, CLI("'preview', '--untested', '--pr', '42'")), 0);
  assert_null(strstr(read_output(), "(made)"));
  rehearsal_free(r);
}

static void a_missing_pull_request_stops_it_before_anything_is_made(void **state)
{
  struct rehearsal *r = new_world(1);
  assert_int_equal(davit(r, OUTPUT, CLI("'preview', '--pr', '43'")), 1);
  const char *out = read_output();
  assert_null(strstr(out, "(made)"));
  assert_non_null(strstr(out, "43"));
  rehearsal_free(r);
}

#define IN_PROJECT(test) cmocka_unit_test_setup_teardown(test, enter_project, leave_project)

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(time_jumps_to_what_comes_next),
    cmocka_unit_test(time_in_which_nobody_works_is_not_what_a_run_may_take),
    cmocka_unit_test(what_starts_first_ends_first_when_both_are_due),
    cmocka_unit_test(a_run_that_waits_for_nothing_is_told_so),
    cmocka_unit_test(the_environment_is_a_list_and_nobody_is_at_a_terminal),
    cmocka_unit_test(a_file_of_secrets_gives_names_and_no_value),
    cmocka_unit_test(files_are_written_to_memory_only),
    cmocka_unit_test(bodies_come_from_files_and_go_to_files_in_memory),
    cmocka_unit_test(archives_are_packed_and_unpacked_in_memory),
    cmocka_unit_test(links_of_an_archive_become_copies_in_memory),
    cmocka_unit_test(answers_come_in_pieces_and_requests_are_signed),
    cmocka_unit_test(children_are_stand_ins_however_they_are_had),
    cmocka_unit_test(the_same_seed_draws_the_same_numbers),
    cmocka_unit_test(a_zone_has_servers_that_remember_nothing),
    cmocka_unit_test(every_effect_and_every_record_is_two_points),
    cmocka_unit_test(before_an_effect_it_never_happened_and_after_it_it_did),
    cmocka_unit_test(what_was_under_way_is_told_to_nobody),
    cmocka_unit_test(what_a_transaction_had_not_committed_is_gone),
    cmocka_unit_test(what_it_had_recorded_is_there_and_its_lease_runs_out),
    cmocka_unit_test(the_arena_keeps_what_it_has_and_moves_what_grows),
    cmocka_unit_test(beyond_the_arena_there_is_a_limit),
    cmocka_unit_test(what_was_there_before_goes_back_to_whom_it_came_from),
    cmocka_unit_test(every_point_is_crashed_twice_on_either_side),
    cmocka_unit_test(one_schedule_can_be_replayed),
    cmocka_unit_test(a_schedule_that_never_comes_is_said_so),
    IN_PROJECT(a_preview_is_deployed_and_taken_back_without_leaving_the_process),
    IN_PROJECT(the_second_run_changes_nothing),
    IN_PROJECT(a_missing_pull_request_stops_it_before_anything_is_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
