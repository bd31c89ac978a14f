/* archive_result.c - what packing and unpacking tell: the entries, and what went wrong. */
#include "archive_jobs.h"
#include "files.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- entries --------------------------------------------------------------------------------- */

/* The list grows to powers of two. */
static bool make_room(struct archive_operation *op)
{
  size_t n = op->count;
  if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
    return true;
  struct packed_entry *entries = realloc(op->entries, (n ? 2 * n : 16) * sizeof *entries);
  if (entries)
    op->entries = entries;
  return entries != NULL;
}

bool archive_add_entry(struct archive_operation *op, const struct packed_entry *e)
{
  struct packed_entry copy = *e;
  copy.path = strdup(e->path);
  copy.target = copy_str(e->target);
  if (copy.path && !copy.target == !e->target && make_room(op)) {
    op->entries[op->count++] = copy;
    return true;
  }
  free((char *)copy.path);
  free((char *)copy.target);
  errno = ENOMEM;
  return false;
}

void archive_drop_entries(struct archive_operation *op)
{
  for (size_t i = 0; i < op->count; i++) {
    free((char *)op->entries[i].path);
    free((char *)op->entries[i].target);
  }
  free(op->entries);
  op->entries = NULL;
  op->count = 0;
  op->bytes = 0;
}

void archive_free_result(struct archive_operation *op)
{
  archive_drop_entries(op);
  free(op->about);
  free(op->secret);
  free(op->path);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void say_about(struct archive_operation *op, const char *shown)
{
  free(op->about);
  op->about = strdup(shown);  /* without it the message has it still */
}

bool archive_fail(struct archive_operation *op, struct mask *mask, const char *doing, const char *path)
{
  char shown[ARCHIVE_SHOWN_MAX + 1], reason[128];
  int error = errno;
  archive_show_path(mask, *path ? path : ".", shown);
  if (error == ESTALE) {
    fault_set(&op->fault, "archive-changed", "fatal", "%s %s: it changed while it was read", doing, shown);
    fault_hint(&op->fault, "wait until what writes it has ended, or leave it out with except");
  } else {
    fault_set(&op->fault, file_code(error), "fatal", "%s %s: %s", doing, shown,
              strerror_r(error, reason, sizeof reason));
  }
  say_about(op, shown);
  return false;
}

bool archive_refuse(struct archive_operation *op, struct mask *mask, const char *doing, const char *path,
                    const char *why, const char *hint)
{
  char shown[ARCHIVE_SHOWN_MAX + 1];
  archive_show_path(mask, *path ? path : ".", shown);
  fault_set(&op->fault, "archive-entry", "fatal", "%s %s: %s", doing, shown, why);
  if (hint)
    fault_hint(&op->fault, "%s", hint);
  say_about(op, shown);
  return false;
}
