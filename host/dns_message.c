/* dns_message.c - reads the answer of a name server that may lie; see dns_message.h.
 *
 * Only records of the name that was asked for count, and of those its aliases lead to, wherever
 * they stand in the answer. Everything else is passed over. A message is read once for every
 * alias in it, of which there are few. */
#include "dns_message.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RCODE_NO_NAME = 3 };

struct message {
  const unsigned char *bytes;
  size_t len, answers;       /* where the answers begin */
  unsigned flags;
  unsigned answer_count, authority_count;
};

/* A record's fixed part, and where its data stands. */
struct record {
  char owner[DNS_NAME_TEXT];
  unsigned type, class, ttl;
  size_t data, size;
};

/* ---- answers ------------------------------------------------------------------------------ */

void dns_reading_init(struct dns_reading *r, const struct dns_type *type, const char *name)
{
  *r = (struct dns_reading){.type = type, .negative_ttl = -1};
  memcpy(r->current, name, strlen(name) + 1);
}

bool dns_reading_add(struct dns_reading *r, const char *type, const char *data, unsigned ttl)
{
  if (r->count == r->room) {
    size_t room = r->room ? r->room * 2 : 4;
    struct dns_answer *list = realloc(r->answers, room * sizeof *list);
    if (!list)
      return false;
    r->answers = list;
    r->room = room;
  }
  struct dns_answer *a = &r->answers[r->count];
  *a = (struct dns_answer){.ttl = ttl, .data = strdup(data)};
  memcpy(a->type, type, strlen(type) + 1);
  r->count += a->data != NULL;
  return a->data != NULL;
}

void dns_answers_free(struct dns_answer *answers, size_t count)
{
  for (size_t i = 0; i < count; i++)
    free(answers[i].data);
  free(answers);
}

/* ---- records ------------------------------------------------------------------------------ */

/* Reads the record at `at`; returns what follows it, 0 when it is malformed. */
static size_t read_record(const struct message *m, size_t at, struct record *r)
{
  enum { FIXED = 10 };
  at = dns_name_read(m->bytes, m->len, at, r->owner);
  if (!at || at + FIXED > m->len)
    return 0;
  const unsigned char *p = m->bytes + at;
  r->type = get16(p);
  r->class = get16(p + 2);
  r->ttl = get32(p + 4);
  r->ttl = r->ttl >> 31 ? 0 : r->ttl;  // RFC 2181: the highest bit means no time at all
  r->size = get16(p + 8);
  r->data = at + FIXED;
  return r->data + r->size <= m->len ? r->data + r->size : 0;
}

static enum dns_outcome take(struct dns_reading *r, const struct message *m, const struct dns_type *type,
                             const struct record *record)
{
  struct buf text;
  buf_init(&text, 128 << 10);
  enum dns_outcome outcome = DNS_BROKEN;
  if (dns_record_read(type, m->bytes, m->len, record->data, record->size, &text))
    outcome = buf_ok(&text) && dns_reading_add(r, type->name, buf_str(&text), record->ttl)
                ? DNS_FOUND : DNS_NO_MEMORY;
  buf_free(&text);
  return outcome;
}

/* ---- the answer section ---------------------------------------------------------------------- */

/* Takes the records of the current name. *alias is the first alias among them; its type is 0
 * when there is none. */
static enum dns_outcome take_current(struct dns_reading *r, const struct message *m, struct record *alias)
{
  struct record record;
  size_t at = m->answers;
  alias->type = 0;
  for (unsigned n = m->answer_count; n > 0; n--) {
    at = read_record(m, at, &record);
    if (!at)
      return DNS_BROKEN;
    if (record.class != DNS_CLASS_IN || strcasecmp(record.owner, r->current) != 0)
      continue;
    r->about = true;
    if (record.type == r->type->number) {
      enum dns_outcome outcome = take(r, m, r->type, &record);
      if (outcome != DNS_FOUND)
        return outcome;
    } else if (record.type == DNS_CNAME && alias->type == 0) {
      *alias = record;
    }
  }
  return DNS_FOUND;
}

/* The alias is an answer, and where it leads is the current name. */
static enum dns_outcome follow(struct dns_reading *r, const struct message *m, const struct record *alias)
{
  if (++r->aliases > DNS_ALIASES)
    return DNS_CIRCLE;
  enum dns_outcome outcome = take(r, m, dns_type_named("CNAME"), alias);
  if (outcome == DNS_FOUND)
    strcpy(r->current, r->answers[r->count - 1].data);  // a name: it fits
  return outcome;
}

/* DNS_NO_DATA: the end of the chain has no such record here. */
static enum dns_outcome take_answers(struct dns_reading *r, const struct message *m)
{
  struct record alias;
  for (;;) {
    size_t before = r->count;
    enum dns_outcome outcome = take_current(r, m, &alias);
    if (outcome != DNS_FOUND || r->count > before)
      return outcome;
    if (!alias.type)
      return DNS_NO_DATA;
    outcome = follow(r, m, &alias);
    if (outcome != DNS_FOUND)
      return outcome;
  }
}

/* ---- the authority section ----------------------------------------------------------------------- */

/* True for the name itself and what is above it; the root is above all. */
static bool is_above(const char *zone, const char *name)
{
  size_t nz = strlen(zone), n = strlen(name);
  if (strcmp(zone, ".") == 0)
    return true;
  return n >= nz && strcasecmp(name + n - nz, zone) == 0 && (n == nz || name[n - nz - 1] == '.');
}

static size_t skip_answers(const struct message *m)
{
  struct record record;
  size_t at = m->answers;
  for (unsigned n = m->answer_count; n > 0 && at; n--)
    at = read_record(m, at, &record);
  return at;
}

/* How long "not there" may be remembered (RFC 2308): the smaller of the SOA's TTL and its last field. */
static void take_soa(struct dns_reading *r, const struct message *m, const struct record *soa)
{
  struct buf text;
  buf_init(&text, 16 << 10);
  if (soa->size >= 22 && dns_record_read(dns_type_named("SOA"), m->bytes, m->len, soa->data, soa->size, &text)) {
    unsigned minimum = get32(m->bytes + soa->data + soa->size - 4);
    r->negative_ttl = minimum < soa->ttl ? minimum : soa->ttl;
  }
  buf_free(&text);
}

/* Nothing was found: what the authority section says of it. Servers that know nothing better
 * name others, and no SOA. */
static enum dns_outcome take_authority(struct dns_reading *r, const struct message *m)
{
  struct record record;
  size_t before = r->count, at = skip_answers(m);
  for (unsigned n = m->authority_count; n > 0 && at; n--) {
    at = read_record(m, at, &record);
    if (!at || !is_above(record.owner, r->current))
      continue;
    if (record.type == DNS_SOA)
      take_soa(r, m, &record);
    else if (record.type == DNS_NS && take(r, m, dns_type_named("NS"), &record) == DNS_NO_MEMORY)
      return DNS_NO_MEMORY;
  }
  if (!at)
    return DNS_BROKEN;
  bool others = r->count > before && r->negative_ttl < 0 && !(m->flags & DNS_AA);
  return others ? DNS_REFERRAL : DNS_NO_DATA;
}

/* ---- the message ------------------------------------------------------------------------------------ */

static bool read_header(struct message *m, const unsigned char *bytes, size_t len)
{
  char question[DNS_NAME_TEXT];
  if (len < DNS_HEADER || get16(bytes + 4) != 1)
    return false;
  *m = (struct message){.bytes = bytes, .len = len, .flags = get16(bytes + 2),
                        .answer_count = get16(bytes + 6), .authority_count = get16(bytes + 8)};
  size_t at = dns_name_read(bytes, len, DNS_HEADER, question);
  m->answers = at + 4;
  return at && m->answers <= len;
}

static enum dns_outcome nothing_found(struct dns_reading *r, const struct message *m, bool followed)
{
  size_t before = r->count;
  enum dns_outcome outcome = take_authority(r, m);
  if (outcome != DNS_NO_DATA && outcome != DNS_REFERRAL)
    return outcome;
  bool no_name = r->rcode == RCODE_NO_NAME;
  if (outcome == DNS_REFERRAL && !followed && !no_name)
    return outcome;
  while (r->count > before)
    free(r->answers[--r->count].data);
  if (no_name)
    return DNS_NO_NAME;
  if (r->negative_ttl >= 0)
    return DNS_NO_DATA;
  return followed ? DNS_ALIAS : m->answer_count > 0 && !r->about ? DNS_STRAY : DNS_NO_DATA;
}

enum dns_outcome dns_message_read(struct dns_reading *r, const unsigned char *bytes, size_t len)
{
  struct message m;
  if (!read_header(&m, bytes, len))
    return DNS_BROKEN;
  r->rcode = m.flags & DNS_RCODE;
  r->negative_ttl = -1;
  r->about = false;
  if (m.flags & DNS_TC)
    return DNS_CUT;
  if (r->rcode != 0 && r->rcode != RCODE_NO_NAME)
    return DNS_REFUSED;
  unsigned aliases = r->aliases;
  enum dns_outcome outcome = take_answers(r, &m);
  return outcome == DNS_NO_DATA ? nothing_found(r, &m, r->aliases > aliases) : outcome;
}
