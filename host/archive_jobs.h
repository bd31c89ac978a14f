/* archive_jobs.h - packing and unpacking as they happen, at once, on whatever thread; archives.h is the outside.
 * Knows nothing of Lua, nor of who asks. */
#ifndef ARCHIVE_JOBS_H
#define ARCHIVE_JOBS_H
#include "archive_tree.h"
#include "archives.h"
#include "tarball.h"
#include <stdatomic.h>

struct pack_job {
  struct tree_reader *from;
  struct tarball_sink to;
  const char *root;           /* for messages */
  const char *const *paths, *const *except;  /* as in archives.h */
  int level, threads;
  struct mask *mask;          /* nobody else's; or NULL */
  const atomic_bool *stop;    /* or NULL */
};

/* Fills what op has to tell, its fault included. What the sink was given before a fault is no archive. */
void archive_pack(const struct pack_job *, struct archive_operation *op);

struct unpack_job {
  struct tarball_source from;
  struct tree_writer *into;   /* NULL: nothing is written */
  const char *archive;        /* for messages */
  const char *sha256;         /* what it has to be, or NULL */
  bool replace;
  struct archive_limits limits;
  const atomic_bool *stop;    /* or NULL */
};

void archive_unpack(const struct unpack_job *, struct archive_operation *op);

/* ---- what both tell (archive_result.c) ------------------------------------------------------- */

/* Copies the entry behind the others. False: out of memory. */
bool archive_add_entry(struct archive_operation *op, const struct packed_entry *e);
void archive_drop_entries(struct archive_operation *op);
/* Frees what the operation holds, not the operation. */
void archive_free_result(struct archive_operation *op);

/* Records errno: "packing dist/a.js: Permission denied", or that it changed (ESTALE). Returns false. */
bool archive_fail(struct archive_operation *op, struct mask *mask, const char *doing, const char *path);
/* Records what must not be packed, or unpacked: "packing dist/socket: it is a socket". Returns false. */
bool archive_refuse(struct archive_operation *op, struct mask *mask, const char *doing, const char *path,
                    const char *why, const char *hint);
#endif
