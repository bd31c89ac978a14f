/* rehearsal_dns.c - names, looked up in the models. */
#include "rehearsal_world.h"
#include <stdio.h>
#include <stdlib.h>

static void release(struct effect *e)
{
  free(((struct dns_lookup *)e)->answers);
}

static void read_answer(lua_State *L, int i, struct dns_answer *a)
{
  lua_rawgeti(L, ANSWER, i);
  lua_getfield(L, -1, "type");
  lua_getfield(L, -2, "data");
  lua_getfield(L, -3, "ttl");
  const char *type = lua_tostring(L, -3), *data = lua_tostring(L, -2);
  snprintf(a->type, sizeof a->type, "%s", type ? type : "");
  snprintf(a->data, sizeof a->data, "%s", data ? data : "");
  a->ttl = (unsigned)lua_tointeger(L, -1);
  lua_settop(L, ANSWER);
}

static void ask(struct rehearsal *r, struct dns_lookup *l, const struct dns_question *q)
{
  lua_State *L = r->L;
  rehearsal_begin(r, "dns");
  lua_pushstring(L, q->name);
  lua_pushstring(L, q->type);
  rehearsal_ask(r, 2, &l->effect);
  if (rehearsal_fault(r, &l->fault, NULL))
    return;
  l->count = lua_rawlen(L, ANSWER);
  l->answers = calloc(l->count + 1, sizeof *l->answers);
  if (!l->answers) {
    l->count = 0;
    fault_set(&l->fault, "out-of-memory", "fatal", "not enough memory to look up %s", q->name);
  }
  for (size_t i = 0; i < l->count; i++)
    read_answer(L, (int)i + 1, &l->answers[i]);
}

struct dns_lookup *rehearsal_dns(struct world_dns *d, const struct dns_question *q, effect_done *done,
                                 void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(dns, d);
  rehearsal_reach(r, POINT_DNS, false);
  struct dns_lookup *l = rehearsal_effect(r, sizeof *l, done, arg, release);
  if (!l)
    return NULL;
  ask(r, l, q);
  rehearsal_note(r, "dns %s %s -> %s", q->type, q->name, l->fault.code ? l->fault.code : "found");
  rehearsal_reach(r, POINT_DNS, true);
  return l;
}
