/* rehearsal_dns.c - names, looked up in the models. */
#include "rehearsal_world.h"
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

static void release(struct effect *e)
{
  struct dns_lookup *l = (struct dns_lookup *)e;
  for (size_t i = 0; i < l->count; i++)
    free(l->answers[i].data);
  free(l->answers);
}

static bool read_answer(lua_State *L, int i, struct dns_answer *a)
{
  lua_rawgeti(L, ANSWER, i);
  lua_getfield(L, -1, "type");
  lua_getfield(L, -2, "data");
  lua_getfield(L, -3, "ttl");
  const char *type = lua_tostring(L, -3), *data = lua_tostring(L, -2);
  snprintf(a->type, sizeof a->type, "%s", type ? type : "");
  a->data = copy_str(data ? data : "");
  a->ttl = (unsigned)lua_tointeger(L, -1);
  lua_settop(L, ANSWER);
  return a->data != NULL;
}

/* What a fault has beside its words: the rcode, and how long "not there" is remembered. */
static void read_refusal(lua_State *L, struct dns_lookup *l)
{
  if (lua_getfield(L, ANSWER, "ttl") == LUA_TNUMBER)
    l->negative_ttl = (long)lua_tonumber(L, -1);
  if (strcmp(l->fault.code, "dns-not-found") == 0)
    snprintf(l->rcode, sizeof l->rcode, "NXDOMAIN");
  lua_settop(L, ANSWER);
}

static void read_answers(lua_State *L, struct dns_lookup *l)
{
  size_t n = lua_rawlen(L, ANSWER);
  l->answers = calloc(n + 1, sizeof *l->answers);
  while (l->answers && l->count < n && read_answer(L, (int)l->count + 1, &l->answers[l->count]))
    l->count++;
  if (l->count < n || !l->answers)
    fault_set(&l->fault, "out-of-memory", "fatal", "not enough memory for the answers");
}

static void ask(struct rehearsal *r, struct dns_lookup *l, const struct dns_question *q)
{
  rehearsal_begin(r, "dns");
  lua_pushstring(r->L, q->name);
  lua_pushstring(r->L, q->type);
  lua_pushstring(r->L, q->server);
  rehearsal_ask(r, 3, &l->effect);
  l->negative_ttl = -1;
  l->seconds = rehearsal_pending(&l->effect)->due - r->now;
  snprintf(l->server, sizeof l->server, "%s", q->server ? q->server : "the configured name servers");
  if (rehearsal_fault(r, &l->fault, NULL))
    read_refusal(r->L, l);
  else
    read_answers(r->L, l);
}

struct dns_lookup *rehearsal_dns(struct world_dns *d, const struct dns_question *q, effect_done *done,
                                 void *arg)
{
  struct rehearsal *r = REHEARSAL_OF(dns, d);
  rehearsal_before(r, POINT_DNS, "%s %s", q->type, q->name);
  struct dns_lookup *l = rehearsal_effect(r, sizeof *l, done, arg, release);
  if (!l)
    return NULL;
  ask(r, l, q);
  rehearsal_note(r, "dns %s %s -> %s", q->type, q->name, l->fault.code ? l->fault.code : "found");
  rehearsal_after(r, POINT_DNS);
  return l;
}
