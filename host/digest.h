/* digest.h - SHA-256, HMAC and base64 of bytes in memory. Knows nothing of Lua. */
#ifndef DIGEST_H
#define DIGEST_H
#include <stdbool.h>
#include <stddef.h>

enum { SHA256_HEX = 64 };
/* Writes the hash as lower-case hexadecimal digits and a NUL. False: out of memory. */
bool sha256_hex(const void *data, size_t len, char hex[SHA256_HEX + 1]);

/* The same of bytes that come one after the other (digest_stream.c). NULL, false: out of memory. */
struct digest;
struct digest *digest_new(void);
void digest_free(struct digest *d);
bool digest_add(struct digest *d, const void *data, size_t len);
/* Writes the hash of all that was added, and begins anew. */
bool digest_hex(struct digest *d, char hex[SHA256_HEX + 1]);

/* Writes the 32 bytes of a hash as digits and a NUL. */
void sha256_write_hex(const unsigned char *hash, char hex[SHA256_HEX + 1]);

/* The same for HMAC-SHA-256. */
bool hmac_sha256_hex(const void *key, size_t key_len, const void *data, size_t len,
                     char hex[SHA256_HEX + 1]);

enum hmac_hash { HMAC_SHA1, HMAC_SHA256, HMAC_SHA512 };
enum { HMAC_MAX = 64 };
/* Writes the code and returns how many bytes it has; 0: out of memory. */
size_t hmac(enum hmac_hash hash, const void *key, size_t key_len, const void *data, size_t len,
            unsigned char out[HMAC_MAX]);

/* Room that base64_encode needs, its NUL included, and base64_decode. */
size_t base64_encoded_max(size_t len);
size_t base64_decoded_max(size_t len);
/* Writes the text and a NUL and returns its length; `url` takes - and _ for + and /, and
 * no padding. */
size_t base64_encode(const void *data, size_t len, bool url, char *out);
/* Strict: every byte of the alphabet, padding in its place (with `url` it may be absent), no
 * left-over bits. False: *out_len is where the text is wrong. */
bool base64_decode(const char *text, size_t len, bool url, void *out, size_t *out_len);
#endif
