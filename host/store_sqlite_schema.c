/* store_sqlite_schema.c - opens the file of a store, makes its schema or brings an older one up.
 *
 * The schema's number stands in user_version. Whatever cannot be used (a newer schema, another
 * program's database, a damaged or read-only file) is found before anything is written.
 *
 * What an append touches is small on purpose: one page of `event` and one of its index. A run's
 * row moves only with its status; an integer stands for the run's id in its events. `forgotten`
 * keeps the greatest seq that was ever removed, so that none is given twice. */
#include "store_sqlite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCHEMA = 2 };

static const char schema[] =
  "CREATE TABLE run(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,"
  " started REAL NOT NULL, changed REAL NOT NULL);"
  "CREATE TABLE event(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, at REAL NOT NULL,"
  " kind TEXT NOT NULL, path TEXT NOT NULL, data TEXT NOT NULL);"
  "CREATE INDEX event_run ON event(run);"
  "CREATE TABLE forgotten(seq INTEGER NOT NULL);"
  "INSERT INTO forgotten VALUES(0);"
  "CREATE TABLE lease(name TEXT PRIMARY KEY, run TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,"
  " token INTEGER NOT NULL, since REAL NOT NULL, boot TEXT NOT NULL, expires REAL NOT NULL,"
  " expires_wall REAL NOT NULL, request TEXT) WITHOUT ROWID;"
  "PRAGMA user_version = 2;";

/* Schema 1 had the events alone, each with its run's id. */
static const char from_1_before[] = "ALTER TABLE event RENAME TO event_1; DROP INDEX event_run;";
static const char from_1_after[] =
  "INSERT INTO run(id, status, started, changed)"
  " SELECT a.run, CASE z.ok WHEN 1 THEN 'done' WHEN 0 THEN 'failed' ELSE 'running' END, a.at, ifnull(z.at, a.at)"
  " FROM (SELECT run, min(seq) AS seq, at FROM event_1 GROUP BY run) a"
  " LEFT JOIN (SELECT run, max(seq), at, CASE WHEN json_valid(data) THEN json_extract(data, '$.ok') END AS ok"
  "  FROM event_1 WHERE kind = 'run-finished' GROUP BY run) z ON z.run = a.run ORDER BY a.seq;"
  "INSERT INTO event SELECT seq, number, at, kind, path, data FROM event_1 JOIN run ON id = run ORDER BY seq;"
  "UPDATE forgotten SET seq = ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'event_1'), 0);"
  "DROP TABLE event_1;";

static bool exec(struct store_sqlite *s, const char *sql)
{
  return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The one number that a query gives, or -1. */
static int ask_number(struct store_sqlite *s, const char *sql)
{
  sqlite3_stmt *st = NULL;
  int number = -1;
  if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
    number = sqlite3_column_int(st, 0);
  return sqlite3_finalize(st) == SQLITE_OK ? number : -1;
}

static bool newer(struct store_sqlite *s, int version, struct fault *f)
{
  fault_set(f, "journal-newer", "fatal", "the journal %s has schema %d, this davit knows %d", s->file, version,
            SCHEMA);
  fault_hint(f, "use the newer davit that wrote it; nothing was changed");
  return false;
}

static bool foreign(struct store_sqlite *s, struct fault *f)
{
  fault_set(f, "journal-damaged", "fatal", "cannot use the journal %s: it is a database of another program",
            s->file);
  fault_hint(f, "nothing was changed; move the file away to begin a new journal");
  return false;
}

static long long size_of(const char *file)
{
  struct stat st;
  return file && stat(file, &st) == 0 ? (long long)st.st_size : -1;
}

/* Inside a transaction: pages are missing at the end, and no log has them. SQLite itself takes the last
 * page, when only a part of it is there, for whole. */
static bool is_cut_off(struct store_sqlite *s)
{
  const char *file = sqlite3_db_filename(s->db, "main");
  if (!file || !*file || size_of(sqlite3_filename_wal(file)) > 0)
    return false;
  long long size = size_of(file), page = ask_number(s, "PRAGMA page_size"), pages = ask_number(s, "PRAGMA page_count");
  return size >= 0 && size < page * pages;
}

static bool cut_off(struct store_sqlite *s, struct fault *f)
{
  fault_set(f, "journal-damaged", "fatal", "cannot read the journal %s: its end is missing", s->file);
  fault_hint(f, "nothing was changed; move the file away to begin a new journal: undo and "
                "cleanup find what lives without it");
  return false;
}

static bool denied(struct store_sqlite *s, int error, struct fault *f)
{
  fault_set(f, "journal-denied", "fatal", "cannot write to the journal %s: %s", s->file, strerror(error));
  fault_hint(f, "give this user the right to write the file and its folder");
  return false;
}

static bool unopened(struct store_sqlite *s, int error, struct fault *f)
{
  if (error == EACCES || error == EPERM || error == EROFS)
    return denied(s, error, f);
  fault_set(f, "journal-failed", "fatal", "cannot open the journal %s: %s", s->file, strerror(error));
  fault_hint(f, error == EISDIR ? "a folder stands in its place: move it away"
                                : "davit writes below the project's .davit/: is the folder there?");
  return false;
}

/* Whether the file is one of ours that may be written; changes nothing. One transaction, as somebody
 * else may be making the schema. */
static bool look(struct store_sqlite *s, struct fault *f)
{
  exec(s, "BEGIN");
  int version = ask_number(s, "PRAGMA user_version");
  int tables = version < 0 ? -1 : ask_number(s, "SELECT count(*) FROM sqlite_schema");
  bool ok = tables >= 0 ? !is_cut_off(s) || cut_off(s, f) : store_sqlite_failed(s, "cannot read", f);
  exec(s, "COMMIT");
  if (!ok)
    return false;
  if (version > SCHEMA)
    return newer(s, version, f);
  if (version == 0 && tables > 0)
    return foreign(s, f);
  return !sqlite3_db_readonly(s->db, "main") || denied(s, EACCES, f);
}

/* Two that open a new file at once are in each other's way here, and SQLite does not wait by itself. */
static bool enter_wal(struct store_sqlite *s)
{
  for (int waited = 0; !exec(s, "PRAGMA journal_mode = WAL"); waited += 10) {
    if ((sqlite3_errcode(s->db) & 0xff) != SQLITE_BUSY || waited >= STORE_BUSY_MS)
      return false;
    usleep(10000);
  }
  return exec(s, "PRAGMA synchronous = FULL");
}

/* Inside a transaction, as somebody else may have been faster. */
static bool upgrade(struct store_sqlite *s)
{
  int version = ask_number(s, "PRAGMA user_version");
  if (version == 1)
    return exec(s, from_1_before) && exec(s, schema) && exec(s, from_1_after);
  return version == SCHEMA || (version == 0 && exec(s, schema));
}

static bool in_memory(const char *file)
{
  return strncmp(file, ":memory:", 8) == 0;
}

/* Made here first, so that nobody else may ever read it; SQLite says less well what is wrong. */
static bool make_private(struct store_sqlite *s, struct fault *f)
{
  if (in_memory(s->file))
    return true;
  int fd = open(s->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return fd >= 0 ? close(fd) == 0 : unopened(s, errno, f);
}

static int open_database(struct store_sqlite *s)
{
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  bool shared = in_memory(s->file) && s->file[8];
  return sqlite3_open_v2(shared ? s->file + 8 : s->file, &s->db, flags, shared ? "memdb" : NULL);
}

bool store_sqlite_open(struct store_sqlite *s, struct fault *f)
{
  if (!make_private(s, f))
    return false;
  if (open_database(s) != SQLITE_OK)
    return store_sqlite_failed(s, "cannot open", f);
  sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
  if (!look(s, f))
    return false;
  if (!enter_wal(s))
    return store_sqlite_failed(s, "cannot set up", f);
  if (ask_number(s, "PRAGMA user_version") == SCHEMA)
    return true;
  if (!store_sqlite_begin(s, f))
    return false;
  bool ok = upgrade(s) || store_sqlite_failed(s, "cannot set up", f);
  return store_sqlite_end(s, ok, f);
}
