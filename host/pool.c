/* pool.c - work for the threads of libuv's pool; see pool.h.
 *
 * libuv starts all its threads with the first work, and aborts the process when one cannot be started, under a
 * limit of the address space for one ('ulimit -v'). So before the first work of a loop as many threads are
 * started and ended; the system keeps their stacks for those that follow. */
#include "pool.h"
#include <stdbool.h>
#include <stdlib.h>

enum { THREADS = 4, THREADS_MAX = 1024 };  /* as libuv has it */

static int thread_count(void)
{
  const char *text = getenv("UV_THREADPOOL_SIZE");
  int count = text ? atoi(text) : THREADS;
  return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
}

/* Until the gate opens: all of them have to be there at the same time. */
static void pass(void *gate)
{
  uv_mutex_lock(gate);
  uv_mutex_unlock(gate);
}

static bool can_start(int count)
{
  uv_mutex_t gate;
  uv_thread_t *threads = calloc((size_t)count, sizeof *threads);
  if (!threads || uv_mutex_init(&gate) != 0) {
    free(threads);
    return false;
  }
  int started = 0;
  uv_mutex_lock(&gate);
  while (started < count && uv_thread_create(&threads[started], pass, &gate) == 0)
    started++;
  uv_mutex_unlock(&gate);
  for (int i = 0; i < started; i++)
    uv_thread_join(&threads[i]);
  uv_mutex_destroy(&gate);
  free(threads);
  return started == count;
}

int pool_queue(uv_loop_t *loop, uv_work_t *work, uv_work_cb what, uv_after_work_cb after)
{
  if (!loop->data && !can_start(thread_count()))
    return UV_ENOMEM;
  loop->data = loop;  // tried
  return uv_queue_work(loop, work, what, after);
}
