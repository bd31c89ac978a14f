/* reading_process.c - children of a world for looking: what a program does nobody can see, so only commands run that
 * were allowed by their first words. */
#include "reading_world.h"
#include <stdio.h>
#include <string.h>

static bool begins_with(const char *const *argv, const struct allowed_command *c)
{
  const char *word = c->words;
  for (size_t i = 0; i < c->count; i++, word += strlen(word) + 1)
    if (!argv[i] || strcmp(argv[i], word) != 0)
      return false;
  return true;
}

static bool is_allowed(const struct reading *r, const char *const *argv)
{
  for (const struct allowed_command *c = r->commands; c; c = c->next)
    if (begins_with(argv, c))
      return true;
  return false;
}

/* The words as a person would say them: a text for the shell is one. */
static void describe(char *text, size_t size, const char *const *argv)
{
  size_t at = 0;
  if (strcmp(argv[0], "/bin/sh") == 0 && argv[1] && strcmp(argv[1], "-c") == 0 && argv[2])
    argv += 2;
  *text = 0;
  for (; *argv && at + 1 < size; argv++)
    at += (size_t)snprintf(text + at, size - at, "%s%s", at ? " " : "", *argv);
}

static struct process_child *start(struct world_process *w, const struct process_options *o, effect_done *done,
                                   void *arg)
{
  struct reading *r = READING_OF(process, w);
  char text[200];
  if (is_allowed(r, o->argv))
    return r->under->process->start(r->under->process, o, done, arg);
  describe(text, sizeof text, o->argv);
  return reading_refuse(r, sizeof(struct process_child), done, arg, "run '%s'", text);
}

static bool alive(struct world_process *w, int pid)
{
  struct world_process *under = READING_OF(process, w)->under->process;
  return under->alive(under, pid);
}

static bool runs(struct world_process *w, const struct process_place *started, const char *name)
{
  struct world_process *under = READING_OF(process, w)->under->process;
  return under->runs(under, started, name);
}

void reading_process_open(struct reading *r)
{
  const struct world_process *under = r->under->process;
  r->process = (struct world_process){.start = start, .kill = under->kill, .write = under->write,
                                      .close_input = under->close_input, .alive = alive, .runs = runs};
  r->world.process = &r->process;
}
