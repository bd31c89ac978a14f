/* nameserver.h - a DNS server on UDP, for the local cloud. Knows nothing of Lua. */
#ifndef NAMESERVER_H
#define NAMESERVER_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct uv_loop_s;
struct nameserver;

enum { NAMESERVER_QUESTION = 260, NAMESERVER_PACKET = 512 };

struct nameserver_query {
  struct sockaddr_storage from;
  unsigned id, flags;
  char name[256];     /* in lower case, without the final dot; "." is the root */
  char type[12];      /* "A", "TXT", …; "TYPE65" when it has no name here */
  unsigned char question[NAMESERVER_QUESTION];  /* as it came, to be sent back */
  size_t question_len;
};

struct nameserver_reply {
  unsigned char bytes[NAMESERVER_PACKET];
  size_t len, owner;  /* where in the packet the name stands that the next answer is about */
};

/* Reads a packet; false: it is no well-formed query with one question. */
bool nameserver_read(const unsigned char *packet, size_t len, struct nameserver_query *q);
/* The number of "NXDOMAIN", …; -1: there is no such code. */
int nameserver_rcode(const char *name);
void nameserver_begin(struct nameserver_reply *r, const struct nameserver_query *q, int rcode);
/* Adds an answer, its data as text (dns_record.h); what follows a CNAME is about its target.
 * False: the data is none of that type. An answer that does not fit marks the reply truncated. */
bool nameserver_add(struct nameserver_reply *r, const char *type, const char *data, unsigned ttl);
/* Adds a record of the authority section, after all answers: the SOA or NS of a zone. */
bool nameserver_add_authority(struct nameserver_reply *r, const char *zone, const char *type,
                              const char *data, unsigned ttl);

/* Listens; port 0: any. NULL: *f says why. */
struct nameserver *nameserver_new(struct uv_loop_s *loop, const char *address, int port,
                                  struct fault *f);
int nameserver_port(const struct nameserver *ns);
/* arrived(arg) runs from the loop whenever a query came; NULL: nobody listens. */
void nameserver_watch(struct nameserver *ns, effect_done *arrived, void *arg);
/* Takes the oldest query that waits; false: none. When too many wait, new ones are dropped. */
bool nameserver_take(struct nameserver *ns, struct nameserver_query *q);
void nameserver_send(struct nameserver *ns, const struct nameserver_query *q,
                     const struct nameserver_reply *r);
/* NULL is fine. */
void nameserver_free(struct nameserver *ns);
#endif
