/* Budgets: no window ever holds more than its limit, what a service says counts for all, and no file, however
 * broken, loses more than what it held. */
#include "budget.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static const double NOW = 1800000000;

static struct budget_claim claim(unsigned limit, double window)
{
  return (struct budget_claim){.key = KEY, .count = 1, .limits = {{limit, 1, window}}};
}

static struct budget_verdict take(struct budget_ledger *l, const struct budget_claim *c, double now)
{
  struct budget_verdict v;
  assert_true(budget_take(l, c, 1, now, &v));
  return v;
}

static void grant(struct budget_ledger *l, const struct budget_claim *c, int times, double now)
{
  for (int i = 0; i < times; i++)
    assert_int_equal(take(l, c, now).reason, BUDGET_GRANTED);
}

static void tell(struct budget_ledger *l, uint32_t ticket, struct budget_news news, double now)
{
  assert_true(budget_tell(l, KEY, ticket, &news, now));
}

/* ---- limits of our own ------------------------------------------------------------------ */

static void over_the_limit_it_says_how_long_to_wait(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(10, 16);
  grant(l, &c, 10, NOW);
  struct budget_verdict v = take(l, &c, NOW);
  assert_int_equal(v.reason, BUDGET_LIMIT);
  assert_true(v.wait > 15 && v.wait <= 17);
  assert_int_equal(take(l, &c, NOW + v.wait - 0.01).reason, BUDGET_LIMIT);
  assert_int_equal(take(l, &c, NOW + v.wait).reason, BUDGET_GRANTED);
  budget_close(l);
}

/* Whoever asks whenever it may: count in every window that ends at a grant. */
static void no_window_holds_more_than_its_limit(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(50, 10);
  double times[1000], now = NOW;
  unsigned seed = 7;
  for (int i = 0; i < 1000; i++) {
    struct budget_verdict v;
    for (v = take(l, &c, now); v.reason != BUDGET_GRANTED; v = take(l, &c, now))
      now += v.wait;
    times[i] = now;
    if (i >= 50)
      assert_true(times[i] - times[i - 50] > 10);
    seed = seed * 1103515245 + 12345;
    now += (double)(seed >> 16 & 255) / 1500;
  }
  assert_true(times[999] - NOW < 1000.0 / 50 * 10 * 1.2);  // and little is given away
  budget_close(l);
}

static void each_limit_counts_its_own_cost(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim write = {.key = KEY, .count = 2, .limits = {{100, 5, 60}, {3, 1, 60}}};
  struct budget_claim read = {.key = KEY, .count = 2, .limits = {{100, 1, 60}, {3, 0, 60}}};
  grant(l, &write, 3, NOW);
  struct budget_verdict v = take(l, &write, NOW);
  assert_int_equal(v.reason, BUDGET_LIMIT);
  assert_int_equal(v.limit, 1);
  grant(l, &read, 85, NOW);
  v = take(l, &read, NOW);
  assert_int_equal(v.limit, 0);
  budget_close(l);
}

static void a_request_that_costs_more_than_the_limit_goes_alone(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = {.key = KEY, .count = 1, .limits = {{3, 5, 1}}};
  assert_int_equal(take(l, &c, NOW).reason, BUDGET_GRANTED);
  assert_int_equal(take(l, &c, NOW).reason, BUDGET_LIMIT);
  assert_int_equal(take(l, &c, NOW + 2).reason, BUDGET_GRANTED);
  budget_close(l);
}

static void a_request_counts_in_both_claims_or_in_none(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim own = claim(100, 10), machine = claim(2, 10), both[2];
  machine.key = OTHER;
  both[0] = own, both[1] = machine;
  struct budget_verdict v;
  for (int i = 0; i < 4; i++)
    assert_true(budget_take(l, both, 2, NOW, &v));
  assert_int_equal(v.reason, BUDGET_LIMIT);
  assert_int_equal(v.claim, 1);
  grant(l, &own, 98, NOW);
  assert_int_equal(take(l, &own, NOW).reason, BUDGET_LIMIT);
  budget_close(l);
}

/* New accounts of one set do not take each other's place. */
static void two_claims_of_a_request_never_share_a_place(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  char keys[2][BUDGET_KEY + 1];
  for (int i = 0; i < 200; i++) {
    struct budget_claim both[2] = {claim(100, 10), claim(100, 10)};
    struct budget_verdict v;
    for (int k = 0; k < 2; k++) {
      snprintf(keys[k], sizeof keys[k], "%032x", i * 2 + k);
      both[k].key = keys[k];
    }
    for (uint32_t n = 1; n <= 3; n++) {
      assert_true(budget_take(l, both, 2, NOW + i, &v));
      assert_int_equal(v.ticket, n);
    }
  }
  budget_close(l);
}

static void news_for_an_account_that_is_gone_count_as_they_are(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(100, 10);
  tell(l, 77, (struct budget_news){.counted = true, .remaining = 2, .reset = 10}, NOW);
  grant(l, &c, 2, NOW);
  assert_int_equal(take(l, &c, NOW).reason, BUDGET_SPENT);
  budget_close(l);
}

static void news_of_an_uncounted_request_count_as_they_are(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(100, 10);
  grant(l, &c, 9, NOW);
  tell(l, 0, (struct budget_news){.counted = true, .remaining = 2, .reset = 10}, NOW);
  grant(l, &c, 2, NOW);
  assert_int_equal(take(l, &c, NOW).reason, BUDGET_SPENT);
  budget_close(l);
}

/* ---- what the service says ---------------------------------------------------------------- */

static void who_is_turned_away_holds_everybody_until_then(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(100, 10), other = claim(100, 10);
  other.key = OTHER;
  uint32_t ticket = take(l, &c, NOW).ticket;
  tell(l, ticket, (struct budget_news){.hold = 30}, NOW + 1);
  struct budget_verdict v = take(l, &c, NOW + 2);
  assert_int_equal(v.reason, BUDGET_HELD);
  assert_true(fabs(v.wait - 29) < 1e-6);
  tell(l, ticket, (struct budget_news){.hold = 5}, NOW + 3);
  assert_true(fabs(take(l, &c, NOW + 3).wait - 28) < 1e-6);
  assert_int_equal(take(l, &other, NOW + 3).reason, BUDGET_GRANTED);
  assert_int_equal(take(l, &c, NOW + 31).reason, BUDGET_GRANTED);
  budget_close(l);
}

static void nothing_left_means_waiting_for_the_reset(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(1000, 10);
  uint32_t ticket = take(l, &c, NOW).ticket;
  tell(l, ticket, (struct budget_news){.counted = true, .remaining = 0, .quota = 100, .reset = 20}, NOW);
  struct budget_verdict v = take(l, &c, NOW + 5);
  assert_int_equal(v.reason, BUDGET_SPENT);
  assert_true(fabs(v.wait - 15) < 1e-6);
  assert_int_equal(take(l, &c, NOW + 20).reason, BUDGET_GRANTED);
  budget_close(l);
}

/* Five left, three of them on their way when the service counted. */
static void what_is_on_its_way_is_taken_off(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(1000, 10);
  uint32_t ticket = take(l, &c, NOW).ticket;
  grant(l, &c, 3, NOW);
  tell(l, ticket, (struct budget_news){.counted = true, .remaining = 5, .reset = 3600}, NOW);
  grant(l, &c, 2, NOW);
  assert_int_equal(take(l, &c, NOW).reason, BUDGET_SPENT);
  /* an answer that did not count, such as 304, gives it back */
  tell(l, ticket + 5, (struct budget_news){.counted = true, .remaining = 5, .reset = 3600}, NOW);
  grant(l, &c, 5, NOW);
  budget_close(l);
}

static void the_last_tenth_is_spread(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(1000, 10);
  uint32_t ticket = take(l, &c, NOW).ticket;
  tell(l, ticket, (struct budget_news){.counted = true, .remaining = 11, .quota = 100, .reset = 5}, NOW);
  grant(l, &c, 1, NOW);
  double now = NOW;
  for (int i = 0; i < 10; i++) {
    struct budget_verdict v = take(l, &c, now);
    assert_int_equal(v.reason, BUDGET_PACED);
    assert_true(v.wait > 0 && v.wait <= 1);
    now += v.wait;
    grant(l, &c, 1, now);
  }
  assert_true(now < NOW + 5);
  assert_int_equal(take(l, &c, now).reason, BUDGET_SPENT);
  budget_close(l);
}

static void an_account_never_waits_longer_than_a_day(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(1000, 10);
  take(l, &c, NOW);
  tell(l, 1, (struct budget_news){.hold = 1e300}, NOW);
  assert_true(take(l, &c, NOW).wait <= 86400);
  budget_close(l);
}

/* ---- clocks ------------------------------------------------------------------------------------ */

static void a_clock_set_back_makes_nobody_wait_longer(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(10, 16);
  grant(l, &c, 10, NOW);
  double before = take(l, &c, NOW).wait, back = NOW - 7200.3;
  struct budget_verdict v = take(l, &c, back);
  assert_int_equal(v.reason, BUDGET_LIMIT);
  assert_true(v.wait <= before + 1);
  assert_int_equal(take(l, &c, back + v.wait).reason, BUDGET_GRANTED);
  tell(l, 11, (struct budget_news){.hold = 30}, back + 100);
  v = take(l, &c, back - 86400);
  assert_true(fabs(v.wait - 30) < 1e-3);
  assert_true(fabs(take(l, &c, back - 86400 + 10).wait - 20) < 1e-3);
  budget_close(l);
}

static void a_clock_set_forward_frees(void **state)
{
  struct budget_ledger *l = budget_open(NULL);
  struct budget_claim c = claim(10, 16);
  grant(l, &c, 10, NOW);
  grant(l, &c, 10, NOW + 1e6);
  budget_close(l);
}

/* ---- the file ------------------------------------------------------------------------------------ */

static char folder[64], file[128];

static int make_folder(void **state)
{
  strcpy(folder, "/tmp/davit-budget-XXXXXX");
  if (!mkdtemp(folder))
    return -1;
  snprintf(file, sizeof file, "%s/state/davit/budgets", folder);
  return 0;
}

static int remove_folder(void **state)
{
  char path[128];
  unlink(file);
  rmdir(file);
  snprintf(path, sizeof path, "%s/state/davit", folder);
  rmdir(path);
  snprintf(path, sizeof path, "%s/state", folder);
  rmdir(path);
  return rmdir(folder);
}

static void two_ledgers_share_a_file(void **state)
{
  struct budget_ledger *a = budget_open(file), *b = budget_open(file);
  struct budget_claim c = claim(10, 16);
  assert_true(budget_shared(a) && budget_shared(b));
  grant(a, &c, 5, NOW);
  grant(b, &c, 5, NOW);
  assert_int_equal(take(a, &c, NOW).reason, BUDGET_LIMIT);
  assert_int_equal(take(b, &c, NOW).reason, BUDGET_LIMIT);
  tell(a, 1, (struct budget_news){.hold = 60}, NOW);
  assert_int_equal(take(b, &c, NOW).reason, BUDGET_HELD);
  budget_close(a);
  budget_close(b);
}

static void the_file_is_for_nobody_else(void **state)
{
  struct stat st;
  char parent[128];
  umask(0);
  budget_close(budget_open(file));
  snprintf(parent, sizeof parent, "%s/state/davit", folder);
  assert_int_equal(stat(file, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(stat(parent, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  assert_int_equal(chmod(file, 0666), 0);
  budget_close(budget_open(file));
  assert_int_equal(stat(file, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

/* Every byte of what it wrote, in turn: either the account is as it was, or empty. */
static void a_corrupt_file_starts_afresh(void **state)
{
  struct budget_ledger *l = budget_open(file);
  struct budget_claim c = claim(10, 16);
  char bytes[65536], changed;
  grant(l, &c, 10, NOW);
  int fd = open(file, O_RDWR);
  ssize_t n = read(fd, bytes, sizeof bytes);
  assert_true(n >= 512);
  for (ssize_t at = n - 512; at < n; at += 3) {
    changed = (char)(bytes[at] ^ 0x41);
    assert_int_equal(pwrite(fd, bytes, (size_t)n, 0), n);
    assert_int_equal(pwrite(fd, &changed, 1, at), 1);
    bool padding = at >= n - 512 + (ssize_t)sizeof(struct budget_account);
    assert_int_equal(take(l, &c, NOW).reason, padding ? BUDGET_LIMIT : BUDGET_GRANTED);
  }
  memset(bytes, 0xA5, sizeof bytes);
  assert_int_equal(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
  grant(l, &c, 10, NOW);
  assert_int_equal(take(l, &c, NOW).reason, BUDGET_LIMIT);
  assert_int_equal(ftruncate(fd, 100), 0);
  grant(l, &c, 10, NOW);
  close(fd);
  budget_close(l);
}

static void a_file_that_is_removed_is_made_again(void **state)
{
  struct budget_ledger *a = budget_open(file), *b = budget_open(file);
  struct budget_claim c = claim(10, 16);
  assert_int_equal(unlink(file), 0);
  grant(a, &c, 6, NOW);
  grant(b, &c, 4, NOW);
  assert_int_equal(take(a, &c, NOW).reason, BUDGET_LIMIT);
  assert_int_equal(access(file, F_OK), 0);
  budget_close(a);
  budget_close(b);
}

static void what_is_no_file_of_ours_leaves_the_ledger_in_memory(void **state)
{
  struct budget_claim c = claim(1, 16);
  budget_close(budget_open(file));
  unlink(file);
  assert_int_equal(symlink("/dev/full", file), 0);
  const char *const places[] = {file, "/proc/nowhere/budgets", "/dev/null"};
  for (int i = 0; i < 3; i++) {
    struct budget_ledger *l = budget_open(places[i]);
    assert_false(budget_shared(l));
    grant(l, &c, 1, NOW);
    assert_int_equal(take(l, &c, NOW).reason, BUDGET_LIMIT);
    budget_close(l);
  }
}

static void who_finds_it_locked_is_told_to_come_again(void **state)
{
  struct budget_ledger *l = budget_open(file);
  struct budget_claim c = claim(10, 16);
  struct budget_verdict v;
  int fd = open(file, O_RDWR);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_false(budget_take(l, &c, 1, NOW, &v));
  assert_false(budget_tell(l, KEY, 1, &(struct budget_news){.hold = 1}, NOW));
  close(fd);
  assert_true(budget_take(l, &c, 1, NOW, &v));
  budget_close(l);
}

/* More accounts than there are places: the one used last is never the one that goes. */
static void old_accounts_give_way(void **state)
{
  struct budget_ledger *l = budget_open(file);
  struct budget_claim c = claim(1, 86400);
  char key[BUDGET_KEY + 1];
  struct stat st;
  for (int i = 0; i < 2000; i++) {
    snprintf(key, sizeof key, "%032x", i * 7919);
    c.key = key;
    grant(l, &c, 1, NOW + i);
    assert_int_equal(take(l, &c, NOW + i).reason, BUDGET_LIMIT);
  }
  assert_int_equal(stat(file, &st), 0);
  assert_true(st.st_size <= 65536);
  budget_close(l);
}

enum { PROCESSES = 4, EACH = 400 };

static void ask_often(void)
{
  struct budget_ledger *l = budget_open(file);
  struct budget_claim c = claim(1000000, 3600);
  struct budget_verdict v;
  for (int i = 0; i < EACH; i++)
    while (!budget_take(l, &c, 1, NOW, &v))
      usleep(100);
  _exit(0);
}

static uint32_t tickets(void)
{
  struct budget_ledger *l = budget_open(file);
  struct budget_claim c = claim(1000000, 3600);
  uint32_t n = take(l, &c, NOW).ticket - 1;
  budget_close(l);
  return n;
}

static void processes_count_together(void **state)
{
  for (int i = 0; i < PROCESSES; i++)
    if (fork() == 0)
      ask_often();
  for (int i = 0; i < PROCESSES; i++)
    assert_true(wait(NULL) > 0);
  assert_int_equal(tickets(), PROCESSES * EACH);
}

static void ask_for_ever(void)
{
  struct budget_ledger *l = budget_open(file);
  struct budget_claim c = claim(1000000, 3600);
  struct budget_verdict v;
  for (;;)
    budget_take(l, &c, 1, NOW, &v);
}

/* Killed wherever it stands: nothing is held, nothing is lost. */
static void who_is_killed_holds_nothing_and_loses_nothing(void **state)
{
  uint32_t before = 0;
  for (int i = 0; i < 50; i++) {
    pid_t pid = fork();
    if (pid == 0)
      ask_for_ever();
    usleep(500 + (unsigned)i * 37);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    uint32_t now = tickets();
    assert_true(now >= before);
    before = now;
  }
}

#define WITH_FILE(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(over_the_limit_it_says_how_long_to_wait),
    cmocka_unit_test(no_window_holds_more_than_its_limit),
    cmocka_unit_test(each_limit_counts_its_own_cost),
    cmocka_unit_test(a_request_that_costs_more_than_the_limit_goes_alone),
    cmocka_unit_test(a_request_counts_in_both_claims_or_in_none),
    cmocka_unit_test(two_claims_of_a_request_never_share_a_place),
    cmocka_unit_test(news_for_an_account_that_is_gone_count_as_they_are),
    cmocka_unit_test(news_of_an_uncounted_request_count_as_they_are),
    cmocka_unit_test(who_is_turned_away_holds_everybody_until_then),
    cmocka_unit_test(nothing_left_means_waiting_for_the_reset),
    cmocka_unit_test(what_is_on_its_way_is_taken_off),
    cmocka_unit_test(the_last_tenth_is_spread),
    cmocka_unit_test(an_account_never_waits_longer_than_a_day),
    cmocka_unit_test(a_clock_set_back_makes_nobody_wait_longer),
    cmocka_unit_test(a_clock_set_forward_frees),
    WITH_FILE(two_ledgers_share_a_file),
    WITH_FILE(the_file_is_for_nobody_else),
    WITH_FILE(a_corrupt_file_starts_afresh),
    WITH_FILE(a_file_that_is_removed_is_made_again),
    WITH_FILE(what_is_no_file_of_ours_leaves_the_ledger_in_memory),
    WITH_FILE(who_finds_it_locked_is_told_to_come_again),
    WITH_FILE(old_accounts_give_way),
    WITH_FILE(processes_count_together),
    WITH_FILE(who_is_killed_holds_nothing_and_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
