/* test_secret.c - where secrets may go, and what their templates resolve to. */
#include "binding.h"
#include "effect.h"
#include "failure.h"
#include "host.h"
#include "mask.h"
#include "real.h"
#include "secret.h"
#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const neon[] = {"console.neon.tech", NULL};

struct world_of_one {
  struct world world;
  struct host host;
  lua_State *L;
};

static int open_state(void **state)
{
  static struct world_of_one w;
  w = (struct world_of_one){.world = {.environ = environ_os_new()},
                            .host = {.world = &w.world, .mask = mask_new()}, .L = luaL_newstate()};
  *(struct host **)lua_getextraspace(w.L) = &w.host;
  luaL_openlibs(w.L);
  failure_open(w.L);
  effect_open(w.L);
  luaL_requiref(w.L, "secret.core", secret_open, 0);
  lua_settop(w.L, 0);
  *state = w.L;
  return 0;
}

static int close_state(void **state)
{
  struct host *h = host_of(*state);
  lua_close(*state);
  mask_free(h->mask);
  environ_os_free(h->world->environ);
  return 0;
}

/* ---- bindings ----------------------------------------------------------------------- */

static bool allows(const char *binding, const char *url)
{
  struct destination to = {.kind = TO_HTTP, .what = url, .place = "body"};
  struct buf full;
  buf_init(&full, 4096);
  assert_null(binding_normalise(binding, &full));
  bool allowed = binding_allows(buf_str(&full), &to);
  buf_free(&full);
  return allowed;
}

static void an_origin_is_compared_exactly(void **state)
{
  assert_true(allows("api.github.com", "https://api.github.com/user?q=1"));
  assert_true(allows("https://api.github.com", "HTTPS://API.GitHub.com:443"));
  assert_true(allows("http://127.0.0.1:8080", "http://127.0.0.1:8080/x"));
  assert_true(allows("https://[::1]:8443", "https://[::1]:8443/"));
  assert_false(allows("api.github.com", "http://api.github.com/"));
  assert_false(allows("http://api.github.com", "https://api.github.com/"));
  assert_false(allows("api.github.com", "https://api.github.com:8443/"));
  assert_false(allows("api.github.com", "https://api.github.com.evil.test/"));
  assert_false(allows("api.github.com", "https://evil-api.github.com/"));
}

static void a_url_that_readers_could_take_differently_is_refused(void **state)
{
  static const char *const urls[] = {
    "https://api.github.com@evil.test/", "https://user@api.github.com/",
    "https://api.github.com./", "https://api.github.com\\@evil.test/",
    "https:///api.github.com/", "https:/api.github.com/", "https://api.github.com /",
    "https://api%2egithub.com/", "https://api.github.com:/", "https://api.github.com:443x/",
    "https://api.github.com:99999/", "ftp://api.github.com/", "//api.github.com/", "", NULL};
  for (int i = 0; urls[i]; i++)
    if (allows("api.github.com", urls[i]))
      fail_msg("allowed: %s", urls[i]);
}

static void a_path_prefix_ends_where_a_segment_ends(void **state)
{
  static const char zones[] = "api.cloudflare.com/client/v4/zones";
  assert_true(allows(zones, "https://api.cloudflare.com/client/v4/zones"));
  assert_true(allows(zones, "https://api.cloudflare.com/client/v4/zones/1/dns?page=2"));
  assert_true(allows(zones, "https://api.cloudflare.com/client/v4/zones?name=a/../b"));
  assert_true(allows("api.cloudflare.com/", "https://api.cloudflare.com"));
  assert_false(allows(zones, "https://api.cloudflare.com/client/v4/zones2"));
  assert_false(allows(zones, "https://api.cloudflare.com/client/v4"));
  assert_false(allows(zones, "https://api.cloudflare.com/client/v4/zones/../accounts"));
  assert_false(allows(zones, "https://api.cloudflare.com/client/v4/zones/%2E%2e/accounts"));
  assert_false(allows(zones, "https://api.cloudflare.com/client/v4/zones/x%2f..%2faccounts"));
  assert_false(allows(zones, "https://api.cloudflare.com/client/v4/zones/.."));
}

static bool allows_other(const char *binding, int kind, const char *what)
{
  struct destination to = {.kind = kind, .what = what, .place = "environment X"};
  return binding_allows(binding, &to);
}

static void programs_and_servers_have_bindings_of_their_own(void **state)
{
  assert_true(allows_other("program:psql", TO_PROGRAM, "/usr/bin/psql"));
  assert_true(allows_other("program:psql", TO_PROGRAM, "psql"));
  assert_false(allows_other("program:psql", TO_PROGRAM, "psql2"));
  assert_false(allows_other("program:psql", TO_SQL, "psql"));
  assert_true(allows_other("sql:db.neon.tech", TO_SQL, "DB.neon.tech"));
  assert_true(allows_other("sql:*", TO_SQL, "anything"));
  assert_false(allows_other("sql:db.neon.tech", TO_SQL, "evil.test"));
  assert_false(allows_other("https://db.neon.tech", TO_SQL, "db.neon.tech"));
  assert_false(allows_other("sql:*", TO_HTTP, "https://db.neon.tech"));
  assert_true(allows_other("sealed:*", TO_SEALED, "staging"));
  assert_true(allows_other("sealed:staging", TO_SEALED, "staging"));
  assert_false(allows_other("sealed:staging", TO_SEALED, "production"));
  assert_false(allows_other("sealed:*", TO_SQL, "staging"));
}

static bool admits(const char *binding, const char *method, const char *url, const char *header)
{
  struct destination to = {.kind = TO_HTTP, .what = url, .place = "x", .method = method, .header = header};
  struct buf full;
  buf_init(&full, 4096);
  assert_null(binding_normalise(binding, &full));
  bool allowed = binding_allows(buf_str(&full), &to);
  buf_free(&full);
  return allowed;
}

static void a_binding_may_name_methods_and_a_header(void **state)
{
  static const char charges[] = "POST,PUT api.stripe.com/v1/charges header:Authorization";
  static const char url[] = "https://api.stripe.com/v1/charges/1";
  assert_true(admits(charges, "POST", url, "authorization"));
  assert_true(admits(charges, "PUT", url, "AUTHORIZATION"));
  assert_false(admits(charges, "GET", url, "authorization"));
  assert_false(admits(charges, "POS", url, "authorization"));
  assert_false(admits(charges, "post", url, "authorization"));
  assert_false(admits(charges, NULL, url, "authorization"));
  assert_false(admits(charges, "POST", url, "x-authorization"));
  assert_false(admits(charges, "POST", url, NULL));
  assert_false(admits(charges, "POST", "https://api.stripe.com/v1/refunds", "authorization"));
  assert_true(admits("api.stripe.com header:x-key", "DELETE", "https://api.stripe.com/", "X-Key"));
}

static void a_binding_may_be_for_bodies_alone(void **state)
{
  assert_true(admits("POST id.test/token body", "POST", "https://id.test/token", NULL));
  assert_false(admits("POST id.test/token body", "POST", "https://id.test/token", "cookie"));
  assert_true(admits("POST id.test url", "POST", "https://id.test/", DESTINATION_URL));
  assert_false(admits("POST id.test url", "GET", "https://id.test/", DESTINATION_URL));
  assert_false(admits("POST id.test url", "POST", "https://other.test/", DESTINATION_URL));
  assert_false(admits("POST id.test url", "POST", "https://id.test/", NULL));
  assert_false(admits("POST id.test url", "POST", "https://id.test/", "cookie"));
  assert_false(admits("id.test", "POST", "https://id.test/", DESTINATION_URL));
  assert_false(admits("id.test body", "POST", "https://id.test/", DESTINATION_URL));
}

static void a_socket_is_a_place_of_its_own(void **state)
{
  assert_true(admits("unix:/run/engine.sock", "GET", "unix:/run/engine.sock", NULL));
  assert_true(admits("GET unix:/run/engine.sock header:x-key", "GET", "unix:/run/engine.sock", "x-key"));
  assert_false(admits("unix:/run/engine.sock", "GET", "unix:/run/other.sock", NULL));
  assert_false(admits("http://localhost", "GET", "unix:/run/engine.sock", NULL));
  assert_false(admits("unix:/run/engine.sock", "GET", "http://localhost/", NULL));
}

static bool is_psql(const struct destination *to, const char *name)
{
  return strcmp(to->program, name) == 0;
}

static void what_runs_decides_beside_the_name(void **state)
{
  struct destination to = {.kind = TO_PROGRAM, .what = "/tmp/psql", .runs = is_psql, .program = "psql"};
  assert_true(binding_allows("program:psql", &to));
  assert_false(binding_allows("program:node", &to));
  assert_false(binding_allows("program:/usr/bin/psql", &to));
  to.program = "another";
  assert_false(binding_allows("program:psql", &to));
}

static void what_is_no_binding_says_why(void **state)
{
  static const char *const texts[] = {"", "https://", "user@host", "host?x=1", "host/a/../b",
                                      "program:", "program:bin/psql", "sql:", "ftp://host", "sealed:", "unix:run/x",
                                      "get host", "GET  host", "GET, host", "host header:", "host header:a b",
                                      "host header:a:b", "host cookie", "GET sql:*", "program:psql body",
                                      "host ", NULL};
  for (int i = 0; texts[i]; i++) {
    struct buf full;
    buf_init(&full, 4096);
    if (!binding_normalise(texts[i], &full))
      fail_msg("taken for a binding: %s", texts[i]);
    buf_free(&full);
  }
}

/* ---- resolving --------------------------------------------------------------------------- */

static const struct destination at_neon = {
  .kind = TO_HTTP, .what = "https://console.neon.tech/api", .place = "body"};

static void check_resolved(lua_State *L, int idx, const char *expected)
{
  size_t len;
  const char *bytes = secret_resolve(L, idx, &at_neon, &len);
  assert_int_equal(len, strlen(expected));
  assert_string_equal(bytes, expected);
  lua_pop(L, 1);
}

static void push_key(lua_State *L)
{
  secret_push(L, "NEON_API_KEY", "k\"y w/th", 8, neon);
}

static void a_template_resolves_to_the_joined_bytes(void **state)
{
  lua_State *L = *state;
  lua_pushliteral(L, "Bearer ");
  push_key(L);
  lua_pushinteger(L, 7);
  secret_concat(L, 3);
  assert_int_equal(lua_gettop(L), 1);
  assert_true(secret_test(L, 1));
  check_resolved(L, 1, "Bearer k\"y w/th7");
}

static void strings_alone_stay_strings(void **state)
{
  lua_State *L = *state;
  lua_pushliteral(L, "a");
  lua_pushliteral(L, "b");
  secret_concat(L, 2);
  assert_string_equal(lua_tostring(L, 1), "ab");
  check_resolved(L, 1, "ab");
}

static void encodings_apply_in_their_order(void **state)
{
  lua_State *L = *state;
  lua_pushliteral(L, "\"a\" ");
  push_key(L);
  secret_concat(L, 2);
  secret_encode(L, 1, ENCODE_JSON);
  check_resolved(L, 2, "\\\"a\\\" k\\\"y w/th");
  secret_encode(L, 2, ENCODE_URL);
  check_resolved(L, 3, "%5C%22a%5C%22%20k%5C%22y%20w%2Fth");
  check_resolved(L, 1, "\"a\" k\"y w/th");
}

static int resolve_elsewhere(lua_State *L)
{
  static const struct destination github = {
    .kind = TO_HTTP, .what = "https://api.github.com/user", .place = "header 'authorization'"};
  size_t len;
  secret_resolve(L, 1, &github, &len);
  return 0;
}

static const char *message_of(lua_State *L, lua_CFunction f)
{
  lua_pushcfunction(L, f);
  lua_pushvalue(L, 1);
  assert_int_equal(lua_pcall(L, 1, 0, 0), LUA_ERRRUN);
  lua_getfield(L, -1, "code");
  assert_string_equal(lua_tostring(L, -1), "secret-refused");
  lua_getfield(L, -2, "message");
  return lua_tostring(L, -1);
}

static void a_refusal_names_secret_binding_and_place(void **state)
{
  lua_State *L = *state;
  push_key(L);
  assert_string_equal(message_of(L, resolve_elsewhere),
                      "secret NEON_API_KEY may be sent to https://console.neon.tech only, "
                      "not to https://api.github.com (header 'authorization')");
}

static void a_refused_path_is_named(void **state)
{
  static const char *const below[] = {"api.github.com/repos", NULL};
  lua_State *L = *state;
  secret_push(L, "TOKEN", "hunter2-hunter3", 15, below);
  assert_string_equal(message_of(L, resolve_elsewhere),
                      "secret TOKEN may be sent to https://api.github.com/repos only, "
                      "not to https://api.github.com/user (header 'authorization')");
}

static void every_secret_of_a_template_is_checked(void **state)
{
  static const char *const github[] = {"api.github.com", NULL};
  lua_State *L = *state;
  secret_push(L, "TOKEN", "hunter2-hunter3", 15, github);
  push_key(L);
  secret_concat(L, 2);
  assert_non_null(strstr(message_of(L, resolve_elsewhere), "secret NEON_API_KEY may"));
}

static void an_unbound_secret_goes_nowhere(void **state)
{
  lua_State *L = *state;
  secret_push(L, "RAW", "hunter2-hunter3", 15, NULL);
  assert_string_equal(message_of(L, resolve_elsewhere),
                      "secret RAW is bound to no place and may not be sent to "
                      "https://api.github.com (header 'authorization')");
  static const char *const github[] = {"api.github.com", NULL};
  lua_settop(L, 1);
  secret_rebind(L, 1, "GITHUB_TOKEN", github);
  lua_replace(L, 1);
  resolve_elsewhere(L);
}

/* ---- files of secrets ------------------------------------------------------------------------ */

static void check_file(lua_State *L, mode_t mode, const char *chunk, const char *expected)
{
  char path[] = "/tmp/davit-secrets-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, "KEY=hunter2-hunter3\n", 20), 20);
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
  assert_int_equal(luaL_loadstring(L, chunk), LUA_OK);
  lua_pushstring(L, path);
  assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
  unlink(path);
  assert_string_equal(lua_tostring(L, -1), expected);
}

static void a_file_that_others_may_read_is_refused_unless_it_is_shared(void **state)
{
  static const char read[] = "return tostring(require('secret.core').dotenv(...).KEY)";
  static const char refused[] = "local _, err = try(require('secret.core').dotenv, ...) "
                                "return err.code .. err.hint:match('^%S+ %S+')";
  static const char shared[] =
    "return tostring(require('secret.core').dotenv(..., { shared = true }).KEY)";
  check_file(*state, 0600, read, "[secret KEY]");
  check_file(*state, 0640, refused, "secret-file-sharedchmod 600");
  check_file(*state, 0604, refused, "secret-file-sharedchmod 600");
  check_file(*state, 0644, shared, "[secret KEY]");
}

/* ---- the mask, the collector ----------------------------------------------------------------- */

static void the_mask_knows_a_value_before_lua_holds_it(void **state)
{
  lua_State *L = *state;
  push_key(L);
  assert_true(mask_knows(host_of(L)->mask, "k\"y w/th", 8));
}

static void collected_templates_leave_the_others_whole(void **state)
{
  lua_State *L = *state;
  push_key(L);
  for (int i = 0; i < 100; i++) {
    lua_pushliteral(L, "x");
    lua_pushvalue(L, 1);
    secret_concat(L, 2);
    check_resolved(L, 2, "xk\"y w/th");
    lua_pop(L, 1);
  }
  lua_gc(L, LUA_GCCOLLECT);
  check_resolved(L, 1, "k\"y w/th");
}

#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, open_state, close_state)

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_origin_is_compared_exactly),
    cmocka_unit_test(a_url_that_readers_could_take_differently_is_refused),
    cmocka_unit_test(a_path_prefix_ends_where_a_segment_ends),
    cmocka_unit_test(programs_and_servers_have_bindings_of_their_own),
    cmocka_unit_test(a_binding_may_name_methods_and_a_header),
    cmocka_unit_test(a_binding_may_be_for_bodies_alone),
    cmocka_unit_test(a_socket_is_a_place_of_its_own),
    cmocka_unit_test(what_runs_decides_beside_the_name),
    cmocka_unit_test(what_is_no_binding_says_why),
    WITH_STATE(a_template_resolves_to_the_joined_bytes),
    WITH_STATE(strings_alone_stay_strings),
    WITH_STATE(encodings_apply_in_their_order),
    WITH_STATE(a_refusal_names_secret_binding_and_place),
    WITH_STATE(a_refused_path_is_named),
    WITH_STATE(every_secret_of_a_template_is_checked),
    WITH_STATE(an_unbound_secret_goes_nowhere),
    WITH_STATE(a_file_that_others_may_read_is_refused_unless_it_is_shared),
    WITH_STATE(the_mask_knows_a_value_before_lua_holds_it),
    WITH_STATE(collected_templates_leave_the_others_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
