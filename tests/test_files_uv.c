/* test_files_uv.c - files on the pool: what a recipe cannot see from Lua. */
#include "real.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
  uv_loop_t loop;
  struct world_files *files;
  char folder[64];
  int calls;
};

static int open_fixture(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  uv_loop_init(&f->loop);
  f->files = files_uv_new(&f->loop);
  strcpy(f->folder, "/tmp/davit-files-XXXXXX");
  *state = f;
  return f->files && mkdtemp(f->folder) ? 0 : -1;
}

static void count(void *arg)
{
  ++*(int *)arg;
}

static struct file_operation *start_for(struct fixture *f, enum file_action action, const char *path,
                                        const char *to, const char *data)
{
  struct file_request r = {.action = action, .path = path, .to = to, .data = data,
                           .len = data ? strlen(data) : 0, .mode = 0640, .max = 1000};
  return f->files->start(f->files, &r, count, &f->calls);
}

static struct file_operation *start(struct fixture *f, enum file_action action, const char *path,
                                    const char *data)
{
  return start_for(f, action, path, NULL, data);
}

/* Runs one operation to its end, and returns the fault's code or "". */
static const char *run_to_end(struct fixture *f, struct file_operation *op)
{
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  const char *code = op->fault.code ? op->fault.code : "";
  effect_free(&op->effect);
  return code;
}

static const char *run(struct fixture *f, enum file_action action, const char *path, const char *data)
{
  return run_to_end(f, start(f, action, path, data));
}

static const char *in(const struct fixture *f, const char *name, char path[128])
{
  snprintf(path, 128, "%s/%s", f->folder, name);
  return path;
}

static int close_fixture(void **state)
{
  struct fixture *f = *state;
  run(f, FILE_REMOVE, f->folder, NULL);
  bool left = access(f->folder, F_OK) == 0;
  files_uv_free(f->files);
  int busy = uv_loop_close(&f->loop);
  free(f);
  return left || busy;
}

static void freed_under_way_it_never_reports(void **state)
{
  struct fixture *f = *state;
  char path[128];
  for (int i = 0; i < 50; i++)
    effect_free(&start(f, FILE_WRITE, in(f, "file", path), "text")->effect);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  assert_int_equal(f->calls, 0);
}

static void the_mode_is_what_was_asked_for_whatever_the_umask(void **state)
{
  struct fixture *f = *state;
  char path[128];
  struct stat st;
  mode_t old = umask(077);
  assert_string_equal(run(f, FILE_WRITE, in(f, "file", path), "text"), "");
  umask(old);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0640);
}

/* What the folder really holds, whatever a list shows. */
static int entries(const struct fixture *f)
{
  int n = -2;
  DIR *dir = opendir(f->folder);
  while (readdir(dir))
    n++;
  closedir(dir);
  return n;
}

static bool knows_unnamed(const struct fixture *f)
{
  int fd = open(f->folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  return fd >= 0 && close(fd) == 0;
}

/* Writes 64 kB, or copies them, in a process that the limit for files kills at the 4096th byte. */
static void killed_in_mid_write(struct fixture *f, enum file_action action, const char *path, const char *to)
{
  static char data[64 << 10];
  memset(data, 'x', sizeof data - 1);
  pid_t child = fork();
  if (child == 0) {
    struct rlimit limit = {4096, 4096};
    signal(SIGXFSZ, SIG_DFL);
    setrlimit(RLIMIT_FSIZE, &limit);
    run_to_end(f, start_for(f, action, path, to, data));
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGXFSZ);
}

static void who_is_killed_in_mid_write_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  char path[128];
  if (!knows_unnamed(f))
    skip();
  killed_in_mid_write(f, FILE_WRITE, in(f, "file", path), NULL);
  assert_int_equal(entries(f), 0);
}

static void who_is_killed_while_he_replaces_or_copies_leaves_what_was_there(void **state)
{
  struct fixture *f = *state;
  char path[128], big[128], text[8] = "";
  if (!knows_unnamed(f))
    skip();
  run(f, FILE_WRITE, in(f, "file", path), "old");
  run(f, FILE_WRITE, in(f, "big", big), "");
  assert_int_equal(truncate(big, 64 << 10), 0);
  killed_in_mid_write(f, FILE_WRITE, path, NULL);
  killed_in_mid_write(f, FILE_COPY, big, path);
  assert_int_equal(entries(f), 2);
  int fd = open(path, O_RDONLY);
  assert_int_equal(read(fd, text, sizeof text), 3);
  close(fd);
  assert_string_equal(text, "old");
}

/* ---- killed between two names ---------------------------------------------------------------- */

static void kill_self(int number)
{
  (void)number;
  kill(getpid(), SIGKILL);
}

/* Whoever calls one of these is killed before anything happens. */
static void kill_at_rename(void)
{
  struct sock_filter steps[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_renameat2, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_renameat, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
  signal(SIGSYS, kill_self);
  assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void killed(pid_t child)
{
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void killed_before_the_rename(struct fixture *f, const char *path, const char *text)
{
  pid_t child = fork();
  if (child == 0) {
    kill_at_rename();
    run(f, FILE_WRITE, path, text);
    _exit(0);
  }
  killed(child);
}

static void expect_text(const char *path, const char *text)
{
  char found[16] = "";
  int fd = open(path, O_RDONLY);
  assert_int_equal(read(fd, found, sizeof found - 1), strlen(text));
  close(fd);
  assert_string_equal(found, text);
}

static void what_a_kill_before_the_rename_leaves_goes_with_the_next_write(void **state)
{
  struct fixture *f = *state;
  char path[128];
  run(f, FILE_WRITE, in(f, "file", path), "old");
  killed_before_the_rename(f, path, "new");
  expect_text(path, "old");
  assert_int_equal(entries(f), 2);
  assert_string_equal(run(f, FILE_WRITE, path, "newer"), "");
  expect_text(path, "newer");
  assert_int_equal(entries(f), 1);
}

/* Begins a file that is received; its own name, to be freed. */
static char *begin(struct fixture *f)
{
  char place[128];
  char *name = f->files->name_beside(f->files, in(f, "place", place));
  assert_string_equal(run_to_end(f, start_for(f, FILE_BEGIN, name, place, NULL)), "");
  return name;
}

static void what_a_killed_process_has_begun_goes_when_the_next_one_begins(void **state)
{
  struct fixture *f = *state;
  char *mine = begin(f);
  pid_t child = fork();
  if (child == 0) {
    begin(f);
    kill_self(0);
  }
  killed(child);
  assert_int_equal(entries(f), 2);
  char *next = begin(f);
  assert_int_equal(entries(f), 2);  // that of a process that lives stays
  assert_int_equal(access(mine, F_OK), 0);
  assert_int_equal(access(next, F_OK), 0);
  free(mine);
  free(next);
}

/* A folder may be shared: of another machine's processes nobody here knows. */
static void what_another_machine_has_begun_stays(void **state)
{
  struct fixture *f = *state;
  char path[128];
  char *mine = begin(f), *name = strrchr(mine, '/') + strlen("/.davit-");
  *name = *name == '0' ? '1' : '0';
  close(open(mine, O_CREAT | O_WRONLY, 0600));
  free(begin(f));
  assert_int_equal(access(mine, F_OK), 0);
  close(open(in(f, ".davit-notes", path), O_CREAT | O_WRONLY, 0600));
  free(begin(f));
  assert_int_equal(access(path, F_OK), 0);
  free(mine);
}

static void writing_again_and_again_leaves_one_file(void **state)
{
  struct fixture *f = *state;
  char path[128], copy[128];
  for (int i = 0; i < 3; i++) {
    assert_string_equal(run(f, FILE_WRITE, in(f, "file", path), "text"), "");
    assert_string_equal(run_to_end(f, start_for(f, FILE_COPY, path, in(f, "copy", copy), NULL)), "");
  }
  assert_int_equal(entries(f), 2);
  assert_string_not_equal(run(f, FILE_WRITE, f->folder, "text"), "");
  assert_int_equal(entries(f), 2);
}

static void a_list_does_not_show_what_is_being_written(void **state)
{
  struct fixture *f = *state;
  char path[128];
  static const char *const names[] = {".davit-0123456789abcdef01234567", ".davit-0123456789abcdef0123456", ".davit-x",
                                      ".env"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    run(f, FILE_WRITE, in(f, names[i], path), "text");
  struct file_operation *op = start(f, FILE_LIST, f->folder, NULL);
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  static const char shown[] = ".davit-0123456789abcdef0123456\0.davit-x\0.env";
  assert_int_equal(op->data.len, sizeof shown);
  assert_memory_equal(op->data.data, shown, sizeof shown);
  effect_free(&op->effect);
}

static void removing_a_folder_leaves_what_its_links_point_at(void **state)
{
  struct fixture *f = *state;
  char path[128], kept[128];
  run(f, FILE_WRITE, in(f, "kept/file", kept), "text");
  run(f, FILE_MAKE, in(f, "gone", path), NULL);
  assert_int_equal(symlink("../kept", in(f, "gone/link", path)), 0);
  assert_string_equal(run(f, FILE_REMOVE, in(f, "gone/", path), NULL), "");
  assert_int_not_equal(access(in(f, "gone", path), F_OK), 0);
  assert_int_equal(access(kept, F_OK), 0);
}

static void removing_a_link_with_a_slash_removes_the_link(void **state)
{
  struct fixture *f = *state;
  char path[128], kept[128];
  run(f, FILE_WRITE, in(f, "kept/file", kept), "text");
  assert_int_equal(symlink("kept", in(f, "link", path)), 0);
  assert_string_equal(run(f, FILE_REMOVE, in(f, "link//", path), NULL), "");
  assert_int_not_equal(access(in(f, "link", path), F_OK), 0);
  assert_int_equal(access(kept, F_OK), 0);
}

static void a_list_shows_a_link_to_a_folder_as_no_folder(void **state)
{
  struct fixture *f = *state;
  char path[128];
  run(f, FILE_MAKE, in(f, "b", path), NULL);
  assert_int_equal(symlink("b", in(f, "a", path)), 0);
  struct file_operation *op = start(f, FILE_LIST, f->folder, NULL);
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  assert_int_equal(op->data.len, 5);
  assert_memory_equal(op->data.data, "a\0b/\0", 5);
  effect_free(&op->effect);
}

static void the_size_and_kind_of_a_file_are_told(void **state)
{
  struct fixture *f = *state;
  char path[128];
  run(f, FILE_WRITE, in(f, "file", path), "12345");
  struct file_operation *op = start(f, FILE_STAT, path, NULL);
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  assert_false(op->is_folder);
  assert_int_equal((int)op->size, 5);
  effect_free(&op->effect);
}

/* ---- in pieces ------------------------------------------------------------------------------ */

static void a_piece_is_what_there_is_from_an_offset_on(void **state)
{
  static const struct { unsigned offset; size_t max; const char *expected; } pieces[] = {
    {0, 3, "012"}, {3, 3, "345"}, {8, 5, "89"}, {10, 5, ""}, {99, 5, ""}, {4, 0, ""}};
  struct fixture *f = *state;
  char path[128];
  run(f, FILE_WRITE, in(f, "file", path), "0123456789");
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct file_request r = {.action = FILE_PIECE, .path = path, .offset = pieces[i].offset, .max = pieces[i].max};
    struct file_operation *op = f->files->start(f->files, &r, count, &f->calls);
    while (!op->effect.finished)
      uv_run(&f->loop, UV_RUN_ONCE);
    assert_string_equal(buf_str(&op->data), pieces[i].expected);
    assert_int_equal((int)op->size, 10);
    effect_free(&op->effect);
  }
}

static uint64_t stamp_of(struct fixture *f, const char *path)
{
  struct file_operation *op = start(f, FILE_DIGEST, path, NULL);
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  uint64_t stamp = op->stamp;
  effect_free(&op->effect);
  return stamp;
}

static void a_file_that_was_replaced_has_another_stamp(void **state)
{
  struct fixture *f = *state;
  char path[128];
  run(f, FILE_WRITE, in(f, "file", path), "text");
  uint64_t before = stamp_of(f, path);
  assert_true(before != 0 && before == stamp_of(f, path));
  run(f, FILE_WRITE, path, "text");
  assert_true(before != stamp_of(f, path));
}

static void what_is_no_regular_file_has_no_pieces(void **state)
{
  struct fixture *f = *state;
  char path[128];
  assert_string_equal(run(f, FILE_PIECE, f->folder, NULL), "file-failed");
  assert_string_equal(run(f, FILE_DIGEST, "/dev/null", NULL), "file-failed");
  assert_string_equal(run(f, FILE_PIECE, in(f, "none", path), NULL), "file-not-found");
}

static void what_was_begun_is_filled_and_placed(void **state)
{
  struct fixture *f = *state;
  char begun[128], place[128];
  struct stat st;
  in(f, "new/.begun", begun);
  in(f, "new/place", place);
  assert_string_equal(run_to_end(f, start_for(f, FILE_APPEND, begun, place, "x")), "file-not-found");
  assert_string_equal(run_to_end(f, start_for(f, FILE_BEGIN, begun, place, NULL)), "");
  assert_string_equal(run_to_end(f, start_for(f, FILE_BEGIN, begun, place, NULL)), "file-exists");
  assert_string_equal(run_to_end(f, start_for(f, FILE_APPEND, begun, place, "one ")), "");
  assert_string_equal(run_to_end(f, start_for(f, FILE_APPEND, begun, place, "two")), "");
  assert_int_not_equal(access(place, F_OK), 0);
  assert_string_equal(run_to_end(f, start_for(f, FILE_PLACE, begun, place, NULL)), "");
  assert_int_equal(stat(place, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0640);
  assert_int_equal((int)st.st_size, 7);
  assert_int_not_equal(access(begun, F_OK), 0);
}

static void nothing_is_begun_where_a_folder_is(void **state)
{
  struct fixture *f = *state;
  char begun[128], place[128];
  run(f, FILE_MAKE, in(f, "place", place), NULL);
  assert_string_equal(run_to_end(f, start_for(f, FILE_BEGIN, in(f, ".begun", begun), place, NULL)), "file-failed");
  assert_int_not_equal(access(begun, F_OK), 0);
}

/* Whenever somebody gives up: he frees what is under way, then starts to remove and frees that, too. */
static void who_gives_up_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  char begun[128], place[128];
  in(f, "place", place);
  for (int i = 0; i < 200; i++) {
    char name[32];
    snprintf(name, sizeof name, ".begun-%d", i);
    in(f, name, begun);
    struct file_operation *op = start_for(f, FILE_BEGIN, begun, place, NULL);
    for (int turns = i % 3; turns > 0; turns--)
      uv_run(&f->loop, UV_RUN_NOWAIT);
    effect_free(&op->effect);
    effect_free(&start(f, FILE_REMOVE, begun, NULL)->effect);
  }
  uv_run(&f->loop, UV_RUN_DEFAULT);
  struct file_operation *left = start(f, FILE_LIST, f->folder, NULL);
  while (!left->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  assert_string_equal(buf_str(&left->data), "");
  effect_free(&left->effect);
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)
  const struct CMUnitTest tests[] = {
    WITH_FOLDER(freed_under_way_it_never_reports),
    WITH_FOLDER(the_mode_is_what_was_asked_for_whatever_the_umask),
    WITH_FOLDER(who_is_killed_in_mid_write_leaves_nothing),
    WITH_FOLDER(who_is_killed_while_he_replaces_or_copies_leaves_what_was_there),
    WITH_FOLDER(what_a_kill_before_the_rename_leaves_goes_with_the_next_write),
    WITH_FOLDER(what_a_killed_process_has_begun_goes_when_the_next_one_begins),
    WITH_FOLDER(what_another_machine_has_begun_stays),
    WITH_FOLDER(writing_again_and_again_leaves_one_file),
    WITH_FOLDER(a_list_does_not_show_what_is_being_written),
    WITH_FOLDER(removing_a_folder_leaves_what_its_links_point_at),
    WITH_FOLDER(removing_a_link_with_a_slash_removes_the_link),
    WITH_FOLDER(a_list_shows_a_link_to_a_folder_as_no_folder),
    WITH_FOLDER(the_size_and_kind_of_a_file_are_told),
    WITH_FOLDER(a_piece_is_what_there_is_from_an_offset_on),
    WITH_FOLDER(a_file_that_was_replaced_has_another_stamp),
    WITH_FOLDER(what_is_no_regular_file_has_no_pieces),
    WITH_FOLDER(what_was_begun_is_filled_and_placed),
    WITH_FOLDER(nothing_is_begun_where_a_folder_is),
    WITH_FOLDER(who_gives_up_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
