/* modules.c - the modules in C by name, and require() for those in Lua. */
#include "modules.h"
#include <lauxlib.h>
#include <string.h>

#define MODULES(X) \
  X("archive.core", archive_open)        X("authority", authority_open)         X("base64", base64_open)               X("blake3", blake3_open) \
  X("condition", condition_open)         X("core", core_open)                   X("dns.core", dns_open)                X("dotenv.core", dotenv_open) \
  X("event.core", event_open)            X("filelock", file_lock_open)          X("fs.core", fs_core_open)             X("fs.fenced", fs_fenced_open) \
  X("health.core", health_open)          X("hex", hex_open)                     X("hmac.core", hmac_open) \
  X("http.budget.core", budget_lua_open) X("http.core", http_open)              X("json", json_open) \
  X("limited", limited_open) \
  X("local.core", local_open)            X("mask", mask_open)                   X("mask.pipe", mask_pipe_open) \
  X("nameserver", nameserver_open) \
  X("permit.core", permit_open) \
  X("process.core", process_open)        X("reading.core", reading_open)        X("rehearsal.core", rehearsal_open)    X("seal.core", seal_open) \
  X("sealed_box.core", sealed_box_open) X("secret.core", secret_open) \
  X("server.core", server_open)          X("sha256", sha256_open)               X("sql.core", sql_open) \
  X("store.core", store_open)            X("tcp.core", tcp_open)                X("websocket", websocket_open)         X("workflow.core", workflow_open) \
  X("yaml.core", yaml_open)

#define DECLARE(name, open) int open(lua_State *L);
MODULES(DECLARE)

static const luaL_Reg modules[] = {
#define ENTRY(name, open) {name, open},
  MODULES(ENTRY)
  {NULL, NULL},
};

const struct builtin *builtin_find(const struct builtin *list, const char *name)
{
  for (; list->name; list++)
    if (strcmp(list->name, name) == 0)
      return list;
  return NULL;
}

static int search_builtin(lua_State *L)
{
  const struct builtin *b = builtin_find(builtin_modules, luaL_checkstring(L, 1));
  if (!b)
    return 0;
  if (luaL_loadbufferx(L, b->bytes, b->size, b->chunk, "b") != LUA_OK)
    return lua_error(L);
  lua_pushstring(L, b->chunk + 1);
  return 2;
}

/* package keeps loaded, preload and the searchers; paths and loadlib go. */
static void restrict_package(lua_State *L)
{
  static const char *const absent[] = {"loadlib", "cpath", "path", "searchpath", "config", NULL};
  for (int i = 0; absent[i]; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, absent[i]);
  }
}

int modules_open(lua_State *L)
{
  lua_getglobal(L, "package");
  restrict_package(L);
  lua_getfield(L, -1, "preload");
  for (const luaL_Reg *m = modules; m->name; m++) {
    lua_pushcfunction(L, m->func);
    lua_setfield(L, -2, m->name);
  }
  lua_pop(L, 1);
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, search_builtin);
  lua_rawseti(L, -2, 2);
  for (int i = 3; i <= 4; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 2);
  return 0;
}
