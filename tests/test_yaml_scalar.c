/* test_yaml_scalar.c - plain scalars by YAML 1.2's core schema. */
#include "yaml_scalar.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct scalar read(const char *text)
{
  return scalar_read(text, strlen(text));
}

static void is_integer(const char *text, int64_t n)
{
  struct scalar s = read(text);
  assert_int_equal(s.kind, SCALAR_INTEGER);
  assert_int_equal(s.integer, n);
}

static void integers_are_decimal_octal_or_hexadecimal(void **state)
{
  is_integer("0", 0);
  is_integer("-19", -19);
  is_integer("+12", 12);
  is_integer("0o14", 12);
  is_integer("0xC", 12);
  is_integer("-9007199254740992", -(INT64_C(1) << 53));
}

static void a_number_that_would_not_stay_itself_is_refused_with_a_hint(void **state)
{
  static const char *const texts[] = {"0644", "-00", "9007199254740993", "0xffffffffffffffffff",
                                      "1e999", ".inf", "-.INF", ".nan"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct scalar s = read(texts[i]);
    assert_int_equal(s.kind, SCALAR_REFUSED);
    assert_non_null(s.why);
    assert_non_null(s.hint);
  }
}

static void floats_have_a_point_or_an_exponent(void **state)
{
  static const struct { const char *text; double number; } cases[] = {
    {"0.", 0}, {"-0.0", 0}, {".5", 0.5}, {"+12e03", 12000}, {"-2E+05", -200000}, {"1.5e-3", 0.0015}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scalar s = read(cases[i].text);
    assert_int_equal(s.kind, SCALAR_FLOAT);
    assert_true(s.number == cases[i].number);
  }
}

static void booleans_and_null_have_three_spellings(void **state)
{
  assert_true(read("True").kind == SCALAR_BOOLEAN && read("True").boolean);
  assert_true(read("FALSE").kind == SCALAR_BOOLEAN && !read("FALSE").boolean);
  assert_int_equal(read("").kind, SCALAR_NULL);
  assert_int_equal(read("~").kind, SCALAR_NULL);
  assert_int_equal(read("Null").kind, SCALAR_NULL);
}

static void everything_else_is_text(void **state)
{
  static const char *const texts[] = {"yes", "no", "on", "tRue", "nUll", "1_0", "0o", "0o9", "0x",
                                      "-0x1", "1e", "1e+", ".", "-", "+.", "..5", "1.2.3", "inf"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_int_equal(read(texts[i]).kind, SCALAR_TEXT);
  assert_int_equal(scalar_read("1\0002", 3).kind, SCALAR_TEXT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(integers_are_decimal_octal_or_hexadecimal),
    cmocka_unit_test(a_number_that_would_not_stay_itself_is_refused_with_a_hint),
    cmocka_unit_test(floats_have_a_point_or_an_exponent),
    cmocka_unit_test(booleans_and_null_have_three_spellings),
    cmocka_unit_test(everything_else_is_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
