/* dns_message.h - what an answer of a name server says about a question. Knows no sockets. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H
#include "dns.h"
#include "dns_record.h"
#include "dns_wire.h"

enum { DNS_ALIASES = 16 };  /* more in a row count as a circle */

enum dns_outcome {
  DNS_FOUND,
  DNS_ALIAS,      /* the chain of aliases leads to `current`, of which nothing is said */
  DNS_NO_NAME,
  DNS_NO_DATA,
  DNS_REFERRAL,   /* other servers know: their NS records are the answers */
  DNS_REFUSED,    /* `rcode` says how */
  DNS_CUT,        /* truncated */
  DNS_STRAY,      /* the answers are about other names */
  DNS_CIRCLE,
  DNS_BROKEN,
  DNS_NO_MEMORY,
};

/* Collects over several messages: an alias may have to be asked for again. */
struct dns_reading {
  const struct dns_type *type;
  char current[DNS_NAME_TEXT];  /* what is asked for now */
  unsigned aliases, rcode;
  bool about;                   /* the last message had answers about the name */
  struct dns_answer *answers;
  size_t count, room;
  long negative_ttl;            /* seconds of an SOA that came with no answer; -1: none */
};

/* name has at most DNS_NAME_TEXT - 1 bytes. */
void dns_reading_init(struct dns_reading *r, const struct dns_type *type, const char *name);
enum dns_outcome dns_message_read(struct dns_reading *r, const unsigned char *message, size_t len);
/* Appends a copy. False: out of memory. */
bool dns_reading_add(struct dns_reading *r, const char *type, const char *data, unsigned ttl);
void dns_answers_free(struct dns_answer *answers, size_t count);
#endif
