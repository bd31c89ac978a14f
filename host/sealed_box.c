/* sealed_box.c - sealed boxes; see sealed_box.h.
 *
 * crypto_box_seal() draws the key of the box itself; here it is made of the world's chance, so that a rehearsal
 * repeats. What comes out is the same, and crypto_box_seal_open() opens it. */
#include "sealed_box.h"
#include "buf.h"
#include "world.h"
#include <sodium.h>

_Static_assert(SEALED_BOX_KEY == crypto_box_PUBLICKEYBYTES && SEALED_BOX_KEY == crypto_box_SECRETKEYBYTES &&
               SEALED_BOX_SEED == crypto_box_SEEDBYTES && SEALED_BOX_EXTRA == crypto_box_SEALBYTES,
               "sealed boxes are crypto_box's");

bool sealed_box_public(const unsigned char seed[SEALED_BOX_SEED], unsigned char public[SEALED_BOX_KEY])
{
  unsigned char private[SEALED_BOX_KEY];
  bool made = sodium_init() >= 0 && crypto_box_seed_keypair(public, private, seed) == 0;
  wipe(private, sizeof private);
  return made;
}

bool sealed_box_seal(struct sealed_box_once *once, struct world_random *random,
                     const unsigned char public[SEALED_BOX_KEY], const void *text, size_t len, unsigned char *box)
{
  unsigned char nonce[crypto_box_NONCEBYTES];
  crypto_generichash_state hash;
  if (sodium_init() < 0 || !random->fill(random, once->seed, sizeof once->seed))
    return false;
  crypto_box_seed_keypair(box, once->private, once->seed);
  crypto_generichash_init(&hash, NULL, 0, sizeof nonce);
  crypto_generichash_update(&hash, box, SEALED_BOX_KEY);
  crypto_generichash_update(&hash, public, SEALED_BOX_KEY);
  crypto_generichash_final(&hash, nonce, sizeof nonce);
  return crypto_box_easy(box + SEALED_BOX_KEY, text, len, nonce, public, once->private) == 0;
}

bool sealed_box_unseal(const unsigned char seed[SEALED_BOX_SEED], const unsigned char *box, size_t len,
                       unsigned char *text)
{
  unsigned char public[SEALED_BOX_KEY], private[SEALED_BOX_KEY];
  bool opened = len >= SEALED_BOX_EXTRA && sodium_init() >= 0 && crypto_box_seed_keypair(public, private, seed) == 0 &&
                crypto_box_seal_open(text, box, len, public, private) == 0;
  wipe(private, sizeof private);
  return opened;
}
