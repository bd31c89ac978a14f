/* runner_value.h - what GitHub's runner has to be told so that it masks a value. Knows nothing of Lua. */
#ifndef RUNNER_VALUE_H
#define RUNNER_VALUE_H
#include "mask_derive.h"

/* Hands every text to sink that the runner is to be told for this value, the value itself first; some may come
 * twice. False when sink said so or memory was short. */
bool runner_value(struct text value, derived_sink *sink, void *arg);
#endif
