/* store_postgres_schema.c - the schema `davit`, made and upgraded by whoever comes first.
 *
 * Every step is one statement: it takes a lock that ends with the transaction, looks whether
 * somebody else has taken the step meanwhile, and takes it. So two processes may start at once
 * on an empty database, and one that dies half way leaves nothing.
 *
 * What it holds: a run of 60 events with 0.5 kB of data each takes 45 kB, 750 bytes an event:
 * 0.5 kB data, 0.1 kB for the other columns and the row's header, 25 to 45 bytes in each of the
 * three indices, and what pages leave free. The indices, each for one query: event_run a run's events in
 * order; event's key the events of all runs in order; event_batch finds out whether a commit
 * whose reply was lost took place. runs() reads davit.run by its key, newest first.
 *
 * Names are in the collation "C": an upgrade of the operating system cannot break their indices.
 * Free space in the pages of what is updated often keeps the updates out of the indices. */
#include "store_postgres.h"
#include <string.h>

enum { SCHEMA = 1 };

#define LOCK "perform pg_advisory_xact_lock(hashtextextended('davit.schema', 0));"

/* davit.append is a function because its plans are kept then, whichever connection comes: it
 * halves the time of an append. It answers false when the leases are not the caller's any more.
 *
 * READ COMMITTED is enough for it. The leases' rows are locked before they are judged, and
 * judged as they are once locked; a take must change the same row, so it waits for the commit,
 * or has happened before the judgement. Rows are locked in the order of names, leases before
 * runs: appends do not lock each other out. The run's row is locked before its events get their
 * numbers, so within a run they are numbered in the order of commits.
 *
 * Most appends are one event of a run that is there: two plain statements are cheaper for them than
 * the general one, which makes runs and sums up the events of several.
 *
 * A refused append may have been written by an earlier try whose reply was lost: hence the look
 * for its batch. Without a refusal, the index speaks. */
#define APPEND \
  "create function davit.append(me uuid, names text[], tokens bigint[], batch uuid, runs text[]," \
  "  ats float8[], kinds text[], paths text[], datas text[], statuses text[]) returns boolean" \
  "  language plpgsql as $f$" \
  "declare valid bigint; number bigint;" \
  "begin" \
  "  perform from davit.lease l join unnest(names, tokens) as mine (name, token)" \
  "    on l.name = mine.name and l.token = mine.token" \
  "    where l.holder = me and l.expires > clock_timestamp() order by l.name for share of l;" \
  "  get diagnostics valid = row_count;" \
  "  if valid < cardinality(names) then" \
  "    return exists (select from davit.event e where e.batch = append.batch);" \
  "  end if;" \
  "  if cardinality(runs) = 1 then" \
  "    update davit.run r set status = coalesce(statuses[1], r.status)," \
  "        changed = case when statuses[1] is null then r.changed else to_timestamp(ats[1]) end," \
  "        events = r.events + 1, bytes = r.bytes + octet_length(datas[1])" \
  "          + octet_length(paths[1]) + octet_length(kinds[1]) + 215" \
  "      where r.name = runs[1] returning r.id into number;" \
  "    if found then" \
  "      insert into davit.event (run, at, batch, kind, path, data) values (number," \
  "        to_timestamp(ats[1]), append.batch, kinds[1], paths[1], datas[1]);" \
  "      return true;" \
  "    end if;" \
  "  end if;" \
  "  with new as (" \
  "    select * from unnest(runs, ats, kinds, paths, datas, statuses)" \
  "      with ordinality as e (run, at, kind, path, data, status, n)" \
  "  ), last as (" \
  "    select distinct on (run) run, status, at from new where status is not null" \
  "      order by run, n desc" \
  "  ), sums as (" \
  "    select run, min(n) as first, count(*) as events," \
  "      sum(octet_length(data) + octet_length(path) + octet_length(kind) + 215) as bytes" \
  "      from new group by run" \
  "  ), touched as (" \
  "    insert into davit.run as r (name, status, started, changed, events, bytes)" \
  "      select s.run, coalesce(l.status, 'running'), to_timestamp(f.at)," \
  "        to_timestamp(coalesce(l.at, f.at)), s.events, s.bytes" \
  "        from sums s join new f on f.n = s.first left join last l on l.run = s.run" \
  "        order by s.run collate \"C\"" \
  "      on conflict (name) do update set" \
  "        status = coalesce((select l.status from last l where l.run = r.name), r.status)," \
  "        changed = coalesce((select to_timestamp(l.at) from last l where l.run = r.name)," \
  "          r.changed)," \
  "        events = r.events + excluded.events, bytes = r.bytes + excluded.bytes" \
  "      returning r.id, r.name" \
  "  )" \
  "  insert into davit.event (run, at, batch, kind, path, data)" \
  "    select t.id, to_timestamp(e.at), case when e.n = 1 then append.batch end," \
  "      e.kind, e.path, e.data" \
  "      from new e join touched t on t.name = e.run order by e.n;" \
  "  return true;" \
  "end $f$;"

/* Step i leads from schema i to i + 1. */
static const char *const steps[SCHEMA] = {
  "do $$ begin " LOCK
  "if to_regclass('davit.version') is null then"
  "  if to_regnamespace('davit') is null then create schema davit; end if;"
  "  create table davit.run ("
  "    id bigint generated always as identity primary key,"
  "    name text collate \"C\" not null unique,"
  "    status text not null, started timestamptz not null, changed timestamptz not null,"
  "    events bigint not null, bytes bigint not null"
  "  ) with (fillfactor = 70);"
  "  create table davit.event ("
  "    seq bigint generated always as identity primary key,"
  "    run bigint not null references davit.run on delete cascade,"
  "    at timestamptz not null, batch uuid,"
  "    kind text not null, path text not null, data text not null);"
  "  create unique index event_batch on davit.event (batch) where batch is not null;"
  "  create index event_run on davit.event (run, seq);"
  "  create table davit.lease ("
  "    name text collate \"C\" primary key,"
  "    run text collate \"C\", host text, pid bigint, holder uuid, token bigint not null,"
  "    since timestamptz not null, expires timestamptz not null, request text"
  "  ) with (fillfactor = 50);"
  "  " APPEND
  "  create table davit.version (version integer primary key,"
  "    since timestamptz not null default now());"
  "  insert into davit.version values (1);"
  "  comment on schema davit is 'The journal of Davit: runs, their events, and their leases';"
  "  comment on column davit.event.batch is 'names the transaction, in its first event';"
  "  comment on column davit.lease.run is 'null: the lease is free';"
  "  comment on column davit.lease.holder is 'the process that may write under this lease';"
  "end if; end $$",
};

static enum pg_outcome run(struct pg_session *s, const char *what, const char *text,
                           struct pg_reply *reply, char sqlstate[6], struct fault *f)
{
  const struct pg_transaction t = {.what = what, .queries = {{.text = text}}, .n = 1};
  return pg_try(s, &t, reply, sqlstate, f);
}

static bool is_absent(const char *sqlstate)
{
  return strcmp(sqlstate, "42P01") == 0 || strcmp(sqlstate, "3F000") == 0;
}

static enum pg_outcome read_version(struct pg_session *s, int *version, struct fault *f)
{
  struct pg_reply reply;
  char sqlstate[6];
  enum pg_outcome outcome = run(s, "open", "select max(version) from davit.version", &reply,
                                sqlstate, f);
  *version = 0;
  if (outcome == PG_DONE)
    *version = (int)pg_integer(reply.results[0], 0, 0);
  else if (outcome == PG_FAILED && is_absent(sqlstate))
    outcome = PG_DONE;
  pg_reply_clear(&reply);
  return outcome;
}

static enum pg_outcome newer(const struct pg_session *s, int version, struct fault *f)
{
  fault_set(f, "journal-newer", "fatal", "the journal %s has schema %d, this davit knows %d",
            s->target.where, version, SCHEMA);
  fault_hint(f, "use the newer davit that made it; nothing was changed");
  return PG_FAILED;
}

enum pg_outcome pg_schema_prepare(struct pg_session *s, struct fault *f)
{
  struct pg_reply reply;
  char sqlstate[6];
  int version;
  enum pg_outcome outcome = read_version(s, &version, f);
  if (outcome == PG_DONE && version > SCHEMA)
    return newer(s, version, f);
  for (; outcome == PG_DONE && version < SCHEMA; version++) {
    outcome = run(s, "set up", steps[version], &reply, sqlstate, f);
    pg_reply_clear(&reply);
  }
  return outcome;
}
