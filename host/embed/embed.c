/* embed.c - a program of the build: Lua files as entries of a C table (struct builtin in modules.h), on standard output.
 *
 *   embed code lua lua/a.lua lua/b/c.lua      modules "a" and "b.c", compiled: no start of Davit compiles them again
 *   embed text recipes recipes/preview.lua    as they are, since people read and edit them
 *
 * Compiled code keeps the names and lines of its file, so that errors and tracebacks are those of the source. Either way
 * a file that is no Lua fails the build, by its name and line. */
#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 32 };  /* bytes a line */

/* ---- a string literal, piece by piece ---------------------------------------------------------- */
/* Three digits each: none can join what follows. */
static void print_byte(unsigned char c)
{
  bool plain = c >= ' ' && c <= '~' && !strchr("\"\\?", c);  // ?? may begin a trigraph
  printf(plain ? "%c" : "\\%03o", c);
}

/* A lua_Writer; *size is what was printed so far. */
static int print_piece(lua_State *L, const void *piece, size_t len, void *size)
{
  size_t *printed = size;
  for (const char *p = piece, *end = p + len; p < end; p++, ++*printed) {
    if (*printed % WIDTH == 0)
      fputs("\"\n\"", stdout);
    print_byte((unsigned char)*p);
  }
  return 0;
}

/* ---- a file ------------------------------------------------------------------------------------- */
/* Pushes what the file holds; false: errno says why not. */
static bool push_file(lua_State *L, const char *path)
{
  FILE *f = fopen(path, "rb");
  if (!f)
    return false;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  size_t n;
  do {
    n = fread(luaL_prepbuffer(&b), 1, LUAL_BUFFERSIZE, f);
    luaL_addsize(&b, n);
  } while (n > 0);
  luaL_pushresult(&b);
  bool whole = !ferror(f);
  return fclose(f) == 0 && whole;
}

/* "lua/cloud/world.lua" in "lua" is the module "cloud.world". */
static void print_name(const char *folder, const char *path)
{
  const char *name = path + strlen(folder) + 1, *end = path + strlen(path) - strlen(".lua");
  for (; name < end; name++)
    putchar(*name == '/' ? '.' : *name);
}

// text function
static void print_entry(lua_State *L, bool compiled, const char *folder, const char *path)
{
  size_t len, size = 0;
  const char *text = lua_tolstring(L, 1, &len);
  fputs("{\"", stdout);
  print_name(folder, path);
  printf("\", \"@%s\", \"", path);
  if (compiled)
    lua_dump(L, print_piece, &size, false);
  else
    print_piece(L, text, len, &size);
  printf("\", %zu},\n", size);
}

/* What Lua says begins with the file and the line, unless the name is too long for it or the file no text. */
static bool complain(const char *path, const char *why)
{
  bool named = strncmp(why, path, strlen(path)) == 0;
  fprintf(stderr, "%s%s%s\n", named ? "" : path, named ? "" : ": ", why);
  return false;
}

static bool embed(lua_State *L, bool compiled, const char *folder, const char *path)
{
  lua_settop(L, 0);
  if (!push_file(L, path))
    return complain(path, strerror(errno));
  size_t len;
  const char *text = lua_tolstring(L, 1, &len), *chunk = lua_pushfstring(L, "@%s", path);
  int status = luaL_loadbufferx(L, text, len, chunk, "t");
  lua_remove(L, 2);
  if (status != LUA_OK)
    return complain(path, lua_tostring(L, 2));
  print_entry(L, compiled, folder, path);
  return true;
}

/* Every file that is wrong is named. */
static bool embed_all(lua_State *L, bool compiled, const char *folder, char **paths)
{
  bool ok = true;
  for (; *paths; paths++)
    ok &= embed(L, compiled, folder, *paths);
  return ok;
}

int main(int argc, char **argv)
{
  bool compiled = argc > 2 && strcmp(argv[1], "code") == 0;
  if (argc < 3 || (!compiled && strcmp(argv[1], "text") != 0)) {
    fputs("usage: embed code|text FOLDER FILE…\n", stderr);
    return EXIT_FAILURE;
  }
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("embed: not enough memory\n", stderr);
    return EXIT_FAILURE;
  }
  bool ok = embed_all(L, compiled, argv[2], argv + 3);
  lua_close(L);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("embed: standard output");
    ok = false;
  }
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
