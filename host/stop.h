/* stop.h - task.stop, task.stopping and task.on_stop: asking the run to stop, and hearing of it. */
#ifndef STOP_H
#define STOP_H
#include <lua.h>

/* Adds them to the module "task", the table on top. */
int stop_open(lua_State *L);
#endif
