/* store_kind_postgres.c - a database in a server of the tests' own, which starts with the first place
 * and ends with the program. Time passes by moving what stands in the rows: nobody has to wait. */
#include "postgres_server.h"
#include "store_kind.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
  char database[32], url[256];
};

static struct {
  struct postgres_server *server;
  pid_t owner;
  int databases;
} tests;

static void stop(void)
{
  if (getpid() == tests.owner)
    postgres_server_stop(tests.server);
}

static struct postgres_server *server(void)
{
  if (tests.owner)
    return tests.server;
  tests.owner = getpid();
  tests.server = postgres_server_start(false);
  atexit(stop);
  return tests.server;
}

static void *make(void)
{
  char text[128];
  if (!server())
    return NULL;
  struct place *p = calloc(1, sizeof *p);
  if (!p)
    abort();
  snprintf(p->database, sizeof p->database, "place%d", ++tests.databases);
  snprintf(text, sizeof text, "create database %s", p->database);
  postgres_server_sql(tests.server, "postgres", text);
  postgres_server_url(tests.server, 0, p->database, p->url, sizeof p->url);
  return p;
}

static struct store *open_store(void *place)
{
  struct fault f;
  struct store *s = store_postgres_new(((struct place *)place)->url, &f);
  if (!s)
    fprintf(stderr, "%s\n", f.message);
  return s;
}

static void pass(void *place, double seconds)
{
  char text[128];
  snprintf(text, sizeof text, "update davit.lease set expires = expires - %g * interval '1 s'", seconds);
  postgres_server_sql(tests.server, ((struct place *)place)->database, text);
}

static void remove_place(void *place)
{
  char text[128];
  snprintf(text, sizeof text, "drop database %s with (force)", ((struct place *)place)->database);
  postgres_server_sql(tests.server, "postgres", text);
  free(place);
}

const struct store_kind store_kind_postgres = {"PostgreSQL", make, open_store, pass, remove_place};
