/* dns.h - one question to the name servers, as every world offers it. */
#ifndef DNS_H
#define DNS_H
#include "effect.h"
#include "failure.h"
#include <stddef.h>

struct dns_question {
  const char *name;
  const char *type;    /* "A", "AAAA", "CNAME", … (dns_record.h) */
  const char *server;  /* "address" or "address:port" to ask, several joined by ","; NULL: the
                        * configured ones */
  double timeout;      /* seconds */
};

struct dns_answer {
  char type[8];
  unsigned ttl;        /* seconds */
  char *data;          /* the record as text: an address, "10 mail.example.com" (dns_record.h) */
};

/* Faults: "dns-not-found" (NXDOMAIN; class pending), "dns-no-data" (the name exists, not the
 * type; class pending), "dns-failed" (SERVFAIL, refused, malformed …; transient),
 * "dns-referral" (the server knows others that know; transient), "dns-timeout" (transient),
 * "dns-name", "dns-server" (no name, no address of a server; misuse), "not-local" (--local has
 * no name server to ask; fatal). */
struct dns_lookup {
  struct effect effect;
  struct fault fault;
  char rcode[16];      /* of a fault: what the server said, "SERVFAIL"; "": nothing */
  long negative_ttl;   /* of a name or type that is not there: seconds for which resolvers may
                        * remember so (RFC 2308); -1: not told */
  char server[128];    /* who was asked; "": nobody */
  double seconds;      /* that it took */
  struct dns_answer *answers;  /* of a "dns-referral": the NS records of those that know */
  size_t count;
};

struct world_dns {
  struct dns_lookup *(*start)(struct world_dns *, const struct dns_question *, effect_done *done,
                              void *arg);
};
#endif
