/* store_kind_sqlite.c - a file in a folder of its own, and a clock that all its stores share. */
#include "store_kind.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct place {
  struct store_clock clock;
  double now;
  char folder[64], file[96];
};

static double now(void *place)
{
  return ((struct place *)place)->now;
}

static double wall(void *place)
{
  return 1.8e9 + now(place);
}

static void *make(void)
{
  struct place *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    abort();
  strcpy(p->folder, "/tmp/davit-store-XXXXXX");
  if (!mkdtemp(p->folder))
    abort();
  snprintf(p->file, sizeof p->file, "%s/journal.db", p->folder);
  p->now = 1000;
  p->clock = (struct store_clock){now, wall, p, "this boot"};
  return p;
}

static struct store *open_store(void *place)
{
  struct place *p = place;
  struct fault f;
  struct store *s = store_sqlite_new(p->file, &p->clock, &f);
  if (!s)
    fprintf(stderr, "%s\n", f.message);
  return s;
}

static void pass(void *place, double seconds)
{
  ((struct place *)place)->now += seconds;
}

static void remove_place(void *place)
{
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", ((struct place *)place)->folder);
  if (system(command) != 0)
    abort();
  munmap(place, sizeof(struct place));
}

const struct store_kind store_kind_sqlite = {"SQLite", make, open_store, pass, remove_place};
