/* refusal.c - an effect that ends with a fault; see refusal.h. */
#include "refusal.h"
#include <stdalign.h>
#include <stdlib.h>

/* What every effect of a world begins with. */
struct started {
  struct effect effect;
  struct fault fault;
};

/* The timer stands before the effect, whose size the caller knows. It lives until its handle is closed. */
struct refusal {
  uv_timer_t timer;
  alignas(max_align_t) unsigned char effect[];
};

static void timer_closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void destroy(struct effect *e)
{
  struct refusal *r = (struct refusal *)((char *)e - offsetof(struct refusal, effect));
  uv_close((uv_handle_t *)&r->timer, timer_closed);
}

static void end(uv_timer_t *timer)
{
  struct refusal *r = timer->data;
  effect_finish((struct effect *)r->effect);
}

void *refusal_new(uv_loop_t *loop, size_t size, effect_done *done, void *arg, const struct fault *fault)
{
  struct refusal *r = calloc(1, sizeof *r + size);
  if (!r)
    return NULL;
  struct started *s = (struct started *)r->effect;
  *s = (struct started){.effect = {.destroy = destroy, .done = done, .arg = arg}, .fault = *fault};
  uv_timer_init(loop, &r->timer);
  r->timer.data = r;
  uv_timer_start(&r->timer, end, 0, 0);
  return s;
}
