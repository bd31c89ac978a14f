/* dns.h - one question to the name servers, as every world offers it. */
#ifndef DNS_H
#define DNS_H
#include "effect.h"
#include "failure.h"
#include <stddef.h>

struct dns_question {
  const char *name;
  const char *type;    /* "A", "AAAA", "CNAME", "TXT" */
  const char *server;  /* "address" or "address:port" to ask; NULL: the configured ones */
  double timeout;      /* seconds */
};

struct dns_answer {
  char type[8];
  char data[1024];  /* an address, a name without the final dot, a text */
  unsigned ttl;     /* seconds */
};

/* Faults: "dns-not-found" (NXDOMAIN; class pending), "dns-no-data" (the name exists, not the
 * type; class pending), "dns-failed" (SERVFAIL, refused; transient), "dns-timeout" (transient),
 * "dns-name", "dns-server" (no name, no address of a server; misuse), "not-local" (--local has
 * no name server to ask; fatal). */
struct dns_lookup {
  struct effect effect;
  struct fault fault;
  struct dns_answer *answers;
  size_t count;
};

struct world_dns {
  struct dns_lookup *(*start)(struct world_dns *, const struct dns_question *, effect_done *done,
                              void *arg);
};
#endif
