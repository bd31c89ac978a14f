/* permit_name.h - how effects are called before they begin; see permit.h. */
#ifndef PERMIT_NAME_H
#define PERMIT_NAME_H
#include "buf.h"
#include "http.h"

/* The folder of the project and the working folder, from the root of the machine. */
struct permit_folders {
  char *root, *here;
};

/* False: out of memory. */
bool permit_folders_find(struct permit_folders *f, const char *root);
void permit_folders_free(struct permit_folders *f);

/* Each appends. */
void permit_name_request(struct buf *b, const char *method, const char *url, const struct http_route *way);
void permit_name_database(struct buf *b, const char *url);
void permit_name_command(struct buf *b, const struct permit_folders *f, const char *const *argv, const char *cwd);
void permit_name_path(struct buf *b, const struct permit_folders *f, const char *path);
/* Whether a path, as permit_name_path has it, is in Davit's own folder. */
bool permit_is_own(const char *path);
#endif
