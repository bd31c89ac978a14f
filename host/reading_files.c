/* reading_files.c - files and archives of a world for looking: what is written stays below the folders that were
 * allowed.
 *
 * Paths are compared as texts: this keeps mistakes away, not a project that puts links in its own way. */
#include "reading_world.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- folders --------------------------------------------------------------------------- */

/* The path from the root; "" when it does not fit. */
static const char *absolute(const char *path, char whole[static PATH_MAX])
{
  char here[PATH_MAX];
  bool relative = *path != '/';
  if (relative && !getcwd(here, sizeof here))
    return "";
  int n = snprintf(whole, PATH_MAX, "%s%s%s", relative ? here : "", relative ? "/" : "", path);
  return n > 0 && n < PATH_MAX ? whole : "";
}

bool reading_allow_folder(struct reading *r, const char *folder)
{
  char whole[PATH_MAX];
  size_t n = strlen(absolute(folder, whole));
  while (n > 0 && whole[n - 1] == '/')
    n--;
  struct allowed_folder *f = n ? malloc(sizeof *f + n + 1) : NULL;
  if (!f)
    return false;
  f->next = r->folders;
  memcpy(f->path, whole, n);
  f->path[n] = 0;
  r->folders = f;
  return true;
}

static bool goes_up(const char *path)
{
  for (const char *at = strstr(path, "/.."); at; at = strstr(at + 1, "/.."))
    if (at[3] == '/' || !at[3])
      return true;
  return false;
}

static bool may_write(const struct reading *r, const char *path)
{
  char whole[PATH_MAX];
  const char *text = absolute(path, whole);
  for (const struct allowed_folder *f = r->folders; f && !goes_up(text); f = f->next) {
    size_t n = strlen(f->path);
    if (strncmp(text, f->path, n) == 0 && (text[n] == '/' || !text[n]))
      return true;
  }
  return false;
}

/* ---- files ----------------------------------------------------------------------------- */

/* What errors call an action; NULL: it only reads. */
static const char *verb_of(enum file_action action)
{
  static const char *const verbs[] = {
    [FILE_WRITE] = "write", [FILE_REMOVE] = "remove", [FILE_MAKE] = "make", [FILE_EXTEND] = "append to",
    [FILE_COPY] = "copy", [FILE_MOVE] = "rename", [FILE_MODE] = "change", [FILE_BEGIN] = "write",
    [FILE_APPEND] = "write", [FILE_PLACE] = "write"};
  return verbs[action];
}

static bool may_carry_out(const struct reading *r, const struct file_request *q)
{
  if (!verb_of(q->action))
    return true;
  if (q->action != FILE_COPY && !may_write(r, q->path))
    return false;
  return !q->to || may_write(r, q->to);
}

static struct file_operation *start(struct world_files *w, const struct file_request *q, effect_done *done, void *arg)
{
  struct reading *r = READING_OF(files, w);
  if (may_carry_out(r, q))
    return r->under->files->start(r->under->files, q, done, arg);
  return reading_refuse(r, sizeof(struct file_operation), done, arg, "%s %.300s", verb_of(q->action),
                        q->action == FILE_BEGIN ? q->to : q->path);
}

static char *name_beside(struct world_files *w, const char *place)
{
  struct world_files *under = READING_OF(files, w)->under->files;
  return under->name_beside(under, place);
}

/* ---- archives -------------------------------------------------------------------------- */

static struct archive_operation *pack(struct world_archive *w, const struct pack_request *q, effect_done *done,
                                      void *arg)
{
  struct reading *r = READING_OF(archive, w);
  if (may_write(r, q->to))
    return r->under->archive->pack(r->under->archive, q, done, arg);
  return reading_refuse(r, sizeof(struct archive_operation), done, arg, "pack %.300s", q->to);
}

static struct archive_operation *unpack(struct world_archive *w, const struct unpack_request *q, effect_done *done,
                                        void *arg)
{
  struct reading *r = READING_OF(archive, w);
  if (!q->into || may_write(r, q->into))
    return r->under->archive->unpack(r->under->archive, q, done, arg);
  return reading_refuse(r, sizeof(struct archive_operation), done, arg, "unpack into %.300s", q->into);
}

void reading_files_open(struct reading *r)
{
  r->files = (struct world_files){.start = start, .name_beside = name_beside, .alone = r->under->files->alone};
  r->archive = (struct world_archive){.pack = pack, .unpack = unpack};
  r->world.files = &r->files;
  r->world.archive = &r->archive;
}
