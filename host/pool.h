/* pool.h - work for the threads of libuv's pool. */
#ifndef POOL_H
#define POOL_H
#include <uv.h>

/* Like uv_queue_work(), which it is where the threads of the pool can be had. UV_ENOMEM: they cannot, for want
 * of memory or of threads; nothing was queued. The loop's `data` is the pool's. */
int pool_queue(uv_loop_t *loop, uv_work_t *work, uv_work_cb what, uv_after_work_cb after);
#endif
