/* Archives below Lua: names and links, the tree that is read, trees that misbehave, the stream. */
#include "archive_folder.h"
#include "archive_jobs.h"
#include "archive_names.h"
#include "archive_paths.h"
#include "archive_stage.h"
#include "files_maker.h"
#include "mask.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- names ----------------------------------------------------------------------------------- */

static void names_are_cleaned_or_refused(void **state)
{
  char clean[ARCHIVE_PATH_MAX + 1];
  static const char *const good[][2] = {{"a", "a"}, {"./a//b/", "a/b"}, {".", ""}, {"", ""}, {"a/./b/.", "a/b"},
                                        {"...", "..."}, {"..a/b..", "..a/b.."}, {"\xff\xfe", "\xff\xfe"}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_null(archive_clean_path(good[i][0], clean));
    assert_string_equal(clean, good[i][1]);
  }
  static const char *const bad[] = {"/", "/a", "..", "a/..", "./../a", "a\nb", "a/\x7f", "\x01"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_non_null(archive_clean_path(bad[i], clean));
}

static void names_have_their_limits(void **state)
{
  char clean[ARCHIVE_PATH_MAX + 1], long_name[300], *path = calloc(1, 5000);
  memset(long_name, 'n', sizeof long_name);
  long_name[255] = 0;
  assert_null(archive_clean_path(long_name, clean));
  long_name[255] = 'n';
  long_name[256] = 0;
  assert_non_null(archive_clean_path(long_name, clean));
  for (int i = 0; i < ARCHIVE_DEPTH_MAX; i++)
    strcat(path, "d/");
  assert_null(archive_clean_path(path, clean));
  strcat(path, "d");
  assert_non_null(archive_clean_path(path, clean));
  memset(path, 'm', ARCHIVE_PATH_MAX);
  for (int i = 255; i < ARCHIVE_PATH_MAX; i += 256)
    path[i] = '/';
  path[ARCHIVE_PATH_MAX] = 0;
  assert_null(archive_clean_path(path, clean));
  assert_int_equal(strlen(clean), ARCHIVE_PATH_MAX);
  strcpy(path + ARCHIVE_PATH_MAX, "/x");
  assert_non_null(archive_clean_path(path, clean));
  free(path);
}

static void links_stay_inside_or_are_refused(void **state)
{
  static const char *const good[][2] = {{"l", "a"}, {"l", "a/b"}, {"d/l", "../a"}, {"d/e/l", "../../a/b"},
                                        {"d/l", ".."}, {"l", "."}, {"l", "./a"}};
  static const char *const bad[][2] = {{"l", ""}, {"l", "/a"}, {"l", ".."}, {"d/l", "../../a"}, {"d/l", "a/.."},
                                       {"l", "a/../b"}, {"l", "./.."}, {"l", "a\nb"}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_null(archive_refuse_link(good[i][0], good[i][1]));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_non_null(archive_refuse_link(bad[i][0], bad[i][1]));
}

static void paths_are_shown_in_one_line_that_is_text(void **state)
{
  char shown[ARCHIVE_SHOWN_MAX + 1], path[1000];
  archive_show_path(NULL, "a\nb\x1b\xff\xc3\xbc", shown);
  assert_string_equal(shown, "a\\x0ab\\x1b\\xff\xc3\xbc");
  memset(path, 'p', sizeof path);
  strcpy(path + 900, "/the-end");
  archive_show_path(NULL, path, shown);
  assert_int_equal(strlen(shown), ARCHIVE_SHOWN_MAX);
  assert_memory_equal(shown, "...p", 4);
  assert_string_equal(shown + ARCHIVE_SHOWN_MAX - 8, "/the-end");
}

static void lists_are_sorted_as_a_walk_goes_and_hold_nothing_twice(void **state)
{
  static const char *const texts[] = {"b", "a-b", "a/x", "./a", "a", "c/d", "c/d/e", "c-", "c", NULL};
  static const char *const kept[] = {"a", "a-b", "b", "c", "c-"};
  struct archive_paths p;
  const char *bad, *why;
  assert_true(archive_paths_make(&p, texts, true, &bad, &why));
  assert_int_equal(p.count, 5);
  for (size_t i = 0; i < p.count; i++)
    assert_string_equal(p.list[i], kept[i]);
  assert_true(archive_paths_has(&p, "c-"));
  assert_false(archive_paths_has(&p, "a/x"));
  archive_paths_free(&p);
  assert_false(archive_paths_make(&p, (const char *const[]){"a", "../b", NULL}, true, &bad, &why));
  assert_string_equal(bad, "../b");
}

static void a_table_of_many_names_forgets_none(void **state)
{
  struct archive_names n = {0};
  char path[64];
  for (int i = 0; i < 5000; i++) {
    snprintf(path, sizeof path, "d%d/f%d", i % 100, i);
    assert_null(archive_names_add(&n, path, PACKED_FILE));
  }
  for (int i = 0; i < 5000; i++) {
    snprintf(path, sizeof path, "d%d/f%d", i % 100, i);
    assert_true(archive_names_has_file(&n, path));
    assert_non_null(archive_names_add(&n, path, PACKED_FILE));
  }
  assert_null(archive_names_add(&n, "d7", PACKED_FOLDER));
  assert_non_null(archive_names_add(&n, "d7", PACKED_FOLDER));
  assert_false(archive_names_has_file(&n, "d7"));
  archive_names_free(&n);
}

/* ---- the tree that is read ------------------------------------------------------------------- */

static struct tree_reader *open_scratch(char folder[64])
{
  strcpy(folder, "/tmp/davit-archive-XXXXXX");
  assert_non_null(mkdtemp(folder));
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct tree_reader *t = archive_folder_new(fd);
  assert_non_null(t);
  return t;
}

static void put(const char *folder, const char *name, const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static void drop(struct tree_reader *t, const char *folder)
{
  char command[128];
  archive_folder_free(t);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void a_file_that_is_written_meanwhile_has_changed(void **state)
{
  char folder[64], bytes[16];
  struct tree_reader *t = open_scratch(folder);
  struct tree_file file;
  put(folder, "f", "before");
  assert_true(t->open(t, "f", &file));
  assert_int_equal(file.size, 6);
  assert_int_equal(t->read(t, bytes, sizeof bytes), 6);
  put(folder, "f", "beside");  /* as long as it was */
  errno = 0;
  assert_false(t->close(t));
  assert_int_equal(errno, ESTALE);
  assert_true(t->open(t, "f", &file));
  assert_true(t->close(t));
  drop(t, folder);
}

static void a_folder_that_gets_a_file_meanwhile_has_changed(void **state)
{
  char folder[64], path[128];
  struct tree_reader *t = open_scratch(folder);
  snprintf(path, sizeof path, "%s/sub", folder);
  assert_int_equal(mkdir(path, 0755), 0);
  assert_true(t->enter(t, "sub"));
  put(folder, "sub/new", "");
  assert_false(t->leave(t));
  assert_true(t->enter(t, "sub"));
  assert_true(t->leave(t));
  drop(t, folder);
}

static void a_link_that_was_put_in_the_way_is_not_followed(void **state)
{
  char folder[64], path[128];
  struct tree_reader *t = open_scratch(folder);
  struct tree_facts facts;
  struct tree_file file;
  put(folder, "f", "");
  assert_true(t->look(t, "f", &facts));
  assert_int_equal(facts.kind, TREE_FILE);
  snprintf(path, sizeof path, "%s/f", folder);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink("/etc/passwd", path), 0);
  assert_false(t->open(t, "f", &file));
  assert_int_equal(errno, ESTALE);
  assert_true(t->look(t, "f", &facts));
  assert_string_equal(facts.target, "/etc/passwd");
  snprintf(path, sizeof path, "%s/d", folder);
  assert_int_equal(symlink("/etc", path), 0);
  assert_false(t->enter(t, "d"));
  drop(t, folder);
}

/* ---- what was left by those who were killed ----------------------------------------------------- */

/* A staging folder of a process that has ended. */
static char *leave_behind(const char *folder)
{
  char place[128], *name = calloc(1, 256);
  int fds[2];
  snprintf(place, sizeof place, "%s/place", folder);
  assert_int_equal(pipe(fds), 0);
  pid_t child = fork();
  if (child == 0) {
    char *path = files_name_beside(place);
    ssize_t n = path ? write(fds[1], path + strlen(folder) + 1, strlen(path + strlen(folder) + 1)) : 0;
    _exit(n > 0 && mkdir(path, 0700) == 0 ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_true(read(fds[0], name, 255) > 0);
  close(fds[0]);
  close(fds[1]);
  snprintf(place, sizeof place, "%s/half", name);
  put(folder, place, "half a file");
  return name;
}

static bool is_there(const char *folder, const char *name)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return access(path, F_OK) == 0;
}

static void what_was_left_by_the_killed_goes_and_nothing_else(void **state)
{
  char folder[64] = "/tmp/davit-archive-XXXXXX", path[128], command[128];
  struct fault f = {0};
  assert_non_null(mkdtemp(folder));
  char *dead = leave_behind(folder);
  assert_true(is_there(folder, dead));
  snprintf(path, sizeof path, "%s/into", folder);
  struct tree_writer *one = archive_stage_new(path, NULL, &f), *two = archive_stage_new(path, NULL, &f);
  assert_non_null(one);
  assert_non_null(two);
  assert_false(is_there(folder, dead));
  assert_true(one->begin(one, "a", false) && one->end(one) && one->place(one, false, &f));
  assert_false(two->place(two, false, &f));  /* one was first */
  assert_string_equal(f.code, "file-exists");
  archive_stage_free(one);
  archive_stage_free(two);
  assert_true(is_there(folder, "into/a"));
  free(dead);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

/* ---- trees that misbehave -------------------------------------------------------------------- */

/* One file "f", of which more or less comes than was said. */
struct liar {
  struct tree_reader base;
  uint64_t said, has, at;
  int read_error, close_error;
};

static bool list_one(struct tree_reader *t, struct buf *names)
{
  buf_add(names, "f", 2);
  return true;
}

static bool look_one(struct tree_reader *t, const char *name, struct tree_facts *facts)
{
  facts->kind = TREE_FILE;
  return true;
}

static bool open_one(struct tree_reader *t, const char *name, struct tree_file *file)
{
  *file = (struct tree_file){.size = ((struct liar *)t)->said};
  return true;
}

static ssize_t read_one(struct tree_reader *t, void *to, size_t len)
{
  struct liar *l = (struct liar *)t;
  if (l->read_error) {
    errno = l->read_error;
    return -1;
  }
  size_t n = l->has - l->at < len ? (size_t)(l->has - l->at) : len;
  memset(to, 'x', n);
  l->at += n;
  return (ssize_t)n;
}

static bool close_one(struct tree_reader *t)
{
  errno = ((struct liar *)t)->close_error;
  return errno == 0;
}

static bool leave_one(struct tree_reader *t)
{
  return true;
}

static bool keep(void *arg, const void *data, size_t len)
{
  struct buf *b = arg;
  if (b)
    buf_add(b, data, len);
  return true;
}

static struct archive_operation pack(struct liar *l, struct buf *to)
{
  struct archive_operation op = {0};
  l->base = (struct tree_reader){NULL, leave_one, list_one, look_one, open_one, read_one, close_one};
  const struct pack_job job = {.from = &l->base, .to = {keep, to}, .root = "tree"};
  archive_pack(&job, &op);
  return op;
}

static void expect_fault(struct liar l, const char *code, const char *message)
{
  struct archive_operation op = pack(&l, NULL);
  assert_string_equal(op.fault.code, code);
  assert_non_null(strstr(op.fault.message, message));
  assert_string_equal(op.about, "f");
  archive_free_result(&op);
}

static void a_file_that_grows_shrinks_or_breaks_is_a_fault(void **state)
{
  expect_fault((struct liar){.said = 10, .has = 11}, "archive-changed", "packing f: it changed");
  expect_fault((struct liar){.said = 10, .has = 9}, "archive-changed", "packing f: it changed");
  expect_fault((struct liar){.said = 0, .has = 1}, "archive-changed", "packing f: it changed");
  expect_fault((struct liar){.said = TARBALL_PIECE, .has = TARBALL_PIECE + 1}, "archive-changed", "packing f");
  expect_fault((struct liar){.said = TARBALL_PIECE, .has = TARBALL_PIECE - 1}, "archive-changed", "packing f");
  expect_fault((struct liar){.said = 1, .has = 1, .close_error = ESTALE}, "archive-changed", "packing f");
  expect_fault((struct liar){.said = 1, .read_error = EIO}, "file-failed", "packing f: Input/output error");
}

static void files_of_every_size_around_a_piece_are_packed(void **state)
{
  static const uint64_t sizes[] = {0, 1, 511, 512, 513, TARBALL_PIECE - 1, TARBALL_PIECE, TARBALL_PIECE + 1,
                                   3 * TARBALL_PIECE};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct archive_operation op = pack(&(struct liar){.said = sizes[i], .has = sizes[i]}, NULL);
    assert_null(op.fault.code);
    assert_int_equal(op.bytes, sizes[i]);
    assert_int_equal(op.count, 1);
    archive_free_result(&op);
  }
}

/* ---- the stream ------------------------------------------------------------------------------ */

struct bytes {
  const struct buf *buf;
  size_t at, step;
};

static ssize_t give(void *arg, void *to, size_t len)
{
  struct bytes *b = arg;
  size_t n = b->buf->len - b->at;
  n = n < len ? n : len;
  n = n < b->step ? n : b->step;
  memcpy(to, b->buf->data + b->at, n);
  b->at += n;
  return (ssize_t)n;
}

static const struct archive_limits wide = {1000000, (uint64_t)1 << 50, 1000000};

static void an_archive_is_read_in_pieces_of_any_size(void **state)
{
  struct buf archive;
  buf_init(&archive, BUF_LIMIT);
  struct archive_operation packed = pack(&(struct liar){.said = 1000000, .has = 1000000}, &archive);
  for (size_t step = 1; step < archive.len; step = step * 3 + 1) {
    struct bytes from = {&archive, 0, step};
    struct archive_operation op = {0};
    const struct unpack_job job = {.from = {give, &from}, .archive = "a", .sha256 = packed.sha256, .limits = wide};
    archive_unpack(&job, &op);
    assert_null(op.fault.code);
    assert_int_equal(op.bytes, 1000000);
    assert_int_equal(op.size, archive.len);
    archive_free_result(&op);
  }
  archive_free_result(&packed);
  buf_free(&archive);
}

static void a_file_of_more_than_eight_gibibytes_is_said_to_be_so(void **state)
{
  struct buf archive;
  buf_init(&archive, BUF_LIMIT);
  struct tarball_writer *w = tarball_writer_new(&(struct tarball_sink){keep, &archive}, 1, 1);
  const struct packed_entry e = {.path = "large", .kind = PACKED_FILE, .size = (uint64_t)9 << 30};
  char sha256[SHA256_HEX + 1];
  uint64_t size;
  assert_true(tarball_entry(w, &e));
  tarball_finish(w, sha256, &size);  /* the bytes are not there */
  tarball_writer_free(w);
  struct bytes from = {&archive, 0, 100};
  struct tarball_reader *r = tarball_reader_new(&(struct tarball_source){give, &from}, &wide, NULL);
  struct tarball_header h;
  assert_true(tarball_next(r, &h));
  assert_string_equal(h.path, "large");
  assert_int_equal(h.size, (uint64_t)9 << 30);
  tarball_reader_free(r);
  buf_free(&archive);
}

static bool is_full(void *arg, const void *data, size_t len)
{
  errno = ENOSPC;
  return false;
}

static void a_sink_that_takes_no_more_ends_the_packing(void **state)
{
  struct liar l = {.said = 64 << 20, .has = 64 << 20};
  l.base = (struct tree_reader){NULL, leave_one, list_one, look_one, open_one, read_one, close_one};
  struct archive_operation op = {0};
  const struct pack_job job = {.from = &l.base, .to = {is_full, NULL}, .root = "tree"};
  archive_pack(&job, &op);
  assert_string_equal(op.fault.code, "file-full");
  archive_free_result(&op);
}

static void packing_and_unpacking_stop_when_told(void **state)
{
  const atomic_bool stop = true;
  struct liar l = {.said = 1, .has = 1};
  l.base = (struct tree_reader){NULL, leave_one, list_one, look_one, open_one, read_one, close_one};
  struct archive_operation op = {0}, packed;
  const struct pack_job job = {.from = &l.base, .to = {keep, NULL}, .root = "tree", .stop = &stop};
  archive_pack(&job, &op);
  assert_non_null(strstr(op.fault.message, "canceled"));
  archive_free_result(&op);

  struct buf archive;
  buf_init(&archive, BUF_LIMIT);
  packed = pack(&(struct liar){.said = 1, .has = 1}, &archive);
  struct bytes from = {&archive, 0, 100};
  const struct unpack_job unpack = {.from = {give, &from}, .archive = "a", .limits = wide, .stop = &stop};
  op = (struct archive_operation){0};
  archive_unpack(&unpack, &op);
  assert_non_null(strstr(op.fault.message, "canceled"));
  archive_free_result(&op);
  archive_free_result(&packed);
  buf_free(&archive);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_are_cleaned_or_refused),
    cmocka_unit_test(names_have_their_limits),
    cmocka_unit_test(links_stay_inside_or_are_refused),
    cmocka_unit_test(paths_are_shown_in_one_line_that_is_text),
    cmocka_unit_test(lists_are_sorted_as_a_walk_goes_and_hold_nothing_twice),
    cmocka_unit_test(a_table_of_many_names_forgets_none),
    cmocka_unit_test(a_file_that_is_written_meanwhile_has_changed),
    cmocka_unit_test(a_folder_that_gets_a_file_meanwhile_has_changed),
    cmocka_unit_test(a_link_that_was_put_in_the_way_is_not_followed),
    cmocka_unit_test(what_was_left_by_the_killed_goes_and_nothing_else),
    cmocka_unit_test(a_file_that_grows_shrinks_or_breaks_is_a_fault),
    cmocka_unit_test(files_of_every_size_around_a_piece_are_packed),
    cmocka_unit_test(an_archive_is_read_in_pieces_of_any_size),
    cmocka_unit_test(a_file_of_more_than_eight_gibibytes_is_said_to_be_so),
    cmocka_unit_test(a_sink_that_takes_no_more_ends_the_packing),
    cmocka_unit_test(packing_and_unpacking_stop_when_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
