/* mask_engine.h - between the two halves of the masker: mask.c keeps the needles and builds, mask_stream.c
 * looks for them. */
#ifndef MASK_ENGINE_H
#define MASK_ENGINE_H
#include "mask_automaton.h"
#include "mask_filter.h"

struct mask;

struct mask_engine {
  struct mask_automaton automaton;
  struct mask_filter filter;
  unsigned long generation;  /* another one whenever it was built anew; 0: there is nothing to look for */
};

/* Brings the engine up to date with the needles. NULL: out of memory. */
const struct mask_engine *mask_engine(struct mask *m);
#endif
