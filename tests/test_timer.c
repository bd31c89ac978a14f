/* Timers fire in order of time, then of start, and never after they were stopped. */
#include "timer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char fired[64];

static void note(void *arg)
{
  strncat(fired, arg, sizeof fired - strlen(fired) - 1);
}

static struct timer named(char *name)
{
  return (struct timer){.fire = note, .arg = name};
}

static void equal_times_fire_in_the_order_they_were_started(void **state)
{
  struct timers ts = {0};
  struct timer a = named("a"), b = named("b"), c = named("c");
  fired[0] = 0;
  timer_start(&ts, &c, 2);
  timer_start(&ts, &a, 1);
  timer_start(&ts, &b, 1);
  timers_fire(&ts, 5);
  assert_string_equal(fired, "abc");
  assert_true(timers_next(&ts) == INFINITY);
  timers_free(&ts);
}

static void a_stopped_timer_never_fires_and_may_start_again(void **state)
{
  struct timers ts = {0};
  struct timer a = named("a"), b = named("b");
  fired[0] = 0;
  timer_start(&ts, &a, 1);
  timer_start(&ts, &b, 2);
  timer_stop(&ts, &a);
  timer_stop(&ts, &a);
  timers_fire(&ts, 1.5);
  assert_string_equal(fired, "");
  timer_start(&ts, &a, 3);
  timers_fire(&ts, 3);
  assert_string_equal(fired, "ba");
  timers_free(&ts);
}

static void moving_a_timer_keeps_the_heap_in_order(void **state)
{
  struct timers ts = {0};
  struct timer timers[100];
  unsigned seed = 1;
  double last = 0;
  for (int i = 0; i < 100; i++) {
    timers[i] = named("");
    timer_start(&ts, &timers[i], (seed = seed * 1103515245 + 12345) % 1000);
  }
  for (int i = 0; i < 100; i += 3)
    timer_start(&ts, &timers[i], (seed = seed * 1103515245 + 12345) % 1000);
  for (int i = 0; i < 100; i += 7)
    timer_stop(&ts, &timers[i]);
  while (ts.count) {
    double due = timers_next(&ts);
    assert_true(due >= last);
    last = due;
    for (int i = 0; i < ts.count; i++)
      assert_int_equal(ts.heap[i]->slot, i + 1);
    timer_stop(&ts, ts.heap[0]);
  }
  timers_free(&ts);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(equal_times_fire_in_the_order_they_were_started),
    cmocka_unit_test(a_stopped_timer_never_fires_and_may_start_again),
    cmocka_unit_test(moving_a_timer_keeps_the_heap_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
