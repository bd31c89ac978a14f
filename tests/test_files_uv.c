/* test_files_uv.c - files on the pool: what a recipe cannot see from Lua. */
#include "real.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static struct file_operation *start(struct fixture *f, enum file_action action, const char *path,
                                    const char *data)
{
  struct file_request r = {.action = action, .path = path, .data = data,
                           .len = data ? strlen(data) : 0, .mode = 0640, .max = 1000};
  return f->files->start(f->files, &r, count, &f->calls);
}

/* Runs one operation to its end, and returns the fault's code or "". */
static const char *run(struct fixture *f, enum file_action action, const char *path, const char *data)
{
  struct file_operation *op = start(f, action, path, data);
  while (!op->effect.finished)
    uv_run(&f->loop, UV_RUN_ONCE);
  const char *code = op->fault.code ? op->fault.code : "";
  effect_free(&op->effect);
  return code;
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

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)
  const struct CMUnitTest tests[] = {
    WITH_FOLDER(freed_under_way_it_never_reports),
    WITH_FOLDER(the_mode_is_what_was_asked_for_whatever_the_umask),
    WITH_FOLDER(removing_a_folder_leaves_what_its_links_point_at),
    WITH_FOLDER(removing_a_link_with_a_slash_removes_the_link),
    WITH_FOLDER(a_list_shows_a_link_to_a_folder_as_no_folder),
    WITH_FOLDER(the_size_and_kind_of_a_file_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
