/* seal_file.h - a file that is sealed, or opened, into another one, in pieces. Knows nothing of Lua. */
#ifndef SEAL_FILE_H
#define SEAL_FILE_H
#include "digest.h"
#include "effect.h"
#include "failure.h"
#include "seal.h"
#include "world.h"

struct seal_request {
  const char *from, *to;
  bool seals;                               /* else opens */
  const unsigned char (*keys)[SEAL_KEY];    /* to seal for */
  size_t key_count;
  const unsigned char *private;             /* to open with */
  const char *sha256;                       /* of what is opened, in lower case, or NULL: else nothing is placed */
};

/* Faults beside those of files: "artifact-sealed" (not for this key), "artifact-damaged", both fatal. */
struct seal_operation {
  struct effect effect;
  struct fault fault;
  char sha256[SHA256_HEX + 1];  /* of what is sealed */
  double size;                  /* its bytes */
};

/* Replaces `to` at once and durably, or leaves it as it was. It needs the keys only until it returns. NULL: out of
 * memory, or no chance. */
struct seal_operation *seal_file_start(struct world *world, const struct seal_request *r, effect_done *done,
                                       void *arg);
/* Records why something could not be opened; `reader` has read its keys, if they are to be told. */
void seal_fault(struct fault *f, enum seal_result why, const struct seal_reader *reader, const char *what);
#endif
