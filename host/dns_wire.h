/* dns_wire.h - numbers, names and codes as they stand in DNS messages. */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H
#include <stddef.h>

enum {
  DNS_HEADER = 12,
  DNS_LABEL = 63,         /* bytes of a label */
  DNS_NAME_WIRE = 255,    /* bytes of a name in a message */
  DNS_NAME_TEXT = 1024,   /* room for any name as text, with its escapes and the NUL */
  DNS_CLASS_IN = 1,
};
enum { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_TXT = 16, DNS_AAAA = 28 };
enum { DNS_QR = 0x8000, DNS_OPCODE = 0x7800, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100,
       DNS_RA = 0x0080, DNS_RCODE = 0x000f };

static inline unsigned get16(const unsigned char *p)
{
  return (unsigned)p[0] << 8 | p[1];
}

static inline void put16(unsigned char *p, unsigned n)
{
  p[0] = (unsigned char)(n >> 8);
  p[1] = (unsigned char)n;
}

static inline unsigned get32(const unsigned char *p)
{
  return get16(p) << 16 | get16(p + 2);
}

static inline void put32(unsigned char *p, unsigned n)
{
  put16(p, n >> 16);
  put16(p + 2, n & 0xffff);
}

/* Writes the name at `at` as text without the final dot ("." is the root): a dot or backslash in
 * a label is escaped by a backslash, what is not printable by its number, "\032". References lead
 * strictly backwards. Returns where the name ends, 0 when it is malformed. */
size_t dns_name_read(const unsigned char *message, size_t len, size_t at, char text[DNS_NAME_TEXT]);
/* The name as labels, in `out` of DNS_NAME_WIRE bytes; returns how many, 0: it is no name. */
size_t dns_name_write(const char *text, unsigned char *out);
/* "NOERROR", "NXDOMAIN", …; NULL: the code has no name here. */
const char *dns_rcode_name(unsigned rcode);
#endif
