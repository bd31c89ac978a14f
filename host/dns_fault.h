/* dns_fault.h - what went wrong with a look-up, in words. */
#ifndef DNS_FAULT_H
#define DNS_FAULT_H
#include "dns_message.h"

enum dns_end {
  DNS_END_NO_NAME, DNS_END_NO_DATA, DNS_END_REFERRAL, DNS_END_REFUSED, DNS_END_CUT, DNS_END_STRAY,
  DNS_END_CIRCLE, DNS_END_BROKEN, DNS_END_SILENCE, DNS_END_NOBODY, DNS_END_NAME, DNS_END_MEMORY,
};

/* Sets the fault and rcode of a look-up whose server and seconds are set; `timeout` is what it had. */
void dns_fault(struct dns_lookup *l, enum dns_end end, const char *name, const struct dns_reading *r,
               double timeout);
#endif
