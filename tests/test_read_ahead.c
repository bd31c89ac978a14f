/* test_read_ahead.c - a file that a thread reads ahead: all of it, in its order, also when it is left in the middle. */
#include "read_ahead.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { NUMBERS = 500000 };  /* more than all chunks hold */

/* A file that has no name, of numbers that count. */
static int numbers_file(size_t count)
{
  FILE *file = tmpfile();
  assert_non_null(file);
  for (uint32_t i = 0; i < count; i++)
    assert_int_equal(fwrite(&i, sizeof i, 1, file), 1);
  fflush(file);
  int fd = dup(fileno(file));
  fclose(file);
  assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
  return fd;
}

static void all_of_a_file_comes_in_its_order(void **state)
{
  int fd = numbers_file(NUMBERS);
  struct read_ahead *r = read_ahead_new(fd);
  const char *chunk;
  uint32_t expected = 0;
  assert_non_null(r);
  for (ssize_t n; (n = read_ahead_next(r, &chunk)) != 0;) {
    assert_true(n > 0 && n % 4 == 0);
    for (ssize_t i = 0; i < n; i += 4, expected++)
      assert_memory_equal(chunk + i, &expected, 4);
  }
  assert_int_equal(expected, NUMBERS);
  read_ahead_free(r);
  close(fd);
}

static void an_empty_file_has_only_an_end(void **state)
{
  int fd = numbers_file(0);
  struct read_ahead *r = read_ahead_new(fd);
  const char *chunk;
  assert_int_equal(read_ahead_next(r, &chunk), 0);
  read_ahead_free(r);
  close(fd);
}

static void it_may_be_left_before_the_end(void **state)
{
  for (int taken = 0; taken < 8; taken++) {
    int fd = numbers_file(NUMBERS);
    struct read_ahead *r = read_ahead_new(fd);
    const char *chunk;
    for (int i = 0; i < taken; i++)
      assert_true(read_ahead_next(r, &chunk) > 0);
    read_ahead_free(r);
    close(fd);
  }
  read_ahead_free(NULL);
}

static void an_error_is_the_takers(void **state)
{
  int fd = open("/", O_RDONLY);
  struct read_ahead *r = read_ahead_new(fd);
  const char *chunk;
  errno = 0;
  assert_int_equal(read_ahead_next(r, &chunk), -1);
  assert_int_equal(errno, EISDIR);
  read_ahead_free(r);
  close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_of_a_file_comes_in_its_order),
    cmocka_unit_test(an_empty_file_has_only_an_end),
    cmocka_unit_test(it_may_be_left_before_the_end),
    cmocka_unit_test(an_error_is_the_takers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
