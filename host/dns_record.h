/* dns_record.h - the types of DNS records: their fields, between wire and text.
 *
 * As text a record is its fields in their order with one blank between them, "10 mail.example.com".
 * Only the last field may hold blanks. Worlds, models and the local cloud's name server speak
 * of records in this form. */
#ifndef DNS_RECORD_H
#define DNS_RECORD_H
#include "buf.h"
#include <stdbool.h>
#include <stddef.h>

enum dns_kind {
  DNS_END,
  DNS_U8, DNS_U16, DNS_U32,
  DNS_NAME,
  DNS_IPV4, DNS_IPV6,
  DNS_WORD,   /* a byte that counts, and as many letters and digits */
  DNS_REST,   /* the bytes to the end */
  DNS_TEXTS,  /* strings with a counting byte each, to the end: they count as one text */
};

struct dns_field {
  const char *name;  /* NULL: the record has no other field */
  enum dns_kind kind;
};

struct dns_type {
  const char *name;
  unsigned number;
  struct dns_field fields[8];  /* ended by DNS_END */
};

/* The types that can be asked for, ended by one without a name. */
extern const struct dns_type dns_types[];
/* NULL: unknown. */
const struct dns_type *dns_type_named(const char *name);

/* Appends the record whose data stands at `at` in the message, `size` bytes. False: it is
 * malformed, or holds a NUL. */
bool dns_record_read(const struct dns_type *type, const unsigned char *message, size_t len,
                     size_t at, size_t size, struct buf *text);
/* The data of a record given as text; returns its size, 0: it is none of that type, or larger
 * than `room`. */
size_t dns_record_write(const struct dns_type *type, const char *text, unsigned char *out, size_t room);
/* Steps over one field of a text: returns its length; *text moves to what follows it. */
size_t dns_record_field(const struct dns_field *field, const char **text);
/* Writes the name under which an address has its PTR record. False: it is no address. */
bool dns_reverse_name(const char *address, char *name, size_t size);
#endif
