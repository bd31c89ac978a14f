/* A session outside of the real world has no thread: what that would do is done when something else
 * is, in the world's own time, and nothing of the machine is seen. */
#include "host.h"
#include "mask.h"
#include "output.h"
#include "rehearsal.h"
#include "store.h"
#include "task.h"
#include "world.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* A rehearsal in which several sessions may open one file, as several processes would. */
struct files {
  struct world_store base;
  struct store_clock clock;
};

static double now(void *clock)
{
  return ((struct world_clock *)clock)->monotonic(clock);
}

static double wall(void *clock)
{
  return ((struct world_clock *)clock)->now(clock);
}

static struct store *open_file(struct world_store *w, const char *place, struct fault *fault)
{
  return store_sqlite_new(place, &((struct files *)w)->clock, fault);
}

static char folder[32], variable[64];

static int run_chunk(lua_State *L)
{
  if (luaL_loadstring(L, lua_tostring(L, 1)) != LUA_OK)
    return lua_error(L);
  return sched_run(L, 0);
}

static void run(const char *chunk)
{
  const char *const variables[] = {variable, NULL};
  struct rehearsal *r = rehearsal_new(&(struct rehearsal_options){
    .models = "return { file = function() return { size = 1 } end, crash = function() end }", .start = 1e9,
    .environ = variables});
  assert_non_null(r);
  struct world world = *rehearsal_world(r);
  struct files files = {{open_file}, {now, wall, world.clock, "one boot"}};
  world.store = &files.base;
  int null = open("/dev/null", O_WRONLY);
  struct host host = {.world = &world, .mask = mask_new(), .cleanup_seconds = 5};
  host.out = output_new(null, host.mask);
  host.err = output_new(null, host.mask);
  lua_State *L = host_open(&host);
  assert_non_null(L);
  lua_pushcfunction(L, run_chunk);
  lua_pushstring(L, chunk);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    fail_msg("%s", luaL_tolstring(L, -1, NULL));
  host_close(L);
  output_free(host.out);
  output_free(host.err);
  mask_free(host.mask);
  close(null);
  rehearsal_free(r);
}

/* Two sessions on one file; `lost` calls a function that must raise "lease-lost". */
#define PRELUDE \
  "local file = os.getenv 'STORE_FILE'" \
  " local open = require 'store.core'.open local a <close> = open(file) local b <close> = open(file)" \
  " local function event(run) return { { run = run, at = 1, kind = 'k', path = '', data = '{}' } } end" \
  " local function lost(f, ...) local _, err = try(f, ...) assert(err and err.code == 'lease-lost', tostring(err)) end"

#define CASE(name, chunk) \
  static void name(void **state) { run(PRELUDE chunk); }

CASE(a_run_that_waited_longer_than_its_lease_goes_on_when_nobody_took_it,
     " local token = a:take { name = 'web', run = 'a', seconds = 30 } sleep(100)"
     " require 'fs'.exists 'x' a:append(event 'a')"
     " assert(a:take { name = 'web', run = 'a', seconds = 30 } > token)")
CASE(an_effect_after_a_take_over_is_refused,
     " a:take { name = 'web', run = 'a', seconds = 30 } require 'fs'.exists 'x' sleep(100)"
     " assert(b:take { name = 'web', run = 'b', seconds = 30 })"
     " lost(require 'fs'.exists, 'x') lost(a.append, a, event 'a')"
     " local notice = a:watch() assert(notice.name == 'web' and notice.lost and notice.run == 'b')"
     " a:release 'web' require 'fs'.exists 'x' a:append(event 'a')")
CASE(a_request_is_found_with_the_next_call,
     " a:take { name = 'web', run = 'a', seconds = 30 } assert(b:ask('web', 'stop'))"
     " parallel { watch = function() assert(a:watch().request == 'stop') end,"
     "   work = function() sleep(5) a:append(event 'a') end }")
CASE(the_holder_is_nobody_of_this_machine,
     " a:take { name = 'web', run = 'a', seconds = 30 }"
     " local _, holder = b:take { name = 'web', run = 'b', seconds = 30 }"
     " assert(holder.host == 'rehearsal' and holder.pid == 1 and holder.here and not holder.alive)"
     " assert(holder.since == 1e9)")
CASE(who_only_waits_for_notices_is_told_of_the_deadlock,
     " a:take { name = 'web', run = 'a', seconds = 30 }"
     " local _, err = try(a.watch, a) assert(err.code == 'deadlock')")

static int make_folder(void **state)
{
  strcpy(folder, "/tmp/davit-inline-XXXXXX");
  if (!mkdtemp(folder))
    return -1;
  snprintf(variable, sizeof variable, "STORE_FILE=%s/journal.db", folder);
  return 0;
}

static int remove_folder(void **state)
{
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
    IN_FOLDER(a_run_that_waited_longer_than_its_lease_goes_on_when_nobody_took_it),
    IN_FOLDER(an_effect_after_a_take_over_is_refused),
    IN_FOLDER(a_request_is_found_with_the_next_call),
    IN_FOLDER(the_holder_is_nobody_of_this_machine),
    IN_FOLDER(who_only_waits_for_notices_is_told_of_the_deadlock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
