/* journal.c - events of runs in one SQLite table; see journal.h.
 *
 * The schema's number stands in user_version. The connection is SQLite's serialised one: the
 * writer's thread and the loop's may use it at the same time. */
#include "journal.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEMA = 1, BUSY_MS = 5000 };

static const char schema[] =
  "CREATE TABLE IF NOT EXISTS event("
  "  seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, at REAL NOT NULL,"
  "  kind TEXT NOT NULL, path TEXT NOT NULL, data TEXT NOT NULL);"
  "CREATE INDEX IF NOT EXISTS event_run ON event(run, seq);"
  "PRAGMA user_version = 1;";

struct journal {
  sqlite3 *db;
  char *file;
  sqlite3_stmt *append;
};

/* ---- faults ------------------------------------------------------------------------------- */

static bool failed(struct journal *j, const char *what, struct fault *f)
{
  int code = j->db ? sqlite3_errcode(j->db) : SQLITE_NOMEM;
  const char *why = j->db ? sqlite3_errmsg(j->db) : "not enough memory";
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
    fault_set(f, "journal-damaged", "fatal", "%s the journal %s: %s", what, j->file, why);
    fault_hint(f, "nothing was changed; move the file away to begin a new journal: undo and "
                  "cleanup find what lives without it");
  } else if (code == SQLITE_FULL) {
    fault_set(f, "journal-full", "fatal", "%s the journal %s: the disk is full", what, j->file);
    fault_hint(f, "free some space; the run stopped before its next effect");
  } else if (code == SQLITE_BUSY) {
    fault_set(f, "journal-busy", "fatal", "%s the journal %s: %s for %d s", what, j->file, why,
              BUSY_MS / 1000);
    fault_hint(f, "another program holds it; end that one, or try again");
  } else {
    fault_set(f, "journal-failed", "fatal", "%s the journal %s: %s", what, j->file, why);
    fault_hint(f, "davit writes below the project's .davit/: may it?");
  }
  return false;
}

static bool newer(struct journal *j, int version, struct fault *f)
{
  fault_set(f, "journal-newer", "fatal", "the journal %s has schema %d, this davit knows %d",
            j->file, version, SCHEMA);
  fault_hint(f, "use the newer davit that wrote it; nothing was changed");
  return false;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int read_version(struct journal *j)
{
  sqlite3_stmt *s = NULL;
  int version = -1;
  if (sqlite3_prepare_v2(j->db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
      sqlite3_step(s) == SQLITE_ROW)
    version = sqlite3_column_int(s, 0);
  sqlite3_finalize(s);
  return version;
}

/* Made here first, so that nobody else may ever read it. */
static void make_private(const char *file)
{
  int fd = strcmp(file, ":memory:") ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (fd >= 0)
    close(fd);
}

static bool prepare(struct journal *j, struct fault *f)
{
  static const char insert[] = "INSERT INTO event(run, at, kind, path, data) VALUES(?,?,?,?,?)";
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  if (sqlite3_open_v2(j->file, &j->db, flags, NULL) != SQLITE_OK)
    return failed(j, "cannot open", f);
  sqlite3_busy_timeout(j->db, BUSY_MS);
  int version = read_version(j);
  if (version < 0)
    return failed(j, "cannot read", f);
  if (version > SCHEMA)
    return newer(j, version, f);
  if (sqlite3_exec(j->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL, NULL) ||
      (version == 0 && sqlite3_exec(j->db, schema, NULL, NULL, NULL)) ||
      sqlite3_prepare_v2(j->db, insert, -1, &j->append, NULL))
    return failed(j, "cannot set up", f);
  return true;
}

struct journal *journal_new(const char *file, struct fault *fault)
{
  struct journal *j = calloc(1, sizeof *j);
  if (j && (j->file = strdup(file))) {
    make_private(file);
    if (prepare(j, fault))
      return j;
  } else {
    fault_set(fault, "out-of-memory", "fatal", "not enough memory");
  }
  journal_free(j);
  return NULL;
}

void journal_free(struct journal *j)
{
  if (!j)
    return;
  sqlite3_finalize(j->append);
  sqlite3_close(j->db);
  free(j->file);
  free(j);
}

/* ---- writing, reading -------------------------------------------------------------------------- */

static bool insert(struct journal *j, const struct journal_event *e)
{
  sqlite3_stmt *s = j->append;
  sqlite3_bind_text(s, 1, e->run, -1, SQLITE_STATIC);
  sqlite3_bind_double(s, 2, e->at);
  sqlite3_bind_text(s, 3, e->kind, -1, SQLITE_STATIC);
  sqlite3_bind_text(s, 4, e->path, -1, SQLITE_STATIC);
  sqlite3_bind_text(s, 5, e->data, -1, SQLITE_STATIC);
  int code = sqlite3_step(s);
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  return code == SQLITE_DONE;
}

bool journal_append(struct journal *j, const struct journal_event *const *events, size_t n,
                    struct fault *fault)
{
  bool ok = sqlite3_exec(j->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
  for (size_t i = 0; ok && i < n; i++)
    ok = insert(j, events[i]);
  ok = ok && sqlite3_exec(j->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
  if (ok)
    return true;
  failed(j, "cannot write to", fault);
  if (!sqlite3_get_autocommit(j->db))
    sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
  return false;
}

static struct journal_event read_row(sqlite3_stmt *s)
{
  return (struct journal_event){
    .seq = sqlite3_column_int64(s, 0),
    .run = (const char *)sqlite3_column_text(s, 1),
    .at = sqlite3_column_double(s, 2),
    .kind = (const char *)sqlite3_column_text(s, 3),
    .path = (const char *)sqlite3_column_text(s, 4),
    .data = (const char *)sqlite3_column_text(s, 5),
  };
}

bool journal_read(struct journal *j, const char *run, const char *kind, journal_each *each,
                  void *arg, struct fault *fault)
{
  static const char select[] = "SELECT seq, run, at, kind, path, data FROM event"
                               " WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR kind = ?2)"
                               " ORDER BY seq";
  sqlite3_stmt *s;
  int code;
  if (sqlite3_prepare_v2(j->db, select, -1, &s, NULL) != SQLITE_OK)
    return failed(j, "cannot read", fault);
  sqlite3_bind_text(s, 1, run, -1, SQLITE_STATIC);
  sqlite3_bind_text(s, 2, kind, -1, SQLITE_STATIC);
  bool more = true;
  while (more && (code = sqlite3_step(s)) == SQLITE_ROW) {
    struct journal_event e = read_row(s);
    more = each(arg, &e);
  }
  bool ok = !more || code == SQLITE_DONE || failed(j, "cannot read", fault);
  sqlite3_finalize(s);
  return ok;
}
