/* journal.h - the record of runs, in SQLite: what was intended and what came of it.
 *
 * Every append is durable when it returns (WAL, synchronous=FULL). A file of a newer
 * schema, or one that is no database, is refused and left as it is. Knows nothing of Lua.
 * One thread may append while another reads. */
#ifndef JOURNAL_H
#define JOURNAL_H
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>

struct journal;

struct journal_event {
  long long seq;     /* set by the journal */
  double at;         /* Unix seconds */
  const char *run, *kind, *path, *data;  /* data: JSON text */
};

/* Opens or makes the file (0600); ":memory:" keeps it in memory. NULL: see the fault
 * ("journal-newer", "journal-damaged", "journal-full", "journal-failed"). */
struct journal *journal_new(const char *file, struct fault *fault);
void journal_free(struct journal *j);
/* Appends the events in one transaction; false: see the fault, nothing was written. */
bool journal_append(struct journal *j, const struct journal_event *const *events, size_t n,
                    struct fault *fault);
/* Calls each() for the events of a run in order (of all runs when run is NULL), or only those
 * of one kind; stops early when each() returns false. The strings live during the call. */
typedef bool journal_each(void *arg, const struct journal_event *e);
bool journal_read(struct journal *j, const char *run, const char *kind, journal_each *each,
                  void *arg, struct fault *fault);
#endif
