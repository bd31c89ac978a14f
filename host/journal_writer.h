/* journal_writer.h - appends to a journal on a thread of its own, in groups.
 *
 * A disk that syncs would hold up the loop and every task on it. What is appended while the
 * thread writes is written together, in one transaction. Knows nothing of Lua. */
#ifndef JOURNAL_WRITER_H
#define JOURNAL_WRITER_H
#include "effect.h"
#include "journal.h"
#include <uv.h>

struct journal_writer;

/* The effect has finished when the event is durable, or see the fault. Freed earlier, the
 * event is written all the same. */
struct journal_write {
  struct effect effect;
  struct fault fault;
};

/* The journal outlives the writer. The thread starts with the first append. NULL: no memory. */
struct journal_writer *journal_writer_new(struct journal *j, uv_loop_t *loop);
/* Writes what is left, then ends. */
void journal_writer_free(struct journal_writer *w);
/* Copies the event; NULL: out of memory, or no thread could be started. */
struct journal_write *journal_writer_append(struct journal_writer *w, const struct journal_event *e,
                                            effect_done *done, void *arg);
#endif
