/* sql.h - SQL sessions on a PostgreSQL server, as every world offers them. */
#ifndef SQL_H
#define SQL_H
#include "effect.h"
#include "failure.h"
#include <stdbool.h>
#include <stddef.h>

struct sql_session;

struct sql_column {
  const char *name;
  unsigned type;      /* PostgreSQL's type oid: 16 bool, 20 21 23 integers, 700 701 floats, 114 3802 json */
  unsigned table;     /* oid of the table that it comes from, or 0 */
  int number;         /* the column's number there, or 0 */
  int size, modifier; /* of the type, as the server has them: -1 for any */
};

/* What a server says of an error, field by field. */
enum sql_said {
  SAID_SEVERITY, SAID_MESSAGE, SAID_DETAIL, SAID_HINT, SAID_POSITION, SAID_INTERNAL_POSITION,
  SAID_INTERNAL_QUERY, SAID_WHERE, SAID_SCHEMA, SAID_TABLE, SAID_COLUMN, SAID_DATATYPE,
  SAID_CONSTRAINT, SAID_FILE, SAID_LINE, SAID_ROUTINE, SAID_COUNT
};

/* The outcome of connecting or of a query. A fault's code is "sql-connect" (transient, or
 * fatal for bad credentials), "sql-error" (fatal; sqlstate is set), "sql-lost" (unknown: the
 * connection broke while a statement ran; transient: it was gone before), "sql-timeout"
 * (transient when connecting, else unknown), "sql-url" or "sql-busy" (misuse: a session runs
 * one statement at a time). After "sql-lost" and "sql-timeout" the session is of no more use. */
struct sql_operation {
  struct effect effect;
  struct fault fault;
  char sqlstate[6];
  int position;                 /* of the mistake in the text, in characters from 1; 0: unknown */
  struct sql_session *session;  /* of a connect that succeeded; who sets it to NULL takes it
                                 * over and closes it, else it is closed with the operation */
  struct sql_column *columns;
  size_t column_count, row_count;
  const char *const *cells;     /* row by row, in text form; NULL is SQL's null */
  long affected;                /* rows changed, or -1 */
  const char *command;          /* what was done, as the server puts it ("INSERT 0 3"); NULL: not known */
  const char *said[SAID_COUNT]; /* of a "sql-error"; NULL: nothing */
};

struct world_sql {
  /* `url` is postgresql://user:password@host:port/database?sslmode=…; timeout in seconds. */
  struct sql_operation *(*connect)(struct world_sql *, const char *url, double timeout,
                                   effect_done *done, void *arg);
  /* Where `params` is NULL the text may hold several statements; the last result counts. */
  struct sql_operation *(*query)(struct sql_session *, const char *text,
                                 const char *const *params, size_t param_count, double timeout,
                                 effect_done *done, void *arg);
  /* NULL is fine. */
  void (*close)(struct sql_session *);
};
#endif
