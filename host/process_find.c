/* process_find.c - which file a program's name means, and whether it is the one that a secret is for.
 *
 * A name alone is no proof: the PATH that a child is given, its folder or argv[0] may lead to
 * another file of that name. So both are looked up, and it has to be the same file. Folders of our own
 * PATH that are not named from the root count for nothing: what they mean depends on where one stands. */
#include "process_child.h"
#include "process_find.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *file, struct stat *st)
{
  return stat(file, st) == 0 && S_ISREG(st->st_mode) && access(file, X_OK) == 0;
}

/* The file below a folder that itself may be relative to `from`. False: its name is too long. */
static bool join(char file[PATH_MAX], const char *from, const char *dir, int len, const char *name)
{
  bool rooted = len > 0 && *dir == '/';
  int n = rooted ? snprintf(file, PATH_MAX, "%.*s/%s", len, dir, name)
                 : snprintf(file, PATH_MAX, "%s/%.*s/%s", from, len ? len : 1, len ? dir : ".", name);
  return n < PATH_MAX;
}

/* As execvp() goes through a list of folders. `from`: where relative ones begin; NULL: they do not count. */
static bool search(const char *path, const char *from, const char *name, struct stat *st)
{
  for (const char *dir = path; dir; dir = strchr(dir, ':')) {
    char file[PATH_MAX];
    dir += *dir == ':' && dir != path;
    int len = (int)strcspn(dir, ":");
    if ((from || *dir == '/') && join(file, from ? from : "", dir, len, name) && is_program(file, st))
      return true;
    if (!dir[len])
      return false;
    dir += len;
  }
  return false;
}

/* What starting it runs. */
static bool find_started(const struct process_place *p, struct stat *st)
{
  char file[PATH_MAX];
  const char *from = p->cwd ? p->cwd : ".";
  if (!strchr(p->program, '/'))
    return search(p->path ? p->path : PROCESS_DEFAULT_PATH, from, p->program, st);
  if (*p->program == '/')
    return is_program(p->program, st);
  return snprintf(file, sizeof file, "%s/%s", from, p->program) < PATH_MAX && is_program(file, st);
}

static bool find_meant(const char *name, struct stat *st)
{
  const char *path = getenv("PATH");
  if (strchr(name, '/'))
    return is_program(name, st);
  return search(path ? path : PROCESS_DEFAULT_PATH, NULL, name, st);
}

/* What is nowhere cannot be started, which is told better there. */
bool process_runs(struct world_process *w, const struct process_place *started, const char *name)
{
  struct stat runs, meant;
  (void)w;
  if (!find_started(started, &runs))
    return true;
  return find_meant(name, &meant) && runs.st_dev == meant.st_dev && runs.st_ino == meant.st_ino;
}
