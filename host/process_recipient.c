/* process_recipient.c - a program as the destination of secrets; see process_recipient.h. */
#include "process_recipient.h"
#include "buf.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program of the project is bound by its path from the project's folder. */
static bool runs(const struct destination *to, const char *name)
{
  const struct process_recipient *r = to->program;
  char file[PATH_MAX];
  if (strncmp(name, "./", 2) != 0)
    return r->world->runs(r->world, &r->place, name);
  int n = snprintf(file, sizeof file, "%s/%s", r->root ? r->root : ".", name + 2);
  return n < PATH_MAX && r->world->runs(r->world, &r->place, file);
}

struct destination process_destination(const struct process_recipient *r, const char *place)
{
  return (struct destination){
    .kind = TO_PROGRAM, .what = r->place.program, .place = place, .runs = runs, .program = r};
}

bool process_recipient_copy(struct process_recipient *to, const struct process_recipient *from)
{
  const struct process_place *p = &from->place;
  *to = (struct process_recipient){
    .world = from->world, .place = {copy_str(p->program), copy_str(p->path), copy_str(p->cwd)},
    .root = copy_str(from->root)};
  return to->place.program && !to->place.path == !p->path && !to->place.cwd == !p->cwd &&
         !to->root == !from->root;
}

void process_recipient_free(struct process_recipient *r)
{
  free((char *)r->place.program);
  free((char *)r->place.path);
  free((char *)r->place.cwd);
  free((char *)r->root);
  *r = (struct process_recipient){0};
}
