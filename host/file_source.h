/* file_source.h - a file as the body of a request, read in pieces while it is sent.
 * Knows nothing of Lua. */
#ifndef FILE_SOURCE_H
#define FILE_SOURCE_H
#include "failure.h"
#include "http.h"
#include "world.h"

struct file_source;

struct file_source_options {
  const char *path;
  const char *root;           /* of files.h; stays, or NULL */
  uint64_t stamp;             /* the file it has to be, of a look before; 0: any */
  void (*changed)(void *arg); /* from the loop: it was opened, has more to read, or failed */
  void *arg;
};

/* Looks at the file; changed() tells that it has. Copies the path. NULL: out of memory. */
struct file_source *file_source_new(struct world_files *files, const struct file_source_options *o);
/* NULL is fine. */
void file_source_free(struct file_source *s);
/* NULL until it was opened: then its length is known. */
const struct http_source *file_source_body(struct file_source *s);
/* Why it cannot go on, or NULL. */
const struct fault *file_source_fault(const struct file_source *s);
const char *file_source_path(const struct file_source *s);
/* True once after a read() that had to answer HTTP_LATER, when there is something to read again. */
bool file_source_resumes(struct file_source *s);
#endif
