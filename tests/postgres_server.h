/* postgres_server.h - a PostgreSQL server of a test's own, on loopback, in a folder that goes away
 * with it; and a line to it that can be cut. */
#ifndef POSTGRES_SERVER_H
#define POSTGRES_SERVER_H
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define POSTGRES_PASSWORD "hunter2 it's"

struct postgres_server {
  char folder[64], programs[128];
  bool durable;
  int port;
  pid_t pid;
};

/* Durable: it waits for the disk, as a server in use does. NULL: this machine has no PostgreSQL. */
struct postgres_server *postgres_server_start(bool durable);
void postgres_server_stop(struct postgres_server *s);
/* SIGKILL, and another start on the same data. */
void postgres_server_kill(struct postgres_server *s);
void postgres_server_restart(struct postgres_server *s);
/* postgresql://davit:PASSWORD@127.0.0.1:port/database; port 0: the server's own. */
void postgres_server_url(const struct postgres_server *s, int port, const char *database, char *url, size_t size);
/* Runs a statement as the owner; the first cell as a number, 0 when there is none. */
long long postgres_server_sql(const struct postgres_server *s, const char *database, const char *text);
PGconn *postgres_server_connect(const struct postgres_server *s, const char *database);

/* What happens to a connection on which the words `davit.append` were sent. */
enum cut {
  CUT_NOTHING,
  CUT_REPLY,   /* the server commits, and the line breaks before its answer has come */
  CUT_SENDER,  /* the sender's end breaks at once; the server goes on */
  CUT_ANSWERS, /* all connections stay open and silent */
};

/* A process that stands between, and cuts as many connections as it is told to. */
struct postgres_line {
  int port;
  pid_t pid;
  struct postgres_line_state { volatile enum cut how; volatile int times; } *state;
};

struct postgres_line postgres_line_start(const struct postgres_server *s);
void postgres_line_stop(struct postgres_line *l);
#endif
