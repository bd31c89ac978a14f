/* dns_fault.c - what went wrong with a look-up, in words; see dns_fault.h. */
#include "dns_fault.h"
#include <stdio.h>
#include <string.h>

static void set_rcode(struct dns_lookup *l, enum dns_end end, const struct dns_reading *r)
{
  const char *name = dns_rcode_name(r->rcode);
  if (end == DNS_END_NO_NAME)
    snprintf(l->rcode, sizeof l->rcode, "NXDOMAIN");
  else if (end == DNS_END_REFUSED && name)
    snprintf(l->rcode, sizeof l->rcode, "%s", name);
  else if (end == DNS_END_REFUSED)
    snprintf(l->rcode, sizeof l->rcode, "RCODE%u", r->rcode);
}

/* What an rcode means for who asked. */
static const char *advice(unsigned rcode)
{
  switch (rcode) {
  case 1: return "the server did not understand the question: it may be none that speaks DNS";
  case 2: return "the server could not find out: the zone's name servers or its DNSSEC may be broken";
  case 4: return "the server does not answer questions of this kind";
  case 5: return "the server does not answer this machine, or not for this zone";
  default: return "ask another server to tell whether this one or the zone is broken";
  }
}

/* "asked 192.0.2.1, 1.2 ms" */
static void set_asked(const struct dns_lookup *l, char *out, size_t size)
{
  if (l->server[0])
    snprintf(out, size, "asked %s, %.1f ms", l->server, l->seconds * 1000);
  else
    snprintf(out, size, "nobody was asked");
}

static void failed(struct dns_lookup *l, const char *name, const struct dns_reading *r, const char *what)
{
  char asked[200];
  set_asked(l, asked, sizeof asked);
  fault_set(&l->fault, "dns-failed", "transient", "%s record of %.255s: %s (%s)", r->type->name, name, what,
            asked);
}

static void refer(struct dns_lookup *l, const char *name, const struct dns_reading *r)
{
  const char *other = r->count ? r->answers[r->count - 1].data : "others";
  char what[200];
  snprintf(what, sizeof what, "the server refers to %.120s", other);
  failed(l, name, r, what);
  l->fault.code = "dns-referral";
  fault_hint(&l->fault, "ask a resolver, or the servers that it refers to (dns.authoritative)");
}

static void refuse(struct dns_lookup *l, const char *name, const struct dns_reading *r)
{
  char what[64];
  snprintf(what, sizeof what, "the server answered %s", l->rcode);
  failed(l, name, r, what);
  fault_hint(&l->fault, "%s", advice(r->rcode));
}

static void not_there(struct dns_lookup *l, enum dns_end end, const char *name, const struct dns_reading *r)
{
  struct fault *f = &l->fault;
  char asked[200];
  set_asked(l, asked, sizeof asked);
  if (end == DNS_END_NO_NAME)
    fault_set(f, "dns-not-found", "pending", "no such name: %.255s (NXDOMAIN, %s)", name, asked);
  else
    fault_set(f, "dns-no-data", "pending", "%.255s has no %s record (%s)", name, r->type->name, asked);
  if (r->negative_ttl >= 0)
    fault_hint(f, "resolvers may remember that for %ld s, even when the record is there by then", r->negative_ttl);
  else if (end == DNS_END_NO_NAME)
    fault_hint(f, "a record that was just created may take a while to be known everywhere");
}

static void silent(struct dns_lookup *l, const char *name, const struct dns_reading *r, double timeout)
{
  fault_set(&l->fault, "dns-timeout", "transient", "%s record of %.255s: no answer from %s within %g s",
            r->type->name, name, l->server[0] ? l->server : "the name servers", timeout);
}

void dns_fault(struct dns_lookup *l, enum dns_end end, const char *name, const struct dns_reading *r,
               double timeout)
{
  set_rcode(l, end, r);
  switch (end) {
  case DNS_END_NO_NAME:
  case DNS_END_NO_DATA: not_there(l, end, name, r); break;
  case DNS_END_REFERRAL: refer(l, name, r); break;
  case DNS_END_REFUSED: refuse(l, name, r); break;
  case DNS_END_CUT: failed(l, name, r, "the answer is cut short, over TCP as well"); break;
  case DNS_END_STRAY: failed(l, name, r, "the server's answer is about other names"); break;
  case DNS_END_CIRCLE: failed(l, name, r, "the aliases lead in a circle, or to no name"); break;
  case DNS_END_BROKEN: failed(l, name, r, "the server's answer is malformed"); break;
  case DNS_END_NOBODY: failed(l, name, r, "nobody listens there: the connection was refused"); break;
  case DNS_END_SILENCE: silent(l, name, r, timeout); break;
  case DNS_END_NAME:
    fault_set(&l->fault, "dns-name", "misuse", "not a domain name: '%.255s'", name);
    break;
  case DNS_END_MEMORY:
    fault_set(&l->fault, "out-of-memory", "fatal", "not enough memory to look up %.255s", name);
    break;
  }
}
