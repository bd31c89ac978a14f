/* test_locked.c - the memory that secrets live in. */
#include "locked.h"
#include "watched.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- guards ------------------------------------------------------------------------- */

/* The signal that ends a process which reads the byte; 0: none. */
static int reading_ends_with(const volatile char *at)
{
  int status;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit(*at == 1 ? 3 : 0);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_page_that_nobody_may_touch_stands_on_either_side(void **state)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *data = locked_alloc(page + 1);
  assert_int_equal(reading_ends_with(data), 0);
  assert_int_equal(reading_ends_with(data + 2 * page - 1), 0);
  assert_int_equal(reading_ends_with(data - 1), SIGSEGV);
  assert_int_equal(reading_ends_with(data + 2 * page), SIGSEGV);
  locked_free(data, page + 1);
}

static void what_no_memory_can_hold_is_no_memory(void **state)
{
  assert_null(locked_alloc(SIZE_MAX));
  assert_null(locked_alloc(0));
}

/* ---- what the kernel was told ----------------------------------------------------------- */

/* The flags of the mapping that begins at the address (proc(5), smaps). */
static void read_flags(const void *at, char *flags, size_t size)
{
  char line[512], begin[32];
  bool here = false;
  FILE *f = fopen("/proc/self/smaps", "r");
  assert_non_null(f);
  snprintf(begin, sizeof begin, "%lx-", (unsigned long)(uintptr_t)at);
  *flags = 0;
  while (fgets(line, sizeof line, f)) {
    here = here || strncmp(line, begin, strlen(begin)) == 0;
    if (here && strncmp(line, "VmFlags:", 8) == 0) {
      snprintf(flags, size, "%s", line);
      break;
    }
  }
  fclose(f);
}

static void values_are_locked_and_in_no_dump(void **state)
{
  char flags[512];
  struct arena a = {0};
  char *value = arena_alloc(&a, 100);
  read_flags(value, flags, sizeof flags);
  assert_true(WATCHED || strstr(flags, " lo"));  // AddressSanitizer locks nothing
  assert_non_null(strstr(flags, " dd"));
  arena_close(&a);
}

static void a_fork_forgets_where_it_is_told_to(void **state)
{
  for (int forgets = 0; forgets < 2; forgets++) {
    int status;
    struct arena a = {.forgets = forgets};
    char *value = arena_alloc(&a, 8), *other = arena_alloc(&a, 8);
    memcpy(value, "a-value", 8);
    memcpy(other, "another", 8);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
      bool there = memcmp(value, "a-value", 8) == 0;
      arena_free(&a, value, 8);
      arena_close(&a);
      _exit(there ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, forgets ? 0 : 1 << 8);
    assert_string_equal(value, "a-value");
    arena_close(&a);
  }
}

/* ---- the arena ---------------------------------------------------------------------------- */

static void values_of_any_size_stand_beside_each_other(void **state)
{
  enum { N = 200 };
  struct arena a = {0};
  char *values[N];
  for (size_t i = 0; i < N; i++) {
    values[i] = arena_alloc(&a, i * i);
    memset(values[i], (int)i, i * i);
  }
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < i * i; k++)
      assert_int_equal((unsigned char)values[i][k], i);
  for (size_t i = 0; i < N; i++)
    arena_free(&a, values[i], i * i);
  assert_null(a.blocks);
}

static void a_value_that_was_freed_is_gone(void **state)
{
  struct arena a = {0};
  char *value = arena_alloc(&a, 8), *other = arena_alloc(&a, 8);
  memcpy(value, "a-value", 8);
  arena_free(&a, value, 8);
  assert_memory_equal(value, "\0\0\0\0\0\0\0", 8);
  arena_free(&a, other, 8);
}

/* ---- a real core file ------------------------------------------------------------------------ */

/* Not in the program's text: that is in no core, but in the file that a reader would search. */
static void write_value(volatile char *to, char tag)
{
  static const char coded[] = "tfdsfu.pg.uif.dpsf.uftu";
  for (size_t i = 0; coded[i]; i++)
    to[i] = (char)(coded[i] - 1);
  to[0] = tag;
}

enum { VALUE = 24 };

static _Noreturn void dump_core(const char *folder)
{
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  struct arena a = {0};
  char *in_vault = arena_alloc(&a, VALUE), *outside = calloc(1, VALUE);
  if (chdir(folder) != 0 || setrlimit(RLIMIT_CORE, &all) != 0 || !in_vault || !outside)
    _exit(1);
  write_value(in_vault, 'V');
  write_value(outside, 'H');
  signal(SIGABRT, SIG_DFL);
  abort();
}

static bool file_holds(const char *path, const char *value)
{
  struct stat st;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &st) != 0)
    return false;
  char *text = malloc((size_t)st.st_size + 1);
  ssize_t n = read(fd, text, (size_t)st.st_size);
  bool found = n > 0 && memmem(text, (size_t)n, value, VALUE - 1) != NULL;
  free(text);
  close(fd);
  return found;
}

/* The core in the folder: "core" or "core.PID". */
static bool find_core(const char *folder, pid_t pid, char *path, size_t size)
{
  snprintf(path, size, "%s/core", folder);
  if (access(path, R_OK) == 0)
    return true;
  snprintf(path, size, "%s/core.%d", folder, (int)pid);
  return access(path, R_OK) == 0;
}

static void a_core_holds_the_heap_and_not_the_values(void **state)
{
  char folder[] = "/tmp/davit-core-XXXXXX", path[64], vault[VALUE] = "", heap[VALUE] = "";
  int status;
  assert_non_null(mkdtemp(folder));
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0)
    dump_core(folder);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  bool dumped = WIFSIGNALED(status) && WCOREDUMP(status) && find_core(folder, pid, path, sizeof path);
  write_value(vault, 'V');
  write_value(heap, 'H');
  bool has_heap = dumped && file_holds(path, heap), has_vault = dumped && file_holds(path, vault);
  if (dumped)
    unlink(path);
  rmdir(folder);
  if (!dumped) {
    print_message("this machine writes no core file here\n");
    skip();
  }
  assert_true(has_heap);
  assert_false(has_vault);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_page_that_nobody_may_touch_stands_on_either_side),
    cmocka_unit_test(what_no_memory_can_hold_is_no_memory),
    cmocka_unit_test(values_are_locked_and_in_no_dump),
    cmocka_unit_test(a_fork_forgets_where_it_is_told_to),
    cmocka_unit_test(values_of_any_size_stand_beside_each_other),
    cmocka_unit_test(a_value_that_was_freed_is_gone),
    cmocka_unit_test(a_core_holds_the_heap_and_not_the_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
