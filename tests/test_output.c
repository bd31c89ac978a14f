/* test_output.c - the standard streams: masked writing, hard descriptors, reading that yields. */
#include "host.h"
#include "mask.h"
#include "output.h"
#include "real.h"
#include "task.h"
#include "world.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- writing ---------------------------------------------------------------------- */

struct sink {
  struct mask *mask;
  struct output *output;
  int pipe[2];
};

static int open_sink(void **state)
{
  struct sink *s = calloc(1, sizeof *s);
  assert_int_equal(pipe2(s->pipe, O_CLOEXEC), 0);
  s->mask = mask_new();
  s->output = output_new(s->pipe[1], s->mask);
  signal(SIGPIPE, SIG_IGN);
  *state = s;
  return 0;
}

static int close_sink(void **state)
{
  struct sink *s = *state;
  output_free(s->output);
  mask_free(s->mask);
  close(s->pipe[0]);
  close(s->pipe[1]);
  free(s);
  return 0;
}

static void check_read(struct sink *s, const char *expected)
{
  char text[200];
  struct pollfd p = {.fd = s->pipe[0], .events = POLLIN};
  ssize_t n = poll(&p, 1, 0) > 0 ? read(s->pipe[0], text, sizeof text - 1) : 0;
  assert_true(n >= 0);
  text[n] = 0;
  assert_string_equal(text, expected);
}

static void a_secret_cut_between_writes_is_masked(void **state)
{
  struct sink *s = *state;
  mask_add(s->mask, "SECRET", "hunter2hunter3", 14);
  output_write(s->output, "see hunter2", 11);
  check_read(s, "see ");
  output_write(s->output, "hunter3!", 8);
  check_read(s, "***!");
}

static void a_flush_lets_go_what_is_held(void **state)
{
  struct sink *s = *state;
  mask_add(s->mask, "SECRET", "name?", 5);
  output_write(s->output, "name", 4);
  check_read(s, "");
  output_flush(s->output);
  check_read(s, "name");
}

/* ---- two streams to one file ---------------------------------------------------------- */

static void halves_of_a_secret_on_two_streams_of_one_pipe_are_masked(void **state)
{
  struct sink *s = *state;
  int again = dup(s->pipe[1]);
  struct output *other = output_new(again, s->mask);
  output_join(other, s->output);
  mask_add(s->mask, "SECRET", "hunter2hunter3", 14);
  output_write(s->output, "out hunter2", 11);
  check_read(s, "out ");
  output_write(other, "hunter3 err", 11);
  check_read(s, "*** err");
  output_write(other, "hunter2", 7);
  output_write(s->output, "x", 1);
  check_read(s, "hunter2x");
  output_free(other);
  close(again);
}

static void streams_to_different_files_do_not_wait_for_each_other(void **state)
{
  struct sink *s = *state, *t;
  open_sink((void **)&t);
  struct output *other = output_new(t->pipe[1], s->mask);
  output_join(other, s->output);
  mask_add(s->mask, "SECRET", "hunter2hunter3", 14);
  output_write(s->output, "hunter2", 7);
  output_write(other, "hunter3", 7);
  check_read(t, "hunter3");
  output_flush(s->output);
  check_read(s, "hunter2");
  output_free(other);
  close_sink((void **)&t);
}

static void either_of_two_joined_streams_may_go_first(void **state)
{
  struct sink *s = *state;
  struct output *one = output_new(s->pipe[1], s->mask), *other = output_new(s->pipe[1], s->mask);
  output_join(other, one);
  output_join(other, one);
  output_free(one);
  output_write(other, "x", 1);
  check_read(s, "x");
  output_free(other);
}

/* ---- GitHub's runner --------------------------------------------------------------------- */

static void the_runner_is_told_a_value_escaped_and_on_its_own_line(void **state)
{
  struct sink *s = *state;
  output_disarm(s->output);
  assert_true(output_add_mask(s->output, "100%\r\nsure", 10));
  check_read(s, "\n::add-mask::100%25%0D%0Asure\n");
  assert_true(output_add_mask(s->output, "second", 6));
  check_read(s, "::add-mask::second\n");
  output_write(s->output, "open", 4);
  output_add_mask(s->output, "third-value", 11);
  check_read(s, "open\n::add-mask::third-value\n");
}

static void what_is_held_back_goes_before_the_command(void **state)
{
  struct sink *s = *state;
  output_disarm(s->output);
  mask_add(s->mask, "SECRET", "hunter2hunter3", 14);
  output_write(s->output, "see hunter2", 11);
  output_add_mask(s->output, "hunter2hunter3", 14);
  output_write(s->output, "hunter3", 7);
  check_read(s, "see hunter2\n::add-mask::hunter2hunter3\nhunter3");
}

static void nobody_else_is_told_a_value(void **state)
{
  struct sink *s = *state;
  assert_false(output_add_mask(s->output, "no runner", 9));
  char name[] = "/tmp/davit-output-XXXXXX";
  int places[] = {mkstemp(name), open("/dev/null", O_WRONLY | O_CLOEXEC)};
  unlink(name);
  for (int i = 0; i < 2; i++) {
    struct output *o = output_new(places[i], s->mask);
    output_disarm(o);
    assert_false(output_add_mask(o, "not for files", 13));
    assert_int_equal(lseek(places[i], 0, SEEK_CUR), 0);
    output_free(o);
    close(places[i]);
  }
  output_disarm(s->output);
  output_keep(s->output);
  assert_false(output_add_mask(s->output, "not for programs", 16));
  check_read(s, "");
}

static void a_reader_that_went_away_ends_the_stream_quietly(void **state)
{
  struct sink *s = *state;
  close(s->pipe[0]);
  assert_int_equal(output_error(s->output), 0);
  output_write(s->output, "x", 1);
  assert_int_equal(output_error(s->output), EPIPE);
  output_write(s->output, "y", 1);
  output_flush(s->output);
  s->pipe[0] = open("/dev/null", O_RDONLY);
}

static void a_full_disk_ends_the_stream_quietly(void **state)
{
  struct sink *s = *state;
  int full = open("/dev/full", O_WRONLY);
  struct output *o = output_new(full, s->mask);
  output_write(o, "x", 1);
  assert_int_equal(output_error(o), ENOSPC);
  output_free(o);
  close(full);
}

enum { MUCH = 1 << 20 };

static void *drain(void *arg)
{
  struct sink *s = arg;
  size_t all = 0;
  char chunk[4096];
  for (ssize_t n; all < MUCH && (n = read(s->pipe[0], chunk, sizeof chunk)) > 0;)
    all += (size_t)n;
  return (void *)all;
}

static void a_descriptor_that_does_not_block_gets_everything(void **state)
{
  struct sink *s = *state;
  pthread_t reader;
  void *all;
  fcntl(s->pipe[1], F_SETFL, O_NONBLOCK);
  char *text = calloc(1, MUCH);
  pthread_create(&reader, NULL, drain, s);
  output_write(s->output, text, MUCH);
  pthread_join(reader, &all);
  assert_int_equal(output_error(s->output), 0);
  assert_int_equal((size_t)all, MUCH);
  free(text);
}

static void a_reader_that_stalls_is_given_up_when_the_run_is_to_stop(void **state)
{
  struct sink *s = *state;
  volatile sig_atomic_t stopping = 1;
  char *text = calloc(1, MUCH);
  output_heed(s->output, &stopping);
  output_write(s->output, text, MUCH);
  assert_int_equal(output_error(s->output), ETIMEDOUT);
  free(text);
}

static void a_terminal_that_went_is_a_reader_that_went(void **state)
{
  struct sink *s = *state;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  assert_int_equal(grantpt(master) | unlockpt(master), 0);
  int terminal = open(ptsname(master), O_WRONLY | O_NOCTTY);
  struct output *o = output_new(terminal, s->mask);
  close(master);
  output_write(o, "x", 1);
  assert_int_equal(output_error(o), EPIPE);
  output_free(o);
  close(terminal);
}

/* ---- reading: a whole instance whose descriptor 0 is a pipe ------------------------------ */

struct instance {
  struct real real;
  struct host host;
  struct sink *sink;
  lua_State *L;
  int feed;       /* what is written here is the standard input */
  int old_input;
};

static int open_instance(void **state)
{
  struct instance *i = calloc(1, sizeof *i);
  int input[2];
  open_sink((void **)&i->sink);
  assert_int_equal(pipe2(input, O_CLOEXEC), 0);
  i->old_input = dup(STDIN_FILENO);
  dup2(input[0], STDIN_FILENO);
  close(input[0]);
  i->feed = input[1];
  assert_true(real_init(&i->real, -1));
  i->host = (struct host){.world = &i->real.world, .mask = i->sink->mask, .out = i->sink->output,
                          .err = i->sink->output, .real = &i->real, .cleanup_seconds = 1};
  i->L = host_open(&i->host);
  assert_non_null(i->L);
  *state = i;
  return 0;
}

static int close_instance(void **state)
{
  struct instance *i = *state;
  host_close(i->L);
  real_free(&i->real);
  close_sink((void **)&i->sink);
  close(i->feed);
  dup2(i->old_input, STDIN_FILENO);
  close(i->old_input);
  free(i);
  return 0;
}

static int run_chunk(lua_State *L)
{
  return sched_run(L, 0);
}

/* Runs the chunk as the first task; its result, or its error, must be `expected`. */
static void check_chunk(struct instance *i, const char *chunk, const char *expected)
{
  lua_settop(i->L, 0);
  lua_pushcfunction(i->L, run_chunk);
  assert_int_equal(luaL_loadstring(i->L, chunk), LUA_OK);
  lua_pcall(i->L, 1, 1, 0);
  assert_string_equal(luaL_tolstring(i->L, -1, NULL), expected);
}

static void feed(struct instance *i, const char *text)
{
  assert_int_equal(write(i->feed, text, strlen(text)), (ssize_t)strlen(text));
}

static void end_feed(struct instance *i)
{
  close(i->feed);
  i->feed = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void every_format_takes_its_part(void **state)
{
  struct instance *i = *state;
  feed(i, "one\ntwo\n  -0x1F 2.5e1 word\nabc");
  end_feed(i);
  check_chunk(i, "return io.read() .. '|' .. io.read('L')", "one|two\n");
  check_chunk(i, "return table.concat({ io.read('n', '*n', 'l', 2, 0) }, '|')", "-31|25.0| word|ab|");
  check_chunk(i, "return io.read('a') .. tostring(io.read('l')) .. io.read('a')", "cnil");
  check_chunk(i, "return tostring(io.read(0)) .. tostring(io.read('n'))", "nilnil");
}

static void lines_end_with_the_input(void **state)
{
  struct instance *i = *state;
  feed(i, "a\n\nlast");
  end_feed(i);
  check_chunk(i, "local t = {} for l in io.lines() do t[#t + 1] = l end return table.concat(t, ',')",
              "a,,last");
}

static void other_tasks_go_on_while_one_reads(void **state)
{
  struct instance *i = *state;
  check_chunk(i,
              "local seen = {}\n"
              "try(require('task').deadline, 0.1, parallel, {\n"
              "  read = function() seen[#seen + 1] = io.read() end,\n"
              "  tick = function() for n = 1, 2 do sleep(0.01) seen[#seen + 1] = n end end })\n"
              "return table.concat(seen, ',')", "1,2");
}

static void a_cancelled_read_loses_nothing(void **state)
{
  struct instance *i = *state;
  feed(i, "half");
  check_chunk(i, "local _, err = try(require('task').deadline, 0.05, io.read) return err.code",
              "deadline");
  feed(i, " and half\n");
  check_chunk(i, "return io.read()", "half and half");
}

static bool everything_is_a_terminal(struct world_environ *e, int fd)
{
  return true;
}

static void a_read_from_a_person_releases_what_was_printed(void **state)
{
  struct instance *i = *state;
  struct world_environ *usual = i->real.world.environ, person = *usual;
  person.is_terminal = everything_is_a_terminal;
  i->real.world.environ = &person;
  mask_add(i->sink->mask, "SECRET", "Name? Xenia", 11);
  feed(i, "me\n");
  check_chunk(i, "io.write('Name? ') return io.read()", "me");
  check_read(i->sink, "Name? ");
  i->real.world.environ = usual;
}

static void a_read_from_a_program_releases_nothing(void **state)
{
  struct instance *i = *state;
  mask_add(i->sink->mask, "SECRET", "hunter2-hunter3", 15);
  feed(i, "x\n");
  check_chunk(i, "io.write('hunter2') io.read() io.write('-hunter3') return 'y'", "y");
  check_read(i->sink, "***");
}

static void only_one_task_reads_at_a_time(void **state)
{
  struct instance *i = *state;
  check_chunk(i,
              "local _, err = try(parallel, { a = io.read, b = io.read })\n"
              "return err.message", "io.read: another task is reading standard input");
}

static void a_state_closes_while_a_read_waits(void **state)
{
  struct instance *i = *state;
  check_chunk(i, "local _, err = try(require('task').deadline, 0, io.read) return err.code",
              "deadline");
}

static void outside_of_the_real_world_the_read_is_done_at_once(void **state)
{
  struct instance *i = *state;
  i->host.real = NULL;
  feed(i, "now\n");
  check_chunk(i, "return io.read()", "now");
}

static void printing_is_masked(void **state)
{
  struct instance *i = *state;
  mask_add(i->sink->mask, "SECRET", "hunter2-hunter3", 15);
  check_chunk(i, "print('a', 1, nil, 'hunter2-hunter3') io.stderr:write('b', 2) return 'x'", "x");
  check_read(i->sink, "a\t1\tnil\t***\nb2");
}

static void a_panic_of_lua_is_masked(void **state)
{
  struct instance *i = *state;
  int status;
  mask_add(i->sink->mask, "SECRET", "hunter2-hunter3", 15);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    lua_pushliteral(i->L, "it is hunter2-hunter3");
    lua_error(i->L);  // outside of every protected call
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  check_read(i->sink, "davit: an error outside of every protected call: it is ***\n");
}

#define WITH_SINK(test) cmocka_unit_test_setup_teardown(test, open_sink, close_sink)
#define WITH_INSTANCE(test) cmocka_unit_test_setup_teardown(test, open_instance, close_instance)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH_SINK(a_secret_cut_between_writes_is_masked),
    WITH_SINK(a_flush_lets_go_what_is_held),
    WITH_SINK(halves_of_a_secret_on_two_streams_of_one_pipe_are_masked),
    WITH_SINK(streams_to_different_files_do_not_wait_for_each_other),
    WITH_SINK(either_of_two_joined_streams_may_go_first),
    WITH_SINK(the_runner_is_told_a_value_escaped_and_on_its_own_line),
    WITH_SINK(what_is_held_back_goes_before_the_command),
    WITH_SINK(nobody_else_is_told_a_value),
    WITH_SINK(a_reader_that_went_away_ends_the_stream_quietly),
    WITH_SINK(a_full_disk_ends_the_stream_quietly),
    WITH_SINK(a_descriptor_that_does_not_block_gets_everything),
    WITH_SINK(a_reader_that_stalls_is_given_up_when_the_run_is_to_stop),
    WITH_SINK(a_terminal_that_went_is_a_reader_that_went),
    WITH_INSTANCE(every_format_takes_its_part),
    WITH_INSTANCE(lines_end_with_the_input),
    WITH_INSTANCE(other_tasks_go_on_while_one_reads),
    WITH_INSTANCE(a_cancelled_read_loses_nothing),
    WITH_INSTANCE(a_read_from_a_person_releases_what_was_printed),
    WITH_INSTANCE(a_read_from_a_program_releases_nothing),
    WITH_INSTANCE(only_one_task_reads_at_a_time),
    WITH_INSTANCE(a_state_closes_while_a_read_waits),
    WITH_INSTANCE(outside_of_the_real_world_the_read_is_done_at_once),
    WITH_INSTANCE(printing_is_masked),
    WITH_INSTANCE(a_panic_of_lua_is_masked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
