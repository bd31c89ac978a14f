/* digest_stream.c - SHA-256 of bytes that come one after the other; see digest.h. */
#include "digest.h"
#include <openssl/evp.h>
#include <stdlib.h>

struct digest {
  EVP_MD_CTX *ctx;
};

static bool begin(struct digest *d)
{
  return EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1;
}

struct digest *digest_new(void)
{
  struct digest *d = calloc(1, sizeof *d);
  if (!d)
    return NULL;
  d->ctx = EVP_MD_CTX_new();
  if (d->ctx && begin(d))
    return d;
  digest_free(d);
  return NULL;
}

void digest_free(struct digest *d)
{
  if (d)
    EVP_MD_CTX_free(d->ctx);
  free(d);
}

bool digest_add(struct digest *d, const void *data, size_t len)
{
  return EVP_DigestUpdate(d->ctx, data, len) == 1;
}

bool digest_hex(struct digest *d, char hex[SHA256_HEX + 1])
{
  unsigned char hash[SHA256_HEX / 2];
  if (EVP_DigestFinal_ex(d->ctx, hash, NULL) != 1)
    return false;
  sha256_write_hex(hash, hex);
  return begin(d);
}
