/* sql_result.c - results of libpq's as outcomes of statements; see sql_result.h. */
#include "sql_result.h"
#include <stdlib.h>
#include <string.h>

static long rows_changed(PGresult *r)
{
  static const char *const changing[] = {"INSERT ", "UPDATE ", "DELETE ", "MERGE ", "COPY "};
  for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
    if (strncmp(PQcmdStatus(r), changing[i], strlen(changing[i])) == 0)
      return atol(PQcmdTuples(r));
  return -1;
}

static struct sql_column column_of(const PGresult *r, int c)
{
  return (struct sql_column){.name = PQfname(r, c), .type = PQftype(r, c), .table = PQftable(r, c),
                             .number = PQftablecol(r, c), .size = PQfsize(r, c),
                             .modifier = PQfmod(r, c)};
}

bool sql_result_fill(struct sql_operation *out, PGresult *r)
{
  size_t columns = (size_t)PQnfields(r), rows = (size_t)PQntuples(r);
  const char **cells = calloc(columns * rows + 1, sizeof *cells);
  out->columns = calloc(columns + 1, sizeof *out->columns);
  out->cells = cells;
  if (!cells || !out->columns)
    return false;
  for (size_t c = 0; c < columns; c++)
    out->columns[c] = column_of(r, (int)c);
  for (size_t row = 0; row < rows; row++)
    for (size_t c = 0; c < columns; c++)
      if (!PQgetisnull(r, (int)row, (int)c))
        cells[row * columns + c] = PQgetvalue(r, (int)row, (int)c);
  out->column_count = columns;
  out->row_count = rows;
  out->affected = rows_changed(r);
  out->command = PQcmdStatus(r);
  return true;
}

void sql_result_said(struct sql_operation *out, const PGresult *r)
{
  static const int fields[SAID_COUNT] = {
    [SAID_SEVERITY] = PG_DIAG_SEVERITY, [SAID_MESSAGE] = PG_DIAG_MESSAGE_PRIMARY,
    [SAID_DETAIL] = PG_DIAG_MESSAGE_DETAIL, [SAID_HINT] = PG_DIAG_MESSAGE_HINT,
    [SAID_POSITION] = PG_DIAG_STATEMENT_POSITION,
    [SAID_INTERNAL_POSITION] = PG_DIAG_INTERNAL_POSITION,
    [SAID_INTERNAL_QUERY] = PG_DIAG_INTERNAL_QUERY, [SAID_WHERE] = PG_DIAG_CONTEXT,
    [SAID_SCHEMA] = PG_DIAG_SCHEMA_NAME, [SAID_TABLE] = PG_DIAG_TABLE_NAME,
    [SAID_COLUMN] = PG_DIAG_COLUMN_NAME, [SAID_DATATYPE] = PG_DIAG_DATATYPE_NAME,
    [SAID_CONSTRAINT] = PG_DIAG_CONSTRAINT_NAME, [SAID_FILE] = PG_DIAG_SOURCE_FILE,
    [SAID_LINE] = PG_DIAG_SOURCE_LINE, [SAID_ROUTINE] = PG_DIAG_SOURCE_FUNCTION};
  for (int i = 0; i < SAID_COUNT; i++)
    out->said[i] = PQresultErrorField(r, fields[i]);
}
