/* authority.c - a small certificate authority: OpenSSL's libcrypto makes the certificates,
 * GnuTLS, which libmicrohttpd speaks TLS with, takes them over.
 *
 * Keys are P-256. The authority's key is stored readable by its owner only; the keys of hosts
 * never leave the memory. Files are read and written at once: they are small, and this
 * happens once per local cloud. */
#include "authority.h"
#include "buf.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 24 * 3600, CA_DAYS = 3650, LEAF_DAYS = 365, NAME_MAX_LEN = 253 };

struct host {
  struct host *next;
  bool refused, ready;  /* ready: leaf is filled */
  struct authority_leaf leaf;
  char name[];
};

struct authority {
  char *directory;
  EVP_PKEY *key;
  X509 *certificate;  /* NULL until first needed */
  char *pem;
  struct host *hosts;
  long begins, ends;  /* of certificates of hosts, in seconds from when they are made */
};

/* ---- certificates ---------------------------------------------------------------------- */

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  bool ok = e && X509_add_ext(x, e, -1);
  X509_EXTENSION_free(e);
  return ok;
}

static bool set_serial(X509 *x)
{
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1)
    return false;
  bytes[0] = (bytes[0] & 0x7f) | 0x40;  // positive, and always of the same length
  BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
  bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
  BN_free(n);
  return ok;
}

/* A certificate without extensions, not signed. */
static X509 *new_certificate(const char *name, EVP_PKEY *key, long begins, long ends)
{
  X509 *x = X509_new();
  if (x && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
      X509_gmtime_adj(X509_getm_notBefore(x), begins) &&
      X509_gmtime_adj(X509_getm_notAfter(x), ends) && X509_set_pubkey(x, key) &&
      X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                 (const unsigned char *)name, -1, -1, 0))
    return x;
  X509_free(x);
  return NULL;
}

static bool finish_ca(X509 *x, EVP_PKEY *key)
{
  return X509_set_issuer_name(x, X509_get_subject_name(x)) &&
         add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(x, x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256());
}

/* `names` in OpenSSL's words: "DNS:example.com". */
static bool finish_leaf(X509 *x, const struct authority *a, const char *names)
{
  return X509_set_issuer_name(x, X509_get_subject_name(a->certificate)) &&
         add_extension(x, a->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(x, a->certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(x, a->certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(x, a->certificate, NID_subject_alt_name, names) &&
         add_extension(x, a->certificate, NID_authority_key_identifier, "keyid:always") &&
         X509_sign(x, a->key, EVP_sha256());
}

/* ---- the authority's own files ------------------------------------------------------------ */

static char *bio_text(BIO *b)
{
  char *data;
  long n = BIO_get_mem_data(b, &data);
  return n > 0 ? strndup(data, (size_t)n) : NULL;
}

/* Puts the file in place at once, so that nobody ever reads half of it. */
static bool write_file(const char *directory, const char *name, unsigned mode, const char *text)
{
  char path[4096], fresh[4096 + 8];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  snprintf(fresh, sizeof fresh, "%s.new", path);
  unlink(fresh);
  int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  bool ok = fd >= 0 && write_all(fd, text, strlen(text));
  if (fd >= 0)
    ok = close(fd) == 0 && ok;
  return ok && rename(fresh, path) == 0;
}

static FILE *open_file(const char *directory, const char *name)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return fopen(path, "re");
}

static bool exists(const char *directory, const char *name)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return access(path, F_OK) == 0;
}

static void read_files(struct authority *a)
{
  FILE *key = open_file(a->directory, "ca.key"), *certificate = open_file(a->directory, "ca.pem");
  if (key) {
    a->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
    fclose(key);
  }
  if (certificate) {
    a->certificate = PEM_read_X509(certificate, NULL, NULL, NULL);
    fclose(certificate);
  }
}

/* Reads both files when there are any; false: they are there and not usable. */
static bool load(struct authority *a, struct fault *f)
{
  if (!exists(a->directory, "ca.key") && !exists(a->directory, "ca.pem"))
    return true;
  read_files(a);
  if (a->key && a->certificate && X509_check_private_key(a->certificate, a->key))
    return true;
  fault_set(f, "authority-files", "fatal", "ca.pem and ca.key in %s are no certificate and its key",
            a->directory);
  fault_hint(f, "remove both: they are made again");
  return false;
}

/* NULL: out of memory. */
static char *key_text(EVP_PKEY *key)
{
  BIO *b = BIO_new(BIO_s_mem());
  char *text = b && PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) ? bio_text(b) : NULL;
  BIO_free(b);  // wipes: libcrypto clears the memory of its buffers
  return text;
}

static char *certificate_text(X509 *x)
{
  BIO *b = BIO_new(BIO_s_mem());
  char *text = b && PEM_write_bio_X509(b, x) ? bio_text(b) : NULL;
  BIO_free(b);
  return text;
}

static bool save(struct authority *a, struct fault *f)
{
  char *key = key_text(a->key);
  errno = ENOMEM;
  bool ok = key && (mkdir(a->directory, 0700) == 0 || errno == EEXIST) &&
            write_file(a->directory, "ca.key", 0600, key) &&
            write_file(a->directory, "ca.pem", 0644, a->pem);
  if (!ok)
    fault_set(f, "authority-files", "fatal", "keeping ca.pem and ca.key in %s: %s", a->directory,
              strerror(errno));
  if (key)
    wipe(key, strlen(key));
  free(key);
  return ok;
}

/* ---- the authority itself ------------------------------------------------------------------- */

static void forget(struct authority *a)
{
  EVP_PKEY_free(a->key);
  X509_free(a->certificate);
  free(a->pem);
  a->key = NULL;
  a->certificate = NULL;
  a->pem = NULL;
}

static bool make(struct authority *a)
{
  a->key = EVP_EC_gen("P-256");
  a->certificate = a->key ? new_certificate("Davit local cloud", a->key, -DAY, CA_DAYS * DAY) : NULL;
  return a->certificate && finish_ca(a->certificate, a->key);
}

static bool crypto_failed(struct fault *f, const char *what)
{
  fault_set(f, "authority-failed", "fatal", "no certificate for %.253s: libcrypto gave none", what);
  return false;
}

static bool prepare(struct authority *a, struct fault *f)
{
  bool ok = a->pem != NULL;
  if (ok)
    return true;
  ok = !a->directory || load(a, f);
  bool loaded = a->certificate != NULL;
  if (ok && (loaded || make(a)))
    a->pem = certificate_text(a->certificate);
  if (ok && !a->pem)
    ok = crypto_failed(f, "the local authority");
  if (ok && a->directory && !loaded)
    ok = save(a, f);
  if (!ok)
    forget(a);
  return ok;
}

const char *authority_pem(struct authority *a, struct fault *f)
{
  return prepare(a, f) ? a->pem : NULL;
}

/* ---- hosts ------------------------------------------------------------------------------------ */

/* Only such names may stand in "DNS:…", where commas and colons have a meaning. */
static bool is_name(const char *host)
{
  static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  size_t n = strlen(host);
  return n <= NAME_MAX_LEN && host[strspn(host, allowed)] == 0;
}

static struct host *find_host(struct authority *a, const char *name)
{
  struct host *h = a->hosts;
  while (h && strcasecmp(h->name, name) != 0)
    h = h->next;
  if (h)
    return h;
  h = calloc(1, sizeof *h + strlen(name) + 1);
  if (!h)
    return NULL;
  strcpy(h->name, name);
  h->next = a->hosts;
  a->hosts = h;
  return h;
}

/* Hands certificate and key to GnuTLS, which copies them. */
static bool hand_over(X509 *x, EVP_PKEY *key, struct authority_leaf *leaf)
{
  unsigned char *x_der = NULL, *key_der = NULL;
  int x_len = i2d_X509(x, &x_der), key_len = i2d_PrivateKey(key, &key_der);
  bool ok = x_len > 0 && key_len > 0 && gnutls_privkey_init(&leaf->key) == GNUTLS_E_SUCCESS;
  gnutls_datum_t x_datum = {x_der, (unsigned)x_len}, key_datum = {key_der, (unsigned)key_len};
  if (ok && (gnutls_privkey_import_x509_raw(leaf->key, &key_datum, GNUTLS_X509_FMT_DER, NULL, 0) ||
             gnutls_pcert_import_x509_raw(&leaf->certificate, &x_datum, GNUTLS_X509_FMT_DER, 0))) {
    gnutls_privkey_deinit(leaf->key);
    ok = false;
  }
  OPENSSL_free(x_der);
  OPENSSL_clear_free(key_der, key_len > 0 ? (size_t)key_len : 0);
  return ok;
}

static bool make_leaf(struct authority *a, struct host *h)
{
  char names[NAME_MAX_LEN + 8];
  snprintf(names, sizeof names, "%s%s", *h->name ? "DNS:" : "DNS:localhost,IP:127.0.0.1,IP:::1", h->name);
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = key ? new_certificate("Davit local cloud service", key, a->begins, a->ends) : NULL;
  h->ready = x && finish_leaf(x, a, names) && hand_over(x, key, &h->leaf);
  X509_free(x);
  EVP_PKEY_free(key);
  return h->ready;
}

const struct authority_leaf *authority_leaf(struct authority *a, const char *host, struct fault *f)
{
  *f = (struct fault){0};
  struct host *h = is_name(host) ? find_host(a, host) : NULL;
  if (!h)
    crypto_failed(f, is_name(host) ? host : "what is no host name");
  else if (!h->refused && (h->ready || (prepare(a, f) && (make_leaf(a, h) || crypto_failed(f, host)))))
    return &h->leaf;
  return NULL;
}

bool authority_issue(struct authority *a, const char *names, struct authority_issued *made, struct fault *f)
{
  *made = (struct authority_issued){0};
  if (!prepare(a, f))
    return false;
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = key ? new_certificate("Davit local cloud service", key, a->begins, a->ends) : NULL;
  if (x && finish_leaf(x, a, names)) {
    made->certificate = certificate_text(x);
    made->key = key_text(key);
  }
  X509_free(x);
  EVP_PKEY_free(key);
  if (made->certificate && made->key)
    return true;
  authority_issued_free(made);
  return crypto_failed(f, names);
}

void authority_issued_free(struct authority_issued *made)
{
  if (made->key)
    wipe(made->key, strlen(made->key));
  free(made->key);
  free(made->certificate);
  *made = (struct authority_issued){0};
}

bool authority_refuse(struct authority *a, const char *host, bool refused)
{
  struct host *h = find_host(a, host);
  if (h)
    h->refused = refused;
  return h != NULL;
}

void authority_set_validity(struct authority *a, double begins, double ends)
{
  a->begins = (long)begins;
  a->ends = (long)ends;
}

struct authority *authority_new(const char *directory)
{
  struct authority *a = calloc(1, sizeof *a);
  if (!a)
    return NULL;
  a->directory = copy_str(directory);
  authority_set_validity(a, -DAY, LEAF_DAYS * DAY);  // clocks of clients may be behind
  if (!directory || a->directory)
    return a;
  free(a);
  return NULL;
}

void authority_free(struct authority *a)
{
  if (!a)
    return;
  for (struct host *h = a->hosts, *next; h; h = next) {
    next = h->next;
    if (h->ready) {
      gnutls_pcert_deinit(&h->leaf.certificate);
      gnutls_privkey_deinit(h->leaf.key);
    }
    free(h);
  }
  forget(a);
  free(a->directory);
  free(a);
}
