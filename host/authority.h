/* authority.h - a small certificate authority for the local cloud. Knows nothing of Lua.
 *
 * Its own key and certificate are made when first needed, and kept in a directory when one
 * is given; certificates for hosts are made on demand and live in memory only. */
#ifndef AUTHORITY_H
#define AUTHORITY_H
#include "failure.h"
#include <gnutls/abstract.h>
#include <stdbool.h>

struct authority;

/* What a TLS handshake needs to prove one host name. */
struct authority_leaf {
  gnutls_pcert_st certificate;
  gnutls_privkey_t key;
};

/* `directory` may be NULL: nothing is kept. NULL: out of memory. */
struct authority *authority_new(const char *directory);
/* Certificates of hosts that are made from now on are valid between these moments, in seconds
 * from when they are made (a day ago, and a year). */
void authority_set_validity(struct authority *a, double begins, double ends);
/* The authority's certificate, as long as it lives. NULL: *f says why there is none. */
const char *authority_pem(struct authority *a, struct fault *f);
/* The certificate of a host, made at the first call; "" stands for localhost and the loopback
 * addresses. It lives as long as the authority. NULL: refused, or *f says what failed. */
const struct authority_leaf *authority_leaf(struct authority *a, const char *host, struct fault *f);
/* A certificate and its key, as PEM, for a server that is not ours. */
struct authority_issued {
  char *certificate, *key;
};
/* Makes one for `names`, in OpenSSL's words: "DNS:db.example,IP:127.0.0.1". False: *f says why. */
bool authority_issue(struct authority *a, const char *names, struct authority_issued *made, struct fault *f);
/* Wipes the key. */
void authority_issued_free(struct authority_issued *made);
/* While a host is refused, it has no certificate. False: out of memory. */
bool authority_refuse(struct authority *a, const char *host, bool refused);
/* NULL is fine. */
void authority_free(struct authority *a);
#endif
