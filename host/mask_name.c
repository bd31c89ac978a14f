/* mask_name.c - what the name of a setting says of its value; see mask_derive.h.
 *
 * Names are compared by how they end, without what stands between their words: DB_PASSWORD,
 * dbPassword and "db password" are one. */
#include "mask_derive.h"
#include <ctype.h>
#include <string.h>

enum { NAME_MAX_LEN = 63, RANDOM_MIN = 16, RUN_MIN = 8 };

static const char *const secret_ends[] = {
  "password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "secretid", "token", "tokens",
  "apikey", "accesskey", "secretkey", "privatekey", "privkey", "signingkey", "encryptionkey", "masterkey",
  "sharedkey", "accountkey", "authkey", "sessionkey", "hmackey", "servicekey", "deploykey", "licensekey",
  "credential", "credentials", "jwt", "bearer", "connectionstring", "webhook", "clientkeydata", "pass", NULL};
static const char *const perhaps_ends[] = {
  "key", "keys", "auth", "sig", "signature", "salt", "pepper", "seed", "cookie", "session", "keydata", "dsn",
  "authorization", "pat", "otp", "code", NULL};
static const char *const harmless_ends[] = {
  "id", "name", "host", "hostname", "user", "username", "email", "region", "bucket", "zone", "project", "port",
  "env", "environment", "version", "path", "dir", "file", "url", "uri", "type", "level", "server", "database",
  "db", "schema", "role", "branch", "domain", "endpoint", "sslmode", "mode", "publickey", "pubkey", "fingerprint",
  "publishablekey", "primarykey", "foreignkey", "cachekey", "sortkey", "partitionkey", "bypass", "compass",
  "statuscode", "errorcode", "countrycode", "zipcode", "sha", "commit", "digest", "image", "tag", "ref", "timestamp",
  "time", "date", "checksum", NULL};

/* The last letters and digits of a name, in lower case. */
static size_t simplify(struct text name, char out[NAME_MAX_LEN + 1])
{
  size_t n = 0;
  for (size_t i = name.len > NAME_MAX_LEN ? name.len - NAME_MAX_LEN : 0; i < name.len; i++)
    if (isalnum((unsigned char)name.data[i]))
      out[n++] = (char)tolower((unsigned char)name.data[i]);
  out[n] = '\0';
  return n;
}

static bool ends_like_one(const char *name, size_t len, const char *const *ends)
{
  for (; *ends; ends++) {
    size_t n = strlen(*ends);
    if (len >= n && strcmp(name + len - n, *ends) == 0)
      return true;
  }
  return false;
}

enum mask_name_says mask_name_says(struct text name)
{
  char simple[NAME_MAX_LEN + 1];
  size_t len = simplify(name, simple);
  if (strcmp(simple, "secretid") != 0 && ends_like_one(simple, len, harmless_ends))
    return NAME_HARMLESS;
  if (ends_like_one(simple, len, secret_ends))
    return NAME_SECRET;
  return ends_like_one(simple, len, perhaps_ends) ? NAME_PERHAPS : NAME_NOTHING;
}

/* A run of letters and digits, both of them. */
static bool mixed_run(struct text t, size_t *at)
{
  bool letter = false, digit = false;
  size_t from = *at;
  for (; *at < t.len && isalnum((unsigned char)t.data[*at]); ++*at) {
    letter = letter || isalpha((unsigned char)t.data[*at]);
    digit = digit || isdigit((unsigned char)t.data[*at]);
  }
  return letter && digit && *at - from >= RUN_MIN;
}

bool mask_looks_random(struct text t)
{
  bool mixed = false;
  for (size_t i = 0; i < t.len;)
    if (isalnum((unsigned char)t.data[i]))
      mixed = mixed_run(t, &i) || mixed;
    else if ((unsigned char)t.data[i] <= ' ' || t.data[i] == '@' || t.data[i] == 0x7f)
      return false;
    else
      i++;
  return t.len >= RANDOM_MIN && mixed && !text_find(t, "://");
}
