/* Foreign text gives GitHub's runner no command, wherever it is cut. */
#include "workflow.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* Filters text in pieces of `step` bytes. */
static void filter(const char *text, size_t len, size_t step, struct buf *out)
{
  struct workflow_filter w = {0};
  buf_init(out, BUF_LIMIT);
  for (size_t i = 0; i < len; i += step)
    workflow_filter(&w, text + i, len - i < step ? len - i : step, out);
}

static void becomes(const char *text, const char *expected)
{
  size_t len = strlen(text);
  for (size_t step = 1; step <= len; step++) {
    struct buf out;
    filter(text, len, step, &out);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(buf_str(&out), expected, out.len);
    buf_free(&out);
  }
}

static void stays(const char *text)
{
  becomes(text, text);
}

static void a_command_at_the_start_of_a_line_is_broken(void **state)
{
  becomes("::add-mask::x", ": :add-mask::x");
  becomes("a\n::set-env name=A::b\n", "a\n: :set-env name=A::b\n");
  becomes("50 %\r::group::x", "50 %\r: :group::x");
  becomes("::::", ": :::");
}

static void white_space_before_it_does_not_help(void **state)
{
  becomes(" \t\v\f::error::x", " \t\v\f: :error::x");
  becomes("\xc2\xa0\xe3\x80\x80::error::x", "\xc2\xa0\xe3\x80\x80: :error::x");
  becomes("\xe2\x80\x83::x::", "\xe2\x80\x83: :x::");
  becomes("\xef\xbb\xbf::x::", "\xef\xbb\xbf: :x::");
}

static void colons_elsewhere_stay(void **state)
{
  stays("std::vector");
  stays(": :x");
  stays(":x::y");
  stays("x ::error::y");
  stays("\xe2\x80\x93 ::error::y");  // a dash is no white space
  stays("\xe2\x80::error::y");       // nor is what remains of a character
}

static void the_old_form_is_broken_anywhere(void **state)
{
  becomes("##[error]x", "## [error]x");
  becomes("a ##[add-mask]b ##[group]c", "a ## [add-mask]b ## [group]c");
  becomes("####[x]", "#### [x]");
  becomes("::##[x]", ": :## [x]");
}

static void hashes_elsewhere_stay(void **state)
{
  stays("#[derive] ## [x] # #[y] ##");
  stays("##\n[x]");
  stays("## Heading\n### Sub[1]");
}

static void bytes_that_change_the_encoding_are_replaced(void **state)
{
  becomes("\xff\xfe#\xff", "??#?");
}

static void no_cut_of_any_small_text_leaves_a_command(void **state)
{
  static const char alphabet[] = {':', '#', '[', ' ', '\r', 'x'};
  char text[7] = {0};
  for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6 * 6; n++) {
    for (unsigned i = 0, rest = n; i < 6; i++, rest /= 6)
      text[i] = alphabet[rest % 6];
    struct buf out;
    filter(text, 6, 1 + n % 6, &out);
    assert_null(strstr(buf_str(&out), "##["));
    for (const char *line = buf_str(&out); line; line = strchr(line, '\r')) {
      line += *line == '\r';
      assert_true(strncmp(line + strspn(line, " "), "::", 2) != 0);
    }
    buf_free(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_command_at_the_start_of_a_line_is_broken),
    cmocka_unit_test(white_space_before_it_does_not_help),
    cmocka_unit_test(colons_elsewhere_stay),
    cmocka_unit_test(the_old_form_is_broken_anywhere),
    cmocka_unit_test(hashes_elsewhere_stay),
    cmocka_unit_test(bytes_that_change_the_encoding_are_replaced),
    cmocka_unit_test(no_cut_of_any_small_text_leaves_a_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
