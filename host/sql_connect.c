/* sql_connect.c - URLs, options and refusals of libpq; see sql_connect.h. */
#include "sql_connect.h"
#include "buf.h"
#include "sql_url.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the URL ------------------------------------------------------------------------------ */

static const char *or(const char *value, const char *instead)
{
  return value ? value : instead;
}

static const char *option(const struct sql_target *t, const char *keyword)
{
  for (const PQconninfoOption *o = t->options; o && o->keyword; o++)
    if (strcmp(o->keyword, keyword) == 0)
      return o->val;
  return NULL;
}

void sql_target_free(struct sql_target *t)
{
  for (PQconninfoOption *o = t->options; o && o->keyword; o++)
    if (o->val)
      wipe(o->val, strlen(o->val));
  PQconninfoFree(t->options);
  t->options = NULL;
}

static bool bad_url(struct fault *f, const char *why)
{
  fault_set(f, "sql-url", "misuse", "connecting: %s", why);
  fault_hint(f, "write postgresql://user:password@host:port/database?sslmode=…, with special "
                "characters as %%XX");
  return false;
}

/* What libpq says of a URL may quote the password; only an unknown parameter is safe to name. */
static bool unreadable_url(char *why, struct fault *f)
{
  bool parameter = why && strncmp(why, "invalid URI query parameter", 27) == 0;
  if (parameter)
    why[strcspn(why, "\n")] = 0;
  bad_url(f, parameter ? why : "the URL cannot be read");
  if (why)
    wipe(why, strlen(why));
  PQfreemem(why);
  return false;
}

static void name_target(struct sql_target *t)
{
  const char *user = option(t, "user");
  snprintf(t->where, sizeof t->where, "%.48s%s%s:%.6s/%.64s", or(user, ""), user ? "@" : "",
           t->host, or(option(t, "port"), "5432"), or(option(t, "dbname"), or(user, "")));
}

/* A '/' ends the credentials, wherever it stands: what follows would be read as the port and the
 * database, and be named in errors. */
static bool cuts_password(const struct sql_target *t)
{
  const char *port = or(option(t, "port"), "");
  return port[strspn(port, "0123456789")] || strchr(or(option(t, "dbname"), ""), '@');
}

bool sql_target_read(struct sql_target *t, const char *url, struct fault *f)
{
  char *why = NULL;
  t->options = PQconninfoParse(url, &why);
  if (!t->options)
    return unreadable_url(why, f);
  const char *host = option(t, "host");
  if (!sql_url_host(url, strlen(url), t->host, sizeof t->host) || !host)
    return bad_url(f, "the URL must name one host");
  if (strcasecmp(host, t->host) != 0 || option(t, "hostaddr") || option(t, "service"))
    return bad_url(f, "the URL's parameters must not name another host or a service");
  if (cuts_password(t))
    return bad_url(f, "the port is no number, or the database's name has an '@': a '/' in the "
                      "password must be written as %2F");
  name_target(t);
  return true;
}

/* ---- connecting ----------------------------------------------------------------------------- */

bool sql_is_loopback(const char *address)
{
  return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static void ignore_notice(void *arg, const PGresult *notice)
{
  (void)arg, (void)notice;
}

/* What applies where the URL is silent. Without sslmode libpq would fall back to plain text when
 * someone on the way says that the server has no TLS. Kerberos is never tried. The others find out
 * that the server's machine is gone, at work and at rest, and keep what stands between awake. */
static const char *fallback(const char *keyword, bool loopback)
{
  static const char *const values[][2] = {
    {"gssencmode", "disable"}, {"client_encoding", "UTF8"}, {"application_name", "davit"},
    {"tcp_user_timeout", "10000"}, {"keepalives_idle", "30"}, {"keepalives_interval", "5"},
    {"keepalives_count", "3"}};
  if (strcmp(keyword, "sslmode") == 0)
    return loopback ? NULL : "require";
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    if (strcmp(values[i][0], keyword) == 0)
      return values[i][1];
  return NULL;
}

PGconn *sql_connect_start(const struct sql_target *t, const char *host, const char *hostaddr,
                          bool loopback)
{
  const char *keywords[64], *values[64];
  size_t n = 0;
  for (const PQconninfoOption *o = t->options; o->keyword && n < 63; o++) {
    keywords[n] = o->keyword;
    values[n] = or(o->val, fallback(o->keyword, loopback));
    if (strcmp(o->keyword, "host") == 0)
      values[n] = host;
    if (strcmp(o->keyword, "hostaddr") == 0)
      values[n] = hostaddr;
    n += values[n] != NULL;
  }
  keywords[n] = NULL;
  PGconn *conn = PQconnectStartParams(keywords, values, 0);
  if (conn) {
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);  /* the only way to see a refusal's SQLSTATE */
  }
  return conn;
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* The five characters after "FATAL:  ", or NULL when the text is not the server's. */
static const char *find_sqlstate(const char *text)
{
  for (const char *c = strstr(text, ":  "); c; c = strstr(c + 1, ":  ")) {
    size_t n = strspn(c + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (n == 5 && c[8] == ':')
      return c + 3;
  }
  return NULL;
}

/* What libpq itself refuses, before or instead of asking the server. */
static bool is_libpqs(const char *text)
{
  static const char *const refusals[] = {
    "does not support SSL", "certificate verify failed", "does not match host name",
    "root certificate file", "channel binding", "no password supplied", "invalid port number",
    "invalid sslmode value", "invalid integer value"};
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (strstr(text, refusals[i]))
      return true;
  return false;
}

/* Being refused for what was asked will not change by asking again. */
static bool is_final(const char *sqlstate)
{
  return strncmp(sqlstate, "28", 2) == 0 || strncmp(sqlstate, "3D", 2) == 0 ||
         strncmp(sqlstate, "42", 2) == 0;
}

struct sql_refusal sql_refusal_of(const PGconn *conn)
{
  const char *text = PQerrorMessage(conn), *sqlstate = find_sqlstate(text);
  struct sql_refusal r = {.text = text, .final = sqlstate ? is_final(sqlstate) : is_libpqs(text)};
  if (sqlstate) {
    memcpy(r.sqlstate, sqlstate, 5);
    r.text = sqlstate + 7;
  }
  r.length = (int)strcspn(r.text, "\n");
  return r;
}
