/* refusal.h - an effect that never begins: for worlds that stand over another one and do not let everything through. */
#ifndef REFUSAL_H
#define REFUSAL_H
#include "effect.h"
#include "failure.h"
#include <stddef.h>
#include <uv.h>

/* An effect of `size` bytes, zero but for its fault, that ends in a later turn of the loop. It begins with a struct
 * effect and a struct fault, as what every member of a world returns. NULL: out of memory. */
void *refusal_new(uv_loop_t *loop, size_t size, effect_done *done, void *arg, const struct fault *fault);
#endif
