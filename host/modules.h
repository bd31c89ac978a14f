/* modules.h - the table of contents: every module that require() finds in the binary. */
#ifndef MODULES_H
#define MODULES_H
#include <lua.h>

struct builtin {
  const char *name;   /* "cloud.world"; of a recipe: "preview" */
  const char *chunk;  /* "@lua/cloud/world.lua" */
  const char *bytes;  /* of a module: compiled; of a recipe: its text */
  size_t size;
};

/* Lua modules and recipes, each ended by a NULL name; made by the build from lua/, recipes/ (embed/embed.c). */
extern const struct builtin builtin_modules[];
extern const struct builtin builtin_recipes[];
const struct builtin *builtin_find(const struct builtin *list, const char *name);

/* Makes require() find the modules in C and in Lua. */
int modules_open(lua_State *L);
#endif
