/* What children write: whole lines, progress, a bounded tail. */
#include "process_sink.h"
#include "mask.h"
#include "output.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

struct bench {
  struct mask *mask;
  struct process_stream to;
  struct process_sink sink;
  int fd;
};

static void open_bench(struct bench *b, const char *prefix, bool live)
{
  b->mask = mask_new();
  b->fd = memfd_create("output", MFD_CLOEXEC);
  b->to = (struct process_stream){.output = output_new(b->fd, b->mask), .prefix = prefix, .max = 100, .live = live};
  b->sink = (struct process_sink){0};
  assert_true(process_sink_open(&b->sink, b->mask));
}

static void take(struct bench *b, const char *text, size_t step)
{
  for (size_t i = 0, len = strlen(text); i < len; i += step)
    process_sink_take(&b->sink, &b->to, text + i, len - i < step ? len - i : step);
}

static size_t written(const struct bench *b, char *text, size_t size)
{
  ssize_t n = pread(b->fd, text, size - 1, 0);
  text[n > 0 ? n : 0] = 0;
  return (size_t)n;
}

static void close_bench(struct bench *b)
{
  process_sink_close(&b->sink);
  output_free(b->to.output);
  mask_free(b->mask);
  close(b->fd);
}

/* At every cut. */
static void shows(const char *text, bool live, const char *expected)
{
  for (size_t step = 1; step <= strlen(text); step++) {
    struct bench b;
    char out[256];
    open_bench(&b, "> ", live);
    take(&b, text, step);
    process_sink_take(&b.sink, &b.to, NULL, 0);
    output_flush(b.to.output);
    written(&b, out, sizeof out);
    assert_string_equal(out, expected);
    assert_true(process_sink_ok(&b.sink));
    close_bench(&b);
  }
}

static void lines_carry_the_prefix(void **state)
{
  shows("one\n\ntwo", false, "> one\n> \n> two\n");
  shows("one\r\ntwo\r\n", false, "> one\n> two\n");
}

static void a_log_gets_the_last_state_of_progress(void **state)
{
  shows("1 %\r2 %\r\r100 %\n", false, "> 100 %\n");
  shows("1 %\r2 %\r", false, "> 2 %\n");
  shows("a\n1 %\r2 %\nb\r\n", false, "> a\n> 2 %\n> b\n");
}

static void who_watches_sees_every_state(void **state)
{
  shows("1 %\r2 %\rdone\n", true, "> 1 %\r> 2 %\r> done\n");
  shows("a\r\nb", true, "> a\n> b\n");
}

static void progress_is_shown_before_what_follows(void **state)
{
  struct bench b;
  char out[64];
  open_bench(&b, NULL, true);
  take(&b, "50 %\r", 5);
  output_flush(b.to.output);
  written(&b, out, sizeof out);
  assert_string_equal(out, "50 %");
  close_bench(&b);
}

static void invalid_bytes_pass_as_they_are(void **state)
{
  shows("\xff\xc3\n\xe2\x82", false, "> \xff\xc3\n> \xe2\x82\n");
}

/* 64 MiB without a line end, then as much progress. */
static void neither_long_lines_nor_progress_need_memory(void **state)
{
  static char chunk[64 * 1024];
  struct bench b;
  open_bench(&b, "> ", false);
  memset(chunk, 'x', sizeof chunk);
  for (int i = 0; i < 1024; i++)
    process_sink_take(&b.sink, &b.to, chunk, sizeof chunk);
  for (size_t i = 0; i < sizeof chunk; i += 4)
    chunk[i] = '\r';
  for (int i = 0; i < 1024; i++)
    process_sink_take(&b.sink, &b.to, chunk, sizeof chunk);
  assert_true(b.sink.lines.size <= 512 * 1024);
  assert_true(b.sink.kept.size <= 512 * 1024);
  assert_true(b.sink.dropped == 128.0 * 1024 * 1024 - 100);
  close_bench(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_carry_the_prefix),
    cmocka_unit_test(a_log_gets_the_last_state_of_progress),
    cmocka_unit_test(who_watches_sees_every_state),
    cmocka_unit_test(progress_is_shown_before_what_follows),
    cmocka_unit_test(invalid_bytes_pass_as_they_are),
    cmocka_unit_test(neither_long_lines_nor_progress_need_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
