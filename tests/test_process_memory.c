/* The kernel's count of processes killed for want of memory, read from files made up here. */
#include "process_memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/davit-memory-XXXXXX";

static const char *at(const char *path)
{
  static char full[4][200];
  static int turn;
  char *text = full[turn++ % 4];
  snprintf(text, sizeof full[0], "%s/%s", root, path);
  return text;
}

static void put(const char *path, const char *text)
{
  FILE *f = fopen(at(path), "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static void open_with(struct process_memory *m, const char *groups)
{
  put("groups", groups);
  process_memory_open(m, at("groups"), at("mount"), at("machine"));
}

static int make_files(void **state)
{
  static const char *const folders[] = {"mount", "mount/a", "mount/memory", "mount/memory/b", NULL};
  if (!mkdtemp(root))
    return -1;
  for (int i = 0; folders[i]; i++)
    mkdir(at(folders[i]), 0700);
  put("machine", "pgfault 12\noom_kill 7\nnuma_hit 3\n");
  put("mount/a/memory.events", "low 0\nhigh 4\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n");
  put("mount/memory/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  put("mount/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n");
  return 0;
}

static int remove_files(void **state)
{
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", root);
  return system(command);
}

static void counts(const char *groups, unsigned long long kills, const char *file)
{
  struct process_memory m;
  open_with(&m, groups);
  assert_int_equal(process_memory_kills(&m), kills);
  assert_string_equal(m.file, at(file));
  process_memory_close(&m);
}

static void the_group_of_version_2_counts(void **state)
{
  counts("0::/a\n", 1, "mount/a/memory.events");
}

static void the_group_of_version_1_counts(void **state)
{
  counts("3:cpu,cpuacct:/b\n2:memory:/b\n0::/\n", 5, "mount/memory/b/memory.oom_control");
}

static void a_path_from_outside_the_container_means_what_is_mounted(void **state)
{
  counts("2:memory:/docker/0123\n", 6, "mount/memory/memory.oom_control");
}

static void without_a_group_the_machine_counts(void **state)
{
  counts("0::/none\n", 7, "machine");
  counts("", 7, "machine");
}

static void where_nothing_counts_there_are_none(void **state)
{
  struct process_memory m;
  process_memory_open(&m, at("no"), at("no"), at("groups"));
  assert_int_equal(process_memory_kills(&m), 0);
  process_memory_close(&m);
}

static void a_rise_is_told_with_its_source(void **state)
{
  struct process_memory m;
  char text[160], expected[200];
  open_with(&m, "0::/a\n");
  put("mount/a/memory.events", "oom 3\noom_kill 3\n");
  process_memory_describe(&m, 1, process_memory_kills(&m), text, sizeof text);
  snprintf(expected, sizeof expected, "the kernel's count of processes killed for want of memory rose from 1 to 3 (%s)",
           at("mount/a/memory.events"));
  assert_string_equal(text, expected);
  process_memory_describe(&m, 3, process_memory_kills(&m), text, sizeof text);
  assert_string_equal(text, "");
  process_memory_close(&m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_group_of_version_2_counts),
    cmocka_unit_test(the_group_of_version_1_counts),
    cmocka_unit_test(a_path_from_outside_the_container_means_what_is_mounted),
    cmocka_unit_test(without_a_group_the_machine_counts),
    cmocka_unit_test(where_nothing_counts_there_are_none),
    cmocka_unit_test(a_rise_is_told_with_its_source),
  };
  return cmocka_run_group_tests(tests, make_files, remove_files);
}
