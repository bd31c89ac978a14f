/* buf.c - growable bytes with a limit; see buf.h for the contract. */
#include "buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "…"

void buf_init(struct buf *b, size_t limit)
{
  *b = (struct buf){.limit = limit};
}

void buf_free(struct buf *b)
{
  free(b->data);
  buf_init(b, b->limit);
}

void wipe(void *data, size_t len)
{
  if (data)
    explicit_bzero(data, len);
}

void buf_wipe(struct buf *b)
{
  wipe(b->data, b->size);
  buf_free(b);
}

/* Fresh memory for what may be a secret: realloc would leave an unwiped copy behind. */
static char *resize(const struct buf *b, size_t size)
{
  if (b->plain)
    return realloc(b->data, size);
  char *data = malloc(size);
  if (!data)
    return NULL;
  if (b->len)
    memcpy(data, b->data, b->len);
  wipe(b->data, b->len);
  free(b->data);
  return data;
}

/* False when so many more bytes are beyond the limit. */
static bool fits(struct buf *b, size_t more)
{
  if (b->failed || more > b->limit || b->len > b->limit - more)
    b->failed = true;
  return !b->failed;
}

static bool grow(struct buf *b, size_t size)
{
  char *data = resize(b, size);
  if (data) {
    b->data = data;
    b->size = size;
  } else {
    b->failed = true;
  }
  return data != NULL;
}

static bool reserve(struct buf *b, size_t more)
{
  size_t need = b->len + more + 1, size = b->size ? b->size : 64;
  if (!fits(b, more))
    return false;
  if (need <= b->size)
    return true;
  while (size < need)
    size *= 2;
  return grow(b, size);
}

void buf_reserve(struct buf *b, size_t more)
{
  size_t need = b->len + more + 1;
  if (fits(b, more) && need > b->size && grow(b, need))
    b->data[b->len] = 0;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
  if (!reserve(b, len))
    return;
  if (len)
    memcpy(b->data + b->len, data, len);
  b->len += len;
  b->data[b->len] = 0;
}

void buf_add_str(struct buf *b, const char *text)
{
  buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c)
{
  if (b->failed || b->len + 1 >= b->size || b->len >= b->limit) {
    buf_add(b, &c, 1);
    return;
  }
  b->data[b->len++] = c;
  b->data[b->len] = 0;
}

void buf_printf(struct buf *b, const char *format, ...)
{
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(NULL, 0, format, ap);
  va_end(ap);
  if (n < 0 || !reserve(b, (size_t)n))
    return;
  va_start(ap, format);
  vsnprintf(b->data + b->len, (size_t)n + 1, format, ap);
  va_end(ap);
  b->len += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
  if (n == 0)
    return;
  b->len -= n;
  memmove(b->data, b->data + n, b->len + 1);
}

const char *buf_str(const struct buf *b)
{
  return b->data ? b->data : "";
}

bool buf_ok(const struct buf *b)
{
  return !b->failed;
}

size_t copy_text(char *to, size_t room, const char *text)
{
  size_t len = strnlen(text, room - 1);
  memcpy(to, text, len);
  to[len] = 0;
  return len;
}

const char *cut_mark(const char *text, size_t max)
{
  return strnlen(text, max + 1) > max ? ELLIPSIS : "";
}

void mark_cut(char *out, size_t size)
{
  size_t end = size - sizeof ELLIPSIS;
  while (end > 0 && ((unsigned char)out[end - 1] & 0xC0) == 0x80)
    end--;
  if (end > 0 && ((unsigned char)out[end - 1] & 0x80))
    end--;
  memcpy(out + end, ELLIPSIS, sizeof ELLIPSIS);
}

void format_cut(char *out, size_t size, const char *format, va_list ap)
{
  int n = vsnprintf(out, size, format, ap);
  if (n >= 0 && (size_t)n >= size)
    mark_cut(out, size);
}

char *copy_str(const char *text)
{
  return text ? strdup(text) : NULL;
}
