/* Where paths lead, also while somebody puts links in the way. */
#include "beneath.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* top/outside/f, top/root/inner/f, and top/root/link, which leads to top/outside */
struct place {
  char top[PATH_MAX], root[PATH_MAX + 16];
};

static void put(const char *folder, const char *name, const char *text)
{
  char path[PATH_MAX * 2];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

static const char *in(const struct place *p, const char *name, char path[PATH_MAX * 2])
{
  snprintf(path, PATH_MAX * 2, "%s/%s", p->top, name);
  return path;
}

static int set_up(void **state)
{
  char path[PATH_MAX * 2], name[] = "/tmp/davit-beneath-XXXXXX";
  struct place *p = calloc(1, sizeof *p);
  assert_non_null(p);
  assert_non_null(mkdtemp(name));
  assert_non_null(realpath(name, p->top));
  snprintf(p->root, sizeof p->root, "%s/root", p->top);
  static const char *const folders[] = {"outside", "root", "root/inner"};
  for (int i = 0; i < 3; i++)
    assert_int_equal(mkdir(in(p, folders[i], path), 0700), 0);
  put(in(p, "outside", path), "f", "outside");
  put(in(p, "root/inner", path), "f", "inside");
  assert_int_equal(symlink("../outside", in(p, "root/link", path)), 0);
  *state = p;
  return 0;
}

static int tear_down(void **state)
{
  struct place *p = *state;
  char path[PATH_MAX * 2];
  static const char *const names[] = {"outside/f", "root/inner/f", "root/link/f", "root/inner/made/deep", "root/inner/made",
                                      "root/inner", "root/link", "root", "outside"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (unlink(in(p, names[i], path)) != 0)
      rmdir(path);
  assert_int_equal(rmdir(p->top), 0);
  free(p);
  return 0;
}

/* What is in the file that the path leads to: its first letter, 'o' or 'i'; '!' when it is refused, '?' when
 * it cannot be opened. */
static char reads(const struct place *p, const char *name)
{
  char path[PATH_MAX * 2], letter = '?';
  struct spot s;
  if (!beneath_find(p->root, in(p, name, path), BENEATH_FOLLOW, &s))
    return s.outside ? '!' : '?';
  int fd = openat(s.folder, s.name, O_RDONLY | O_NOFOLLOW);
  if (fd >= 0 && read(fd, &letter, 1) != 1)
    letter = '?';
  if (fd >= 0)
    close(fd);
  beneath_free(&s);
  return letter;
}

static void paths_lead_where_they_say(void **state)
{
  const struct place *p = *state;
  assert_int_equal(reads(p, "root/inner/f"), 'i');
  assert_int_equal(reads(p, "outside/../root/./inner//f"), 'i');
  assert_int_equal(reads(p, "root/link/../root/inner/f"), 'i');
  assert_int_equal(reads(p, "root/link/f"), '!');
  assert_int_equal(reads(p, "root/../outside/f"), '!');
  assert_int_equal(reads(p, "none"), '!');
  assert_int_equal(reads(p, "root/none"), '?');
}

static void nothing_is_made_outside(void **state)
{
  const struct place *p = *state;
  char path[PATH_MAX * 2];
  struct spot s;
  assert_false(beneath_find(p->root, in(p, "root/link/made/deep", path), BENEATH_FOLLOW | BENEATH_MAKE, &s));
  assert_true(s.outside);
  assert_int_equal(access(in(p, "outside/made", path), F_OK), -1);
  assert_true(beneath_find(p->root, in(p, "root/inner/made/deep", path), BENEATH_FOLLOW | BENEATH_MAKE, &s));
  beneath_free(&s);
  assert_int_equal(access(path, F_OK), 0);
}

static void what_is_not_there_is_judged_by_its_names(void **state)
{
  const struct place *p = *state;
  char path[PATH_MAX * 2];
  struct spot s;
  assert_true(beneath_find(p->root, in(p, "root/no/such/../file", path), BENEATH_ABSENT, &s));
  beneath_free(&s);
  assert_false(beneath_find(p->root, in(p, "root/no/../../file", path), BENEATH_ABSENT, &s));
  assert_true(s.outside);
}

static void a_path_that_is_too_long_is_an_error(void **state)
{
  const struct place *p = *state;
  char name[400], path[PATH_MAX * 2];
  struct spot s;
  memset(name, 'x', sizeof name);
  memcpy(name, "root/", 5);
  name[sizeof name - 1] = 0;
  assert_false(beneath_find(p->root, in(p, name, path), BENEATH_FOLLOW, &s));
  assert_int_equal(errno, ENAMETOOLONG);
}

/* ---- in a race ------------------------------------------------------------------------------ */

struct swapper {
  const struct place *place;
  atomic_bool stop;
};

/* Puts the link in the folder's place and back, as fast as it can. */
static void *swap(void *arg)
{
  struct swapper *w = arg;
  char inner[PATH_MAX * 2], link[PATH_MAX * 2];
  in(w->place, "root/inner", inner);
  in(w->place, "root/link", link);
  for (unsigned long n = 0; !w->stop || n % 2; n++)
    if (renameat2(AT_FDCWD, inner, AT_FDCWD, link, RENAME_EXCHANGE) != 0)
      return (void *)"renameat2";
  return NULL;
}

static void a_link_that_comes_and_goes_leads_nowhere(void **state)
{
  struct swapper w = {.place = *state};
  pthread_t thread;
  void *failed;
  assert_int_equal(pthread_create(&thread, NULL, swap, &w), 0);
  int outside = 0;
  for (int i = 0; i < 5000; i++)
    outside += reads(w.place, "root/inner/f") == 'o';
  w.stop = true;
  pthread_join(thread, &failed);
  if (failed)  /* a file system that cannot exchange names */
    skip();
  assert_int_equal(outside, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    TEST(paths_lead_where_they_say),
    TEST(nothing_is_made_outside),
    TEST(what_is_not_there_is_judged_by_its_names),
    TEST(a_path_that_is_too_long_is_an_error),
    TEST(a_link_that_comes_and_goes_leads_nowhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
