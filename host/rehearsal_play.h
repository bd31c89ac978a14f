/* rehearsal_play.h - one piece of Lua in a rehearsal's world, for tests and studies. */
#ifndef REHEARSAL_PLAY_H
#define REHEARSAL_PLAY_H
#include <lua.h>

int rehearsal_play(lua_State *L);
#endif
