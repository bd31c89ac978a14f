/* websocket_upgrade.h - the HTTP request and answer that open a WebSocket (RFC 6455, 4). Knows no
 * sockets and no Lua. */
#ifndef WEBSOCKET_UPGRADE_H
#define WEBSOCKET_UPGRADE_H
#include "buf.h"
#include <stdbool.h>
#include <stddef.h>

enum { UPGRADE_KEY = 24, UPGRADE_ACCEPT = 28, UPGRADE_HEAD_MAX = 64 << 10 };

/* Writes a new random key. False: no randomness. */
bool upgrade_key(char key[UPGRADE_KEY + 1]);
/* What a server answers to a key. False: out of memory. */
bool upgrade_accept(const char *key, char accept[UPGRADE_ACCEPT + 1]);

struct upgrade_request {
  const char *target;              /* "/path?query" */
  const char *host;                /* of the Host header */
  const char *key, *protocols;     /* protocols may be NULL */
  const char *const *headers;      /* "Name: value" or "Name;", ended by NULL; may be NULL */
};
/* Appends the client's request. */
void upgrade_write(struct buf *out, const struct upgrade_request *r);

struct upgrade_answer {
  int status;
  char protocol[64];
  size_t head;                     /* bytes up to the body, or the first frame */
  long body;                       /* the length of the body that is announced; -1: none is */
};
/* Reads an answer as far as it came. False: its head is not complete. A mistake in it is *wrong, in
 * words; for status 101 that includes what does not fit the key and the protocols. */
bool upgrade_read(const struct buf *in, const char *key, const char *protocols, struct upgrade_answer *a,
                  const char **wrong);
/* What is wrong with a client's request as an upgrade, or NULL; `headers` are "name: value\n" lines with
 * names in lower case. Else *key is the key, as long as the headers live, with its length. */
const char *upgrade_check(const char *method, const char *headers, const char **key, size_t *key_len);
/* True when the list "a, b" holds the word, in any case where `exact` is not asked for. */
bool upgrade_lists(const char *list, size_t len, const char *word, bool exact);
#endif
