/* Children of the real world, without Lua: the guard, its keepers, and who dies when. */
#include "guard.h"
#include "process.h"
#include "process_fault.h"
#include "process_pty.h"
#include "real.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

struct bench {
  uv_loop_t loop;
  struct world_process *process;
  struct process_child *child;
  char output[4096];
  size_t len;
  int ends, started, done;
};

static void on_output(void *arg, int fd, const char *data, size_t len)
{
  struct bench *b = arg;
  assert_false(b->done);
  b->ends += len == 0;
  size_t room = sizeof b->output - 1 - b->len;
  if (fd == 1 && len)
    memcpy(b->output + b->len, data, len < room ? len : room);
  b->len += fd != 1 ? 0 : len < room ? len : room;
}

static void on_started(void *arg)
{
  ((struct bench *)arg)->started++;
}

static void on_done(void *arg)
{
  ((struct bench *)arg)->done++;
}

static int open_bench(void **state)
{
  struct bench *b = calloc(1, sizeof *b);
  signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&b->loop);
  b->process = process_guard_new(&b->loop, guard_start());
  *state = b;
  return 0;
}

static int close_bench(void **state)
{
  struct bench *b = *state;
  if (b->child)
    effect_free(&b->child->effect);
  process_guard_free(b->process);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  int busy = uv_loop_close(&b->loop);
  free(b);
  return busy;
}

static void start_in(struct bench *b, const char *const *argv, const char *cwd)
{
  static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
  struct process_options o = {.argv = argv, .env = env, .cwd = cwd, .output = on_output,
                              .changed = on_started, .output_arg = b};
  b->child = b->process->start(b->process, &o, on_done, b);
  assert_non_null(b->child);
  assert_int_equal(b->done + b->started, 0);
}

static void start_shell(struct bench *b, const char *command)
{
  const char *const argv[] = {"sh", "-c", command, NULL};
  start_in(b, argv, NULL);
}

static void run_until_done(struct bench *b)
{
  while (!b->done)
    uv_run(&b->loop, UV_RUN_ONCE);
  assert_int_equal(b->done, 1);
}

/* Waits until it has started and for the first line of its output: a pid. */
static pid_t read_pid(struct bench *b)
{
  while (!b->started || !strchr(b->output, '\n'))
    uv_run(&b->loop, UV_RUN_ONCE);
  return (pid_t)atoi(b->output);
}

static void free_child(struct bench *b)
{
  effect_free(&b->child->effect);
  b->child = NULL;
}

static void pause_ms(int ms)
{
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static bool dies(pid_t pid)
{
  for (int i = 0; i < 300; i++) {
    if (kill(pid, 0) != 0)
      return true;
    pause_ms(10);
  }
  return false;
}

#define STRAY "(setsid sh -c 'echo $$; exec sleep 1000' >&3 3>&- 2>&- &) 3>&1; "

/* ---- how it ends --------------------------------------------------------------------- */

static void the_exit_code_and_all_output_arrive(void **state)
{
  struct bench *b = *state;
  start_shell(b, "echo one; echo two; exit 7");
  run_until_done(b);
  assert_null(b->child->fault.code);
  assert_int_equal(b->child->exit_code, 7);
  assert_int_equal(b->child->signal, 0);
  assert_string_equal(b->output, "one\ntwo\n");
  assert_int_equal(b->ends, 2);
  assert_int_equal(b->started, 1);
}

static void a_signal_ends_it(void **state)
{
  struct bench *b = *state;
  start_shell(b, "echo 1; exec sleep 1000");
  read_pid(b);
  b->process->kill(b->child, SIGTERM);
  run_until_done(b);
  assert_int_equal(b->child->signal, SIGTERM);
  assert_int_equal(b->child->exit_code, -1);
}

static void a_program_that_is_not_there_is_not_found(void **state)
{
  struct bench *b = *state;
  const char *const argv[] = {"no-such-program", NULL};
  start_in(b, argv, NULL);
  run_until_done(b);
  assert_string_equal(b->child->fault.code, "process-not-found");
  assert_non_null(strstr(b->child->fault.message, "/usr/bin, /bin"));
  assert_int_equal(b->started, 0);
}

static void a_file_that_is_no_program_fails(void **state)
{
  struct bench *b = *state;
  const char *const argv[] = {"/etc/passwd", NULL};
  start_in(b, argv, NULL);
  run_until_done(b);
  assert_string_equal(b->child->fault.code, "process-failed");
}

static void a_folder_that_is_not_there_fails(void **state)
{
  struct bench *b = *state;
  const char *const argv[] = {"true", NULL};
  start_in(b, argv, "/no/such/folder");
  run_until_done(b);
  assert_string_equal(b->child->fault.code, "process-failed");
  assert_non_null(strstr(b->child->fault.message, "/no/such/folder"));
}

static void a_descendant_that_holds_the_output_is_not_waited_for(void **state)
{
  struct bench *b = *state;
  start_shell(b, "sleep 1000 & echo $!");
  pid_t pid = read_pid(b);
  run_until_done(b);
  assert_true(b->child->held);
  assert_int_equal(b->child->exit_code, 0);
  assert_int_equal(b->ends, 2);
  free_child(b);
  pause_ms(50);
  assert_int_equal(kill(pid, 0), 0);  // it lives until the guard's socket ends
  process_guard_free(b->process);
  assert_true(dies(pid));
  b->process = process_guard_new(&b->loop, -1);
}

static void folders_that_are_looked_in_are_named(void **state)
{
  struct fault f = {0};
  struct process_place place = {"x-no", "/usr/bin::sub:/etc/passwd", "/usr"};
  process_fault_start(&f, &place, ENOENT);
  assert_string_equal(f.code, "process-not-found");
  assert_non_null(strstr(f.message, ": /usr/bin, /usr, /usr/sub (is not there), /etc/passwd (is no folder)"));
}

/* ---- terminals ------------------------------------------------------------------------------ */

static void line_ends_are_joined_wherever_they_are_cut(void **state)
{
  static const char text[] = "a\r\nb\rc\r\r\n\r";
  for (size_t step = 1; step < sizeof text; step++) {
    char room[64], all[64] = "";
    bool held = false;
    for (size_t i = 0; i < sizeof text - 1; i += step) {
      size_t len = sizeof text - 1 - i < step ? sizeof text - 1 - i : step;
      memcpy(room + 1, text + i, len);
      char *at = process_pty_join(&held, room + 1, &len);
      strncat(all, at, len);
    }
    assert_true(held);
    assert_string_equal(all, "a\nb\rc\r\n");
  }
}

static void start_on_terminal(struct bench *b, const char *command)
{
  static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
  const char *const argv[] = {"sh", "-c", command, NULL};
  struct process_options o = {.argv = argv, .env = env, .terminal = true, .output = on_output,
                              .changed = on_started, .output_arg = b};
  b->child = b->process->start(b->process, &o, on_done, b);
}

static void wait_for(struct bench *b, const char *text)
{
  while (!strstr(b->output, text))
    uv_run(&b->loop, UV_RUN_ONCE);
}

/* Our standard error becomes a terminal of the test, which then grows. */
static void its_size_follows_ours(void **state)
{
  struct bench *b = *state;
  int ours, theirs, before = dup(2);
  struct winsize size = {.ws_row = 30, .ws_col = 100};
  assert_true(process_pty_open(&ours, &theirs));
  ioctl(ours, TIOCSWINSZ, &size);
  dup2(theirs, 2);
  start_on_terminal(b, "trap 'stty size <&1; exit 0' WINCH; stty size <&1; echo ready; while :; do sleep 0.02; done");
  wait_for(b, "30 100\nready\n");
  size = (struct winsize){.ws_row = 50, .ws_col = 132};
  ioctl(ours, TIOCSWINSZ, &size);
  raise(SIGWINCH);
  run_until_done(b);
  dup2(before, 2);
  close(before);
  close(ours);
  close(theirs);
  assert_string_equal(b->output, "30 100\nready\n50 132\n");
}

static void freed_in_flight_its_terminal_is_gone(void **state)
{
  struct bench *b = *state;
  start_on_terminal(b, "echo $$; exec sleep 1000");
  pid_t pid = read_pid(b);
  free_child(b);
  assert_true(dies(pid));
  raise(SIGWINCH);
  uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* ---- who dies with it --------------------------------------------------------------------- */

static void freed_in_flight_it_never_reports(void **state)  /* invariant 2 */
{
  struct bench *b = *state;
  start_shell(b, "echo hello");
  free_child(b);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  assert_int_equal(b->done + b->started, 0);
  assert_int_equal(b->len, 0);
}

static void freed_early_its_strays_die_too(void **state)
{
  struct bench *b = *state;
  start_shell(b, STRAY "trap '' TERM; sleep 1000");
  pid_t stray = read_pid(b), child = b->child->pid;
  free_child(b);
  assert_true(dies(stray));
  assert_true(dies(child));
}

static void told_to_end_it_leaves_nothing_behind(void **state)
{
  struct bench *b = *state;
  start_shell(b, STRAY "exec sleep 1000");
  pid_t stray = read_pid(b);
  b->process->kill(b->child, SIGTERM);
  run_until_done(b);
  assert_true(b->child->held);
  assert_true(dies(stray));
}

static void a_host_killed_outright_leaves_nothing_behind(void **state)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t host = fork();
  if (host == 0) {
    struct bench *b;
    open_bench((void **)&b);
    start_shell(b, STRAY "sleep 1000");
    pid_t stray = read_pid(b);
    (void)!write(ends[1], &stray, sizeof stray);
    pause();
  }
  pid_t stray = 0;
  assert_int_equal(read(ends[0], &stray, sizeof stray), sizeof stray);
  assert_int_equal(kill(stray, 0), 0);
  kill(host, SIGKILL);
  waitpid(host, NULL, 0);
  assert_true(dies(stray));
  close(ends[0]);
  close(ends[1]);
}

/* ---- a guard that is gone ------------------------------------------------------------------- */

static void without_a_guard_nothing_starts(void **state)
{
  struct bench *b = *state;
  process_guard_free(b->process);
  b->process = process_guard_new(&b->loop, -1);
  start_shell(b, "true");
  run_until_done(b);
  assert_string_equal(b->child->fault.code, "process-lost");
  assert_string_equal(b->child->fault.class, "fatal");
}

static void a_killed_keeper_is_noticed(void **state)
{
  struct bench *b = *state;
  start_shell(b, "echo $PPID; exec sleep 1000");
  pid_t keeper = read_pid(b), child = b->child->pid;
  kill(keeper, SIGKILL);
  run_until_done(b);
  assert_string_equal(b->child->fault.code, "process-lost");
  assert_string_equal(b->child->fault.class, "unknown");
  process_guard_free(b->process);
  b->process = process_guard_new(&b->loop, -1);
  assert_true(dies(child));
}

/* ---- keepers --------------------------------------------------------------------------------- */

/* Runs the command to its end and returns the number that it printed. */
static pid_t number_of(struct bench *b, const char *command)
{
  b->len = b->done = b->started = b->ends = 0;
  memset(b->output, 0, sizeof b->output);
  start_shell(b, command);
  run_until_done(b);
  assert_null(b->child->fault.code);
  pid_t pid = (pid_t)atoi(b->output);
  free_child(b);
  uv_run(&b->loop, UV_RUN_NOWAIT);
  return pid;
}

/* It says so a moment later, which no event tells: so it is asked again. */
static void a_keeper_without_children_serves_again(void **state)
{
  struct bench *b = *state;
  pid_t first = number_of(b, "echo $PPID"), next = 0;
  for (int i = 0; i < 100 && next != first; i++)
    next = number_of(b, "echo $PPID");
  assert_int_equal(next, first);
}

static void one_that_left_something_behind_does_not(void **state)
{
  struct bench *b = *state;
  pid_t first = number_of(b, "sleep 1000 >/dev/null 2>&1 & echo $PPID");
  assert_true(dies(first));
  assert_true(number_of(b, "echo $PPID") != first);
}

static void one_that_was_killed_while_idle_is_replaced(void **state)
{
  struct bench *b = *state;
  for (int i = 0; i < 20; i++) {
    pid_t keeper = number_of(b, "echo $PPID");
    if (i % 2)
      pause_ms(5);
    kill(keeper, SIGKILL);
    assert_true(dies(keeper));
  }
}

static void a_program_that_does_not_start_leaves_its_keeper_whole(void **state)
{
  struct bench *b = *state;
  const char *const argv[] = {"/no/such", NULL};
  start_in(b, argv, NULL);
  run_until_done(b);
  assert_string_equal(b->child->fault.code, "process-not-found");
  free_child(b);
  assert_true(number_of(b, "echo $PPID") > 0);
}

static void an_idle_keeper_ends_with_its_guard(void **state)
{
  struct bench *b = *state;
  pid_t keeper = number_of(b, "echo $PPID");
  pid_t guard = number_of(b, "cut -d' ' -f4 /proc/$PPID/stat");
  kill(guard, SIGKILL);
  waitpid(guard, NULL, 0);
  assert_true(dies(keeper));
}

/* ---- the child's surroundings ------------------------------------------------------------ */

static void it_gets_three_descriptors_and_a_session(void **state)
{
  struct bench *b = *state;
  int leak = dup(1);  // not close-on-exec
  start_shell(b, "n=0; for fd in $(seq 0 50); do [ -e /proc/$$/fd/$fd ] && n=$((n + 1)); done; "
                 "echo $n; cut -d' ' -f6 /proc/$$/stat; echo $$");
  run_until_done(b);
  int count, session, pid;
  assert_int_equal(sscanf(b->output, "%d %d %d", &count, &session, &pid), 3);
  assert_int_equal(count, 3);
  assert_int_equal(session, pid);
  assert_int_equal(pid, b->child->pid);
  close(leak);
}

static void it_ignores_no_signal_and_blocks_none(void **state)
{
  struct bench *b = *state;
  const char *const argv[] = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL};
  start_in(b, argv, NULL);
  run_until_done(b);
  unsigned long long blocked = 1, ignored = 1;
  assert_int_equal(sscanf(b->output, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
  /* 32 and 33 are the C library's own; whoever started us by posix_spawn left them ignored. */
  assert_int_equal(blocked, 0);
  assert_int_equal(ignored & ~0x180000000ull, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(the_exit_code_and_all_output_arrive),
    TEST(a_signal_ends_it),
    TEST(a_program_that_is_not_there_is_not_found),
    TEST(a_file_that_is_no_program_fails),
    TEST(a_folder_that_is_not_there_fails),
    TEST(a_descendant_that_holds_the_output_is_not_waited_for),
    TEST(folders_that_are_looked_in_are_named),
    TEST(line_ends_are_joined_wherever_they_are_cut),
    TEST(its_size_follows_ours),
    TEST(freed_in_flight_its_terminal_is_gone),
    TEST(freed_in_flight_it_never_reports),
    TEST(freed_early_its_strays_die_too),
    TEST(told_to_end_it_leaves_nothing_behind),
    TEST(a_host_killed_outright_leaves_nothing_behind),
    TEST(without_a_guard_nothing_starts),
    TEST(a_killed_keeper_is_noticed),
    TEST(a_keeper_without_children_serves_again),
    TEST(one_that_left_something_behind_does_not),
    TEST(one_that_was_killed_while_idle_is_replaced),
    TEST(a_program_that_does_not_start_leaves_its_keeper_whole),
    TEST(an_idle_keeper_ends_with_its_guard),
    TEST(it_gets_three_descriptors_and_a_session),
    TEST(it_ignores_no_signal_and_blocks_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
