/* archives.h - archives of files (tar in zstd), as every world offers them. Knows nothing of Lua.
 *
 * Packing is deterministic: the same files give the same bytes, whoever packs them where, when and with how
 * many threads (with the same libzstd). What is kept of a file is its name, its bytes and whether its owner
 * may execute it; empty folders and links that stay inside are kept, a hard link is a copy. What was read is
 * what was hashed, searched for secrets and written: a file that changes meanwhile is a fault.
 *
 * Unpacking trusts nothing. It takes tar in zstd and nothing else, extracts beside the target and moves
 * what it has there once the archive was seen whole and has the digest it should have.
 *
 * In Lua it is "archive.core", which docs/api/archive.core.lua describes. */
#ifndef ARCHIVES_H
#define ARCHIVES_H
#include "buf.h"
#include "digest.h"
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mask;

/* What unpacking puts up with. */
struct archive_limits {
  uint64_t entries;  /* 200,000 */
  uint64_t bytes;    /* of all files together: 16 GiB */
  uint64_t ratio;    /* bytes unpacked for each byte of the archive, from 64 MiB on: 1,000 */
};

enum { ARCHIVE_LEVEL = 3, ARCHIVE_LEVEL_MAX = 19, ARCHIVE_THREADS_MAX = 64 };

struct pack_request {
  const char *root;           /* the folder that the paths are below */
  const char *const *paths;   /* files and folders with all in them, relative to the root; ended by NULL.
                               * None: everything in the root */
  const char *const *except;  /* the same: what is left out */
  const char *to;             /* the archive; what stands there is replaced, at once and durably. In its last
                               * name {sha256} stands for the archive's digest */
  const char *fence;          /* the folder that the root must not lead out of (files.h), or NULL */
  int level;                  /* of zstd, 1 to ARCHIVE_LEVEL_MAX; 0: ARCHIVE_LEVEL */
  int threads;                /* that compress; 0: as many as help */
  struct mask *mask;          /* a file, a name or a link that holds one of its secrets is a fault; NULL: not looked */
};

struct unpack_request {
  const char *from;    /* the archive */
  const char *into;    /* the folder, made when missing; NULL: the archive is only checked */
  const char *fence;   /* the folder that `into` must not lead out of, or NULL */
  const char *sha256;  /* of the archive, in lower case, or NULL: not compared */
  bool replace;        /* files that are there already; else they are a fault, before anything is placed */
  struct archive_limits limits;
};

enum packed_kind { PACKED_FILE, PACKED_FOLDER, PACKED_LINK };

struct packed_entry {
  const char *path;
  const char *target;  /* of a link, else NULL */
  uint64_t size;
  enum packed_kind kind;
  bool executable;
  char sha256[SHA256_HEX + 1];  /* of a file that was packed, else "" */
};

/* Faults beside those of files: "archive-secret" (a file to be packed holds one), "archive-entry" (what cannot be
 * packed, or must not be unpacked), "archive-changed" (while it was read), "archive-digest", "archive-damaged" (no
 * archive, cut off, or more behind it), "archive-limit"; all fatal. A path in a fault's message is masked. */
struct archive_operation {
  struct effect effect;
  struct fault fault;
  char *about, *secret;          /* of a fault, or NULL: the file, masked; the name of the secret in it */
  char *path;                    /* of the archive that was packed */
  char sha256[SHA256_HEX + 1];   /* of the archive */
  uint64_t size, bytes;          /* of the archive; of the files in it */
  struct packed_entry *entries;  /* in the archive's order */
  size_t count;
};

/* An operation that is freed under way leaves neither an archive nor a file in the target, unless it was about to
 * be placed that moment. */
struct world_archive {
  struct archive_operation *(*pack)(struct world_archive *, const struct pack_request *, effect_done *, void *arg);
  struct archive_operation *(*unpack)(struct world_archive *, const struct unpack_request *, effect_done *, void *arg);
};
#endif
