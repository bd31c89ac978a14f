/* nameserver.c - a DNS server on UDP, for the local cloud: reading queries, writing replies.
 *
 * Whatever is not a well-formed query with one question is dropped in silence. EDNS and
 * other additional records are not looked at; a reply has at most 512 bytes, and names in it
 * are written once and referred to. Nothing here knows any name: the owner answers. */
#include "nameserver.h"
#include "address.h"
#include "dns_record.h"
#include "dns_wire.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING = 64, RECEIVED = 4096 };

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
    if (n > DNS_LABEL || at + 1 + n > len || !add_label(name, &used, packet + at + 1, n))
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
  snprintf(q->type, sizeof q->type, "TYPE%u", number);
  for (const struct dns_type *t = dns_types; t->name; t++)
    if (t->number == number)
      snprintf(q->type, sizeof q->type, "%s", t->name);
}

bool nameserver_read(const unsigned char *packet, size_t len, struct nameserver_query *q)
{
  if (len < DNS_HEADER)
    return false;
  *q = (struct nameserver_query){.id = get16(packet), .flags = get16(packet + 2)};
  if (q->flags & (DNS_QR | DNS_OPCODE) || get16(packet + 4) != 1)
    return false;
  size_t end = read_name(packet, len, DNS_HEADER, q->name);
  if (end == 0 || end + 4 > len || get16(packet + end + 2) != DNS_CLASS_IN)
    return false;
  name_type(q, get16(packet + end));
  q->question_len = end + 4 - DNS_HEADER;
  memcpy(q->question, packet + DNS_HEADER, q->question_len);
  return true;
}

/* ---- writing a reply ---------------------------------------------------------------------- */

int nameserver_rcode(const char *name)
{
  const char *known;
  for (unsigned i = 0; (known = dns_rcode_name(i)); i++)
    if (strcmp(known, name) == 0)
      return (int)i;
  return -1;
}

void nameserver_begin(struct nameserver_reply *r, const struct nameserver_query *q, int rcode)
{
  memset(r->bytes, 0, DNS_HEADER);
  put16(r->bytes, q->id);
  put16(r->bytes + 2, (unsigned)(DNS_QR | DNS_AA | DNS_RA | rcode) | (q->flags & DNS_RD));
  put16(r->bytes + 4, 1);
  memcpy(r->bytes + DNS_HEADER, q->question, q->question_len);
  r->len = DNS_HEADER + q->question_len;
  r->owner = DNS_HEADER;
}

/* Appends a record whose owner is the `owner_len` bytes at `owner`, counted at `count` in the header.
 * Returns where its data begins; 0: the data is none of that type, or it did not fit and the reply
 * is truncated now, which *cut tells. */
static size_t add_record(struct nameserver_reply *r, const unsigned char *owner, size_t owner_len,
                         const struct dns_type *type, const char *data, unsigned ttl, size_t count, bool *cut)
{
  enum { FIXED = 10 };  /* type, class, ttl, length */
  unsigned char encoded[NAMESERVER_PACKET + DNS_NAME_WIRE];
  size_t n = type ? dns_record_write(type, data, encoded, sizeof encoded) : 0;
  unsigned flags = get16(r->bytes + 2);
  if (n == 0)
    return 0;
  *cut = flags & DNS_TC || r->len + owner_len + FIXED + n > sizeof r->bytes;
  if (*cut) {
    put16(r->bytes + 2, flags | DNS_TC);
    return 0;
  }
  unsigned char *p = r->bytes + r->len;
  memcpy(p, owner, owner_len);
  p += owner_len;
  put16(p, type->number);
  put16(p + 2, DNS_CLASS_IN);
  put32(p + 4, ttl);
  put16(p + 8, (unsigned)n);
  memcpy(p + FIXED, encoded, n);
  r->len += owner_len + FIXED + n;
  put16(r->bytes + count, get16(r->bytes + count) + 1);
  return r->len - n;
}

bool nameserver_add(struct nameserver_reply *r, const char *type, const char *data, unsigned ttl)
{
  enum { ANSWERS = 6 };
  const struct dns_type *t = dns_type_named(type);
  unsigned char owner[2];
  bool cut = false;
  put16(owner, 0xc000 | (unsigned)r->owner);  // a reference
  size_t at = add_record(r, owner, sizeof owner, t, data, ttl, ANSWERS, &cut);
  if (at && t->number == DNS_CNAME)
    r->owner = at;
  return at || cut;
}

bool nameserver_add_authority(struct nameserver_reply *r, const char *zone, const char *type,
                              const char *data, unsigned ttl)
{
  enum { AUTHORITIES = 8 };
  unsigned char owner[DNS_NAME_WIRE];
  size_t n = dns_name_write(zone, owner);
  bool cut = false;
  return n && (add_record(r, owner, n, dns_type_named(type), data, ttl, AUTHORITIES, &cut) || cut);
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
