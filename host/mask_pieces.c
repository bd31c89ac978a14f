/* mask_pieces.c - cuts, sorts and removes doubles; see mask_pieces.h. */
#include "mask_pieces.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

size_t mask_pieces_of(size_t len)
{
  return len > MASK_PIECE ? (len + MASK_PIECE - 1) / MASK_PIECE : 1;
}

static struct mask_piece piece(const char *text, size_t len, const char *name)
{
  uint64_t key = 0;
  memcpy(&key, text, len < sizeof key ? len : sizeof key);
  return (struct mask_piece){text, name, be64toh(key), (uint32_t)len};
}

/* The last piece of a long text reaches back, to be as long as the others. */
size_t mask_pieces_cut(struct mask_piece *p, const char *text, size_t len, const char *name)
{
  size_t n = 0, at = 0;
  for (; len - at > MASK_PIECE; at += MASK_PIECE)
    p[n++] = piece(text + at, MASK_PIECE, name);
  at = len > MASK_PIECE ? len - MASK_PIECE : 0;
  p[n++] = piece(text + at, len - at, name);
  return n;
}

static int compare(const void *pa, const void *pb)
{
  const struct mask_piece *a = pa, *b = pb;
  if (a->key != b->key)
    return a->key < b->key ? -1 : 1;
  int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
  return c ? c : (a->len > b->len) - (a->len < b->len);
}

size_t mask_pieces_sort(struct mask_piece *p, size_t n)
{
  size_t kept = 0;
  qsort(p, n, sizeof *p, compare);
  for (size_t i = 0; i < n; i++)
    if (kept == 0 || compare(&p[kept - 1], &p[i]) != 0)
      p[kept++] = p[i];
  return kept;
}
