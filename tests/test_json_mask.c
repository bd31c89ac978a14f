/* test_json_mask.c - a masked JSON text is JSON, and says no secret. */
#include "json_mask.h"
#include "mask.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static int open_mask(void **state)
{
  static const char *const secrets[] = {"hunter2hunter3", "quo\"te\nline", "83518351", "message", "1.5e3",
                                        "bytes\xc3", NULL};
  struct mask *m = mask_new();
  for (int i = 0; secrets[i]; i++)
    assert_int_equal(mask_add(m, "SECRET", secrets[i], strlen(secrets[i])), MASK_ADDED);
  *state = m;
  return 0;
}

static int close_mask(void **state)
{
  mask_free(*state);
  return 0;
}

static bool masked(struct mask *m, const char *text, bool event, const char *expected)
{
  struct buf out;
  buf_init(&out, 4096);
  buf_add_str(&out, "> ");
  bool number = json_mask(m, text, strlen(text), event, &out);
  assert_true(buf_ok(&out));
  assert_string_equal(buf_str(&out) + 2, expected);
  assert_int_equal(out.len, strlen(expected) + 2);
  buf_free(&out);
  return number;
}

static void what_holds_no_secret_stays_as_it_is(void **state)
{
  static const char *const texts[] = {
    "", "{}", "[]", "\"\"", "-1.5e+10", "{ \"a\" : [ true, false, null ],\n\"b\\u0041\\/\": \"x\\ty\" }", NULL};
  for (int i = 0; texts[i]; i++)
    masked(*state, texts[i], false, texts[i]);
}

static void strings_and_names_are_masked_without_their_escapes(void **state)
{
  masked(*state, "{\"a\":\"is hunter2hunter3\",\"hunter2hunter3\":[\"quo\\\"te\\nline\"]}", false,
         "{\"a\":\"is ***\",\"***\":[\"***\"]}");
  masked(*state, "\"hunter2\\u0068unter3 \\\"\\n\"", false, "\"*** \\\"\\n\"");
  masked(*state, "\"{\\\"k\\\":\\\"quo\\\\\\\"te\\\\nline\\\"}\"", false, "\"{\\\"k\\\":\\\"***\\\"}\"");
}

static void a_number_is_masked_when_it_is_a_secret_not_when_it_holds_one(void **state)
{
  assert_true(masked(*state, "[83518351,183518351,0.83518351,1.5e3]", false, "[\"***\",183518351,0.83518351,\"***\"]"));
  assert_false(masked(*state, "{\"seconds\":83518351,\"at\":83518351,\"x\":8351835}", false,
                      "{\"seconds\":83518351,\"at\":83518351,\"x\":8351835}"));
}

static void the_names_of_fields_stay(void **state)
{
  masked(*state, "{\"message\":\"the message\",\"error\":{\"message\":\"m\"},\"a message\":1}", false,
         "{\"message\":\"the ***\",\"error\":{\"message\":\"m\"},\"a ***\":1}");
}

static void of_an_event_what_davit_made_stays(void **state)
{
  struct mask *m = *state;
  mask_add(m, "WORD", "started", 7);
  masked(m, "{\"v\":83518351,\"event\":\"step-started\",\"path\":\"started\",\"data\":{\"event\":\"started\"}}", true,
         "{\"v\":83518351,\"event\":\"step-started\",\"path\":\"***\",\"data\":{\"event\":\"***\"}}");
  masked(m, "{\"v\":83518351,\"event\":\"step-started\"}", false, "{\"v\":\"***\",\"event\":\"step-***\"}");
}

static void a_secret_that_ends_within_a_character_takes_the_string_along(void **state)
{
  masked(*state, "\"bytes\xc3\xa4\"", false, "\"***\"");
}

static void what_is_no_json_is_masked_as_it_stands(void **state)
{
  masked(*state, "hunter2hunter3", false, "***");
  masked(*state, "{\"a\":hunter2hunter3}", false, "{\"a\":***}");
  masked(*state, "\"hunter2hunter3", false, "\"***");
  masked(*state, "\"bad \\q hunter2hunter3\"", false, "\"***\"");
  masked(*state, "'83518351", false, "'***");
}

#define WITH_MASK(test) cmocka_unit_test_setup_teardown(test, open_mask, close_mask)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH_MASK(what_holds_no_secret_stays_as_it_is),
    WITH_MASK(strings_and_names_are_masked_without_their_escapes),
    WITH_MASK(a_number_is_masked_when_it_is_a_secret_not_when_it_holds_one),
    WITH_MASK(the_names_of_fields_stay),
    WITH_MASK(of_an_event_what_davit_made_stays),
    WITH_MASK(a_secret_that_ends_within_a_character_takes_the_string_along),
    WITH_MASK(what_is_no_json_is_masked_as_it_stands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
