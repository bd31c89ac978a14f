/* health_timeline.c - what a target saw, bounded: the first looks and the last; see health.h.
 *
 * kept[0 … keep) are the first, kept[keep … 2 keep) a ring of the last. */
#include "health.h"
#include <stdlib.h>
#include <string.h>

static int slot_of(const struct health_timeline *t, int number)
{
  return number < t->keep ? number : t->keep + (number - t->keep) % t->keep;
}

static bool make_room(struct health_timeline *t, int slot)
{
  if (slot < t->room)
    return true;
  int room = t->room ? 2 * t->room : 2;
  if (room > 2 * t->keep)
    room = 2 * t->keep;
  struct health_kept *kept = realloc(t->kept, (size_t)room * sizeof *kept);
  if (!kept)
    return false;
  memset(kept + t->room, 0, (size_t)(room - t->room) * sizeof *kept);
  t->kept = kept;
  t->room = room;
  return true;
}

static void fill(struct health_kept *k, const struct health_look *l, char *reason)
{
  *k = (struct health_kept){
    .rule = l->rule, .reason = reason, .at = l->at, .retry_after = (float)l->retry_after,
    .dns = (float)l->timing.dns, .connect = (float)l->timing.connect, .tls = (float)l->timing.tls,
    .first_byte = (float)l->timing.first_byte, .total = (float)l->timing.total,
    .status = (short)l->status, .class = (unsigned char)l->class, .shared = l->shared};
  memcpy(k->colo, l->colo, sizeof k->colo);
}

bool health_timeline_add(struct health_timeline *t, const struct health_look *l)
{
  int slot = slot_of(t, t->count);
  char *reason = make_room(t, slot) ? strdup(l->reason) : NULL;
  if (!reason)
    return false;
  free(t->kept[slot].reason);
  fill(&t->kept[slot], l, reason);
  t->count++;
  t->counts[l->class]++;
  return true;
}

int health_timeline_length(const struct health_timeline *t)
{
  return t->count < 2 * t->keep ? t->count : 2 * t->keep;
}

const struct health_kept *health_timeline_at(const struct health_timeline *t, int n)
{
  int lost = t->count - health_timeline_length(t);
  return &t->kept[slot_of(t, n < t->keep ? n : n + lost)];
}

void health_timeline_free(struct health_timeline *t)
{
  for (int i = 0; i < t->room; i++)
    free(t->kept[i].reason);
  free(t->kept);
  t->kept = NULL;
  t->room = t->count = 0;
}
