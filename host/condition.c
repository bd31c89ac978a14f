/* condition.c - the module "condition": tasks that wait until another task says so.
 *
 * Waiters stand in a list inside the condition; each is a to-be-closed userdata on the stack of
 * its task, so that an error or a cancellation takes it out of the list. notify() marks those
 * that wait at that moment and wakes them; who comes later waits for the next one. */
#include "class.h"
#include "failure.h"
#include "task.h"
#include <lauxlib.h>

#define CONDITION "davit.condition"
#define WAITER "davit.condition.waiter"

struct waiter {
  struct waiter *next, **link;  /* link is NULL once it is out of the list */
  struct task *task;
  bool notified;
};

struct condition {
  struct waiter *first;
};

static int new_condition(lua_State *L)
{
  struct condition *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (struct condition){0};
  luaL_setmetatable(L, CONDITION);
  return 1;
}

static struct condition *check_condition(lua_State *L, const char *what)
{
  struct condition *c = luaL_testudata(L, 1, CONDITION);
  if (!c)
    failure_misuse(L, "%s: expected a condition, not a %s", what, luaL_typename(L, 1));
  return c;
}

static void unlink_waiter(struct waiter *w)
{
  if (!w->link)
    return;
  *w->link = w->next;
  if (w->next)
    w->next->link = w->link;
  w->link = NULL;
}

static int waiter_close(lua_State *L)  /* __close and __gc */
{
  unlink_waiter(luaL_checkudata(L, 1, WAITER));
  return 0;
}

static int waited(lua_State *L, int status, lua_KContext waiter)
{
  (void)status;
  return ((struct waiter *)waiter)->notified ? 0 : task_wait(L, waited, waiter);
}

/* condition:wait() */
static int wait(lua_State *L)
{
  struct condition *c = check_condition(L, "condition:wait");
  struct task *task = task_current(L);
  struct waiter *w = lua_newuserdatauv(L, sizeof *w, 0);
  *w = (struct waiter){.next = c->first, .link = &c->first, .task = task};
  luaL_setmetatable(L, WAITER);
  if (c->first)
    c->first->link = &w->next;
  c->first = w;
  lua_toclose(L, -1);
  return task_wait(L, waited, (lua_KContext)w);
}

/* condition:notify() */
static int notify(lua_State *L)
{
  struct condition *c = check_condition(L, "condition:notify");
  while (c->first) {
    struct waiter *w = c->first;
    unlink_waiter(w);
    w->notified = true;
    task_wake(w->task);
  }
  return 0;
}

int condition_open(lua_State *L)
{
  static const luaL_Reg methods[] = {{"wait", wait}, {"notify", notify}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new_condition}, {NULL, NULL}};
  class_new(L, WAITER, NULL, waiter_close);
  class_new(L, CONDITION, methods, NULL);
  luaL_newlib(L, functions);
  return 1;
}
