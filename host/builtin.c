/* builtin.c - the Lua files as text inside the binary; the lists come from the Makefile. */
#include "modules.h"

const struct builtin builtin_modules[] = {
#include "lua/modules.inc"
  {0},
};

const struct builtin builtin_recipes[] = {
#include "recipes/recipes.inc"
  {0},
};
