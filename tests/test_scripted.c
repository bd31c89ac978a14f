/* The seam: the shipped recipes run in a world without network, processes or waiting, and
 * cannot tell. Minutes of its time pass in milliseconds of ours. */
#include "host.h"
#include "mask.h"
#include "output.h"
#include "scripted.h"
#include "task.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

/* A project folder of links to the sample project, with a journal of its own. */
static char home[2048];

static int enter_project(void **state)
{
  static char script[4096];
  char *here = home, folder[] = "/tmp/davit-scripted-XXXXXX", command[8192];
  if (!getcwd(home, sizeof home) || !mkdtemp(folder))
    return -1;
  snprintf(script, sizeof script, "%s/tests/scripted/preview.lua", here);
  snprintf(command, sizeof command,
           "cd %s && ln -s %s/tests/projects/codex/* . && rm secrets.env && mkdir -p .davit/leases && "
           "install -m 600 %s/tests/projects/codex/secrets.env .", folder, here, here);
  *state = script;
  return system(command) == 0 && chdir(folder) == 0 ? 0 : -1;
}

static int leave_project(void **state)
{
  char folder[2048], command[4096];
  snprintf(command, sizeof command, "rm -rf %s", getcwd(folder, sizeof folder));
  bool ours = strncmp(folder, "/tmp/davit-scripted-", 20) == 0;
  return ours && system(command) == 0 && chdir(home) == 0 ? 0 : -1;
}

static int cli(lua_State *L)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_newtable(L);
  const char *const *arguments = lua_touserdata(L, 1);
  for (int i = 0; arguments[i]; i++) {
    lua_pushstring(L, arguments[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return sched_run(L, 1);
}

/* Runs davit with the arguments in the scripted world; what it prints goes to `out`. */
static int davit(struct scripted *s, const char *out, const char *const *arguments)
{
  int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
  struct host host = {.world = scripted_world(s), .mask = mask_new(), .cleanup_seconds = 5};
  host.out = output_new(fd, host.mask);
  host.err = output_new(fd, host.mask);
  lua_State *L = host_open(&host);
  assert_non_null(L);
  lua_pushcfunction(L, cli);
  lua_pushlightuserdata(L, (void *)arguments);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK)
    fail_msg("%s", luaL_tolstring(L, -1, NULL));
  int code = (int)lua_tointeger(L, -1);
  host_close(L);
  output_free(host.out);
  output_free(host.err);
  mask_free(host.mask);
  close(fd);
  return code;
}

static const char *read_all(const char *file)
{
  static char text[65536];
  FILE *f = fopen(file, "r");
  assert_non_null(f);
  text[fread(text, 1, sizeof text - 1, f)] = 0;
  fclose(f);
  return text;
}

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static lua_Integer script_number(struct scripted *s, const char *name)
{
  lua_State *L = scripted_state(s);
  lua_getfield(L, 1, name);
  return lua_tointeger(L, 2);
}

static void a_preview_is_deployed_and_taken_back_without_leaving_the_process(void **state)
{
  static const char *const preview[] = {"run", "preview", "--pr", "42", NULL};
  static const char *const cleanup[] = {"cleanup", "--pr", "42", NULL};
  struct scripted *s = scripted_new(*state, 1.8e9);
  assert_non_null(s);
  double started = seconds();
  int code = davit(s, "preview.out", preview);
  print_message("preview: %.1f ms of ours, %.1f s of the world's\n", (seconds() - started) * 1000,
                scripted_elapsed(s));
  if (code)
    print_message("%s", read_all("preview.out"));
  assert_int_equal(code, 0);
  assert_true(scripted_elapsed(s) > 10);
  assert_non_null(strstr(read_all("preview.out"),
                         "codex-web: https://codex-preview-42.revelations.studio"));
  assert_int_equal(script_number(s, "builds"), 3);
  code = davit(s, "cleanup.out", cleanup);
  if (code)
    print_message("%s", read_all("cleanup.out"));
  assert_int_equal(code, 0);
  assert_non_null(strstr(read_all("cleanup.out"), "inventory: empty"));
  assert_null(strstr(read_all("preview.out"), "fake-"));
  scripted_free(s);
}

static void the_second_run_changes_nothing(void **state)
{
  static const char *const preview[] = {"preview", "--pr", "42", NULL};
  struct scripted *s = scripted_new(*state, 1.8e9);
  assert_int_equal(davit(s, "first.out", preview), 0);
  assert_int_equal(davit(s, "second.out", preview), 0);
  assert_null(strstr(read_all("second.out"), "(made)"));
  scripted_free(s);
}

static void a_missing_pull_request_stops_it_before_anything_is_made(void **state)
{
  static const char *const preview[] = {"preview", "--pr", "43", NULL};
  struct scripted *s = scripted_new(*state, 1.8e9);
  int code = davit(s, "missing.out", preview);
  assert_int_equal(code, 1);
  assert_null(strstr(read_all("missing.out"), "(made)"));
  assert_non_null(strstr(read_all("missing.out"), "43"));
  scripted_free(s);
}

static void a_watcher_that_hangs_ends_with_the_time_of_clean_up(void **state)
{
  static const char *const hang[] = {"eval", "local task = require 'task'"
    " local _ <close> = task.on_stop(function() sleep(1000) end)"
    " task.stop('cancelled', 'by hand') sleep(30)", NULL};
  struct scripted *s = scripted_new(*state, 1.8e9);
  assert_int_equal(davit(s, "hang.out", hang), 1);
  assert_non_null(strstr(read_all("hang.out"), "clean-up took longer than 5 s"));
  assert_true(scripted_elapsed(s) == 5);
  scripted_free(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_preview_is_deployed_and_taken_back_without_leaving_the_process,
                                    enter_project, leave_project),
    cmocka_unit_test_setup_teardown(the_second_run_changes_nothing, enter_project, leave_project),
    cmocka_unit_test_setup_teardown(a_missing_pull_request_stops_it_before_anything_is_made,
                                    enter_project, leave_project),
    cmocka_unit_test_setup_teardown(a_watcher_that_hangs_ends_with_the_time_of_clean_up,
                                    enter_project, leave_project),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
