/* sql_result.h - what a result of libpq's says, in the shape that every world gives. Knows nothing
 * of Lua. The outcome points into the result, which must outlive it. */
#ifndef SQL_RESULT_H
#define SQL_RESULT_H
#include "sql.h"
#include <libpq-fe.h>
#include <stdbool.h>

/* The columns, cells and command of what went well. False: out of memory. */
bool sql_result_fill(struct sql_operation *out, PGresult *r);
/* What the server says of an error. */
void sql_result_said(struct sql_operation *out, const PGresult *r);
#endif
