/* test_authority.c - certificates that verify, and files that stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "authority.h"
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gnutls_x509_crt_t import(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t format)
{
  gnutls_x509_crt_t x;
  assert_int_equal(gnutls_x509_crt_init(&x), 0);
  assert_int_equal(gnutls_x509_crt_import(x, data, format), 0);
  return x;
}

/* True when a client that trusts the authority accepts the certificate for the host. */
static bool proves(struct authority *a, const struct authority_leaf *leaf, const char *host)
{
  struct fault f;
  unsigned status;
  const char *pem = authority_pem(a, &f);
  gnutls_datum_t text = {(unsigned char *)pem, (unsigned)strlen(pem)};
  gnutls_x509_crt_t ca = import(&text, GNUTLS_X509_FMT_PEM);
  gnutls_x509_crt_t x = import(&leaf->certificate.cert, GNUTLS_X509_FMT_DER);
  int err = gnutls_x509_crt_list_verify(&x, 1, &ca, 1, NULL, 0, 0, &status);
  bool ok = err == 0 && status == 0 && gnutls_x509_crt_check_hostname(x, host);
  gnutls_x509_crt_deinit(x);
  gnutls_x509_crt_deinit(ca);
  return ok;
}

static void a_leaf_proves_its_host_and_no_other(void **state)
{
  (void)state;
  struct fault f;
  struct authority *a = authority_new(NULL);
  const struct authority_leaf *leaf = authority_leaf(a, "api.example.test", &f);
  assert_non_null(leaf);
  assert_true(proves(a, leaf, "api.example.test"));
  assert_false(proves(a, leaf, "other.example.test"));
  authority_free(a);
}

static void without_a_name_it_stands_for_loopback(void **state)
{
  (void)state;
  struct fault f;
  struct authority *a = authority_new(NULL);
  const struct authority_leaf *leaf = authority_leaf(a, "", &f);
  assert_true(proves(a, leaf, "localhost"));
  assert_true(proves(a, leaf, "127.0.0.1"));
  authority_free(a);
}

static void what_is_issued_names_all_it_was_asked_for_and_verifies(void **state)
{
  (void)state;
  struct fault f;
  struct authority_issued made;
  unsigned status;
  struct authority *a = authority_new(NULL);
  assert_true(authority_issue(a, "DNS:db.example.test,IP:127.0.42.7", &made, &f));
  const char *pem = authority_pem(a, &f);
  gnutls_datum_t root = {(unsigned char *)pem, (unsigned)strlen(pem)};
  gnutls_datum_t text = {(unsigned char *)made.certificate, (unsigned)strlen(made.certificate)};
  gnutls_x509_crt_t ca = import(&root, GNUTLS_X509_FMT_PEM), x = import(&text, GNUTLS_X509_FMT_PEM);
  assert_int_equal(gnutls_x509_crt_list_verify(&x, 1, &ca, 1, NULL, 0, 0, &status), 0);
  assert_int_equal(status, 0);
  assert_true(gnutls_x509_crt_check_hostname(x, "db.example.test"));
  assert_true(gnutls_x509_crt_check_hostname(x, "127.0.42.7"));
  assert_false(gnutls_x509_crt_check_hostname(x, "127.0.42.8"));
  assert_non_null(strstr(made.key, "PRIVATE KEY"));
  gnutls_x509_crt_deinit(x);
  gnutls_x509_crt_deinit(ca);
  authority_issued_free(&made);
  assert_false(authority_issue(a, "nonsense", &made, &f));
  assert_string_equal(f.code, "authority-failed");
  authority_free(a);
}

static void a_host_gets_one_certificate(void **state)
{
  (void)state;
  struct fault f;
  struct authority *a = authority_new(NULL);
  const struct authority_leaf *leaf = authority_leaf(a, "x.test", &f);
  assert_ptr_equal(authority_leaf(a, "X.TEST", &f), leaf);
  assert_ptr_not_equal(authority_leaf(a, "y.test", &f), leaf);
  authority_free(a);
}

static void a_refused_host_has_none_until_it_is_allowed(void **state)
{
  (void)state;
  struct fault f;
  struct authority *a = authority_new(NULL);
  assert_true(authority_refuse(a, "x.test", true));
  assert_null(authority_leaf(a, "x.test", &f));
  assert_null(f.code);
  assert_true(authority_refuse(a, "x.test", false));
  assert_non_null(authority_leaf(a, "x.test", &f));
  authority_free(a);
}

static void what_is_no_host_name_gets_none(void **state)
{
  (void)state;
  struct fault f;
  char longest[300];
  struct authority *a = authority_new(NULL);
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  assert_null(authority_leaf(a, "x.test,IP:192.0.2.1", &f));
  assert_string_equal(f.code, "authority-failed");
  assert_null(authority_leaf(a, longest, &f));
  authority_free(a);
}

/* ---- in a directory ----------------------------------------------------------------------- */

static int make_directory(void **state)
{
  *state = strdup("build/authority-XXXXXX");
  return mkdtemp(*state) ? 0 : -1;
}

static const char *in(const char *directory, const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static int remove_directory(void **state)
{
  unlink(in(*state, "ca.pem"));
  unlink(in(*state, "ca.key"));
  int err = rmdir(*state);
  free(*state);
  return err;
}

static void it_is_the_same_authority_the_next_time(void **state)
{
  struct fault f;
  struct stat st;
  struct authority *first = authority_new(*state);
  assert_int_not_equal(stat(in(*state, "ca.pem"), &st), 0);  // nothing before it is needed
  char *pem = strdup(authority_pem(first, &f));
  authority_free(first);
  assert_int_equal(stat(in(*state, "ca.key"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  struct authority *second = authority_new(*state);
  assert_string_equal(authority_pem(second, &f), pem);
  assert_true(proves(second, authority_leaf(second, "x.test", &f), "x.test"));
  authority_free(second);
  free(pem);
}

static void a_lost_key_is_a_fault_and_not_a_new_authority(void **state)
{
  struct fault f;
  struct authority *a = authority_new(*state);
  assert_non_null(authority_pem(a, &f));
  authority_free(a);
  unlink(in(*state, "ca.key"));
  a = authority_new(*state);
  assert_null(authority_pem(a, &f));
  assert_string_equal(f.code, "authority-files");
  authority_free(a);
}

static void a_directory_that_cannot_be_written_is_a_fault(void **state)
{
  (void)state;
  struct fault f;
  struct authority *a = authority_new("/dev/null/x");
  assert_null(authority_pem(a, &f));
  assert_string_equal(f.code, "authority-files");
  authority_free(a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_leaf_proves_its_host_and_no_other),
    cmocka_unit_test(without_a_name_it_stands_for_loopback),
    cmocka_unit_test(what_is_issued_names_all_it_was_asked_for_and_verifies),
    cmocka_unit_test(a_host_gets_one_certificate),
    cmocka_unit_test(a_refused_host_has_none_until_it_is_allowed),
    cmocka_unit_test(what_is_no_host_name_gets_none),
    cmocka_unit_test_setup_teardown(it_is_the_same_authority_the_next_time, make_directory, remove_directory),
    cmocka_unit_test_setup_teardown(a_lost_key_is_a_fault_and_not_a_new_authority, make_directory, remove_directory),
    cmocka_unit_test(a_directory_that_cannot_be_written_is_a_fault),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
