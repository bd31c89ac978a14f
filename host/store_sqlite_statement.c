/* store_sqlite_statement.c - the statements on the file, and what SQLite's errors mean.
 *
 * All statements stand here in one table; each is prepared when it is first used. A lease is free
 * when its run is ''. The parameter ?1 of those that judge a lease is this boot's id, ?2 and ?3
 * are its clock and the wall's. */
#include "store_sqlite.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define EVENTS "SELECT e.seq, r.id, e.at, e.kind, e.path, e.data FROM event e JOIN run r ON r.number = e.run WHERE "
#define RUNS "SELECT id, status, started, changed," \
             " (SELECT data FROM event WHERE run = number ORDER BY seq LIMIT 1)," \
             " (SELECT count(*) FROM event WHERE run = number)," \
             " (SELECT sum(length(kind) + length(path) + length(CAST(data AS BLOB)) + 20)" \
             "  FROM event WHERE run = number) FROM run WHERE "

static const char *const texts[STATEMENTS] = {
  [SQL_BEGIN] = "BEGIN IMMEDIATE",
  [SQL_COMMIT] = "COMMIT",
  [SQL_ROLLBACK] = "ROLLBACK",
  [SQL_ADD_RUN] = "INSERT INTO run(id, status, started, changed) VALUES(?1, ifnull(?2, 'running'), ?3, ?3)"
                  " ON CONFLICT(id) DO NOTHING",
  [SQL_MOVE_RUN] = "UPDATE run SET status = ?2, changed = ?3 WHERE id = ?1",
  [SQL_ADD_EVENT] = "INSERT INTO event(seq, run, at, kind, path, data) VALUES("
                    "max(ifnull((SELECT max(seq) FROM event), 0), (SELECT seq FROM forgotten)) + 1,"
                    " (SELECT number FROM run WHERE id = ?1), ?2, ?3, ?4, ?5)",
  [SQL_EVENTS] = EVENTS "(?2 IS NULL OR e.kind = ?2) AND e.seq > ?3 ORDER BY e.seq",
  [SQL_EVENTS_OF] = EVENTS "e.run = (SELECT number FROM run WHERE id = ?1) AND (?2 IS NULL OR e.kind = ?2)"
                    " AND e.seq > ?3 ORDER BY e.seq",
  [SQL_RUNS] = RUNS "(?2 IS NULL OR status = ?2) AND (?3 = 0 OR changed < ?3) ORDER BY number DESC LIMIT ?4",
  [SQL_RUN] = RUNS "id = ?1 AND (?2 IS NULL OR status = ?2) AND (?3 = 0 OR changed < ?3) LIMIT ?4",
  [SQL_FORGET_MARK] = "UPDATE forgotten SET seq = max(seq, ifnull((SELECT max(event.seq) FROM event), 0))",
  [SQL_FORGET_EVENTS] = "DELETE FROM event WHERE run = (SELECT number FROM run WHERE id = ?1)",
  [SQL_FORGET_RUN] = "DELETE FROM run WHERE id = ?1",
  [SQL_FORGET_LEASE] = "DELETE FROM lease WHERE name = 'run/' || ?4 AND (run = '' OR"
                       " CASE boot WHEN ?1 THEN expires <= ?2 ELSE expires_wall <= ?3 END)",
  [SQL_LEASE] = "SELECT name, run, host, pid, token, since, boot, expires, expires_wall, request"
                " FROM lease WHERE name = ?1",
  [SQL_LEASES] = "SELECT name, run, host, pid, token, since, boot, expires, expires_wall, request"
                 " FROM lease ORDER BY name",
  [SQL_TAKE] = "INSERT INTO lease(name, run, host, pid, token, since, boot, expires, expires_wall)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(name) DO UPDATE SET"
               " run = excluded.run, host = excluded.host, pid = excluded.pid, token = excluded.token,"
               " since = CASE token WHEN excluded.token THEN since ELSE excluded.since END,"
               " request = CASE token WHEN excluded.token THEN request END,"
               " boot = excluded.boot, expires = excluded.expires, expires_wall = excluded.expires_wall",
  [SQL_RENEW] = "UPDATE lease SET token = ?2, boot = ?3, expires = ?4, expires_wall = ?5 WHERE name = ?1",
  [SQL_RELEASE] = "UPDATE lease SET run = '', request = NULL WHERE name = ?1 AND token = ?2",
  [SQL_ASK] = "UPDATE lease SET request = ?5 WHERE name = ?4 AND run <> '' AND"
              " CASE boot WHEN ?1 THEN expires > ?2 ELSE expires_wall > ?3 END",
};

/* ---- running them ------------------------------------------------------------------------------ */

static void bind_one(sqlite3_stmt *st, int i, char type, va_list *ap)
{
  if (type == 't')
    sqlite3_bind_text(st, i, va_arg(*ap, const char *), -1, SQLITE_STATIC);
  else if (type == 'r')
    sqlite3_bind_double(st, i, va_arg(*ap, double));
  else
    sqlite3_bind_int64(st, i, va_arg(*ap, long long));
}

static sqlite3_stmt *prepare(struct store_sqlite *s, enum statement which)
{
  sqlite3_stmt **st = &s->statements[which];
  if (!*st)
    sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
  return *st;
}

void store_sqlite_warm(struct store *store)
{
  for (int i = 0; i < STATEMENTS; i++)
    prepare((struct store_sqlite *)store, i);
}

static sqlite3_stmt *ready(struct store_sqlite *s, enum statement which, const char *types, va_list *ap)
{
  sqlite3_stmt *st = prepare(s, which);
  for (int i = 0; st && types[i]; i++)
    bind_one(st, i + 1, types[i], ap);
  return st;
}

sqlite3_stmt *store_sqlite_ready(struct store_sqlite *s, enum statement which, const char *types, ...)
{
  va_list ap;
  va_start(ap, types);
  sqlite3_stmt *st = ready(s, which, types, &ap);
  va_end(ap);
  return st;
}

bool store_sqlite_run(struct store_sqlite *s, enum statement which, const char *types, ...)
{
  va_list ap;
  va_start(ap, types);
  sqlite3_stmt *st = ready(s, which, types, &ap);
  va_end(ap);
  bool done = st && sqlite3_step(st) == SQLITE_DONE;
  sqlite3_reset(st);
  return done;
}

bool store_sqlite_begin(struct store_sqlite *s, struct fault *fault)
{
  return store_sqlite_run(s, SQL_BEGIN, "") || store_sqlite_failed(s, "cannot write to", fault);
}

bool store_sqlite_end(struct store_sqlite *s, bool ok, struct fault *fault)
{
  if (ok && store_sqlite_run(s, SQL_COMMIT, ""))
    return true;
  if (ok)
    store_sqlite_failed(s, "cannot write to", fault);
  if (!sqlite3_get_autocommit(s->db))
    store_sqlite_run(s, SQL_ROLLBACK, "");
  return false;
}

/* ---- faults --------------------------------------------------------------------------------------- */

static bool is_full(int code, int os)
{
  return code == SQLITE_FULL || (code == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG));
}

static bool is_denied(int code, int os)
{
  return code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_AUTH ||
         (code == SQLITE_CANTOPEN && (os == EACCES || os == EPERM || os == EROFS));
}

/* The system's error behind SQLite's, or 0. Of a commit SQLite keeps it only with the file it wrote. */
static int system_error(sqlite3 *db)
{
  sqlite3_file *wal = NULL;
  int error = sqlite3_system_errno(db);
  if (!error && sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK && wal &&
      wal->pMethods)
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

bool store_sqlite_failed(struct store_sqlite *s, const char *what, struct fault *f)
{
  int code = s->db ? sqlite3_errcode(s->db) & 0xff : SQLITE_NOMEM;
  int os = code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_READONLY ? system_error(s->db) : 0;
  const char *why = s->db ? sqlite3_errmsg(s->db) : "not enough memory";
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
    fault_set(f, "journal-damaged", "fatal", "%s the journal %s: %s", what, s->file, why);
    fault_hint(f, "nothing was changed; move the file away to begin a new journal: undo and "
                  "cleanup find what lives without it");
  } else if (is_full(code, os)) {
    fault_set(f, "journal-full", "fatal", "%s the journal %s: the disk is full", what, s->file);
    fault_hint(f, "free some space; the run stopped before its next effect");
  } else if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    fault_set(f, "journal-busy", "fatal", "%s the journal %s: %s for %d s", what, s->file, why,
              STORE_BUSY_MS / 1000);
    fault_hint(f, "another program holds it; end that one, or try again");
  } else if (is_denied(code, os)) {
    fault_set(f, "journal-denied", "fatal", "%s the journal %s: it may not be written%s%s", what, s->file,
              os ? ": " : "", os ? strerror(os) : "");
    fault_hint(f, "davit writes the file and others beside it: give this user the right to");
  } else {
    fault_set(f, "journal-failed", "fatal", "%s the journal %s: %s%s%s", what, s->file, why, os ? ": " : "",
              os ? strerror(os) : "");
    fault_hint(f, "davit writes below the project's .davit/: is the folder there?");
  }
  return false;
}
