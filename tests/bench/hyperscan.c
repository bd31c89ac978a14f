/* hyperscan.c - a masker on Hyperscan, to measure ours beside it: hyperscan FORMS TEXT >MASKED
 *
 * FORMS holds what is looked for, a line each. Hyperscan says where a text ends, in any order, but not
 * whether what it has seen may still become one: so it is always late by the longest of them. */
#include <stdio.h>

#if __has_include(<hs/hs.h>)
#include <hs/hs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, FORMS_MAX = 1 << 24 };

struct span {
  unsigned long long from, to;
};

struct masker {
  const char **forms;
  size_t *lengths;
  unsigned *ids, *flags;
  unsigned count;
  size_t longest;
  struct span *spans;
  size_t span_count, span_size;
  char *window;                     /* what is not out yet, and room for a chunk */
  unsigned long long start, end;    /* of what is in it */
  bool starred;
};

static void die(const char *what)
{
  fprintf(stderr, "hyperscan: %s\n", what);
  exit(1);
}

static void *allocated(size_t size)
{
  void *data = malloc(size);
  if (!data)
    die("not enough memory");
  return data;
}

static void read_forms(struct masker *m, const char *path)
{
  FILE *file = fopen(path, "rb");
  char *data = allocated(FORMS_MAX);
  if (!file)
    die(path);
  size_t len = fread(data, 1, FORMS_MAX - 1, file);
  data[len] = 0;
  fclose(file);
  m->forms = allocated((len + 1) * sizeof *m->forms);
  m->lengths = allocated((len + 1) * sizeof *m->lengths);
  m->ids = allocated((len + 1) * sizeof *m->ids);
  m->flags = calloc(len + 1, sizeof *m->flags);
  for (size_t at = 0; at < len; at += m->lengths[m->count++] + 1) {
    m->forms[m->count] = data + at;
    m->lengths[m->count] = strcspn(data + at, "\n");
    m->ids[m->count] = m->count;
    m->longest = m->lengths[m->count] > m->longest ? m->lengths[m->count] : m->longest;
  }
}

static int matched(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
  struct masker *m = arg;
  if (m->span_count == m->span_size) {
    m->span_size = m->span_size ? 2 * m->span_size : 1024;
    m->spans = realloc(m->spans, m->span_size * sizeof *m->spans);
    if (!m->spans)
      die("not enough memory");
  }
  m->spans[m->span_count++] = (struct span){to - m->lengths[id], to};
  return (void)from, (void)flags, 0;
}

static int compare(const void *a, const void *b)
{
  const struct span *x = a, *y = b;
  return (x->from > y->from) - (x->from < y->from);
}

static void put(const char *data, size_t len)
{
  while (len > 0) {
    ssize_t n = write(STDOUT_FILENO, data, len);
    if (n < 0)
      die("cannot write");
    data += n;
    len -= (size_t)n;
  }
}

static void put_plain(struct masker *m, unsigned long long *at, unsigned long long to)
{
  if (to <= *at)
    return;
  put(m->window + (*at - m->start), (size_t)(to - *at));
  *at = to;
  m->starred = false;
}

/* Writes all before a place. */
static void release(struct masker *m, unsigned long long decided)
{
  unsigned long long at = m->start;
  size_t kept = 0;
  qsort(m->spans, m->span_count, sizeof *m->spans, compare);
  for (size_t i = 0; i < m->span_count; i++) {
    struct span *s = &m->spans[i];
    if (s->from < decided) {
      put_plain(m, &at, s->from);
      if (!m->starred)
        put("***", 3);
      m->starred = true;
      unsigned long long to = s->to < decided ? s->to : decided;
      at = to > at ? to : at;
    }
    if (s->to > decided)
      m->spans[kept++] = (struct span){s->from > decided ? s->from : decided, s->to};
  }
  put_plain(m, &at, decided);
  m->span_count = kept;
  memmove(m->window, m->window + (decided - m->start), (size_t)(m->end - decided));
  m->start = decided;
}

static void filter(struct masker *m, hs_database_t *db, const char *path)
{
  FILE *text = fopen(path, "rb");
  hs_scratch_t *scratch = NULL;
  hs_stream_t *stream;
  if (!text || hs_alloc_scratch(db, &scratch) != HS_SUCCESS || hs_open_stream(db, 0, &stream) != HS_SUCCESS)
    die(path);
  m->window = allocated(m->longest + CHUNK);
  for (;;) {
    char *at = m->window + (m->end - m->start);
    ssize_t n = read(fileno(text), at, CHUNK);
    if (n <= 0)
      break;
    if (hs_scan_stream(stream, at, (unsigned)n, 0, scratch, matched, m) != HS_SUCCESS)
      die("cannot scan");
    m->end += (unsigned long long)n;
    release(m, m->end - m->start < m->longest ? m->start : m->end - (m->longest - 1));
  }
  hs_close_stream(stream, scratch, matched, m);
  release(m, m->end);
}

int main(int argc, char **argv)
{
  struct masker m = {0};
  hs_database_t *db;
  hs_compile_error_t *error;
  if (argc != 3)
    die("expected FORMS TEXT");
  read_forms(&m, argv[1]);
  if (hs_compile_lit_multi(m.forms, m.flags, m.ids, m.lengths, m.count, HS_MODE_STREAM, NULL, &db, &error) != HS_SUCCESS)
    die(error->message);
  filter(&m, db, argv[2]);
  return 0;
}
#else
int main(void)
{
  fprintf(stderr, "hyperscan: it was not here when this was built; Debian's package is libhyperscan-dev\n");
  return 1;
}
#endif
