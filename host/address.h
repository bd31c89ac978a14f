/* address.h - the address that a server listens on. */
#ifndef ADDRESS_H
#define ADDRESS_H
#include <uv.h>

/* Fills *out from an IPv4 or IPv6 address in text; 0, or an error of libuv. */
static inline int address_of(const char *address, int port, struct sockaddr_storage *out)
{
  if (uv_ip4_addr(address, port, (struct sockaddr_in *)out) == 0)
    return 0;
  return uv_ip6_addr(address, port, (struct sockaddr_in6 *)out);
}
#endif
