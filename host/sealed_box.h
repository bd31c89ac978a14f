/* sealed_box.h - sealed boxes: what anybody can close with a public key, and only the private one opens. They are
 * those of crypto_box_seal(), with chance from the world. Knows nothing of Lua. */
#ifndef SEALED_BOX_H
#define SEALED_BOX_H
#include <stdbool.h>
#include <stddef.h>

struct world_random;

enum {
  SEALED_BOX_KEY = 32,
  SEALED_BOX_SEED = 32,   /* that a pair of keys is made of */
  SEALED_BOX_EXTRA = 48,  /* bytes that a box is longer than its text */
};

/* The keys of one box, which nobody needs again: the caller says where they lie. */
struct sealed_box_once {
  unsigned char seed[SEALED_BOX_SEED], private[SEALED_BOX_KEY];
};

/* The public key of a seed. False: libsodium does not work here. */
bool sealed_box_public(const unsigned char seed[SEALED_BOX_SEED], unsigned char public[SEALED_BOX_KEY]);
/* Writes len + SEALED_BOX_EXTRA bytes. False: no chance, or the key is none. */
bool sealed_box_seal(struct sealed_box_once *once, struct world_random *random,
                     const unsigned char public[SEALED_BOX_KEY], const void *text, size_t len, unsigned char *box);
/* Writes len - SEALED_BOX_EXTRA bytes. False: it is no box, or one for another key. */
bool sealed_box_unseal(const unsigned char seed[SEALED_BOX_SEED], const unsigned char *box, size_t len,
                       unsigned char *text);
#endif
