/* builtin.c - the Lua files inside the binary, modules compiled, recipes as text; the lists are made by embed/embed.c. */
#include "modules.h"

const struct builtin builtin_modules[] = {
#include "lua/modules.inc"
  {0},
};

const struct builtin builtin_recipes[] = {
#include "recipes/recipes.inc"
  {0},
};
