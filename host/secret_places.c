/* secret_places.c - where a template may go, as a list: for who keeps it for later; see secret.h. */
#include "secret_template.h"
#include "failure.h"
#include <lauxlib.h>
#include <string.h>

static bool names(const struct secret *s, const char *place)
{
  if (!s->from) {
    for (char **b = s->bindings; *b; b++)
      if (strcmp(*b, place) == 0)
        return true;
    return false;
  }
  for (struct secret **f = s->from; *f; f++)
    if (!names(*f, place))
      return false;
  return true;
}

static bool all_name(const struct template *t, const char *place)
{
  for (size_t i = 0; i < t->count; i++)
    if (t->pieces[i].secret && !names(t->pieces[i].secret, place))
      return false;
  return true;
}

/* A secret that was not derived, which the template comes from. */
static const struct secret *root_of(const struct template *t)
{
  const struct secret *s = NULL;
  for (size_t i = 0; i < t->count && !s; i++)
    s = t->pieces[i].secret;
  while (s && s->from)
    s = s->from[0];
  return s;
}

void secret_places(lua_State *L, int idx)
{
  const struct template *t = secret_check(L, idx, "secret");
  const struct secret *root = root_of(t);
  int n = 0;
  lua_newtable(L);
  for (char **b = root ? root->bindings : NULL; b && *b; b++) {
    if (!all_name(t, *b))
      continue;
    lua_pushstring(L, *b);
    lua_rawseti(L, -2, ++n);
  }
}
