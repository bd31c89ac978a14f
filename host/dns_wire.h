/* dns_wire.h - numbers as they stand in DNS packets. */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H

static inline unsigned get16(const unsigned char *p)
{
  return (unsigned)p[0] << 8 | p[1];
}

static inline void put16(unsigned char *p, unsigned n)
{
  p[0] = (unsigned char)(n >> 8);
  p[1] = (unsigned char)n;
}
#endif
