/* reading_sql.c - databases of a world for looking: sessions whose transactions are read-only from the start.
 *
 * The setting travels with the connection, not in a statement after it: behind a pooler a SET would stay in a
 * connection that others get next, and make their transactions read-only. A pooler refuses the setting or leaves it
 * out, so the server is asked whether it took it before anybody has the session.
 *
 * States: connecting (`connecting` set), asking (`asking` set, too), finished. Ownership: the session is this
 * operation's until it is handed over in base.session. */
#include "buf.h"
#include "reading_world.h"
#include <stdlib.h>
#include <string.h>

#define SETTING "-c%20default_transaction_read_only%3Don"

struct opening {
  struct sql_operation base;
  struct reading *reading;
  struct sql_operation *connecting, *asking;
  struct sql_session *session;
  double timeout;
};

/* Where the value of the URL's own parameter begins, or NULL. */
static const char *own_options(const char *url)
{
  const char *query = strchr(url, '?');
  for (const char *at = query; at; at = strchr(at + 1, '&'))
    if (strncmp(at + 1, "options=", 8) == 0)
      return at + 9;
  return NULL;
}

/* The URL with the setting; `b` is wiped by who asked. */
static const char *read_only_url(struct buf *b, const char *url)
{
  const char *own = own_options(url);
  buf_init(b, BUF_LIMIT);
  buf_reserve(b, strlen(url) + sizeof SETTING + 16);
  if (own) {
    buf_add(b, url, (size_t)(own - url));
    buf_add_str(b, SETTING "%20");
    buf_add_str(b, own);
  } else {
    buf_add_str(b, url);
    buf_add_str(b, strchr(url, '?') ? "&options=" SETTING : "?options=" SETTING);
  }
  return buf_ok(b) ? b->data : NULL;
}

/* ---- its steps ------------------------------------------------------------------------- */

/* What the server said belongs to the step, which lives as long as this. */
static void end_as(struct opening *o, const struct sql_operation *step)
{
  o->base.fault = step->fault;
  memcpy(o->base.sqlstate, step->sqlstate, sizeof o->base.sqlstate);
  memcpy(o->base.said, step->said, sizeof o->base.said);
  effect_finish(&o->base.effect);
}

static void not_read_only(struct opening *o)
{
  fault_set(&o->base.fault, "plan-effect", "misuse",
            "a plan changes nothing, and this session would not be read-only: "
            "what stands before the server does not pass settings on");
  fault_hint(&o->base.fault, "take the direct connection string, without a pooler");
  effect_finish(&o->base.effect);
}

static bool says_on(const struct sql_operation *answer)
{
  return answer->row_count == 1 && answer->cells[0] && strcmp(answer->cells[0], "on") == 0;
}

static void asked(void *arg)
{
  struct opening *o = arg;
  if (o->asking->fault.code) {
    end_as(o, o->asking);
  } else if (!says_on(o->asking)) {
    not_read_only(o);
  } else {
    o->base.session = o->session;
    o->session = NULL;
    effect_finish(&o->base.effect);
  }
}

static void connected(void *arg)
{
  struct opening *o = arg;
  if (o->connecting->fault.code) {
    end_as(o, o->connecting);
    return;
  }
  o->session = o->connecting->session;
  o->connecting->session = NULL;
  struct world_sql *under = o->reading->under->sql;
  o->asking = under->query(o->session, "show default_transaction_read_only", NULL, 0, o->timeout, asked, o);
  if (o->asking)
    return;
  fault_set(&o->base.fault, "out-of-memory", "fatal", "connecting: not enough memory");
  effect_finish(&o->base.effect);
}

/* ---- the member ------------------------------------------------------------------------ */

static void destroy(struct effect *e)
{
  struct opening *o = (struct opening *)e;
  struct world_sql *under = o->reading->under->sql;
  if (o->asking)
    effect_free(&o->asking->effect);
  if (o->connecting)
    effect_free(&o->connecting->effect);
  under->close(o->session);
  under->close(o->base.session);
  free(o);
}

static struct sql_operation *open_session(struct world_sql *w, const char *url, double timeout, effect_done *done,
                                          void *arg)
{
  struct reading *r = READING_OF(sql, w);
  struct opening *o = calloc(1, sizeof *o);
  if (!o)
    return NULL;
  *o = (struct opening){.reading = r, .timeout = timeout};
  o->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  struct buf b;
  const char *own = read_only_url(&b, url);
  if (own)
    o->connecting = r->under->sql->connect(r->under->sql, own, timeout, connected, o);
  buf_wipe(&b);
  if (o->connecting)
    return &o->base;
  free(o);
  return NULL;
}

void reading_sql_open(struct reading *r)
{
  const struct world_sql *under = r->under->sql;
  r->sql = (struct world_sql){.connect = open_session, .query = under->query, .close = under->close};
  r->world.sql = &r->sql;
}
