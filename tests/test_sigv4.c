/* test_sigv4.c - signatures as the service's own documentation and test suite publish them. */
#include "sigv4.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* The examples of the S3 documentation: 24 May 2013, and those of the test suite: 30 August 2015. */
static const struct sigv4_key s3 = {"us-east-1", "s3", "AKIAIOSFODNN7EXAMPLE",
                                     "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
static const struct sigv4_key suite = {"us-east-1", "service", "AKIDEXAMPLE",
                                        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL};
enum { MAY_2013 = 1369353600, AUGUST_2015 = 1440938160 };

#define HEADERS(...) (const char *const[]){__VA_ARGS__, NULL}

static void signs(const struct sigv4_key *k, const struct sigv4_request *r, const char *signature)
{
  struct sigv4_signed out;
  assert_int_equal(sigv4_sign(k, r, &out), SIGV4_DONE);
  const char *line = out.headers.data;
  for (size_t i = 1; i < out.header_count; i++)
    line += strlen(line) + 1;
  assert_string_equal(strrchr(line, '=') + 1, signature);
  sigv4_free(&out);
}

static void the_examples_of_the_storage_service(void **state)
{
  const char *const host = "https://examplebucket.s3.amazonaws.com";
  char url[256];
  snprintf(url, sizeof url, "%s/test.txt", host);
  signs(&s3, &(struct sigv4_request){"GET", url, HEADERS("Range: bytes=0-9"), EMPTY, MAY_2013},
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  snprintf(url, sizeof url, "%s/test$file.text", host);
  signs(&s3, &(struct sigv4_request){"PUT", url,
             HEADERS("Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY"),
             "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", MAY_2013},
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  snprintf(url, sizeof url, "%s/?lifecycle", host);
  signs(&s3, &(struct sigv4_request){"GET", url, NULL, EMPTY, MAY_2013},
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  snprintf(url, sizeof url, "%s?prefix=J&max-keys=2", host);
  signs(&s3, &(struct sigv4_request){"GET", url, NULL, EMPTY, MAY_2013},
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void the_examples_of_the_test_suite(void **state)
{
  struct sigv4_request r = {"GET", "https://example.amazonaws.com/", NULL, EMPTY, AUGUST_2015};
  signs(&suite, &r, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  static const char *const same[] = {"https://example.amazonaws.com", "https://example.amazonaws.com/./",
                                     "https://example.amazonaws.com//", "https://example.amazonaws.com/a/..",
                                     "https://example.amazonaws.com/example1/example2/../.."};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    r.url = same[i];
    signs(&suite, &r, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  }
  r.url = "https://example.amazonaws.com/?Param2=value2&Param1=value1";
  signs(&suite, &r, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  r = (struct sigv4_request){"POST", "https://example.amazonaws.com/", NULL, EMPTY, AUGUST_2015};
  signs(&suite, &r, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

static void a_link_of_the_storage_service(void **state)
{
  struct sigv4_signed out;
  struct sigv4_request r = {"GET", "https://examplebucket.s3.amazonaws.com/test.txt", NULL, SIGV4_UNSIGNED, MAY_2013};
  assert_int_equal(sigv4_presign(&s3, &r, 86400, &out), SIGV4_DONE);
  assert_string_equal(strrchr(out.url.data, '=') + 1,
                      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  assert_int_equal(out.header_count, 0);
  sigv4_free(&out);
}

static void sent_as(const char *url, const char *expected)
{
  struct sigv4_signed out;
  struct sigv4_request r = {"GET", url, NULL, EMPTY, MAY_2013};
  assert_int_equal(sigv4_sign(&s3, &r, &out), SIGV4_DONE);
  assert_string_equal(out.url.data, expected);
  sigv4_free(&out);
}

static void the_url_is_sent_in_the_form_that_was_signed(void **state)
{
  sent_as("https://h", "https://h/");
  sent_as("https://h:8443/a b/\xc3\xbc+~//../c", "https://h:8443/a%20b/%C3%BC%2B~//../c");
  sent_as("https://h/%7e%2fa%2A%zz%4", "https://h/~%2Fa%2A%25zz%254");
  sent_as("https://h/?b=2&a&b=1&a-b=&&=x#part", "https://h/?=x&a=&a-b=&b=1&b=2");
  sent_as("https://h/?q=a+b%2Bc%20d/\xc3\xbc", "https://h/?q=a%20b%2Bc%20d%2F%C3%BC");
}

static void what_is_no_url_is_told(void **state)
{
  static const char *const urls[] = {"", "h/path", "ftp://h/", "https://", "https:///path", "https://u:p@h/"};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    struct sigv4_signed out;
    struct sigv4_request r = {"GET", urls[i], NULL, EMPTY, MAY_2013};
    assert_int_equal(sigv4_sign(&s3, &r, &out), SIGV4_NO_URL);
    sigv4_free(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_examples_of_the_storage_service),
    cmocka_unit_test(the_examples_of_the_test_suite),
    cmocka_unit_test(a_link_of_the_storage_service),
    cmocka_unit_test(the_url_is_sent_in_the_form_that_was_signed),
    cmocka_unit_test(what_is_no_url_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
