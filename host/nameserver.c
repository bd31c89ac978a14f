/* nameserver.c - a DNS server on UDP, for the local cloud: reading queries, writing replies.
 *
 * Whatever is not a well-formed query with one question is dropped in silence. EDNS and
 * other additional records are not looked at; a reply has at most 512 bytes, and names in it
 * are written once and referred to. Nothing here knows any name: the owner answers. */
#include "nameserver.h"
#include "address.h"
#include "dns_wire.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 12, WAITING = 64, LABEL_MAX = 63, TEXT_MAX = 255, RECEIVED = 4096 };
enum { QR = 0x8000, OPCODE = 0x7800, AA = 0x0400, TC = 0x0200, RD = 0x0100, RA = 0x0080 };
enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_TXT = 16, TYPE_AAAA = 28, CLASS_IN = 1 };

static const struct {
  unsigned number;
  const char *name;
} types[] = {{TYPE_A, "A"}, {2, "NS"}, {TYPE_CNAME, "CNAME"}, {6, "SOA"}, {15, "MX"},
             {TYPE_TXT, "TXT"}, {TYPE_AAAA, "AAAA"}, {33, "SRV"}, {65, "HTTPS"}, {255, "ANY"},
             {257, "CAA"}, {0, NULL}};

/* ---- reading a query ------------------------------------------------------------------ */

static char lower(unsigned char c)
{
  return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Appends a label's bytes; a dot, a backslash or what is not printable has no place in a name. */
static bool add_label(char *name, size_t *len, const unsigned char *label, size_t n)
{
  if (*len + n + 2 > 256)
    return false;
  if (*len)
    name[(*len)++] = '.';
  for (size_t i = 0; i < n; i++) {
    if (label[i] <= ' ' || label[i] >= 127 || label[i] == '.' || label[i] == '\\')
      return false;
    name[(*len)++] = lower(label[i]);
  }
  return true;
}

/* Reads the name at `at`; returns where it ends, 0 when it is malformed or a reference. */
static size_t read_name(const unsigned char *packet, size_t len, size_t at, char *name)
{
  size_t used = 0;
  while (at < len && packet[at] != 0) {
    size_t n = packet[at];
    if (n > LABEL_MAX || at + 1 + n > len || !add_label(name, &used, packet + at + 1, n))
      return 0;
    at += 1 + n;
  }
  if (used == 0)
    name[used++] = '.';
  name[used] = 0;
  return at < len ? at + 1 : 0;
}

static void name_type(struct nameserver_query *q, unsigned number)
{
  for (int i = 0; types[i].name; i++)
    if (types[i].number == number) {
      snprintf(q->type, sizeof q->type, "%s", types[i].name);
      return;
    }
  snprintf(q->type, sizeof q->type, "TYPE%u", number);
}

bool nameserver_read(const unsigned char *packet, size_t len, struct nameserver_query *q)
{
  if (len < HEADER)
    return false;
  *q = (struct nameserver_query){.id = get16(packet), .flags = get16(packet + 2)};
  if (q->flags & (QR | OPCODE) || get16(packet + 4) != 1)
    return false;
  size_t end = read_name(packet, len, HEADER, q->name);
  if (end == 0 || end + 4 > len || get16(packet + end + 2) != CLASS_IN)
    return false;
  name_type(q, get16(packet + end));
  q->question_len = end + 4 - HEADER;
  memcpy(q->question, packet + HEADER, q->question_len);
  return true;
}

/* ---- writing a reply ---------------------------------------------------------------------- */

int nameserver_rcode(const char *name)
{
  static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
                                      "REFUSED", NULL};
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  return -1;
}

void nameserver_begin(struct nameserver_reply *r, const struct nameserver_query *q, int rcode)
{
  memset(r->bytes, 0, HEADER);
  put16(r->bytes, q->id);
  put16(r->bytes + 2, (unsigned)(QR | AA | RA | rcode) | (q->flags & RD));
  put16(r->bytes + 4, 1);
  memcpy(r->bytes + HEADER, q->question, q->question_len);
  r->len = HEADER + q->question_len;
  r->owner = HEADER;
}

/* The name as labels, in `out` of 256 bytes; 0: it is no name. */
static size_t encode_name(const char *name, unsigned char *out)
{
  size_t used = 0;
  while (*name) {
    size_t n = strcspn(name, ".");
    if (n == 0 || n > LABEL_MAX || used + n + 2 > 255)
      return 0;
    out[used++] = (unsigned char)n;
    memcpy(out + used, name, n);
    used += n;
    name += n + (name[n] == '.');
  }
  out[used++] = 0;
  return used > 1 ? used : 0;
}

/* The text in strings of at most 255 bytes; 0: it is longer than a reply. */
static size_t encode_text(const char *text, unsigned char *out)
{
  size_t left = strlen(text), used = 0;
  if (left + left / TEXT_MAX + 1 > NAMESERVER_PACKET)
    return 0;
  do {
    size_t n = left < TEXT_MAX ? left : TEXT_MAX;
    out[used++] = (unsigned char)n;
    memcpy(out + used, text, n);
    used += n;
    text += n;
    left -= n;
  } while (left > 0);
  return used;
}

/* Encodes data for the type; 0: it is none of that type. */
static size_t encode(const char *type, const char *data, unsigned *number, unsigned char *out)
{
  if (strcmp(type, "A") == 0) {
    *number = TYPE_A;
    return inet_pton(AF_INET, data, out) == 1 ? 4 : 0;
  }
  if (strcmp(type, "AAAA") == 0) {
    *number = TYPE_AAAA;
    return inet_pton(AF_INET6, data, out) == 1 ? 16 : 0;
  }
  *number = strcmp(type, "CNAME") == 0 ? TYPE_CNAME : TYPE_TXT;
  if (*number == TYPE_CNAME)
    return encode_name(data, out);
  return strcmp(type, "TXT") == 0 ? encode_text(data, out) : 0;
}

bool nameserver_add(struct nameserver_reply *r, const char *type, const char *data, unsigned ttl)
{
  enum { FIXED = 12 };  /* reference to the owner, type, class, ttl, length */
  unsigned char encoded[NAMESERVER_PACKET];
  unsigned number, flags = get16(r->bytes + 2);
  size_t n = encode(type, data, &number, encoded);
  if (n == 0)
    return false;
  if (flags & TC || r->len + FIXED + n > sizeof r->bytes) {
    put16(r->bytes + 2, flags | TC);
    return true;
  }
  unsigned char *p = r->bytes + r->len;
  put16(p, 0xc000 | (unsigned)r->owner);
  put16(p + 2, number);
  put16(p + 4, CLASS_IN);
  put16(p + 6, ttl >> 16);
  put16(p + 8, ttl & 0xffff);
  put16(p + 10, (unsigned)n);
  memcpy(p + FIXED, encoded, n);
  if (number == TYPE_CNAME)
    r->owner = r->len + FIXED;
  r->len += FIXED + n;
  put16(r->bytes + 6, get16(r->bytes + 6) + 1);
  return true;
}

/* ---- the socket --------------------------------------------------------------------------- */

struct nameserver {
  uv_udp_t udp;
  int port;
  effect_done *arrived;
  void *arg;
  size_t first, count;
  struct nameserver_query waiting[WAITING];  /* a ring */
  char received[RECEIVED];
};

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  struct nameserver *ns = handle->data;
  (void)suggested;
  *buf = uv_buf_init(ns->received, sizeof ns->received);
}

static void on_packet(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *from,
                      unsigned flags)
{
  struct nameserver *ns = udp->data;
  (void)flags;
  if (len <= 0 || !from || ns->count == WAITING)
    return;
  struct nameserver_query *q = &ns->waiting[(ns->first + ns->count) % WAITING];
  if (!nameserver_read((const unsigned char *)buf->base, (size_t)len, q))
    return;
  size_t size = from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  memcpy(&q->from, from, size);
  ns->count++;
  if (ns->arrived)
    ns->arrived(ns->arg);
}

static int listen_on(struct nameserver *ns, const char *address, int port)
{
  struct sockaddr_storage at = {0};
  int size = sizeof at;
  int err = address_of(address, port, &at);
  if (!err)
    err = uv_udp_bind(&ns->udp, (struct sockaddr *)&at, 0);
  if (!err)
    err = uv_udp_getsockname(&ns->udp, (struct sockaddr *)&at, &size);
  if (!err)
    err = uv_udp_recv_start(&ns->udp, give_buffer, on_packet);
  ns->port = ntohs(((struct sockaddr_in *)&at)->sin_port);  // at the same place for IPv6
  return err;
}

struct nameserver *nameserver_new(uv_loop_t *loop, const char *address, int port, struct fault *f)
{
  struct nameserver *ns = calloc(1, sizeof *ns);
  int err = ns ? uv_udp_init(loop, &ns->udp) : UV_ENOMEM;
  if (err) {
    free(ns);
    fault_set(f, "nameserver-failed", "fatal", "no UDP socket: %s", uv_strerror(err));
    return NULL;
  }
  ns->udp.data = ns;
  err = listen_on(ns, address, port);
  if (!err)
    return ns;
  nameserver_free(ns);
  fault_set(f, "nameserver-failed", "fatal", "listening on UDP %.64s port %d: %s", address, port,
            uv_strerror(err));
  return NULL;
}

int nameserver_port(const struct nameserver *ns)
{
  return ns->port;
}

void nameserver_watch(struct nameserver *ns, effect_done *arrived, void *arg)
{
  ns->arrived = arrived;
  ns->arg = arg;
}

bool nameserver_take(struct nameserver *ns, struct nameserver_query *q)
{
  if (ns->count == 0)
    return false;
  *q = ns->waiting[ns->first];
  ns->first = (ns->first + 1) % WAITING;
  ns->count--;
  return true;
}

/* A reply that the system does not take at once is lost, as any datagram may be. */
void nameserver_send(struct nameserver *ns, const struct nameserver_query *q,
                     const struct nameserver_reply *r)
{
  uv_buf_t buf = uv_buf_init((char *)r->bytes, (unsigned)r->len);
  uv_udp_try_send(&ns->udp, &buf, 1, (const struct sockaddr *)&q->from);
}

static void closed(uv_handle_t *udp)
{
  free(udp->data);
}

void nameserver_free(struct nameserver *ns)
{
  if (ns)
    uv_close((uv_handle_t *)&ns->udp, closed);
}
