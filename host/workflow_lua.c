/* workflow_lua.c - the module "workflow.core": Davit's own workflow commands, see lua/workflow.lua. */
#include "failure.h"
#include "host.h"
#include "output.h"
#include "task.h"
#include <lauxlib.h>
#include <string.h>

/* core.command(line): one whole command without its line end; nothing without a runner. */
static int command(lua_State *L)
{
  size_t len;
  const char *line = luaL_checklstring(L, 1, &len);
  if (strpbrk(line, "\r\n"))
    return failure_misuse(L, "workflow: a command is one line");
  sched_check_effects(L);
  lua_pushfstring(L, "%s\n", line);
  output_command(host_of(L)->err, lua_tostring(L, -1), len + 1);
  return 0;
}

/* core.keep_stdout(): what goes to standard output is for a program, no place for commands. */
static int keep_stdout(lua_State *L)
{
  output_keep(host_of(L)->out);
  return 0;
}

int workflow_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"command", command}, {"keep_stdout", keep_stdout}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
