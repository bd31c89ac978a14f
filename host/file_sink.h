/* file_sink.h - a file that takes the body of an answer, in pieces, while it arrives.
 * Knows nothing of Lua. */
#ifndef FILE_SINK_H
#define FILE_SINK_H
#include "failure.h"
#include "http.h"
#include "world.h"

struct file_sink;

struct file_sink_options {
  const char *path;           /* the place; the file is beside it until it is whole */
  const char *root;           /* of files.h; stays, or NULL */
  bool hashes;                /* its SHA-256 is wanted */
  const char *sha256;         /* what that has to be, in lower case, or NULL: else it is not placed */
  void (*changed)(void *arg); /* from the loop: it was begun, takes more, is placed, dropped, or failed */
  void *arg;
};

/* Begins the file; changed() tells that it has. Copies the path. NULL: out of memory. */
struct file_sink *file_sink_new(struct world *world, const struct file_sink_options *o);
/* A file that was not placed goes. NULL is fine. */
void file_sink_free(struct file_sink *s);
/* NULL until it was begun. */
const struct http_sink *file_sink_body(struct file_sink *s);
/* Nothing more comes: what is left is written, and the file placed or dropped. */
void file_sink_place(struct file_sink *s);
void file_sink_drop(struct file_sink *s);
/* True when it was placed or dropped. */
bool file_sink_ended(const struct file_sink *s);
/* Why it cannot go on, or NULL. */
const struct fault *file_sink_fault(const struct file_sink *s);
const char *file_sink_path(const struct file_sink *s);
/* The digest of what was placed, if it was wanted; else "". */
const char *file_sink_sha256(const struct file_sink *s);
/* True once after a take() that had to answer HTTP_LATER, when there is room again. */
bool file_sink_resumes(struct file_sink *s);
#endif
