/* dns_record.c - the table of record types, and their data between wire and text. */
#include "dns_record.h"
#include "dns_wire.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct dns_type dns_types[] = {
  {"A", DNS_A, {{NULL, DNS_IPV4}}},
  {"AAAA", DNS_AAAA, {{NULL, DNS_IPV6}}},
  {"CAA", 257, {{"flags", DNS_U8}, {"tag", DNS_WORD}, {"value", DNS_REST}}},
  {"CNAME", DNS_CNAME, {{NULL, DNS_NAME}}},
  {"MX", 15, {{"preference", DNS_U16}, {"exchange", DNS_NAME}}},
  {"NS", DNS_NS, {{NULL, DNS_NAME}}},
  {"PTR", 12, {{NULL, DNS_NAME}}},
  {"SOA", DNS_SOA, {{"mname", DNS_NAME}, {"rname", DNS_NAME}, {"serial", DNS_U32}, {"refresh", DNS_U32},
                    {"retry", DNS_U32}, {"expire", DNS_U32}, {"minimum", DNS_U32}}},
  {"SRV", 33, {{"priority", DNS_U16}, {"weight", DNS_U16}, {"port", DNS_U16}, {"target", DNS_NAME}}},
  {"TXT", DNS_TXT, {{NULL, DNS_TEXTS}}},
  {NULL, 0, {{NULL, DNS_END}}},
};

const struct dns_type *dns_type_named(const char *name)
{
  const struct dns_type *t = dns_types;
  while (t->name && strcmp(t->name, name) != 0)
    t++;
  return t->name ? t : NULL;
}

/* Bytes of a field that always has as many; 0: it varies. */
static size_t fixed_size(enum dns_kind kind)
{
  static const size_t sizes[] = {[DNS_U8] = 1, [DNS_U16] = 2, [DNS_U32] = 4, [DNS_IPV4] = 4,
                                 [DNS_IPV6] = 16, [DNS_TEXTS] = 0};
  return sizes[kind];
}

/* ---- from the wire ---------------------------------------------------------------------- */

static size_t read_name(const unsigned char *message, size_t len, size_t at, size_t end, struct buf *text)
{
  char name[DNS_NAME_TEXT];
  size_t after = dns_name_read(message, len, at, name);
  buf_add_str(text, after && after <= end ? name : "");
  return after <= end ? after : 0;
}

static size_t read_bytes(const unsigned char *p, size_t n, size_t after, struct buf *text)
{
  if (memchr(p, 0, n))
    return 0;
  buf_add(text, p, n);
  return after;
}

static size_t read_word(const unsigned char *message, size_t at, size_t end, struct buf *text)
{
  size_t n = at < end ? message[at] : 0;
  if (n == 0 || at + 1 + n > end)
    return 0;
  for (size_t i = at + 1; i <= at + n; i++)
    if (message[i] <= ' ' || message[i] >= 127)
      return 0;
  return read_bytes(message + at + 1, n, at + 1 + n, text);
}

static size_t read_texts(const unsigned char *message, size_t at, size_t end, struct buf *text)
{
  while (at < end) {
    size_t n = message[at];
    if (at + 1 + n > end || !read_bytes(message + at + 1, n, end, text))
      return 0;
    at += 1 + n;
  }
  return end;
}

static void add_fixed(enum dns_kind kind, const unsigned char *p, struct buf *text)
{
  char address[INET6_ADDRSTRLEN];
  switch (kind) {
  case DNS_IPV4:
  case DNS_IPV6:
    buf_add_str(text, inet_ntop(kind == DNS_IPV4 ? AF_INET : AF_INET6, p, address, sizeof address));
    break;
  default:
    buf_printf(text, "%u", kind == DNS_U8 ? *p : kind == DNS_U16 ? get16(p) : get32(p));
  }
}

/* Appends the field at `at`; returns where it ends, 0: it is malformed. */
static size_t read_field(enum dns_kind kind, const unsigned char *message, size_t len, size_t at,
                         size_t end, struct buf *text)
{
  size_t size = fixed_size(kind);
  switch (kind) {
  case DNS_NAME:
    return read_name(message, len, at, end, text);
  case DNS_WORD:
    return read_word(message, at, end, text);
  case DNS_REST:
    return read_bytes(message + at, end - at, end, text);
  case DNS_TEXTS:
    return at < end ? read_texts(message, at, end, text) : 0;
  default:
    if (at + size > end)
      return 0;
    add_fixed(kind, message + at, text);
    return at + size;
  }
}

bool dns_record_read(const struct dns_type *type, const unsigned char *message, size_t len,
                     size_t at, size_t size, struct buf *text)
{
  size_t end = at + size;
  for (const struct dns_field *f = type->fields; f->kind != DNS_END; f++) {
    if (f != type->fields)
      buf_add_char(text, ' ');
    at = read_field(f->kind, message, len, at, end, text);
    if (!at)
      return false;
  }
  return at == end;
}

/* ---- from text ---------------------------------------------------------------------------- */

size_t dns_record_field(const struct dns_field *field, const char **text)
{
  bool last = field[1].kind == DNS_END;
  size_t n = last ? strlen(*text) : strcspn(*text, " ");
  *text += n + (!last && (*text)[n] == ' ');
  return n;
}

/* A number that fits `size` bytes; 0: it is none. */
static size_t write_number(const char *text, unsigned char *out, size_t size)
{
  char *end;
  unsigned long long n = strtoull(text, &end, 10);
  if (end == text || *end || *text == '-' || n >> (8 * size))
    return 0;
  for (size_t i = 0; i < size; i++)
    out[i] = (unsigned char)(n >> (8 * (size - 1 - i)));
  return size;
}

static size_t write_texts(const char *text, size_t len, unsigned char *out, size_t room)
{
  enum { MOST = 255 };
  size_t used = 0;
  if (len + len / MOST + 1 > room)
    return 0;
  do {
    size_t n = len < MOST ? len : MOST;
    out[used] = (unsigned char)n;
    memcpy(out + used + 1, text, n);
    used += n + 1;
    text += n;
    len -= n;
  } while (len > 0);
  return used;
}

static size_t write_word(const char *text, size_t len, unsigned char *out, size_t room)
{
  return len > 0 && len < 256 && len < room ? write_texts(text, len, out, room) : 0;
}

/* One field as a string of its own; `room` is at least DNS_NAME_WIRE. */
static size_t write_field(enum dns_kind kind, const char *text, unsigned char *out, size_t room)
{
  size_t len = strlen(text);
  switch (kind) {
  case DNS_IPV4:
    return inet_pton(AF_INET, text, out) == 1 ? 4 : 0;
  case DNS_IPV6:
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
  case DNS_NAME:
    return len ? dns_name_write(text, out) : 0;
  case DNS_WORD:
    return write_word(text, len, out, room);
  case DNS_TEXTS:
    return write_texts(text, len, out, room);
  case DNS_REST:
    if (len > room)
      return 0;
    memcpy(out, text, len);
    return len;
  default:
    return write_number(text, out, fixed_size(kind));
  }
}

size_t dns_record_write(const struct dns_type *type, const char *text, unsigned char *out, size_t room)
{
  char field[DNS_NAME_TEXT * 4];
  size_t used = 0;
  for (const struct dns_field *f = type->fields; f->kind != DNS_END; f++) {
    const char *from = text;
    size_t n = dns_record_field(f, &text);
    if (n >= sizeof field || room - used < DNS_NAME_WIRE)
      return 0;
    memcpy(field, from, n);
    field[n] = 0;
    n = write_field(f->kind, field, out + used, room - used);
    if (n == 0)
      return 0;
    used += n;
  }
  return used;
}

/* ---- addresses ------------------------------------------------------------------------------ */

bool dns_reverse_name(const char *address, char *name, size_t size)
{
  unsigned char b[16];
  size_t used = 0;
  if (inet_pton(AF_INET, address, b) == 1)
    return snprintf(name, size, "%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]) < (int)size;
  if (inet_pton(AF_INET6, address, b) != 1 || size < sizeof b * 4 + sizeof "ip6.arpa")
    return false;
  for (int i = 15; i >= 0; i--)
    used += (size_t)snprintf(name + used, size - used, "%x.%x.", b[i] & 15, b[i] >> 4);
  snprintf(name + used, size - used, "ip6.arpa");
  return true;
}
