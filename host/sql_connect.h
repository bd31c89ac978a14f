/* sql_connect.h - what everybody who connects by libpq shares: reading a database's URL, what
 * applies where the URL is silent, and whether a refusal is final. Knows nothing of Lua. */
#ifndef SQL_CONNECT_H
#define SQL_CONNECT_H
#include "failure.h"
#include <libpq-fe.h>
#include <stdbool.h>

enum { SQL_HOST_MAX = 256, SQL_WHERE_MAX = SQL_HOST_MAX + 128 };

/* Where a URL leads. The options hold the password. */
struct sql_target {
  PQconninfoOption *options;
  char host[SQL_HOST_MAX];
  char where[SQL_WHERE_MAX];  /* user@host:port/database */
};

/* Reads the URL, which must name one host. False: see the fault ("sql-url", misuse), which quotes
 * nothing of the password. */
bool sql_target_read(struct sql_target *t, const char *url, struct fault *f);
/* Wipes and frees the options. */
void sql_target_free(struct sql_target *t);

/* Begins to connect (PQconnectPoll goes on) to the host's addresses: both are lists with commas,
 * equally long. TLS is required unless they are this machine's, or the URL says otherwise.
 * NULL: out of memory. */
PGconn *sql_connect_start(const struct sql_target *t, const char *host, const char *hostaddr,
                          bool loopback);
bool sql_is_loopback(const char *address);

/* What PQerrorMessage says of a connection that failed, taken apart. */
struct sql_refusal {
  char sqlstate[6];   /* "" when libpq or the network failed, not the server */
  const char *text;   /* within the message */
  int length;         /* of its first line */
  bool final;         /* asking again will not change it */
};
struct sql_refusal sql_refusal_of(const PGconn *conn);
#endif
