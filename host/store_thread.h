/* store_thread.h - a store on a thread of its own: jobs in order, appends in groups, leases kept.
 *
 * A disk that syncs or a server that is far would hold up the loop and every task on it. What is
 * appended while the thread writes is written together, in one transaction. Between jobs the
 * thread renews the leases that were taken. Knows nothing of Lua. */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H
#include "store_job.h"
#include <uv.h>

struct store_thread;

/* Owns the store from then on; the clock outlives it. Notices are told on the loop. The thread
 * itself starts with the first job. NULL: out of memory, the store is freed. */
struct store_thread *store_thread_new(struct store *s, const struct store_clock *clock, uv_loop_t *loop,
                                      store_tell *tell, void *arg);
/* Runs the jobs that are left, then ends. Leases are not given back. */
void store_thread_free(struct store_thread *t);
/* Copies the request. The effect has finished when the job is done, see its fault. Freed earlier,
 * the job is done all the same. NULL: out of memory, or no thread could be started. */
struct store_job *store_thread_start(struct store_thread *t, const struct store_request *r, effect_done *done,
                                     void *arg);
/* Whether all leases that were taken are held now, as far as this machine's clock tells. */
bool store_thread_valid(struct store_thread *t);
/* Renews now and waits for it, 5 s at most. False: "lease-lost", or why it could not be done. */
bool store_thread_renew_now(struct store_thread *t, struct fault *fault);
#endif
