/* archive_paths.c - a list of clean paths; see archive_paths.h. */
#include "archive_paths.h"
#include "archive_name.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
  return archive_compare_paths(*(char *const *)a, *(char *const *)b);
}

static bool add(struct archive_paths *p, const char *text, const char **bad, const char **why)
{
  char clean[ARCHIVE_PATH_MAX + 1];
  *why = archive_clean_path(text, clean);
  if (*why) {
    *bad = text;
    return false;
  }
  p->list[p->count] = strdup(clean);
  return p->list[p->count] && ++p->count;
}

/* What comes right behind a path is the same, or lies in it, or is the first that does not. */
static void drop_doubles(struct archive_paths *p, bool whole)
{
  size_t kept = 0;
  for (size_t i = 0; i < p->count; i++) {
    const char *last = kept ? p->list[kept - 1] : NULL;
    bool doubled = last && (whole ? archive_is_below(p->list[i], last) : strcmp(p->list[i], last) == 0);
    if (doubled)
      free(p->list[i]);
    else
      p->list[kept++] = p->list[i];
  }
  p->count = kept;
}

bool archive_paths_make(struct archive_paths *p, const char *const *texts, bool whole, const char **bad,
                        const char **why)
{
  size_t n = 0;
  *p = (struct archive_paths){0};
  *bad = NULL;
  while (texts && texts[n])
    n++;
  p->list = calloc(n + 1, sizeof *p->list);
  bool made = p->list != NULL;
  for (size_t i = 0; made && i < n; i++)
    made = add(p, texts[i], bad, why);
  if (!made) {
    archive_paths_free(p);
    return false;
  }
  qsort(p->list, p->count, sizeof *p->list, compare);
  drop_doubles(p, whole);
  return true;
}

bool archive_paths_has(const struct archive_paths *p, const char *path)
{
  return p->count && bsearch(&path, p->list, p->count, sizeof *p->list, compare);
}

/* ---- names ----------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t count_names(const struct buf *names)
{
  size_t n = 0;
  for (size_t i = 0; i < names->len; i++)
    n += names->data[i] == 0;
  return n;
}

/* From the copy into the buffer, by the list of where they begin. */
static void put_sorted(struct buf *names, char **list, char *copy, size_t count)
{
  memcpy(copy, buf_str(names), names->len);
  for (size_t i = 0; i < count; i++, copy += strlen(copy) + 1)
    list[i] = copy;
  qsort(list, count, sizeof *list, by_bytes);
  names->len = 0;
  for (size_t i = 0; i < count; i++)
    buf_add(names, list[i], strlen(list[i]) + 1);
}

bool archive_sort_names(struct buf *names)
{
  size_t count = count_names(names);
  char **list = malloc((count + 1) * sizeof *list), *copy = malloc(names->len + 1);
  bool ok = list && copy && buf_ok(names);
  if (ok)
    put_sorted(names, list, copy, count);
  else
    errno = ENOMEM;
  free(list);
  free(copy);
  return ok;
}

void archive_paths_free(struct archive_paths *p)
{
  for (size_t i = 0; i < p->count; i++)
    free(p->list[i]);
  free(p->list);
  *p = (struct archive_paths){0};
}
