/* A string inside a JSON text is found by its pointer, or not at all. */
#include "json_span.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *find(const char *text, const char *pointer)
{
  static char found[128];
  size_t from, to;
  struct buf b;
  if (!json_span(text, strlen(text), pointer, &from, &to))
    return NULL;
  buf_init(&b, sizeof found - 1);
  bool ok = json_unescape(text + from, to - from, &b);
  snprintf(found, sizeof found, "%s", ok ? buf_str(&b) : "(bad escape)");
  buf_free(&b);
  return found;
}

static void members_and_elements_are_found_in_depth(void **state)
{
  const char *text = " { \"a\" : [ 1, {\"x\":null}, {\"uri\": \"postgresql://u:p\" } ], \"a/b~c\": \"t\" } ";
  assert_string_equal(find(text, "/a/2/uri"), "postgresql://u:p");
  assert_string_equal(find(text, "/a~1b~0c"), "t");
  assert_string_equal(find("\"alone\"", ""), "alone");
}

static void what_is_not_a_string_there_is_not_found(void **state)
{
  assert_null(find("{\"a\":1}", "/a"));
  assert_null(find("{\"a\":\"x\"}", "/b"));
  assert_null(find("{\"a\":[\"x\"]}", "/a/1"));
  assert_null(find("{\"a\":[\"x\"]}", "/a/x"));
  assert_null(find("{\"a\":{\"b\":\"x\"}}", "/a"));
}

static void a_broken_text_is_not_found_in(void **state)
{
  const char *broken[] = {"", "{", "{\"a", "{\"a\":", "{\"a\":\"x", "[", "{\"b\":[,\"a\":\"x\"}", "\\"};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
    assert_null(find(broken[i], "/a"));
}

static void escapes_are_resolved_to_utf8(void **state)
{
  assert_string_equal(find("[\"\\\"\\\\\\/\\n\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"]", "/0"),
                      "\"\\/\nA\u00e9\u20ac\U0001F600");
  assert_string_equal(find("[\"\\q\"]", "/0"), "(bad escape)");
  assert_string_equal(find("[\"\\ud83d\"]", "/0"), "(bad escape)");
  assert_string_equal(find("[\"\\u12\"]", "/0"), "(bad escape)");
}

static void endless_nesting_is_refused(void **state)
{
  char text[2000];
  memset(text, '[', sizeof text);
  text[sizeof text - 1] = 0;
  assert_null(find(text, "/1"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(members_and_elements_are_found_in_depth),
    cmocka_unit_test(what_is_not_a_string_there_is_not_found),
    cmocka_unit_test(a_broken_text_is_not_found_in),
    cmocka_unit_test(escapes_are_resolved_to_utf8),
    cmocka_unit_test(endless_nesting_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
