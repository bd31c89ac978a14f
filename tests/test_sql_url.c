/* test_sql_url.c - where database URLs lead. */
#include "sql_url.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void leads_to(const char *url, const char *expected)
{
  char host[64];
  assert_true(sql_url_host(url, strlen(url), host, sizeof host));
  assert_string_equal(host, expected);
}

static void leads_nowhere(const char *url)
{
  char host[64];
  assert_false(sql_url_host(url, strlen(url), host, sizeof host));
}

static void the_host_stands_between_credentials_and_port(void **state)
{
  leads_to("postgresql://host", "host");
  leads_to("postgres://host/db", "host");
  leads_to("postgresql://user:pass@host:5432/db?sslmode=require", "host");
  leads_to("postgresql://user@host?sslmode=require", "host");
  leads_to("postgresql://user:p%40ss@Host.Example.COM/db", "host.example.com");
}

static void addresses_are_hosts(void **state)
{
  leads_to("postgresql://u:p@127.0.0.1:1/db", "127.0.0.1");
  leads_to("postgresql://u:p@[::1]:1/db", "::1");
}

static void an_at_in_the_path_is_no_credential(void **state)
{
  leads_to("postgresql://a/x@b", "a");
}

static void what_names_no_single_host_is_refused(void **state)
{
  leads_nowhere("");
  leads_nowhere("mysql://host/db");
  leads_nowhere("postgresql://");
  leads_nowhere("postgresql:///db");
  leads_nowhere("postgresql://user:pass@/db");
  leads_nowhere("postgresql://a,b/db");
  leads_nowhere("postgresql://u:p@w@host/db");
  leads_nowhere("postgresql://h%6fst/db");
  leads_nowhere("host=a dbname=b");
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
  char host[5];
  const char *url = "postgresql://abcde/";
  assert_false(sql_url_host(url, strlen(url), host, sizeof host));
  assert_true(sql_url_host("postgresql://abcd/", 18, host, sizeof host));
}

static void bytes_behind_the_length_are_not_read(void **state)
{
  char host[16];
  assert_true(sql_url_host("postgresql://abcXYZ", 16, host, sizeof host));
  assert_string_equal(host, "abc");
  assert_false(sql_url_host("postgresql://x", 13, host, sizeof host));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_host_stands_between_credentials_and_port),
    cmocka_unit_test(addresses_are_hosts),
    cmocka_unit_test(an_at_in_the_path_is_no_credential),
    cmocka_unit_test(what_names_no_single_host_is_refused),
    cmocka_unit_test(a_name_that_does_not_fit_is_refused),
    cmocka_unit_test(bytes_behind_the_length_are_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
